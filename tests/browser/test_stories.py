"""Days at a vendor, told in real Chromium against the real server: a CSM's, an operations person's, a rescue, a question asked inside
the vendor's product."""

from __future__ import annotations

import csv
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser import product, vendor
from tests.browser.beside import test_a_stranger_is_named_beside_the_chat_and_a_text_goes_into_it
from tests.browser.conftest import SignIn
from tests.launch.installation import Installation, children, eventually

# All stand in one file, which one worker of the test run takes: the vendor is built once.
pytestmark = pytest.mark.browser
__all__ = ["test_a_stranger_is_named_beside_the_chat_and_a_text_goes_into_it"]
PHONE: ViewportSize = {"width": 390, "height": 844}
CHINESE = re.compile("[\u4e00-\u9fff]")


def rail(page: Page) -> Locator:
    return page.locator("#rail")


def test_a_csm_signs_in_sees_what_needs_her_and_why_finishes_a_task_and_undoes_it(sign_in: SignIn) -> None:
    page = sign_in(vendor.CSM)
    headline = page.get_by_role("heading", level=1)
    things = page.get_by_role("article")
    first = things.first
    today = rail(page).get_by_role("link", name="今日")

    # What needs her, the worst of the dearest first: a sick account is one thing, its cause in figures first; nothing of other teams.
    expect(headline).to_contain_text("林晓")
    expect(headline).to_contain_text("2 件事")
    expect(things).to_have_count(2)
    expect(today).to_contain_text("2")
    for place, words in enumerate(
        (
            (vendor.SLIPPING, "个工作日没有使用", "健康度进入红区", "账单逾期"),
            (vendor.RENEWING, "到期"),
        )
    ):
        for word in words:
            expect(things.nth(place)).to_contain_text(word)
    expect(page.get_by_role("main")).not_to_contain_text(vendor.OTHERS)

    # Done, and undone: the next step takes its place and it comes back where it was.
    step = str(first.locator(".step a").text_content())
    first.get_by_role("button", name="完成").click()
    expect(first.locator(".step a")).not_to_have_text(step)
    expect(things).to_have_count(2)
    page.get_by_role("status").get_by_role("button", name="撤销").click()
    expect(first.locator(".step a")).to_have_text(step)

    # Taken up from its own page, where the cause and what it may have brought about stand.
    first.get_by_role("link", name=vendor.SLIPPING).click()
    expect(page.locator("#cause")).to_contain_text("个工作日没有使用")
    page.get_by_role("button", name="我来处理").click()
    expect(page.get_by_role("status")).to_contain_text("处理中")
    expect(page.get_by_role("button", name="我来处理")).to_have_count(0)
    rail(page).get_by_role("link", name="今日").click()
    page.reload()
    expect(first).to_contain_text(step)

    her_keyboard(page, things)
    her_phone(page)


