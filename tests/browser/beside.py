"""The page beside a chat, as WeCom opens it: WeCom's own bridge is played by a few lines, everything else is real."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.browser import vendor
from tests.browser.conftest import SignIn
from tests.launch.installation import Installation

# What WeCom's library offers the page: a stranger's chat, and a place for what is put into it.
BRIDGE = """
window.ww = {
  register(told) { window.told = told; },
  async getContext() { return { entry: "single_chat_tools" }; },
  async getCurExternalContact() { return { userId: "wm-stranger" }; },
  async sendChatMessage(message) { window.into_chat = message; return { errMsg: "sendChatMessage:ok" }; },
};
"""


def _bridge(route: Route) -> None:
    route.fulfill(body=BRIDGE, content_type="text/javascript")


def test_a_stranger_is_named_beside_the_chat_and_a_text_goes_into_it(
    sign_in: SignIn, served: Installation
) -> None:
    page = sign_in(vendor.OPERATIONS)
    page.goto("/settings/vendor/")
    page.locator("input[name=public_url]").fill(served.url)
    page.locator("input[name=public_url]").press("Enter")
    page.goto("/channels/new/wecom_app/")
    page.get_by_label("名称").fill("常青助手")
    page.get_by_label("企业 ID").fill("ww1")
    page.get_by_label("应用 Secret").fill("secret")
    page.get_by_label("AgentId").fill("7")
    page.get_by_role("button", name="保存").click()
    page.get_by_role("button", name="启用").click()
    where = page.locator("#beside code", has_text="/sidebar/").inner_text()

    page = sign_in(vendor.CSM)
    page.set_viewport_size({"width": 360, "height": 720})
    page.set_extra_http_headers({"User-Agent": "Mozilla/5.0 wxwork/4.1.0 MicroMessenger/7.0.1"})
    page.route("**/wecom-jssdk.min.js*", _bridge)
    page.goto(where)
    page.get_by_label("联系人或客户").fill(vendor.SLIPPING)
    page.get_by_role("button", name="搜索").click()
    page.get_by_role("button", name="就是他").first.click()
    expect(page.get_by_role("heading", name=vendor.SLIPPING)).to_be_visible()
    expect(page.get_by_role("heading", name="现在该做什么")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    page.locator("details.beside-text summary").first.click()
    page.get_by_role("button", name="放进聊天").first.click()
    expect(page.get_by_text("已发送，并记入动态。")).to_be_visible()
    assert page.evaluate("window.into_chat.text.content.length") > 0
    page.get_by_placeholder("我答应要做的").fill("把新合同发过去")
    page.get_by_role("button", name="建为任务").click()
    expect(page.get_by_text("任务已加到你的清单。")).to_be_visible()
    page.goto(where)
    expect(page.get_by_role("heading", name=vendor.SLIPPING)).to_be_visible()
