"""A condition against the fields there are: kinds, choices and limits, and values as their kind has them."""

from __future__ import annotations

import datetime as dt
import difflib
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.conditions.fields import OPS, Field, Fields, Kind
from evergreen.base.conditions.problems import ConditionError
from evergreen.base.conditions.tree import (
    DEEPEST,
    MOST_TESTS,
    MOST_VALUES,
    OF_DAYS,
    VALUES,
    AllOf,
    AnyOf,
    Condition,
    Not,
    Op,
    Test,
    Value,
    depth,
    flat,
    tests,
)

_MOST_DAYS = 36_500
_NUMBERS = frozenset({Kind.NUMBER, Kind.WHOLE, Kind.SHARE, Kind.MONEY})


def checked(condition: Condition, fields: Fields) -> Condition:
    """The condition flat and with its values in the kind of their fields. Raises ConditionError with every mistake."""
    found = flat(condition)
    asked = list(tests(found))
    if len(asked) > MOST_TESTS:
        raise ConditionError(
            [
                _("The condition has %(n)s tests; allowed are %(most)s.")
                % {"n": len(asked), "most": MOST_TESTS}
            ]
        )
    if depth(found) > DEEPEST:
        raise ConditionError([_("The condition is nested more than %(n)s deep.") % {"n": DEEPEST}])
    problems: list[str] = []
    whole = _checked(found, fields, problems, is_root=True)
    if problems:
        raise ConditionError(dict.fromkeys(problems))
    return whole


def _checked(
    condition: Condition, fields: Fields, problems: list[str], *, is_root: bool = False
) -> Condition:
    match condition:
        case Not(part):
            return Not(_checked(part, fields, problems))
        case AllOf(parts) | AnyOf(parts):
            if not parts and not (is_root and isinstance(condition, AllOf)):
                problems.append(_("A group without any test; add one or take the group away."))
            return type(condition)(tuple(_checked(one, fields, problems) for one in parts))
    try:
        return _test(condition, fields)
    except ConditionError as error:
        problems += error.problems
        return condition


def _test(test: Test, fields: Fields) -> Test:
    of = fields.get(test.field)
    if of is None:
        near = difflib.get_close_matches(test.field, fields, n=3, cutoff=0.6)
        said = _("There is no field %(field)s.") % {"field": test.field}
        hint = _("Did you mean %(near)s?") % {"near": _(", ").join(near)} if near else ""
        raise ConditionError([f"{said} {hint}".strip()])
    if test.op not in OPS[of.kind]:
        raise _wrong(test.field, test.op, ", ".join(OPS[of.kind]))
    wanted = VALUES.get(test.op, 1)
    if wanted == -1:
        if not 1 <= len(test.values) <= MOST_VALUES:
            raise _wrong(test.field, len(test.values), _("1 to %(n)s values") % {"n": MOST_VALUES})
    elif len(test.values) != wanted:
        raise _wrong(test.field, len(test.values), _("%(n)s values") % {"n": wanted})
    if test.op in OF_DAYS:
        return Test(test.field, test.op, (_days(test.values[0], test.field),))
    values: tuple[Any, ...] = tuple(_value(one, of) for one in test.values)
    if test.op == Op.BETWEEN and values[0] > values[1]:
        raise _wrong(test.field, f"{test.values[0]} – {test.values[1]}", _("the smaller value first"))
    return Test(test.field, test.op, values)


def _days(given: Value, field: str) -> int:
    if type(given) is str and given.strip().isdecimal() and len(given) < 9:
        given = int(given)
    if type(given) is not int or not 0 <= given <= _MOST_DAYS:
        raise _wrong(field, given, _("a number of days from 0 to %(n)s") % {"n": _MOST_DAYS})
    return given


def _value(given: Value, of: Field) -> Value:
    if of.kind in _NUMBERS:
        return _number(given, of)
    if of.kind == Kind.DATE:
        return _date(given, of)
    if of.kind == Kind.FLAG:
        flag = {"true": True, "false": False}.get(str(given).strip().lower())
        if flag is None:
            raise _wrong(of.key, given, "true, false")
        return flag
    if isinstance(given, bool):
        given = "true" if given else "false"
    text = (given.isoformat() if isinstance(given, dt.date) else str(given)).strip()
    if of.kind == Kind.CHOICE:
        return _choice(text, of)
    if not text or len(text) > 500 or "\0" in text:
        raise _wrong(of.key, text[:60], _("a text of at most %(n)s characters") % {"n": 500})
    return text


def _number(given: Value, of: Field) -> int | Decimal:
    try:
        if isinstance(given, (bool, dt.date)):
            raise InvalidOperation
        text = str(given).strip()
        number = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
        if not number.is_finite() or abs(number) >= 10**15:
            raise InvalidOperation
    except InvalidOperation:
        raise _wrong(of.key, given, _allowed_number(of)) from None
    if of.kind == Kind.WHOLE:
        if number != number.to_integral_value():
            raise _wrong(of.key, given, _allowed_number(of))
        return int(number)
    return number


def _allowed_number(of: Field) -> str:
    return {
        Kind.WHOLE: _("a whole number"),
        Kind.SHARE: _("a share such as 0.8 or 80%"),
        Kind.MONEY: _("an amount in the vendor's currency, such as 100000"),
    }.get(of.kind, _("a number"))


def _date(given: Value, of: Field) -> dt.date:
    if isinstance(given, dt.date):
        return given
    try:
        return dt.date.fromisoformat(str(given).strip())
    except ValueError:
        raise _wrong(of.key, given, _("a date such as 2026-11-30")) from None


def _choice(text: str, of: Field) -> str:
    """A choice by its value or its name in any language."""
    if text in of.choices:
        return text
    folded = text.casefold()
    for value, names in of.choices.items():
        if folded in {value.casefold(), *(name.casefold() for name in names.values())}:
            return value
    raise _wrong(of.key, text, ", ".join(of.choices))


def _wrong(field: str, found: Any, allowed: str) -> ConditionError:
    return ConditionError(
        [
            _("%(where)s: found %(found)s; allowed: %(allowed)s.")
            % {"where": field, "found": found, "allowed": allowed}
        ]
    )
