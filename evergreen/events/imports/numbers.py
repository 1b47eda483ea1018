"""Numbers as people and programs write them."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.imports.formats import Formats, UnreadableError

_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,3}))?")
_SCALES = {"万": 10_000, "亿": 100_000_000, "w": 10_000, "k": 1_000, "m": 1_000_000}
_SIGNS = re.compile(r"^(?:[A-Z]{3}|[¥￥$€£元])\s*|\s*(?:[A-Z]{3}|[¥￥$€£元]|人民币)$")


def number(value: Any, formats: Formats) -> Decimal:
    """A number from a cell: with grouping, currency signs, 万 and 亿, brackets for negative ones."""
    if isinstance(value, bool | dt.date | dt.time | list | dict):
        raise UnreadableError(value, _("a number"))
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise UnreadableError(value, _("a number"))
        return Decimal(repr(value))
    if type(value) is str and formats.decimal == "." and _PLAIN.fullmatch(value):
        return Decimal(value)
    text = unicodedata.normalize("NFKC", str(value)).strip().replace("\u00a0", " ").replace("\u202f", " ")
    bare = _SIGNS.sub("", _SIGNS.sub("", text)).strip().replace("−", "-")
    is_negative = bare.startswith("(") and bare.endswith(")")
    bare = bare.strip("()") if is_negative else bare
    bare = _SIGNS.sub("", bare)
    scale = _SCALES.get(bare[-1:].lower(), 1)
    bare = bare[:-1].strip() if scale != 1 else bare
    match = _NUMBER.fullmatch(_ungrouped(bare, formats.decimal, text))
    if match is None:
        raise UnreadableError(text, _allowed_number(formats.decimal))
    try:
        found = Decimal(f"{match[1]}{match[2]}e{match[3] or 0}") * scale
    except InvalidOperation:
        raise UnreadableError(text, _allowed_number(formats.decimal)) from None
    return -found if is_negative else found


def _ungrouped(bare: str, decimal: str, text: str) -> str:
    """The digits without their grouping; a comma that groups no thousands is not guessed at."""
    group = "," if decimal == "." else "."
    whole, mark, fraction = bare.partition(decimal)
    parts = re.split(rf"[{re.escape(group)}' ]", whole)
    if len(parts) > 1:
        if any(len(part) != 3 for part in parts[1:]) or group in fraction:
            raise UnreadableError(text, _allowed_number(decimal))
        whole = "".join(parts)
    return f"{whole}{'.' if mark else ''}{fraction}"


def _allowed_number(decimal: str) -> str:
    example = "1,234.56" if decimal == "." else "1.234,56"
    return _("a number such as %(example)s (the mapping's “decimal” is “%(decimal)s”)") % {
        "example": example,
        "decimal": decimal,
    }
