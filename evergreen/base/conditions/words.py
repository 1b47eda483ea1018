"""A condition as a sentence in the reader's language."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from evergreen.base.conditions.fields import Field, Fields, Kind
from evergreen.base.conditions.tree import OF_DAYS, AllOf, AnyOf, Condition, Not, Op, Test, Value
from evergreen.base.languages import spoken


def explained(condition: Condition, fields: Fields, *, hides_money: bool = False) -> str:
    """What a checked condition asks, in words; dots for amounts that the reader may not see."""
    if condition == AllOf(()):
        return _("every account")
    shown = {key: replace(of, hides=of.is_money) for key, of in fields.items()} if hides_money else fields
    return _explained(condition, shown, is_inner=False)


def _explained(condition: Condition, fields: Fields, *, is_inner: bool) -> str:
    match condition:
        case Not(part):
            return _("not (%(condition)s)") % {"condition": _explained(part, fields, is_inner=False)}
        case AllOf(parts) | AnyOf(parts):
            word = _(" and ") if isinstance(condition, AllOf) else _(" or ")
            text = word.join(_explained(part, fields, is_inner=True) for part in parts)
            return _("(%(condition)s)") % {"condition": text} if is_inner else text
    return test_explained(condition, fields)


def test_explained(test: Test, fields: Fields) -> str:
    """One test, in words."""
    of = fields.get(test.field)
    language = get_language() or "en"
    said = {"field": of.label(language) if of else test.field}
    if test.op in OF_DAYS:
        days = int(str(test.values[0]))
        return _days(test.op, days) % {**said, "n": days}
    values = [value_in_words(one, of, language) for one in test.values]
    if test.op == Op.BETWEEN:
        return _("%(field)s is from %(first)s to %(last)s") % {**said, "first": values[0], "last": values[1]}
    return _sentence(test.op, of) % {**said, "value": _(", ").join(values)}


def _sentence(op: Op, of: Field | None) -> str:
    is_number = of is not None and of.kind not in {Kind.TEXT, Kind.CHOICE, Kind.TAGS, Kind.FLAG, Kind.DATE}
    match op:
        case Op.IS:
            return _("%(field)s = %(value)s") if is_number else _("%(field)s is %(value)s")
        case Op.IS_NOT:
            return _("%(field)s ≠ %(value)s") if is_number else _("%(field)s is not %(value)s")
        case Op.BELOW:
            return _("%(field)s < %(value)s") if is_number else _("%(field)s is before %(value)s")
        case Op.AT_MOST:
            return _("%(field)s ≤ %(value)s") if is_number else _("%(field)s is %(value)s or before")
        case Op.ABOVE:
            return _("%(field)s > %(value)s") if is_number else _("%(field)s is after %(value)s")
        case Op.AT_LEAST:
            return _("%(field)s ≥ %(value)s") if is_number else _("%(field)s is %(value)s or after")
        case Op.IN:
            return _("%(field)s is one of %(value)s")
        case Op.NOT_IN:
            return _("%(field)s is none of %(value)s")
        case Op.CONTAINS:
            return _("%(field)s contains %(value)s")
        case Op.BEGINS:
            return _("%(field)s begins with %(value)s")
        case Op.EMPTY:
            return _("%(field)s is missing")
    return _("%(field)s is known")


def _days(op: Op, days: int) -> str:
    match op:
        case Op.IN_LAST:
            return ngettext(
                "%(field)s lies in the last %(n)s day", "%(field)s lies in the last %(n)s days", days
            )
        case Op.IN_NEXT:
            return ngettext(
                "%(field)s lies in the next %(n)s day", "%(field)s lies in the next %(n)s days", days
            )
        case Op.BEFORE_LAST:
            return ngettext(
                "%(field)s was more than %(n)s day ago", "%(field)s was more than %(n)s days ago", days
            )
    return ngettext("%(field)s is more than %(n)s day ahead", "%(field)s is more than %(n)s days ahead", days)


def value_in_words(value: Value, of: Field | None, language: str) -> str:
    """A value as its field writes it: 80%, 战略, yes."""
    if of is not None and of.hides:
        return "•••"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if of is not None and of.kind == Kind.CHOICE and (names := of.choices.get(str(value))):
        return names[spoken(language)]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | Decimal):
        if of is not None and of.kind == Kind.SHARE:
            return f"{_plain(Decimal(value) * 100)}%"
        text = _plain(Decimal(value))
        return f"{text} {of.unit}".strip() if of is not None else text
    return _("“%(text)s”") % {"text": value}


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
