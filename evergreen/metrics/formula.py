"""The small language of formulas: arithmetic and a few named functions over metric keys, compiled to Ibis.

Allowed: names of metrics, ``working_days_28d`` and ``working_days_prev_28d``, numbers, + - * /, comparisons, and/or,
and the functions ``days_since``, ``days_until``, ``working_days_since``, ``least``, ``greatest``, ``missing_if``, ``first_known``.
A zero divisor and a missing input both give a missing result.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis

FUNCTIONS = (
    "days_since",
    "days_until",
    "working_days_since",
    "least",
    "greatest",
    "missing_if",
    "first_known",
)
CONSTANTS = ("working_days_28d", "working_days_prev_28d")
WORKING_PREFIX = "working_total_at_"

_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class FormulaError(ValueError):
    """A formula that cannot be read; the message says where and what is allowed."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a formula knows of its day, as Ibis scalars: the day itself and the working days of its windows.

    They come from a one-row table, so that the compiled query is the same for every day and is made once a process.
    """

    on: Any
    working_total: Any
    constants: Mapping[str, Any]


def parse(text: str) -> ast.expr:
    """The expression tree of a formula; raises FormulaError when it is no formula."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise FormulaError(
            f"{text!r} cannot be read at column {error.offset}: write arithmetic over metric keys."
        ) from None


def inputs(text: str) -> set[str]:
    """The metric keys a formula reads."""
    calls = {node.func for node in ast.walk(parse(text)) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name) and node not in calls}
    return names - set(CONSTANTS) - set(FUNCTIONS)


def working_inputs(text: str) -> set[str]:
    """The date metrics that a formula counts working days from."""
    return {
        node.args[0].id
        for node in ast.walk(parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "working_days_since"
        and node.args
        and isinstance(node.args[0], ast.Name)
    }


def compiled(text: str, columns: Mapping[str, Any], day: Day) -> Any:
    """The Ibis value of a formula over ``columns`` (metric key → column). Raises FormulaError."""
    return _Compiler(text, columns, day).value(parse(text))


class _Compiler:
    def __init__(self, text: str, columns: Mapping[str, Any], day: Day) -> None:
        self.text, self.columns, self.day = text, columns, day

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number):
                return ibis.literal(number)
            case ast.Name(id=name) if name in self.day.constants:
                return self.day.constants[name]
            case ast.Name(id=name) if name in self.columns:
                return self.columns[name]
            case ast.BinOp(op=ast.Div()):
                below = self.value(node.right)
                return self.value(node.left) / below.cast("float64").nullif(0.0)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                return _ARITHMETIC[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(node.operand)
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return _COMPARISONS[type(op)](self.value(node.left), self.value(right))
            case ast.BoolOp():
                parts = [self.value(part) for part in node.values]
                joined = parts[0]
                for part in parts[1:]:
                    joined = joined & part if isinstance(node.op, ast.And) else joined | part
                return joined
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return self._call(name, arguments)
        raise FormulaError(
            f"{ast.unparse(node)!r} in {self.text!r} is not allowed: write metric keys, numbers, + - * /, comparisons "
            f"and the functions {', '.join(FUNCTIONS)}."
        )

    def _call(self, name: str, arguments: list[ast.expr]) -> Any:
        if name == "working_days_since":
            return self.day.working_total - self.columns[WORKING_PREFIX + ast.unparse(arguments[0])]
        values = [self.value(argument) for argument in arguments]
        if name == "days_since":
            return self.day.on.delta(values[0], unit="day")
        if name == "days_until":
            return values[0].delta(self.day.on, unit="day")
        if name == "missing_if":
            return ibis.ifelse(
                values[0].coalesce(ibis.literal(False)), ibis.null("float64"), _fraction(values[1])
            )
        if name == "first_known":
            is_mixed = len({value.type() for value in values}) > 1
            return ibis.coalesce(*(map(_fraction, values) if is_mixed else values))
        present = ibis.literal(True)
        for value in values:
            present = present & value.notnull()
        values = [_fraction(value) for value in values]
        chosen = ibis.least(*values) if name == "least" else ibis.greatest(*values)
        return ibis.ifelse(present, chosen, ibis.null("float64"))


def _fraction(value: Any) -> Any:
    """A number as a fraction: ClickHouse finds no type that holds whole numbers and fractions by itself."""
    return value.cast("float64") if value.type().is_integer() else value
