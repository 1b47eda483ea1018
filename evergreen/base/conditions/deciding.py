"""Whether a condition holds for one thing, value by value. What the compiled query says of many, this says of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from evergreen.base.conditions.tree import AllOf, AnyOf, Condition, Not, Op, Test


def holds(condition: Condition, values: Mapping[str, Any], today: dt.date) -> bool:
    """Whether a checked condition holds. ``values`` by field: None (or nothing) is missing; tags are a collection of
    texts; money in whole units.
    """
    match condition:
        case AllOf(parts):
            return all(holds(part, values, today) for part in parts)
        case AnyOf(parts):
            return any(holds(part, values, today) for part in parts)
        case Not(part):
            return not holds(part, values, today)
    return _test_holds(condition, values.get(condition.field), today)


def _test_holds(test: Test, value: Any, today: dt.date) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return _tags_hold(test, value)
    is_there = value is not None and value != ""
    if isinstance(value, float):
        value = Decimal(repr(value))
    match test.op:
        case Op.EMPTY:
            return not is_there
        case Op.FILLED:
            return is_there
        case Op.IS_NOT | Op.NOT_IN:
            return not is_there or value not in test.values
    if not is_there:
        return False
    return _COMPARED[test.op](value, test.values, today)


def _tags_hold(test: Test, tags: Any) -> bool:
    match test.op:
        case Op.EMPTY:
            return not tags
        case Op.FILLED:
            return bool(tags)
    has_one = any(tag in test.values for tag in tags)
    return has_one if test.op in {Op.IS, Op.IN} else not has_one


_COMPARED: Mapping[Op, Callable[[Any, tuple[Any, ...], dt.date], bool]] = {
    Op.IS: lambda value, of, today: value == of[0],
    Op.IN: lambda value, of, today: value in of,
    Op.BELOW: lambda value, of, today: value < of[0],
    Op.AT_MOST: lambda value, of, today: value <= of[0],
    Op.ABOVE: lambda value, of, today: value > of[0],
    Op.AT_LEAST: lambda value, of, today: value >= of[0],
    Op.BETWEEN: lambda value, of, today: of[0] <= value <= of[1],
    Op.CONTAINS: lambda value, of, today: of[0].lower() in value.lower(),
    Op.BEGINS: lambda value, of, today: value.lower().startswith(of[0].lower()),
    Op.IN_LAST: lambda value, of, today: 0 <= (today - value).days <= of[0],
    Op.IN_NEXT: lambda value, of, today: 0 <= (value - today).days <= of[0],
    Op.BEFORE_LAST: lambda value, of, today: (today - value).days > of[0],
    Op.AFTER_NEXT: lambda value, of, today: (value - today).days > of[0],
}
