"""Pages of ours that WeCom shows inside itself: who looks at one, and the signature by which its script may speak to WeCom.

As WeCom describes it: the signature is SHA-1 over ``jsapi_ticket=…&noncestr=…&timestamp=…&url=…``, the address without what follows its #;
a ticket lives two hours and is asked for a hundred times an hour at most. The code of a sign-in is good once, for five minutes.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from evergreen.touches.channels.contract import RefusedError
from evergreen.touches.channels.wecom.wire import Wecom

CONFIG, AGENT = "config", "agent"


class Pages(Wecom):
    """A channel of an app whose pages WeCom shows."""

    has_pages: ClassVar[bool] = True

    def ticket(self, kind: str) -> tuple[str, int]:
        """(a ticket, the seconds it lives): ``config`` of the company, ``agent`` of the app. Raises ChannelError."""
        if kind == CONFIG:
            answer = self.ask("get_jsapi_ticket")
        else:
            answer = self.ask("ticket/get", type="agent_config")
        return str(answer["ticket"]), int(answer.get("expires_in") or 7_200)

    def who(self, code: str) -> str:
        """The userid of the member who signs in. Raises ChannelError, also for somebody who is no member."""
        found = self.ask("auth/getuserinfo", code=code)
        member = str(found.get("userid") or found.get("UserId") or "")
        if not member:
            raise RefusedError(_("WeCom says that you are not a member of the company."))
        return member

    def sign_in_address(self, back: str, state: str) -> str:
        """Where WeCom says who looks at a page, and sends them back to ``back`` with a code."""
        asked = {
            "appid": self.config.corp_id, "redirect_uri": back, "response_type": "code", "scope": "snsapi_base", "state": state,
            "agentid": self.config.agent_id,
        }  # fmt: skip
        return f"https://open.weixin.qq.com/connect/oauth2/authorize?{urlencode(asked)}#wechat_redirect"


def signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature of a page's address."""
    told = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
