"""Aliyun SMS (阿里云短信): SendSms of version 2017-05-25, signed by HMAC-SHA1 as its RPC style has it.

A number gets one a minute, five an hour, ten a day (isv.BUSINESS_LIMIT_CONTROL beyond). Signature and template are registered
beforehand; OutId carries our key, so a report finds its message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

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
from evergreen.touches.channels.sms.reading import china_time, rows_of
from evergreen.touches.channels.told import Heard
from evergreen.touches.channels.wire import body_of, call

_WHOLE = frozenset(
    {
        "isv.AMOUNT_NOT_ENOUGH", "isp.RAM_PERMISSION_DENY", "isv.OUT_OF_SERVICE", "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL",
        "SignatureDoesNotMatch", "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "Throttling.User", "Throttling",
        "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL",
    }
)  # fmt: skip
_LATER = frozenset({"isv.BUSINESS_LIMIT_CONTROL", "isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR"})
_DEAD = frozenset({"isv.MOBILE_NUMBER_ILLEGAL"})


@dataclass(frozen=True)
class AliyunSmsConfig:
    key_id: str = option("AccessKey ID", "AccessKey ID")
    key_secret: str = option("AccessKey Secret", "AccessKey Secret", secret=True)
    sign: str = option(
        "短信签名",
        "Signature",
        example="常青示例",
        about=("已通过审核的签名，不带【】", "As it was approved, without brackets"),
    )
    address: str = option("接口地址", "API address", default="https://dysmsapi.aliyuncs.com")


class AliyunSms(ChannelAdapter):
    kind = "aliyun_sms"
    medium = "sms"
    zh = "阿里云短信"
    en = "Aliyun SMS"
    about = ("用已报备的签名和模板发短信", "By a registered signature and template")
    audience = CONTACTS
    Config = AliyunSmsConfig
    rates = Rates(recipient_a_minute=1, recipient_an_hour=5)
    receipts = ("delivered", "bounced", "replied")
    thanks = ("application/json", '{"code": 0, "msg": "ok"}')
    by_code = True

    def send(self, message: Outgoing) -> Accepted:
        code = str(message.data.get("code") or "")
        if not code:
            raise RefusedError(_("The template names no registered template for this channel."))
        values = json.dumps(dict(message.data.get("values") or {}), ensure_ascii=False)
        answer = self._ask(
            {
                "Action": "SendSms", "PhoneNumbers": message.address.removeprefix("+86"), "SignName": self.config.sign,
                "TemplateCode": code, "TemplateParam": values, "OutId": message.key,
            }
        )  # fmt: skip
        return Accepted(str(answer.get("BizId") or ""))

    def test(self) -> str:
        self._ask({"Action": "QuerySmsSign", "SignName": self.config.sign})
        return _("Aliyun knows the signature %(sign)s.") % {"sign": self.config.sign}

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Heard]:
        """SmsReport (success, err_code, out_id) and SmsUp (content), each a list."""
        found = []
        for row in rows_of(body):
            at, number = (
                china_time(row.get("report_time") or row.get("send_time")),
                str(row.get("phone_number") or ""),
            )
            if "content" in row:
                found.append(
                    Heard(
                        "replied",
                        at,
                        address=number,
                        text=str(row["content"]),
                        mark=str(row.get("sequence_id") or at),
                    )
                )
            else:
                kind = "delivered" if row.get("success") else "bounced"
                detail = str(row.get("err_code") or "")
                found.append(
                    Heard(
                        kind,
                        at,
                        str(row.get("biz_id") or ""),
                        str(row.get("out_id") or ""),
                        detail=detail,
                        is_permanent=False,
                    )
                )
        return found

    def _ask(self, told: dict[str, str]) -> dict[str, Any]:
        asked = {
            **told, "AccessKeyId": self.config.key_id, "Format": "JSON", "RegionId": "cn-hangzhou", "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": secrets.token_hex(16), "SignatureVersion": "1.0", "Version": "2017-05-25",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        asked["Signature"] = signature(asked, self.config.key_secret)
        answer = body_of(call("POST", f"{self.config.address}/", data=asked, tells_itself=True))
        code = str(answer.get("Code") or "")
        if code == "OK":
            return answer
        said = f"{code}: {str(answer.get('Message') or '')[:200]}"
        if code in _WHOLE or not code:
            raise LaterError(said, is_whole=True)
        if code in _LATER:
            raise LaterError(said, seconds=3_600 if code == "isv.BUSINESS_LIMIT_CONTROL" else 60)
        raise RefusedError(said, is_dead=code in _DEAD)


def signature(asked: dict[str, str], secret: str, method: str = "POST") -> str:
    """The signature of a call: HMAC-SHA1 over method, %2F and the sorted, percent-encoded parameters."""
    pairs = "&".join(
        f"{_percent(key)}={_percent(value)}" for key, value in sorted(asked.items()) if key != "Signature"
    )
    text = f"{method}&%2F&{_percent(pairs)}"
    signed = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(signed.digest()).decode()


def _percent(text: str) -> str:
    return quote(text, safe="-_.~")
