"""Tencent Cloud SMS (腾讯云短信): SendSms of version 2021-01-11, signed by TC3-HMAC-SHA256.

A number gets one in 30 seconds and ten a day by default (LimitExceeded.* beyond). Values go in the order in which they are written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

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
from evergreen.touches.channels.sms.reading import china_time, rows_of, unix_time
from evergreen.touches.channels.told import Heard
from evergreen.touches.channels.wire import body_of, call

_TYPE = "application/json; charset=utf-8"
_WHOLE = ("AuthFailure", "RequestLimitExceeded", "LimitExceeded.AppDailyLimit", "FailedOperation.InsufficientBalance", "UnauthorizedOperation",
          "ResourceUnavailable", "UnsupportedRegion")  # fmt: skip
_LATER = ("LimitExceeded.", "InternalError")
_DEAD = ("InvalidParameterValue.IncorrectPhoneNumber",)


@dataclass(frozen=True)
class TencentSmsConfig:
    secret_id: str = option("SecretId", "SecretId")
    secret_key: str = option("SecretKey", "SecretKey", secret=True)
    app_id: str = option("短信 SdkAppId", "SdkAppId", example="1400000000")
    sign: str = option("短信签名", "Signature", example="常青示例")
    region: str = option("地域", "Region", default="ap-guangzhou")
    address: str = option("接口地址", "API address", default="https://sms.tencentcloudapi.com")


class TencentSms(ChannelAdapter):
    kind = "tencent_sms"
    medium = "sms"
    zh = "腾讯云短信"
    en = "Tencent SMS"
    about = ("用已报备的签名和模板发短信", "By a registered signature and template")
    audience = CONTACTS
    Config = TencentSmsConfig
    rates = Rates(recipient_a_minute=1, recipient_an_hour=5)
    receipts = ("delivered", "bounced", "replied")
    thanks = ("application/json", '{"result": 0, "errmsg": "OK"}')
    by_code = True

    def send(self, message: Outgoing) -> Accepted:
        code = str(message.data.get("code") or "")
        if not code:
            raise RefusedError(_("The template names no registered template for this channel."))
        values = [str(one) for one in dict(message.data.get("values") or {}).values()]
        answer = self._ask(
            "SendSms",
            {
                "SmsSdkAppId": self.config.app_id, "SignName": self.config.sign, "TemplateId": code, "TemplateParamSet": values,
                "PhoneNumberSet": [message.address], "SessionContext": message.key,
            },
        )  # fmt: skip
        status = (answer.get("SendStatusSet") or [{}])[0]
        _judge(str(status.get("Code") or ""), str(status.get("Message") or ""))
        return Accepted(str(status.get("SerialNo") or ""))

    def test(self) -> str:
        self._ask("DescribeSmsSignList", {"SignIdSet": [], "International": 0})
        return _("Tencent Cloud takes the credentials.")

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Heard]:
        """Status reports (report_status, sid) and answers (content, mobile)."""
        found = []
        for row in rows_of(body):
            if "content" in row:
                at = unix_time(row.get("time"))
                found.append(
                    Heard(
                        "replied",
                        at,
                        address=str(row.get("mobile") or ""),
                        text=str(row["content"]),
                        mark=str(row.get("extend") or at),
                    )
                )
            else:
                kind = "delivered" if row.get("report_status") == "SUCCESS" else "bounced"
                at = china_time(row.get("user_receive_time"))
                found.append(
                    Heard(
                        kind,
                        at,
                        str(row.get("sid") or ""),
                        detail=str(row.get("errmsg") or ""),
                        is_permanent=False,
                    )
                )
        return found

    def _ask(self, action: str, told: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(told, ensure_ascii=False)
        now = int(time.time())
        host = urlsplit(self.config.address).netloc
        headers = {
            "Content-Type": _TYPE, "X-TC-Action": action, "X-TC-Timestamp": str(now), "X-TC-Version": "2021-01-11",
            "X-TC-Region": self.config.region,
            "Authorization": authorization(self.config.secret_id, self.config.secret_key, host, body, now),
        }  # fmt: skip
        answer = body_of(
            call("POST", f"{self.config.address}/", data=body.encode(), headers=headers, tells_itself=True)
        )
        found: dict[str, Any] = answer.get("Response") or {}
        if error := found.get("Error"):
            _judge(str(error.get("Code") or ""), str(error.get("Message") or ""))
        return found


def _judge(code: str, words: str) -> None:
    """Nothing for Ok. Raises as the contract says."""
    if code == "Ok":
        return
    said = f"{code}: {words[:200]}"
    if code.startswith(_WHOLE):
        raise LaterError(said, is_whole=True)
    if code.startswith(_LATER):
        raise LaterError(said, seconds=3_600 if "Daily" in code or "Hour" in code else 60)
    raise RefusedError(said, is_dead=code.startswith(_DEAD))


def authorization(
    secret_id: str, secret_key: str, host: str, body: str, now: int, service: str = "sms"
) -> str:
    """TC3-HMAC-SHA256 over method, headers, body and day."""
    day = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    hashed = hashlib.sha256(body.encode()).hexdigest()
    request = f"POST\n/\n\ncontent-type:{_TYPE}\nhost:{host}\n\ncontent-type;host\n{hashed}"
    text = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signed = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (
        f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signed}"
    )
