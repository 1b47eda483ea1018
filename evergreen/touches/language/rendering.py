"""A tree and plain values to text. Every value passes the channel's escape once, and nothing is rendered a second time."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from evergreen.touches.language.filters import FILTERS
from evergreen.touches.language.parsing import (
    MOST_OUTPUT,
    Choice,
    Condition,
    Joined,
    Literal,
    Negated,
    Node,
    Operand,
    Output,
    Path,
    Template,
    TemplateError,
)

Value = str | int | float | Decimal | bool | dt.date | tuple[str, ...] | None
_SIGNS = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


class MissingError(LookupError):
    """Values that the text needs and that are not there; ``paths`` names them. Nothing was rendered."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


def render(
    template: Template,
    values: Mapping[str, Value],
    *,
    language: str,
    escape: Callable[[str], str] = str,
) -> str:
    """The text for some values. Raises MissingError where one without ``default`` is not there (None), so that nobody is
    ever written to as "Dear ,"; TemplateError where the text grows beyond MOST_OUTPUT characters.
    """
    missing: list[str] = []
    parts, length = [], 0
    for part in _texts(template.nodes, values, language, escape, missing):
        parts.append(part)
        length += len(part)
        if length > MOST_OUTPUT:
            raise TemplateError([_("The message grew beyond %(n)s characters.") % {"n": MOST_OUTPUT}])
    if missing:
        raise MissingError(list(dict.fromkeys(missing)))
    return "".join(parts)


def _texts(
    nodes: tuple[Node, ...],
    values: Mapping[str, Value],
    language: str,
    escape: Callable[[str], str],
    missing: list[str],
) -> Iterator[str]:
    for node in nodes:
        match node:
            case str():
                yield node
            case Output():
                yield from _written(node, values, language, escape, missing)
            case Choice(ways=ways, otherwise=otherwise):
                taken = next((inner for condition, inner in ways if _holds(condition, values)), otherwise)
                yield from _texts(taken, values, language, escape, missing)


def _written(
    node: Output, values: Mapping[str, Value], language: str, escape: Callable[[str], str], missing: list[str]
) -> Iterator[str]:
    value: Any = _value(node.operand, values)
    for call in node.calls:
        if value is not None or call.name == "default":
            argument = _value(call.argument, values) if call.argument is not None else None
            value = FILTERS[call.name].apply(value, argument, language)
    # Nothing at all may be what its author wants: default:"".
    may_be_empty = any(call.name == "default" and isinstance(call.argument, Literal) for call in node.calls)
    if (value is None or value == "") and may_be_empty:
        return
    if value is None or value == "":
        missing.append(node.operand.name if isinstance(node.operand, Path) else "")
    else:
        yield escape(_plain(value, language))


def _plain(value: Any, language: str) -> str:
    """A value that no filter made a text of, as people write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    name = "date" if isinstance(value, dt.date) else "join" if isinstance(value, tuple | list) else "number"
    return str(FILTERS[name].apply(value, None, language))


def _value(operand: Operand, values: Mapping[str, Value]) -> Value:
    return operand.value if isinstance(operand, Literal) else values.get(operand.name)


def _holds(condition: Condition, values: Mapping[str, Value]) -> bool:
    match condition:
        case Negated(inner=inner):
            return not _holds(inner, values)
        case Joined(parts=parts, is_any=is_any):
            return (any if is_any else all)(_holds(part, values) for part in parts)
    left = _value(condition.left, values)
    if condition.right is None:
        return bool(left)
    right = _value(condition.right, values)
    if condition.sign not in {"==", "!="} and (left is None or right is None):
        return False
    left, right = _alike(left, right)
    try:
        return bool(_SIGNS[condition.sign](left, right))
    except TypeError:
        # A text is neither more nor less than a number.
        return False


def _alike(left: Value, right: Value) -> tuple[Any, Any]:
    """A date is compared with a text such as "2026-05-01"; a number with a number of any kind."""
    if isinstance(left, dt.date) and isinstance(right, str):
        return left.isoformat(), right
    if isinstance(right, dt.date) and isinstance(left, str):
        return left, right.isoformat()
    if isinstance(left, float) and isinstance(right, Decimal):
        return Decimal(str(left)), right
    if isinstance(right, float) and isinstance(left, Decimal):
        return left, Decimal(str(right))
    return left, right
