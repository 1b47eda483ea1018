"""Conditions compiled: one expression over a table that has a column a field, for any engine Ibis knows.

Says of every row what ``base.conditions.holds`` says of one, and like it is true or false, never null.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

import ibis

from evergreen.base.conditions import AllOf, AnyOf, Condition, Fields, Kind, Not, Op, Test

_TEXTS = frozenset({Kind.TEXT, Kind.CHOICE})


def compiled(condition: Condition, table: Any, fields: Fields, today: Any) -> Any:
    """Whether a checked condition holds, as a boolean expression over ``table``.

    Its columns have the fields' keys: tags are arrays of text, money stands in whole units. ``today`` is a date, or an
    expression of one, so that the query is the same for every day.
    """
    match condition:
        case Not(part):
            return ~compiled(part, table, fields, today)
        case AllOf(parts):
            held = [compiled(part, table, fields, today) for part in parts]
            return reduce(and_, held) if held else ibis.literal(True)
        case AnyOf(parts):
            held = [compiled(part, table, fields, today) for part in parts]
            return reduce(or_, held) if held else ibis.literal(False)
    kind = fields[condition.field].kind
    column = table[condition.field]
    held = _tags(condition, column) if kind == Kind.TAGS else _single(condition, column, kind, today)
    return held.coalesce(ibis.literal(False))


def _single(test: Test, column: Any, kind: Kind, today: Any) -> Any:
    is_there = column.notnull() & (column != "") if kind in _TEXTS else column.notnull()
    match test.op:
        case Op.EMPTY:
            return ~is_there.coalesce(ibis.literal(False))
        case Op.FILLED:
            return is_there
        case Op.IN_LAST | Op.IN_NEXT | Op.BEFORE_LAST | Op.AFTER_NEXT:
            return _near(test, column, today)
    values = [_literal(value, kind) for value in test.values]
    match test.op:
        case Op.IS:
            return column == values[0]
        case Op.IS_NOT:
            return ~(column == values[0]).coalesce(ibis.literal(False))
        case Op.IN:
            return column.isin(values)
        case Op.NOT_IN:
            return ~column.isin(values).coalesce(ibis.literal(False))
        case Op.BELOW:
            return column < values[0]
        case Op.AT_MOST:
            return column <= values[0]
        case Op.ABOVE:
            return column > values[0]
        case Op.AT_LEAST:
            return column >= values[0]
        case Op.BETWEEN:
            return (column >= values[0]) & (column <= values[1])
        case Op.CONTAINS:
            return column.lower().contains(values[0].lower())
        case Op.BEGINS:
            return column.lower().startswith(values[0].lower())
    raise AssertionError(test.op)


def _near(test: Test, column: Any, today: Any) -> Any:
    """Days as dates where they are known, so that an engine can leave out what lies outside."""
    days = int(str(test.values[0]))
    if not isinstance(today, dt.date):
        ahead = column.delta(today, unit="day")
        match test.op:
            case Op.IN_LAST:
                return ahead.between(-days, 0)
            case Op.IN_NEXT:
                return ahead.between(0, days)
            case Op.BEFORE_LAST:
                return ahead < -days
        return ahead > days
    span = dt.timedelta(days=days)
    match test.op:
        case Op.IN_LAST:
            return (column >= ibis.literal(today - span)) & (column <= ibis.literal(today))
        case Op.IN_NEXT:
            return (column >= ibis.literal(today)) & (column <= ibis.literal(today + span))
        case Op.BEFORE_LAST:
            return column < ibis.literal(today - span)
    return column > ibis.literal(today + span)


def _tags(test: Test, column: Any) -> Any:
    has_any = (column.notnull() & (column.length() > 0)).coalesce(ibis.literal(False))
    match test.op:
        case Op.EMPTY:
            return ~has_any
        case Op.FILLED:
            return has_any
    has_one = reduce(or_, (column.contains(str(value)) for value in test.values))
    has_one = has_one.coalesce(ibis.literal(False))
    return has_one if test.op in {Op.IS, Op.IN} else ~has_one


def _literal(value: Any, kind: Kind) -> Any:
    """The engines' columns of fractions are doubles."""
    return ibis.literal(float(value)) if isinstance(value, Decimal) else ibis.literal(value)
