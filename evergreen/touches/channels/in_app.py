"""Messages and surveys inside the vendor's product: they wait here until the person opens it and the script asks.

Nothing leaves this installation when one is sent, so nothing about it is ever unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import CONTACTS, Accepted, ChannelAdapter, Outgoing
from evergreen.touches.in_app.rules import wrong_site

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LEAST_SECRET = 24


@dataclass(frozen=True)
class InAppConfig:
    sites: str = option(
        "产品的网址", "Your product's addresses", is_long=True, rows=3, example="https://app.example.com",
        about=("一行一个，只有这些页面可以取消息；https://*.example.com 包含所有子域名", "One a line; only these may fetch messages. https://*.example.com stands for every subdomain"),
    )  # fmt: skip
    secret: str = option(
        "签名密钥", "Signing secret", secret=True,
        about=("至少 24 个字符，只放在你的服务器上：用它签名，别人就不能冒充你的用户", "24 characters or more, kept on your server: signatures made with it keep others from reading your users' messages"),
    )  # fmt: skip
    side: str = option(
        "卡片位置", "Where cards stand", default="right",
        choices={"right": ("右下角", "bottom right"), "left": ("左下角", "bottom left")},
    )  # fmt: skip
    theme: str = option(
        "明暗", "Light or dark", default="light",
        choices={"light": ("浅色", "light"), "dark": ("深色", "dark"), "auto": ("跟随系统", "as the person's system")},
    )  # fmt: skip
    colour: str = option("按钮颜色", "Colour of buttons", default="#1f6b4a", example="#1f6b4a")
    pause_minutes: int = option(
        "两条消息之间至少隔（分钟）", "Minutes between two messages", default=60,
        about=("0 到 10080；紧急的不等", "0 to 10,080; urgent ones do not wait"),
    )  # fmt: skip
    days_shown: int = option(
        "最多在几天里出现", "Days on which one is shown", default=3,
        about=("1 到 30；没点也没关的，第二天再出现", "1 to 30; one that was neither clicked nor closed comes again the next day"),
    )  # fmt: skip
    keep_days: int = option(
        "保留天数",
        "Days it waits",
        default=14,
        about=("1 到 90；之后不再出现", "1 to 90; later it is not shown"),
    )

    def __post_init__(self) -> None:
        problems = [
            _("“%(site)s” is no address of a site: write https://app.example.com, without a path.") % {"site": one}
            for one in self.listed
            if wrong_site(one)
        ]  # fmt: skip
        if len(self.secret) < _LEAST_SECRET:
            problems.append(
                _("The signing secret has %(n)s characters; it needs %(least)s or more.")
                % {"n": len(self.secret), "least": _LEAST_SECRET}
            )
        if not _COLOUR.fullmatch(self.colour):
            problems.append(_("“%(colour)s” is no colour: write #1f6b4a.") % {"colour": self.colour})
        for value, least, most in (
            (self.pause_minutes, 0, 10_080),
            (self.days_shown, 1, 30),
            (self.keep_days, 1, 90),
        ):
            if not least <= value <= most:
                problems.append(
                    _("Found %(found)s; allowed are %(least)s to %(most)s.")
                    % {"found": value, "least": least, "most": most}
                )
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def listed(self) -> list[str]:
        """The sites, as they are compared."""
        return [one.strip().rstrip("/").lower() for one in self.sites.split() if one.strip()]


class InApp(ChannelAdapter):
    kind = "in_app"
    medium = "in_app"
    zh = "产品内消息"
    en = "In your product"
    about = (
        "消息和问卷直接出现在你的产品里，由一小段脚本或 API 取走",
        "Messages and surveys appear inside your product, fetched by a small script or by API",
    )
    audience = CONTACTS
    Config = InAppConfig
    honours_keys = True
    in_product = True
    receipts = ("opened", "clicked", "dismissed", "replied", "unsubscribed")

    def send(self, message: Outgoing) -> Accepted:
        return Accepted(message.key)

    def test(self) -> str:
        return _("The settings fit. This page lists the sites from which the script calls.")
