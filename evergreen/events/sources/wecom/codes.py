"""What WeCom's codes mean. It answers 200 to everything and says in ``errcode`` what came of it."""

from __future__ import annotations

import re
from typing import Any

import requests
from django.utils.translation import gettext as _

# A company that calls too often is shut out for a minute, and for an hour when it goes on.
BUSY_SECONDS = 60.0
_EXPIRED = {40014, 42001, 41001}
_BUSY = {45009, 45011, 45033}
_FAULT = {-1}
_ADDRESS = re.compile(r"from ip: ([0-9a-fA-F.:]{3,45})")


def judged(response: requests.Response) -> tuple[str, str] | None:
    """(ok, busy, expired, fault or refused; the code); None where the answer is none of WeCom's."""
    if response.status_code >= 400:
        return None
    code = _code(response)
    if code is None:
        return None
    for verdict, codes in (("ok", {0}), ("expired", _EXPIRED), ("busy", _BUSY), ("fault", _FAULT)):
        if code in codes:
            return verdict, str(code)
    return "refused", str(code)


def words(response: requests.Response, code: str) -> str:
    """A refusal in words that say where to mend it; '' for codes that are not known here."""
    if code == "60020":
        found = _ADDRESS.search(response.text[:2_000])
        where = found[1] if found else "?"
        return _(
            "WeCom does not trust this machine's address %(ip)s. Add it to the app's trusted IPs (应用管理 → the app → 企业可信IP)."
        ) % {"ip": where}
    if code in {"40001", "40013", "40091"}:
        return _(
            "Corp ID and secret do not fit. Copy both again; the secret is that of the app, not another one's."
        )
    if code in {"48002", "60011", "84061", "81013", "301002"}:
        return _(
            "The app may not read this. Add it under 客户联系 → 可调用接口的应用, and the members to its visible range."
        )
    if code == "40056":
        return _("WeCom does not know this member; it may have left.")
    return ""


def _code(response: requests.Response) -> int | None:
    try:
        body: Any = response.json()
    except ValueError:
        return None
    code = body.get("errcode") if isinstance(body, dict) else None
    return code if isinstance(code, int) else None
