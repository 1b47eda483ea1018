"""Calls of WeCom's API: a token that all workers share, answers judged by their codes.

Codes as WeCom documents them: 40014, 42001, 41001 the token is no longer taken; 45009, 45033 too often; 60020 the address of this machine is
not among the app's trusted ones (企业可信IP); 40001, 40013, 40056, 48002, 50001, 301002 the app's settings; 40003, 40096, 60111, 81013,
84061 there is no such member or customer; -1 and 6000 busy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels import members
from evergreen.touches.channels.contract import RefusedError
from evergreen.touches.channels.token_api import TokenApi
from evergreen.touches.channels.wire import body_of, call

_NOT_TRUSTED = 60020


@dataclass(frozen=True)
class WecomConfig:
    """What both kinds of channels need."""

    corp_id: str = option(
        "企业 ID", "Corp ID", example="ww…", about=("我的企业 → 企业信息", "My Company → Company Information")
    )
    secret: str = option("应用 Secret", "Secret of the app", secret=True)
    members: str = option(
        "成员邮箱", "Members' e-mail addresses", default="", is_long=True, rows=4, example="zhangsan: zhang.san@example.com",
        about=("每行一个“成员 userid: 邮箱”；未列出的成员按 邮箱 @ 前的部分 对应", "One “userid: address” a line; others by what stands before the @"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="https://qyapi.weixin.qq.com")


class Wecom(TokenApi):
    """A channel of one app of WeCom."""

    expired = frozenset({40014, 42001, 41001})
    too_often = frozenset({45009, 45033})
    whole = frozenset({40001, 40013, 40056, 48002, 50001, 301002, _NOT_TRUSTED})
    nobody = frozenset({40003, 40096, 60111, 81013, 84061})
    busy = frozenset({-1, 6000})

    def member_of(self, email: str) -> str:
        """The userid of a member of staff."""
        return members.id_of(str(self.config.members), email) or email.partition("@")[0]

    def test(self) -> str:
        found = self.ask("get_api_domain_ip")
        return _("WeCom takes the app's credentials; it answers from %(n)s addresses.") % {
            "n": len(found.get("ip_list") or ())
        }

    def advice(self, code: int, said: str) -> str:
        if code != _NOT_TRUSTED:
            return said
        return _("This machine's address is not among the app's trusted ones (企业可信IP): %(said)s") % {
            "said": said
        }

    def unknown(self, said: str) -> RefusedError:
        return RefusedError(said, is_dead=True)

    def _asked(
        self, path: str, token: str, told: dict[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        url = f"{self.config.address}/cgi-bin/{path}?{urlencode({'access_token': token, **query})}"
        return body_of(call("GET" if told is None else "POST", url, json=told))

    def _fetch(self) -> tuple[str, int]:
        asked = urlencode({"corpid": self.config.corp_id, "corpsecret": self.config.secret})
        url = f"{self.config.address}/cgi-bin/gettoken?{asked}"
        answer = self.judged(body_of(call("GET", url)), is_token=True)
        return str(answer["access_token"]), int(answer.get("expires_in") or 7200)
