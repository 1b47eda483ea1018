"""A condition as a tree: and, or, not over tests of fields. One language for segments, alerts, branches and exceptions.

A test is true or false, never unknown: what is missing is not below, above, within or equal to anything. ``is not`` and
``not in`` say the opposite of ``is`` and ``in`` and so hold for what is missing, as ``not`` does.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

Value = str | bool | int | Decimal | dt.date


class Op(enum.StrEnum):
    """What a test asks of a field; the value is how text and YAML write it."""

    IS = "="
    IS_NOT = "!="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    BETWEEN = "between"  # both ends included
    IN = "in"
    NOT_IN = "not in"
    CONTAINS = "contains"  # of a text: anywhere in it, whatever the case
    BEGINS = "begins with"
    EMPTY = "is empty"
    FILLED = "is not empty"
    IN_LAST = "in last"  # of a date: today or one of the n days before it
    IN_NEXT = "in next"  # today or one of the n days after it
    BEFORE_LAST = "before last"  # more than n days ago
    AFTER_NEXT = "after next"  # more than n days ahead


# How many values each takes; -1: one or more.
VALUES = {Op.BETWEEN: 2, Op.IN: -1, Op.NOT_IN: -1, Op.EMPTY: 0, Op.FILLED: 0}
OF_DAYS = frozenset({Op.IN_LAST, Op.IN_NEXT, Op.BEFORE_LAST, Op.AFTER_NEXT})

MOST_TESTS = 200
MOST_VALUES = 1_000
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Test:
    """One question about one field."""

    field: str
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds where every part holds; without parts always."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds where at least one part holds; without parts never."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part does not."""

    part: Condition


Condition = Test | AllOf | AnyOf | Not


def tests(condition: Condition) -> Iterator[Test]:
    """Every test of a tree, from left to right."""
    match condition:
        case Test():
            yield condition
        case Not(part):
            yield from tests(part)
        case AllOf(parts) | AnyOf(parts):
            for one in parts:
                yield from tests(one)


def fields_of(condition: Condition) -> frozenset[str]:
    """The fields that a condition reads."""
    return frozenset(test.field for test in tests(condition))


def depth(condition: Condition) -> int:
    """How many levels stand above the deepest test, itself included."""
    match condition:
        case Test():
            return 1
        case Not(part):
            return 1 + depth(part)
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(depth, parts), default=0)


def flat(condition: Condition) -> Condition:
    """The same condition without levels that say nothing: an ``and`` in an ``and``, one part alone, ``not not``."""
    match condition:
        case Not(part):
            inner = flat(part)
            return inner.part if isinstance(inner, Not) else Not(inner)
        case AllOf(parts) | AnyOf(parts):
            kind = type(condition)
            found: list[Condition] = []
            for one in map(flat, parts):
                found += one.parts if type(one) is kind else [one]
            return found[0] if len(found) == 1 else kind(tuple(found))
    return condition
