"""A condition changed at one place, as a builder does it. Pure.

A place is the way to it from the top: (1, 0) is the first part of the second part; the part of a ``not`` is its 0. What
comes back is flat, so places count in the flat tree only.
"""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from evergreen.base.conditions.problems import ConditionError
from evergreen.base.conditions.tree import AllOf, AnyOf, Condition, Not, Test, flat

Place = tuple[int, ...]


def part_at(condition: Condition, place: Place) -> Condition:
    """What stands at a place. Raises ConditionError where nothing does."""
    for step in place:
        parts = _parts(condition)
        if step >= len(parts):
            raise ConditionError([_("The condition was changed meanwhile: this part is not there any more.")])
        condition = parts[step]
    return condition


def with_part(condition: Condition, place: Place, made: Condition) -> Condition:
    """``made`` instead of what stands at a place. Raises ConditionError."""
    part_at(condition, place)
    return flat(_put(condition, place, made))


def joined(condition: Condition, place: Place, kind: type[AllOf] | type[AnyOf], made: Condition) -> Condition:
    """``made`` beside what stands at a place, both of them or either. Raises ConditionError."""
    there = part_at(condition, place)
    return with_part(condition, place, made if there == AllOf(()) else kind((there, made)))


def without(condition: Condition, place: Place) -> Condition:
    """The condition without what stands at a place; without anything it holds of every account. Raises ConditionError."""
    part_at(condition, place)
    if not place:
        return AllOf(())
    *above, last = place
    around = part_at(condition, tuple(above))
    if isinstance(around, Not):
        return without(condition, tuple(above))
    assert isinstance(around, AllOf | AnyOf)
    left = tuple(one for at, one in enumerate(around.parts) if at != last)
    return with_part(condition, tuple(above), replace(around, parts=left))


def switched(condition: Condition, place: Place) -> Condition:
    """With ``or`` for ``and`` between the parts at a place, or the other way. Raises ConditionError."""
    match part_at(condition, place):
        case AllOf(parts):
            return with_part(condition, place, AnyOf(parts))
        case AnyOf(parts):
            return with_part(condition, place, AllOf(parts))
    raise ConditionError([_("This is one test: there is nothing to join by “or”.")])


def negated(condition: Condition, place: Place) -> Condition:
    """With the opposite of what stands at a place. Raises ConditionError."""
    return with_part(condition, place, Not(part_at(condition, place)))


def _parts(condition: Condition) -> tuple[Condition, ...]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return parts
        case Not(part):
            return (part,)
        case Test():
            return ()


def _put(condition: Condition, place: Place, made: Condition) -> Condition:
    if not place:
        return made
    first, rest = place[0], place[1:]
    if isinstance(condition, Not):
        return Not(_put(condition.part, rest, made))
    assert isinstance(condition, AllOf | AnyOf)
    changed = (_put(one, rest, made) if at == first else one for at, one in enumerate(condition.parts))
    return replace(condition, parts=tuple(changed))