def her_keyboard(page: Page, things: Locator) -> None:
    """Search, rows and help without a mouse."""
    search = page.get_by_role("combobox", name="搜索")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("澄明")
    expect(page.get_by_role("listbox").get_by_text(vendor.SLIPPING).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    expect(page.get_by_role("listbox").get_by_text(vendor.SLIPPING)).to_have_count(0)

    for key in "jjk":
        page.keyboard.press(key)
    expect(things.nth(0).get_by_role("link").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(things.get_by_role("checkbox", checked=True)).to_have_count(1)
    expect(things.nth(1).get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_text("1 行已选")).to_be_visible()
    page.keyboard.press("Escape")
    expect(things.get_by_role("checkbox", checked=True)).to_have_count(0)

    page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="键盘快捷键")
    expect(shortcuts).to_be_visible()
    page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/accounts/")


def her_phone(page: Page) -> None:
    """Nothing on her phone has to be pushed sideways."""
    page.set_viewport_size(PHONE)
    dock = page.locator(".dock")
    dock.get_by_role("link", name="今日").click()
    expect(page.get_by_role("article")).to_have_count(2)
    fits(page)
    dock.get_by_role("link", name="客户").click()
    page.wait_for_url("**/accounts/")
    fits(page)
    page.get_by_role("link", name=vendor.SLIPPING).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(vendor.SLIPPING)
    expect(drawn_charts(page)).to_have_count(2)
    fits(page)


def fits(page: Page) -> None:
    wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{page.url} is {wide} px wider than a phone"


def drawn_charts(page: Page) -> Locator:
    """Charts that came after their page and were drawn."""
    return page.locator("figure[data-chart]").filter(has=page.locator("svg, canvas"))


def test_an_operations_person_loads_a_file_with_two_bad_rows_in_the_browser(
    sign_in: SignIn, served: Installation, tmp_path: Path
) -> None:
    page = sign_in(vendor.OPERATIONS)
    rail(page).get_by_role("link", name="导入").click()
    bring(page, new_accounts(tmp_path / "新客户.csv"))

    # Looked at: the encoding is found, the columns are guessed from their names, nothing is loaded yet.
    expect(page.get_by_role("heading", level=1)).to_contain_text("新客户")
    expect(page.get_by_text("gb18030").first).to_be_visible()
    for column, field in (
        ("客户编号", "id"),
        ("公司名称", "name"),
        ("所属行业", "industry"),
        ("签约日期", "signed"),
    ):
        expect(page.get_by_label(column, exact=True)).to_have_value(field)
    expect(page.get_by_label("客户等级", exact=True)).to_have_value("tier")
    expect(page.get_by_role("cell", name="新客户 0001").first).to_be_visible()

    # Tried: counted and checked, still nothing there.
    page.get_by_role("button", name="试运行").click()
    expect(page.get_by_text("没有写入任何数据")).to_be_visible()
    assert counts(page) == {"行": 12, "新增": 10, "更新": 0, "未变": 0, "重复": 0, "拒收": 2}

    # Loaded: it shows that it is under way, then what came of it.
    with held_worker(served):
        page.get_by_role("button", name="正式载入").click()
        page.wait_for_url("**/imports/runs/**")
        expect(page.get_by_role("progressbar").first).to_be_visible()
        meanwhile = page.context.new_page()
        assert found_in_list(meanwhile) == 0
        meanwhile.close()
    expect(page.get_by_role("link", name="下载被拒收的行")).to_be_visible()
    assert counts(page) == {"行": 12, "新增": 10, "更新": 0, "未变": 0, "重复": 0, "拒收": 2}

    # The two bad rows come back with their reasons; corrected, the same mapping takes them.
    with page.expect_download() as download:
        page.get_by_role("link", name="下载被拒收的行").click()
    returned = tmp_path / download.value.suggested_filename
    download.value.save_as(returned)
    bring(page, corrected(returned))
    expect(page.get_by_text("沿用上次的映射")).to_be_visible()
    page.get_by_role("button", name="载入", exact=True).click()
    assert counts(page) == {"行": 2, "新增": 2, "更新": 0, "未变": 0, "重复": 0, "拒收": 0}

    assert found_in_list(page) == 12
    expect(page.get_by_role("row", name="新客户 0007")).to_contain_text("战略")


def new_accounts(path: Path) -> Path:
    """Twelve accounts as a Chinese spreadsheet writes them; row 5 has no day, row 9 no tier that exists."""
    rows = [
        {
            "客户编号": f"N-{number:02}",
            "公司名称": f"新客户 {number:04}",
            "所属行业": "零售",
            "签约日期": "2026-02-30" if number == 4 else f"2026/03/{number:02}",
            "客户等级": "钻石" if number == 8 else "战略" if number == 7 else "成长",
        }
        for number in range(1, 13)
    ]
    vendor.write_csv(path, rows, "gb18030")
    return path


def corrected(path: Path) -> Path:
    """The rejected rows say what was found where; with those cells put right they are an ordinary file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["客户编号"] for row in rows] == ["N-04", "N-08"]
    for row, wrong in zip(rows, ("2026-02-30", "钻石"), strict=True):
        assert wrong in list(row.values())[5:], f"the reason does not name what was found: {row}"
    rows[0]["签约日期"], rows[1]["客户等级"] = "2026/02/28", "基础"
    vendor.write_csv(path, rows)
    return path


def bring(page: Page, file: Path) -> None:
    rail(page).get_by_role("link", name="导入").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="查看").click()
    page.wait_for_url(re.compile(r"/imports/\d+/"))


def counts(page: Page) -> dict[str, int]:
    """What became of the rows, as the page says when the load is over."""
    figures = page.locator("dl.figures > div")
    expect(figures).to_have_count(6)
    told = [one.locator("dt, dd").all_text_contents() for one in figures.all()]
    return {label.strip(): int(number) for label, number in told}


def found_in_list(page: Page) -> int:
    page.goto("/accounts/?q=新客户")
    return page.get_by_role("row").filter(has_text="新客户").count()


@contextmanager
def held_worker(served: Installation) -> Iterator[None]:
    """The worker stands still for a moment, so that what a page shows of work under way can be looked at."""
    assert served.server is not None
    workers = [
        pid for pid in children(served.server.pid) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert workers, "the server has no worker"
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def test_from_a_red_account_in_the_list_to_its_reasons_a_note_and_the_end_of_its_alert(
    sign_in: SignIn,
) -> None:
    page = sign_in(vendor.MATE)
    rail(page).locator("a[data-go=a]").click()

    # The filter stands in the address, so that the list can be sent to a colleague.
    page.get_by_role("button", name="条件").click()
    filters = page.get_by_role("dialog", name="筛选条件")
    filters.get_by_role("checkbox", name="红", exact=True).check()
    filters.get_by_role("button", name="显示").click()
    page.wait_for_url("**/accounts/?*band=red*")
    page.goto(page.url)
    expect(page.get_by_role("link", name=vendor.OTHERS)).to_be_visible()
    expect(page.get_by_role("link", name="瀚海医疗")).to_have_count(0)

    # Why it is red, in a sentence, measure by measure, and drawn.
    page.get_by_role("link", name=vendor.OTHERS).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(vendor.OTHERS)
    health = page.locator("#health")
    expect(health).to_contain_text("扣分最多的是")
    for measure in ("使用频率", "付款", "NPS"):
        expect(health).to_contain_text(measure)
    expect(drawn_charts(page)).to_have_count(2)

    account = page.url
    write_a_note(page)
    close_the_alert(page)
    page.goto(f"{account}?tab=timeline")
    line = page.get_by_role("main")
    expect(line).to_contain_text("预警关闭：长时间未使用")
    expect(line).to_contain_text("已挽回 · 周航 · 已约周三回访")
    expect(line).to_contain_text("周航 的笔记")

    in_english_and_dark(page, account)


def write_a_note(page: Page) -> None:
    """Markdown becomes form; a script in it stays what somebody wrote."""
    page.get_by_role("button", name="写笔记").first.click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("textbox").first.fill(
        "**王敏**说秋收后停用。\n\n- 周三回访\n\n<script>document.title = 'gone'</script>"
    )
    sheet.get_by_role("button", name="保存").click()
    note = page.locator("#notes").get_by_role("article").first
    expect(note.locator("strong")).to_have_text("王敏")
    expect(note.get_by_role("listitem")).to_have_text("周三回访")
    expect(note).to_contain_text("<script>document.title = 'gone'</script>")
    assert note.locator("script").count() == 0
    expect(page).to_have_title(re.compile(vendor.OTHERS))


def close_the_alert(page: Page) -> None:
    rail(page).get_by_role("link", name="预警").click()
    alert = page.get_by_role("article").filter(has_text="个工作日没有使用")
    expect(alert).to_contain_text(vendor.OTHERS)
    alert.get_by_role("button", name="关闭").click()
    page.get_by_role("textbox", name="备注").fill("已约周三回访")
    page.get_by_role("button", name="已挽回").click()
    expect(page.get_by_role("status")).to_contain_text("已关闭 1 项")
    expect(alert).to_have_count(0)


def in_english_and_dark(page: Page, account: str) -> None:
    """The same account in English and in the dark: no Chinese but what people and customers are called or wrote."""
    page.goto(account)
    page.get_by_role("button", name="周航 的菜单").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Menu of 周航").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(drawn_charts(page)).to_have_count(2)
    for part in (
        rail(page),
        page.get_by_role("tablist").or_(page.locator(".tabs")).first,
        page.locator("#health"),
    ):
        assert not CHINESE.search(part.inner_text()), part.inner_text()
    light = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert max(light) < 80, f"dark is not dark: {light}"


def test_a_survey_is_built_into_the_product_answered_there_and_read_here(
    sign_in: SignIn, served: Installation
) -> None:
    page = sign_in(vendor.OPERATIONS)
    page.goto("/settings/vendor/")
    page.locator("input[name=public_url]").fill(served.url)
    page.locator("input[name=public_url]").press("Enter")
    with product.running() as site:
        page.goto("/channels/new/in_app/")
        page.get_by_label("名称").fill("云帆应收")
        page.get_by_label("产品的网址").fill(f"http://127.0.0.1:{site.server_port}")
        page.get_by_label("签名密钥").fill(product.SECRET)
        page.get_by_role("button", name="保存").click()
        page.get_by_role("button", name="启用").click()
        snippet = str(page.locator("pre", has_text="data-user").text_content())
        product.Page.script, product.Page.user = snippet.split('"')[1], "A-03-u0"

        page.goto("/surveys/relationship/")
        page.get_by_role("button", name="启用").click()
        page.get_by_role("link", name="现在询问").first.click()
        page.get_by_label("客户里的谁").select_option("everybody")
        page.get_by_label("方式，取第一个能送达的").fill("in_app")
        page.wait_for_load_state("networkidle")  # how many it would reach
        page.get_by_role("button", name="开始询问").click()

        theirs = page.context.browser.new_context() if page.context.browser else page.context
        watched: list[str] = []
        customer = theirs.new_page()
        customer.on("console", lambda said: watched.append(said.text))
        card = customer.locator("evergreen-note")

        def is_shown() -> bool:
            customer.goto(f"http://127.0.0.1:{site.server_port}/")
            customer.evaluate("sessionStorage.clear()")
            customer.reload()
            customer.wait_for_timeout(500)
            return card.count() == 1

        eventually(is_shown, True)
        card.get_by_text("9", exact=True).click()
        card.get_by_role("textbox").fill("对账很快")
        card.get_by_role("button", name="提交").click()
        expect(card).to_contain_text("谢谢")
        customer.reload()
        customer.wait_for_timeout(500)
        assert card.count() == 0 and watched == []
        theirs.close()
    page.goto("/surveys/relationship/")
    expect(page.get_by_role("main")).to_contain_text("对账很快")
