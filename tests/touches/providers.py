"""Providers of messages on this machine: WeCom, DingTalk, Feishu, Aliyun, Tencent and Twilio with their published limits and codes.

They check what real ones check (tokens, signatures, who may see whom), count by their own clock, and drop without a word where the
real ones do. Signatures are computed here a second time, from the providers' descriptions, not with the code under test.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from tests.connectors.fake import Answer, Asked
from tests.touches.wecom_server import DAY, HOUR, MINUTE, Wecom

KEY, SECRET = "key-id", "key-secret"


class Providers(Wecom):
    """All of them at one address."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        super().__init__(clock)
        self.secret = "robot-secret"
        self.routes |= {
            "/wecom": lambda asked: self._robot(asked, "wecom"),
            "/dingtalk": lambda asked: self._robot(asked, "dingtalk"),
            "/feishu": lambda asked: self._robot(asked, "feishu"),
            "/slack": self._slack,
            "/aliyun/": self._aliyun,
            "/tencent/": self._tencent,
            "/2010-04-01/Accounts/AC1/Messages.json": self._twilio,
        }

    # Robots

    def _robot(self, asked: Asked, kind: str) -> Answer:
        code = "code" if kind == "feishu" else "errcode"
        if self.codes:
            return Answer({code: self.codes.pop(0), "errmsg": "as the script says"})
        if kind == "dingtalk" and not self._is_signed_for_dingtalk(asked):
            return Answer({"errcode": 310000, "errmsg": "sign not match"})
        if kind == "feishu" and not self._is_signed_for_feishu(asked):
            return Answer({"code": 19021, "msg": "sign match fail"})
        if self.counted.within(kind, self.seconds(), MINUTE) >= {"feishu": 100}.get(kind, 20):
            self.dropped += 1
            return Answer(
                {code: {"wecom": 45009, "dingtalk": 130101, "feishu": 11232}[kind], "errmsg": "too often"}
            )
        self.counted.add(kind, self.seconds())
        told = asked.json
        text = {
            "wecom": lambda: told["markdown"]["content"],
            "dingtalk": lambda: told["markdown"]["text"],
            "feishu": lambda: told["card"]["elements"][0]["content"],
        }[kind]()
        self.took.append((kind, "group", text))
        return Answer({code: 0})

    def _is_signed_for_dingtalk(self, asked: Asked) -> bool:
        text = f"{asked.query.get('timestamp')}\n{self.secret}"
        right = base64.b64encode(
            hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).digest()
        ).decode()
        return asked.query.get("sign") == right and quote_plus(right) != ""

    def _is_signed_for_feishu(self, asked: Asked) -> bool:
        text = f"{asked.json.get('timestamp')}\n{self.secret}"
        right = base64.b64encode(hmac.new(text.encode(), b"", hashlib.sha256).digest()).decode()
        return bool(asked.json.get("sign") == right)

    def _slack(self, asked: Asked) -> Answer:
        self.took.append(("slack", "channel", asked.json["text"]))
        return Answer(b"ok")

    # SMS

    def _aliyun(self, asked: Asked) -> Answer:
        form = asked.form
        signed = form.pop("Signature", "")
        pairs = "&".join(f"{_escaped(key)}={_escaped(form[key])}" for key in sorted(form))
        text = "POST&" + _escaped("/") + "&" + _escaped(pairs)
        right = base64.b64encode(
            hmac.new(f"{SECRET}&".encode(), text.encode(), hashlib.sha1).digest()
        ).decode()
        if form.get("AccessKeyId") != KEY or signed != right:
            return Answer({"Code": "SignatureDoesNotMatch", "Message": "signature"}, 400)
        if form["Action"] == "QuerySmsSign":
            return Answer({"Code": "OK", "SignStatus": 1})
        number, now = form["PhoneNumbers"], self.seconds()
        if self.codes:
            return Answer({"Code": self.codes.pop(0), "Message": "as the script says"})
        if not number.removeprefix("+").isdigit() or len(number) < 8:
            return Answer({"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": number})
        if any(
            self.counted.within(number, now, span) >= most
            for span, most in ((MINUTE, 1), (HOUR, 5), (DAY, 10))
        ):
            self.dropped += 1
            return Answer({"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "flow control"})
        self.counted.add(number, now)
        self.took.append(
            ("aliyun", number, f"{form['TemplateCode']} {form['TemplateParam']} {form['OutId']}")
        )
        return Answer({"Code": "OK", "BizId": f"biz-{len(self.took)}"})

    def _tencent(self, asked: Asked) -> Answer:
        day = dt.datetime.fromtimestamp(int(asked.headers["x-tc-timestamp"]), dt.UTC).strftime("%Y-%m-%d")
        hashed = hashlib.sha256(asked.body).hexdigest()
        head = f"content-type:{asked.headers['content-type']}\nhost:{asked.headers['host']}\n"
        request = "\n".join(("POST", "/", "", head, "content-type;host", hashed))
        scope = f"{day}/sms/tc3_request"
        text = "\n".join(
            (
                "TC3-HMAC-SHA256",
                asked.headers["x-tc-timestamp"],
                scope,
                hashlib.sha256(request.encode()).hexdigest(),
            )
        )
        made = ("TC3" + SECRET).encode()
        for part in scope.split("/"):
            made = hmac.new(made, part.encode(), hashlib.sha256).digest()
        right = hmac.new(made, text.encode(), hashlib.sha256).hexdigest()
        if not asked.headers["authorization"].endswith(f"Signature={right}"):
            return Answer(
                {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "signature"}}}
            )
        if asked.headers["x-tc-action"] != "SendSms":
            return Answer({"Response": {"DescribeSignListStatusSet": []}})
        told, now = asked.json, self.seconds()
        (number,) = told["PhoneNumberSet"]
        if self.codes:
            status = {"Code": self.codes.pop(0), "Message": "as the script says"}
        elif self.counted.within(number, now, 30):
            self.dropped += 1
            status = {"Code": "LimitExceeded.PhoneNumberThirtySecondLimit", "Message": "30 s"}
        else:
            self.counted.add(number, now)
            self.took.append(("tencent", number, json.dumps(told["TemplateParamSet"], ensure_ascii=False)))
            status = {"Code": "Ok", "SerialNo": f"serial-{len(self.took)}"}
        return Answer({"Response": {"SendStatusSet": [status]}})

    def _twilio(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(b"AC1:t1").decode():
            return Answer({"code": 20003, "message": "Authenticate"}, 401)
        number = asked.form["To"]
        if self.codes:
            return Answer({"code": self.codes.pop(0), "message": "as the script says"}, 400)
        self.took.append(("twilio", number, asked.form["Body"]))
        return Answer({"sid": f"SM{len(self.took)}", "status": "queued"}, 201)


def _escaped(text: str) -> str:
    return quote(text, safe="~")
