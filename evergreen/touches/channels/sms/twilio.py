"""Twilio: SMS by text, for numbers outside China. 21610: the number refused (STOP); 21211, 21614: no mobile number.

What it posts is signed (X-Twilio-Signature): the address it was posted to, then every field's name and value in the order of the names,
HMAC-SHA1 with the Auth Token, in Base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.configurations import option
from evergreen.touches.channels.contract import (
    CONTACTS,
    Accepted,
    ChannelAdapter,
    LaterError,
    Outgoing,
    Rates,
    RefusedError,
)
from evergreen.touches.channels.told import Heard, Posted
from evergreen.touches.channels.wire import body_of, call

_DEAD = frozenset({21211, 21214, 21217, 21614, 21610})
_WHOLE = frozenset({20003, 20404, 20429, 20005, 21606, 30001, 30002})
_MOST = 1_600
_KINDS = {"delivered": "delivered", "undelivered": "bounced", "failed": "bounced"}


@dataclass(frozen=True)
class TwilioSmsConfig:
    account_sid: str = option("Account SID", "Account SID", example="AC…")
    token: str = option("Auth Token", "Auth Token", secret=True)
    sender: str = option("发送号码", "From number", example="+14155550100")
    address: str = option("接口地址", "API address", default="https://api.twilio.com")


class TwilioSms(ChannelAdapter):
    kind = "twilio_sms"
    medium = "sms"
    zh = "Twilio 短信"
    en = "Twilio SMS"
    about = ("发往境外号码；服务器在境外", "To numbers outside China; its servers stand abroad")
    audience = CONTACTS
    Config = TwilioSmsConfig
    rates = Rates(a_minute=60)
    receipts = ("delivered", "bounced", "replied")
    thanks = ("text/xml", "<Response/>")

    def send(self, message: Outgoing) -> Accepted:
        if len(message.text) > _MOST:
            raise RefusedError(
                _("The text has %(n)s characters; an SMS takes %(most)s.")
                % {"n": len(message.text), "most": _MOST}
            )
        config = self.config
        answer = call(
            "POST",
            f"{config.address}/2010-04-01/Accounts/{config.account_sid}/Messages.json",
            data={"To": message.address, "From": config.sender, "Body": message.text},
            auth=(config.account_sid, config.token),
            tells_itself=True,
        )
        told = body_of(answer)
        if answer.status_code < 300:
            return Accepted(str(told.get("sid") or ""))
        code = told.get("code")
        said = f"{code}: {str(told.get('message') or '')[:200]}"
        if code in _WHOLE or answer.status_code in {401, 403}:
            raise LaterError(said, is_whole=True)
        raise RefusedError(said, is_dead=code in _DEAD)

    def test(self) -> str:
        config = self.config
        answer = call(
            "GET",
            f"{config.address}/2010-04-01/Accounts/{config.account_sid}.json",
            auth=(config.account_sid, config.token),
        )
        return _("Twilio knows the account %(name)s.") % {
            "name": str(body_of(answer).get("friendly_name") or config.account_sid)
        }

    def proved(self, post: Posted) -> None:
        fields = "".join(f"{name}{post.form[name]}" for name in sorted(post.form))
        given = post.headers.get("X-Twilio-Signature", "").encode()
        rights = [_signature(self.config.token, address + fields) for address in post.addresses]
        if not any(hmac.compare_digest(given, right) for right in rights):
            raise ValueError("X-Twilio-Signature is not what the Auth Token makes of this post")

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Heard]:
        """Status callbacks (MessageStatus) and answers (Body)."""
        if "MessageSid" not in form:
            raise ValueError("no MessageSid")
        now = clock.utc_now()
        if "Body" in form and "From" in form:
            return [Heard("replied", now, address=form["From"], text=form["Body"], mark=form["MessageSid"])]
        kind = _KINDS.get(form.get("MessageStatus", ""))
        return (
            [Heard(kind, now, form["MessageSid"], detail=form.get("ErrorCode", ""), is_permanent=False)]
            if kind
            else []
        )


def _signature(token: str, text: str) -> bytes:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1))
