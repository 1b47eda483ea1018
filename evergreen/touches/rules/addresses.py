"""Addresses as they are compared and as channels take them."""

from __future__ import annotations

import re

_MAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@[^@\s\"<>(),;:\\]{1,253}")


def phone_number(text: str, country: str = "86") -> str:
    """A phone number as +country and digits; '' for what is none. Without a country code it is one of ``country``:
    +86 138-0013-8000, 0086 13800138000 and 138 0013 8000 are the same.
    """
    marks = text.strip()
    digits = re.sub(r"\D", "", marks)
    if marks.startswith("00"):
        digits = digits[2:]
    elif not marks.startswith("+"):
        is_long = country == "86" and len(digits) == 13 and digits.startswith("86")
        digits = digits if is_long else country + digits.removeprefix("0")
    # E.164: at most 15 digits with the country code. A Chinese mobile number has eleven and begins with 1.
    if not 8 <= len(digits) <= 15:
        return ""
    if digits.startswith("86") and not re.fullmatch(r"861[3-9]\d{9}", digits):
        return ""
    return f"+{digits}"


def address_key(medium: str, address: str) -> str:
    """An address as two of them are compared; '' for what no message can be sent to."""
    text = address.strip()
    if medium == "mail":
        return text.casefold() if _MAIL.fullmatch(text) else ""
    if medium == "sms":
        return phone_number(text)
    return text
