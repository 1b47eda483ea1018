"""Conditions as text, as plain data (YAML, JSON), and back. Reading needs no fields: kinds are checked afterwards.

    active_users_28d < 3 and (tier = strategic or industry in ("制造", "零售")) and not renewal_on in next 30 days

Names and choices stand bare, other texts in quotes (a quote or backslash in them after a backslash); numbers may end with
%, dates are written 2026-11-30. ``and`` binds closer than ``or``; brackets say otherwise.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.conditions.problems import ConditionError
from evergreen.base.conditions.tree import (
    DEEPEST,
    OF_DAYS,
    VALUES,
    AllOf,
    AnyOf,
    Condition,
    Not,
    Op,
    Test,
    Value,
    flat,
)

MOST_TEXT = 20_000
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<date>\d{4}-\d{2}-\d{2})(?![\w.%]) |
    (?P<number>-?\d+(?:\.\d+)?%?)(?![\w.]) |
    (?P<word>[^\W\d][\w.:-]*) |
    "(?P<text>(?:[^"\\]|\\["\\])*)" |
    (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_BARE = re.compile(r"[^\W\d][\w.:-]*")
_KEYWORDS = frozenset(
    {
        *("and", "or", "not", "in", "is", "empty", "between", "contains", "begins", "with"),
        *("last", "next", "before", "after", "days", "true", "false"),
    }
)
_SIGNS = {"<>": Op.IS_NOT} | {
    op.value: op for op in (Op.IS, Op.IS_NOT, Op.BELOW, Op.AT_MOST, Op.ABOVE, Op.AT_LEAST)
}


def parse(text: str) -> Condition:
    """The tree that a text writes. Raises ConditionError with the place where it cannot be read."""
    if len(text) > MOST_TEXT:
        raise ConditionError(
            [_("The text has %(n)s characters; allowed are %(most)s.") % {"n": len(text), "most": MOST_TEXT}]
        )
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._error(at, _("a field, a sign or a value"))
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self._at = 0
        self._levels = 0

    def whole(self) -> Condition:
        if not self._tokens:
            return AllOf(())
        found = self._any_of()
        if self._at < len(self._tokens):
            raise self._error(self._tokens[self._at][2], _("and, or, or the end"))
        return found

    def _any_of(self) -> Condition:
        return self._joined("or", AnyOf, lambda: self._joined("and", AllOf, self._part))

    def _joined(self, word: str, kind: type[AllOf] | type[AnyOf], part: Any) -> Condition:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else kind(tuple(parts))

    def _part(self) -> Condition:
        self._levels += 1
        if self._levels > 4 * DEEPEST:
            raise ConditionError([_("The condition is nested more than %(n)s deep.") % {"n": DEEPEST}])
        try:
            if self._takes("not"):
                return Not(self._part())
            if self._takes("("):
                found = self._any_of()
                self._needs(")")
                return found
            return self._test()
        finally:
            self._levels -= 1

    def _test(self) -> Test:
        kind, field, at = self._next(_("the name of a field"))
        if kind != "word" or field in _KEYWORDS:
            raise self._error(at, _("the name of a field"))
        return self._asked(field)

    def _asked(self, field: str) -> Test:
        kind, said, at = self._next(_("a sign such as =, or a word such as in"))
        if kind == "sign" and said in _SIGNS:
            return Test(field, _SIGNS[said], (self._value(),))
        if kind != "word":
            raise self._error(at, _("a sign such as =, or a word such as in"))
        match said:
            case "is":
                op = Op.FILLED if self._takes("not") else Op.EMPTY
                self._needs("empty")
                return Test(field, op)
            case "between":
                first = self._value()
                self._needs("and")
                return Test(field, Op.BETWEEN, (first, self._value()))
            case "contains":
                return Test(field, Op.CONTAINS, (self._value(),))
            case "begins":
                self._needs("with")
                return Test(field, Op.BEGINS, (self._value(),))
            case "before" | "after":
                op = Op.BEFORE_LAST if said == "before" else Op.AFTER_NEXT
                self._needs("last" if said == "before" else "next")
                return self._days(field, op)
            case "in" if self._takes("last"):
                return self._days(field, Op.IN_LAST)
            case "in" if self._takes("next"):
                return self._days(field, Op.IN_NEXT)
            case "in":
                return Test(field, Op.IN, self._values())
            case "not":
                self._needs("in")
                return Test(field, Op.NOT_IN, self._values())
        raise self._error(at, _("a sign such as =, or a word such as in"))

    def _days(self, field: str, op: Op) -> Test:
        kind, said, at = self._next(_("a number of days"))
        if kind != "number" or not said.isdigit():
            raise self._error(at, _("a number of days"))
        self._needs("days")
        return Test(field, op, (int(said),))

    def _values(self) -> tuple[Value, ...]:
        self._needs("(")
        found = [self._value()]
        while self._takes(","):
            found.append(self._value())
        self._needs(")")
        return tuple(found)

    def _value(self) -> Value:
        kind, said, at = self._next(_("a value"))
        match kind:
            case "date":
                try:
                    return dt.date.fromisoformat(said)
                except ValueError:
                    raise self._error(at, _("a date that exists")) from None
            case "number":
                return _number(said)
            case "text":
                return re.sub(r"\\(.)", r"\1", said)
            case "word" if said in ("true", "false"):
                return said == "true"
            case "word" if said not in _KEYWORDS:
                return said
        raise self._error(at, _("a value"))

    def _next(self, wanted: str) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            raise self._error(len(self._text), wanted)
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, said: str) -> bool:
        if self._at < len(self._tokens):
            kind, found, _at = self._tokens[self._at]
            if kind in ("word", "sign") and found == said:
                self._at += 1
                return True
        return False

    def _needs(self, said: str) -> None:
        if not self._takes(said):
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
            raise self._error(at, said)

    def _error(self, at: int, wanted: str) -> ConditionError:
        rest = self._text[at : at + 20].strip()
        return ConditionError(
            [
                _("At character %(at)s: found %(found)s; allowed: %(wanted)s.")
                % {"at": at + 1, "found": f"“{rest}”" if rest else _("the end"), "wanted": wanted}
            ]
        )


def _number(said: str) -> int | Decimal:
    if said.endswith("%"):
        return Decimal(said[:-1]) / 100
    return Decimal(said) if "." in said else int(said)


def written(condition: Condition) -> str:
    """The text of a condition; reading it gives the same tree (``tree.flat``)."""
    return _written(flat(condition), 0)


# How closely "or", "and" and "not" bind.
_LOOSE, _MIDDLE, _CLOSE = 1, 2, 3


def _written(condition: Condition, around: int) -> str:
    match condition:
        case Test():
            return _test_written(condition)
        case Not(part):
            return f"not {_written(part, _CLOSE)}"
        case AllOf(parts):
            own, word = _MIDDLE, " and "
        case AnyOf(parts):
            own, word = _LOOSE, " or "
    text = word.join(_written(part, own) for part in parts)
    return f"({text})" if around >= own else text


def _test_written(test: Test) -> str:
    match test.op:
        case Op.EMPTY | Op.FILLED:
            return f"{test.field} {test.op}"
        case Op.BETWEEN:
            first, last = map(value_written, test.values)
            return f"{test.field} between {first} and {last}"
        case Op.IN | Op.NOT_IN:
            return f"{test.field} {test.op} ({', '.join(map(value_written, test.values))})"
        case op if op in OF_DAYS:
            return f"{test.field} {test.op} {test.values[0]} days"
    return f"{test.field} {test.op} {value_written(test.values[0])}"


def value_written(value: Value) -> str:
    """A value as text writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            text = f"{value:f}"
            return text if "." in text else f"{text}.0"
        case dt.date():
            return value.isoformat()
        case int():
            return str(value)
    if _BARE.fullmatch(value) and value not in _KEYWORDS:
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def from_data(data: Any) -> Condition:
    """The tree of plain data: {all: […]}, {any: […]}, {not: …}, {field, op, value}; or a text. Raises ConditionError."""
    return _from_data(data, "", 0)


