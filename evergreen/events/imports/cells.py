"""Cells read as what their field is: dates, amounts, flags, choices. What cannot be read says what would be
right.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.imports import moments, numbers
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.formats import Formats, UnreadableError, as_text

_FORMULA_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"}
_SHORTENED = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")
_EMAIL = re.compile(r"[^@\s,;<>\"']+@[^@\s,;<>\"'.]+(?:\.[^@\s,;<>\"'.]+)+")
_LONGEST_WORD = 200
_SPLIT = re.compile(r"[,;，；、|\n]+")


def read(value: Any, of: Field, formats: Formats) -> Any:
    """The cell as the field's kind has it; the caller has dealt with empty cells. Raises UnreadableError."""
    return _READERS[of.kind](value, of, formats)


def _text(value: Any, of: Field, formats: Formats) -> str:
    text = value.strip() if type(value) is str else as_text(value).strip()
    if text in _FORMULA_ERRORS:
        raise UnreadableError(text, _("a value"), _("A formula of the sheet failed."))
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnreadableError(ascii(text), _("Unicode text"), _("The text is damaged.")) from None
    if len(text) > of.most:
        raise UnreadableError(
            _("%(n)s characters: %(text)s…") % {"n": len(text), "text": text[:60]},
            _("at most %(n)s characters") % {"n": of.most},
            _("The text is too long."),
        )
    return text


def _key(value: Any, of: Field, formats: Formats) -> str:
    text = _text(value, of, formats)
    if _SHORTENED.fullmatch(text):
        raise UnreadableError(
            text, _("the id with all its digits"), _("A spreadsheet shortened the number; format it as text.")
        )
    return text


def _email(value: Any, of: Field, formats: Formats) -> str:
    text = unicodedata.normalize("NFKC", _text(value, of, formats))
    if not _EMAIL.fullmatch(text):
        raise UnreadableError(text, _("an e-mail address"))
    return text


def _currency(value: Any, of: Field, formats: Formats) -> str:
    text = _text(value, of, formats)
    code = {"¥": "CNY", "￥": "CNY", "元": "CNY", "人民币": "CNY", "RMB": "CNY", "$": "USD", "€": "EUR"}.get(
        text.upper(), text.upper()
    )
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise UnreadableError(text, _("a three-letter ISO code such as CNY, USD or EUR"))
    return code


def _whole(value: Any, of: Field, formats: Formats) -> int:
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 15:
        found = Decimal(int(value))  # nearly every cell is written so
    else:
        found = numbers.number(value, formats)
    if found != found.to_integral_value() or not of.least <= found <= of.most:
        raise UnreadableError(
            value, _("a whole number from %(least)s to %(most)s") % {"least": of.least, "most": of.most}
        )
    return int(found)


def _number(value: Any, of: Field, formats: Formats) -> Decimal:
    found = numbers.number(value, formats)
    if not of.least <= found <= of.most:
        raise UnreadableError(
            value, _("a number from %(least)s to %(most)s") % {"least": of.least, "most": of.most}
        )
    return found


def _share(value: Any, of: Field, formats: Formats) -> Decimal:
    text = as_text(value).strip()
    percent = text.endswith(("%", "％"))
    found = numbers.number(text[:-1] if percent else value, formats) / (100 if percent else 1)
    if not 0 <= found <= 1:
        raise UnreadableError(value, _("a share from 0 to 1, or 0% to 100%"))
    return found.quantize(Decimal("0.0001"))


def _money(value: Any, of: Field, formats: Formats) -> Decimal:
    found = numbers.number(value, formats)
    if abs(found) >= 10**15:
        raise UnreadableError(value, _("an amount below %(most)s") % {"most": f"{10**15:,}"})
    return found


def _flag(value: Any, of: Field, formats: Formats) -> bool:
    if isinstance(value, bool):
        return value
    word = as_text(value).strip().casefold()
    if word in formats.true_words:
        return True
    if word in formats.false_words:
        return False
    raise UnreadableError(
        value,
        _("one of %(words)s")
        % {"words": ", ".join([*sorted(formats.true_words), *sorted(formats.false_words)])},
    )


def _choice(value: Any, of: Field, formats: Formats) -> str:
    word = as_text(value).strip().casefold()
    for choice, words in of.choices.items():
        if word == choice or word.replace(" ", "_").replace("-", "_") == choice or word in words:
            return choice
    raise UnreadableError(
        value,
        _("one of %(choices)s (other words: state them as “values” of the column)")
        % {"choices": ", ".join(of.choices)},
    )


def _words(value: Any, of: Field, formats: Formats) -> list[str]:
    text = _text(value, of, formats)
    parts = [as_text(one) for one in value] if isinstance(value, list) else _SPLIT.split(text)
    words = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if any(len(word) > _LONGEST_WORD for word in words):
        raise UnreadableError(
            text,
            _("at most %(n)s characters each, split by commas") % {"n": _LONGEST_WORD},
            _("The text is too long."),
        )
    return words


def _plain(value: Any, of: Field, formats: Formats) -> Any:
    """A value for JSON: typed cells as they are, texts that are exactly a number or true/false as such."""
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) or math.isinf(value) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    text = _text(value, of, formats)
    if isinstance(value, list | dict):
        return json.loads(text)
    if text.casefold() in {"true", "false"}:
        return text.casefold() == "true"
    if re.fullmatch(r"-?(0|[1-9]\d{0,14})", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9]\d{0,11})\.\d{1,9}", text):
        return float(text)
    return text


def _moment(value: Any, of: Field, formats: Formats) -> dt.datetime:
    return moments.moment(value, formats)


def _date(value: Any, of: Field, formats: Formats) -> dt.date:
    return moments.date(value, formats)


_READERS: dict[Kind, Callable[[Any, Field, Formats], Any]] = {
    Kind.TEXT: _text,
    Kind.KEY: _key,
    Kind.EMAIL: _email,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _number,
    Kind.SHARE: _share,
    Kind.MONEY: _money,
    Kind.CURRENCY: _currency,
    Kind.DATE: _date,
    Kind.MOMENT: _moment,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.WORDS: _words,
    Kind.PLAIN: _plain,
}
