"""What a formula gives, a number or a date, or why it gives nothing; said before anything is computed."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from typing import Literal

from django.utils.translation import gettext as _

from evergreen.metrics import formula
from evergreen.metrics.formula import FormulaError

Type = Literal["number", "date", "truth"]
_MOST_PARTS = 200


def checked(text: str, kinds: Mapping[str, str]) -> Type:
    """Whether a formula over metrics of these kinds gives a number or a date. Raises FormulaError, which says what is allowed."""
    tree = formula.parse(text)
    if sum(1 for _part in ast.walk(tree)) > _MOST_PARTS:
        raise FormulaError(
            _("The formula has more than %(n)s parts; split it into several metrics.") % {"n": _MOST_PARTS}
        )
    found = _Typing(text, kinds).of(tree)
    if found == "truth":
        raise FormulaError(
            _("%(text)s says yes or no; a metric is a number or a date. Use missing_if(condition, value).")
            % {"text": text}
        )
    if not formula.inputs(text):
        raise FormulaError(_("%(text)s uses no metric; write the keys of metrics.") % {"text": text})
    return found


class _Typing:
    def __init__(self, text: str, kinds: Mapping[str, str]) -> None:
        self._text, self._kinds = text, kinds

    def of(self, node: ast.expr) -> Type:
        match node:
            case ast.Constant(value=bool()):
                raise self._refused(node)
            case ast.Constant(value=int() | float()):
                return "number"
            case ast.Name(id=name) if name in formula.CONSTANTS:
                return "number"
            case ast.Name(id=name):
                return self._metric(name)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
                self._wants("number", node.left, node.right)
                return "number"
            case ast.UnaryOp(op=ast.USub()):
                self._wants("number", node.operand)
                return "number"
            case ast.Compare(ops=[_one], comparators=[right]):
                self._wants(self.of(node.left), right)
                return "truth"
            case ast.BoolOp():
                self._wants("truth", *node.values)
                return "truth"
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in formula.FUNCTIONS:
                return self._call(node, name, arguments)
        raise self._refused(node)

    def _metric(self, name: str) -> Type:
        if name in self._kinds:
            return "date" if self._kinds[name] == "date" else "number"
        near = difflib.get_close_matches(name, self._kinds, n=3, cutoff=0.6)
        said = _("There is no metric %(key)s.") % {"key": name}
        hint = _("Did you mean %(near)s?") % {"near": ", ".join(near)} if near else ""
        raise FormulaError(f"{said} {hint}".strip())

    def _call(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Type:
        wanted = {"days_since": 1, "days_until": 1, "working_days_since": 1, "missing_if": 2}.get(name, 0)
        if (wanted and len(arguments) != wanted) or (not wanted and len(arguments) < 2):
            raise FormulaError(
                _("%(part)s: found %(found)s values; allowed: %(allowed)s.")
                % {"part": ast.unparse(node), "found": len(arguments), "allowed": wanted or _("two or more")}
            )
        if name == "missing_if":
            self._wants("truth", arguments[0])
            self._wants("number", arguments[1])
            return "number"
        if wanted:
            self._wants("date", arguments[0])
            if name == "working_days_since" and not isinstance(arguments[0], ast.Name):
                raise FormulaError(
                    _("%(part)s: found a calculation; allowed: the key of one metric that is a date.")
                    % {"part": ast.unparse(node)}
                )
            return "number"
        first = self.of(arguments[0])
        self._wants(first, *arguments[1:])
        return first

    def _wants(self, wanted: Type, *nodes: ast.expr) -> None:
        names = {"number": _("a number"), "date": _("a date"), "truth": _("a comparison such as a > 3")}
        for node in nodes:
            found = self.of(node)
            if found != wanted:
                raise FormulaError(
                    _("%(part)s: found %(found)s; allowed: %(allowed)s.")
                    % {"part": ast.unparse(node), "found": names[found], "allowed": names[wanted]}
                )

    def _refused(self, node: ast.expr) -> FormulaError:
        allowed = _("metric keys, numbers, + - * /, comparisons, and, or, %(functions)s") % {
            "functions": ", ".join(formula.FUNCTIONS)
        }
        return FormulaError(
            _("%(part)s: cannot be used; allowed: %(allowed)s.")
            % {"part": ast.unparse(node), "allowed": allowed}
        )