def _from_data(data: Any, where: str, level: int) -> Condition:
    if level > DEEPEST:
        raise ConditionError([_("The condition is nested more than %(n)s deep.") % {"n": DEEPEST}])
    if isinstance(data, str):
        return parse(data)
    if not isinstance(data, Mapping):
        raise _unlike(where, data)
    if len(data) == 1:
        ((key, inner),) = data.items()
        if key == "not":
            return Not(_from_data(inner, f"{where}not.", level + 1))
        if key in ("all", "any"):
            if not isinstance(inner, list):
                raise _unlike(f"{where}{key}", inner)
            kind = AllOf if key == "all" else AnyOf
            return kind(
                tuple(_from_data(one, f"{where}{key}.{at}.", level + 1) for at, one in enumerate(inner, 1))
            )
    if not {"field", "op"} <= set(data) <= {"field", "op", "value"} or not isinstance(data["field"], str):
        raise _unlike(where, data)
    try:
        op = Op(data["op"])
    except ValueError:
        raise ConditionError(
            [
                _("%(where)s: found %(found)s; allowed: %(allowed)s.")
                % {"where": f"{where}op", "found": data["op"], "allowed": ", ".join(Op)}
            ]
        ) from None
    given = data.get("value")
    values = given if isinstance(given, list) else [] if VALUES.get(op) == 0 else [given]
    return Test(data["field"], op, tuple(_value_of(one, f"{where}value") for one in values))


def _value_of(given: Any, where: str) -> Value:
    if isinstance(given, bool | int | Decimal | str) or type(given) is dt.date:
        return given
    if isinstance(given, float):
        return Decimal(repr(given))
    raise ConditionError(
        [
            _("%(where)s: found %(found)s; allowed: %(allowed)s.")
            % {"where": where, "found": repr(given), "allowed": _("a text, a number, a date, true or false")}
        ]
    )


def _unlike(where: str, data: Any) -> ConditionError:
    return ConditionError(
        [
            _("%(where)s: found %(found)s; allowed: %(allowed)s.")
            % {
                "where": where.rstrip(".") or _("condition"),
                "found": repr(data)[:60],
                "allowed": "{all: […]}, {any: […]}, {not: …}, {field, op, value}",
            }
        ]
    )


def to_data(condition: Condition) -> dict[str, Any]:
    """Plain data of a condition, for YAML and JSON; dates and fractions as text, whole numbers as numbers."""
    match condition:
        case Not(part):
            return {"not": to_data(part)}
        case AllOf(parts):
            return {"all": [to_data(one) for one in parts]}
        case AnyOf(parts):
            return {"any": [to_data(one) for one in parts]}
    found: dict[str, Any] = {"field": condition.field, "op": condition.op.value}
    values = [str(one) if isinstance(one, Decimal | dt.date) else one for one in condition.values]
    if VALUES.get(condition.op, 1) in (2, -1):
        found["value"] = values
    elif values:
        found["value"] = values[0]
    return found
