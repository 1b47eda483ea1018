"""Chromium, a served vendor, and people who sign in to it under watch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import vendor
from tests.browser.watch import Watch
from tests.launch.installation import Installation

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SignIn = Callable[[vendor.Person], "Page"]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The small vendor behind the real server. It ends by itself on SIGTERM and logged no failure."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: `make browser` installs it")
    installation = vendor.build(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files"))
    try:
        installation.serve()
        yield installation
        code = installation.stop()
    finally:
        installation.kill()
    log = installation.log()
    assert code == 0 and "Traceback" not in log, log[-4000:]
    shutil.rmtree(installation.home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser(served: Installation) -> Iterator[Browser]:
    """One Chromium for the stories. It ends with them: its event loop would forbid later tests the database."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture
def sign_in(browser: Browser, served: Installation) -> Iterator[SignIn]:
    """Sign somebody in through the page for it. Afterwards nothing may have gone wrong in the person's browser."""
    watches: list[Watch] = []

    def enter(person: vendor.Person) -> Page:
        context = browser.new_context(
            base_url=served.url, locale="zh-CN", timezone_id="Asia/Shanghai", accept_downloads=True
        )
        context.set_default_timeout(20_000)
        watches.append(Watch(context, served.url))
        page = context.new_page()
        page.goto("/")
        page.get_by_label("邮箱").fill(person.email)
        page.get_by_label("密码").fill(vendor.PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.get_by_role("navigation").first.wait_for()
        return page

    yield enter
    for watch in watches:
        watch.end()
    assert [line for watch in watches for line in watch.wrong] == []
