"""A condition as blocks that are joined, changed and taken away one by one."""

from __future__ import annotations

from dataclasses import dataclass

from evergreen.base.conditions import AllOf, AnyOf, Condition, Fields, Not, Test, test_explained
from evergreen.base.conditions.editing import Place


@dataclass(frozen=True, slots=True)
class Block:
    """A test or a group of blocks; with ``not`` in front its opposite.

    ``place`` is where it stands in the condition (``1.0``), ``inner`` where what ``not`` turns round stands.
    """

    place: str
    inner: str
    is_not: bool
    says: str
    joins: str
    parts: tuple[Block, ...]


def blocks(condition: Condition, fields: Fields) -> Block | None:
    """The blocks of a checked condition; None for the one that every account fits."""
    return None if condition == AllOf(()) else _block(condition, fields, ())


def placed(text: str) -> Place:
    """A place from its text; the whole condition for what is none."""
    steps = text.split(".") if text else []
    return tuple(map(int, steps)) if all(one.isdecimal() and one.isascii() for one in steps) else ()


def _block(condition: Condition, fields: Fields, place: Place) -> Block:
    inner, is_not = place, isinstance(condition, Not)
    if isinstance(condition, Not):
        condition, inner = condition.part, (*place, 0)
    outside, inside = (".".join(map(str, one)) for one in (place, inner))
    if isinstance(condition, AllOf | AnyOf):
        parts = tuple(_block(one, fields, (*inner, at)) for at, one in enumerate(condition.parts))
        return Block(outside, inside, is_not, "", "and" if isinstance(condition, AllOf) else "or", parts)
    assert isinstance(condition, Test)
    return Block(outside, inside, is_not, test_explained(condition, fields), "", ())
