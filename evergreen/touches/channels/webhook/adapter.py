"""POST of a JSON body, signed as Standard Webhooks describes: id, timestamp and HMAC-SHA256 over ``id.timestamp.body``.

The id is the message's key, the same at each try, so that a receiver keeps what it has seen and takes each once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import SYSTEMS, Accepted, ChannelAdapter, Outgoing, Rates
from evergreen.touches.channels.wire import call


@dataclass(frozen=True)
class WebhookConfig:
    url: str = option("地址", "Address", example="https://hooks.example.com/evergreen")
    secret: str = option(
        "签名密钥", "Signing secret", secret=True, default="",
        about=("用它计算 webhook-signature；留空则不签名", "Makes webhook-signature; empty: not signed"),
    )  # fmt: skip


class WebhookAdapter(ChannelAdapter):
    kind = "webhook"
    medium = "webhook"
    zh = "Webhook"
    en = "Webhook"
    about = ("把流程里的事告诉你自己的系统", "Tells your own systems what playbooks do")
    audience = SYSTEMS
    Config = WebhookConfig
    rates = Rates(a_minute=600)
    honours_keys = True

    def send(self, message: Outgoing) -> Accepted:
        told = {"id": message.key, "type": message.subject, "data": dict(message.data)}
        call(
            "POST",
            self.config.url,
            data=self._body(told),
            headers=self._headers(message.key, self._body(told)),
        )
        return Accepted(message.key, is_delivered=True)

    def test(self) -> str:
        told = {"id": "test", "type": "test", "data": {}}
        answer = call(
            "POST", self.config.url, data=self._body(told), headers=self._headers("test", self._body(told))
        )
        return _("The address took a test (HTTP %(n)s).") % {"n": answer.status_code}

    @staticmethod
    def _body(told: Mapping[str, object]) -> bytes:
        return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        headers = {"Content-Type": "application/json", "webhook-id": key, "webhook-timestamp": at}
        if self.config.secret:
            signed = hmac.new(self.config.secret.encode(), f"{key}.{at}.".encode() + body, hashlib.sha256)
            headers["webhook-signature"] = "v1," + base64.b64encode(signed.digest()).decode()
        return headers
