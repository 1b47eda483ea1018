"""A declared metric's definition: plain data (as a row, a form and a file have it) to what the compiler reads, and back.

Every mistake is said at once: where, what was found, what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from django.utils.translation import gettext as _

from evergreen.base.conditions import AllOf, Condition, ConditionError, checked, from_data, written
from evergreen.metrics import formula, source_fields
from evergreen.metrics.declared import formula_types
from evergreen.metrics.rules import WINDOW_DAYS, Formula, Kind, Measure, Metric, Only, Op, Rows, Usage

KINDS: tuple[Kind, ...] = get_args(Kind)
MEASURES: tuple[str, ...] = get_args(Measure)
OPS: tuple[str, ...] = get_args(Op)
ONLY: tuple[str, ...] = get_args(Only)
FORMULA = "formula"
LONGEST_WINDOW = 3_660
_LONGEST_FORMULA = 1_000
# The keys of a definition by its shape, in the order in which they are written.
KEYS: dict[str, tuple[str, ...]] = {
    FORMULA: ("kind", "source", "formula"),
    "usage": (
        "kind", "source", "aggregation", "window_days", "lag_days", "features", "working_days_a_week", "filter",
    ),
    "rows": ("kind", "source", "aggregation", "column", "date", "window_days", "filter", "empty"),
}  # fmt: skip


class DefinitionError(ValueError):
    """A definition that cannot be used; ``problems`` has a line a mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


def read(data: Mapping[str, Any], known: Mapping[str, Metric]) -> tuple[Kind, Usage | Rows | Formula]:
    """The kind and the definition that ``data`` tells; ``known`` are the metrics that a formula may use.

    Raises DefinitionError.
    """
    reader = _Reader(data)
    kind: Any = reader.choice("kind", KINDS)
    source = reader.choice("source", (FORMULA, *source_fields.sources()))
    if not kind or not source:
        raise DefinitionError(reader.problems)
    shape = source if source in KEYS else "rows"
    reader.only_keys(KEYS[shape])
    made: Usage | Rows | Formula | None
    match shape:
        case "formula":
            made = _formula(reader, kind, known)
        case "usage":
            made = _usage(reader, kind)
        case _:
            made = _rows(reader, kind, source)
    if made is None or reader.problems:
        raise DefinitionError(reader.problems)
    return kind, made


def told(kind: str, of: Usage | Rows | Formula) -> dict[str, Any]:
    """The definition as plain data; ``read`` gives it back. What is not said is left out."""
    data: dict[str, Any]
    match of:
        case Formula():
            data = {"kind": kind, "source": FORMULA, "formula": of.text}
        case Usage():
            data = {
                "kind": kind, "source": "usage", "aggregation": of.measure, "window_days": of.days,
                "lag_days": of.lag, "features": of.only, "working_days_a_week": of.per_week,
            }  # fmt: skip
        case Rows():
            data = {
                "kind": kind, "source": of.source, "aggregation": of.op, "column": of.column, "date": of.on,
                "window_days": of.days,
            }  # fmt: skip
    if not isinstance(of, Formula) and of.filter is not None:
        data["filter"] = written(of.filter)
    kept = {key: value for key, value in data.items() if value not in ("", 0, None)}
    if isinstance(of, Rows) and of.empty is not None:
        kept["empty"] = of.empty
    return kept


def wrong(where: str, found: Any, allowed: str) -> str:
    """A mistake in one line."""
    shown = "-" if found in (None, "") else str(found)[:80]
    said = {"where": where, "found": shown, "allowed": allowed}
    return _("%(where)s: found %(found)s; allowed: %(allowed)s.") % said


class _Reader:
    """Reads values of a definition and keeps what is wrong with them."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = {key: value for key, value in data.items() if value not in (None, "")}
        self.problems: list[str] = []

    def only_keys(self, allowed: Iterable[str]) -> None:
        for key in self._data:
            if key not in allowed:
                self.problems.append(
                    wrong(key, self._data[key], _("not here, only %(keys)s") % {"keys": ", ".join(allowed)})
                )

    def text(self, key: str) -> str:
        return str(self._data.get(key, "")).strip()

    def choice(self, key: str, allowed: Iterable[str], *, default: str = "") -> str:
        found = self.text(key) or default
        if found in allowed:
            return found
        shown = [one for one in allowed if one]
        near = difflib.get_close_matches(found, shown, n=1)
        hint = " " + _("Did you mean %(near)s?") % {"near": near[0]} if near else ""
        self.problems.append(wrong(key, found, ", ".join(shown)) + hint)
        return ""

    def number(self, key: str, least: int, most: int, *, default: int) -> int:
        found = self._data.get(key, default)
        if isinstance(found, str) and found.strip().lstrip("-").isdecimal() and len(found) < 8:
            found = int(found)
        if type(found) is int and least <= found <= most:
            return found
        allowed = _("a whole number from %(least)s to %(most)s") % {"least": least, "most": most}
        self.problems.append(wrong(key, found, allowed))
        return default

    def filter(self, source: str) -> Condition | None:
        given = self._data.get("filter")
        if given is None:
            return None
        try:
            found = checked(from_data(given), source_fields.fields(source))
        except ConditionError as error:
            self.problems += [f"filter: {line}" for line in error.problems]
            return None
        return None if found == AllOf(()) else found

    def kind_is(self, kind: str, allowed: Iterable[str]) -> None:
        if kind not in allowed:
            self.problems.append(wrong("kind", kind, ", ".join(allowed)))


def _usage(reader: _Reader, kind: str) -> Usage | None:
    measure: Any = reader.choice("aggregation", MEASURES)
    only: Any = reader.choice("features", ONLY)
    lag = reader.number("lag_days", 0, WINDOW_DAYS - 1, default=0)
    days = reader.number("window_days", 1, WINDOW_DAYS - lag, default=28)
    often = reader.number("working_days_a_week", 0, 5, default=0)
    if often and measure != "users":
        allowed = _("only beside aggregation: users")
        reader.problems.append(wrong("working_days_a_week", often, allowed))
    if measure:
        reader.kind_is(kind, ("number",) if measure == "seconds" else ("count",))
    found = reader.filter("usage")
    if reader.problems:
        return None
    return Usage(measure, days, lag, only, often, found)


def _rows(reader: _Reader, kind: str, source: str) -> Rows | None:
    op: Any = reader.choice("aggregation", OPS)
    there = source_fields.sources()[source]
    column = reader.text("column")
    if op == "count":
        if column:
            reader.problems.append(wrong("column", column, _("none: count counts rows")))
        reader.kind_is(kind, ("count",))
    elif op:
        dates = {one.key for one in there.of_role("date")} if op in {"min", "max"} else set()
        numbers = {one.key for one in there.of_role("whole", "number", "money")}
        reader.choice("column", sorted(numbers | dates))
        if column in numbers | dates:
            reader.kind_is(kind, _kinds_of(there.columns[column].role, op))
    on = reader.text("date")
    most = there.keeps_days or LONGEST_WINDOW
    days = reader.number("window_days", 0, most, default=0)
    if on or days:
        reader.choice("date", sorted(one.key for one in there.of_role("date")))
        if on and not days:
            allowed = _("a whole number from %(least)s to %(most)s") % {"least": 1, "most": most}
            reader.problems.append(wrong("window_days", days, allowed))
    empty = reader.text("empty")
    if (
        empty not in {"", "0"}
        or (empty and op not in {"min", "max", "mean", "median"})
        or (empty and kind == "date")
    ):
        reader.problems.append(wrong("empty", empty, _("0, beside mean, min or max of a number")))
    found = reader.filter(source)
    if reader.problems:
        return None
    return Rows(source, op, column, on, days, (), 0 if empty else None, found)


def _kinds_of(role: str, op: str) -> tuple[str, ...]:
    if role in {"date", "money"}:
        return (role,)
    is_whole = role == "whole" and op not in {"mean", "median"}
    return ("count", "days", "number") if is_whole else ("number", "share")


def _formula(reader: _Reader, kind: str, known: Mapping[str, Metric]) -> Formula | None:
    text = " ".join(reader.text("formula").split())
    if not text or len(text) > _LONGEST_FORMULA:
        allowed = _("a formula of at most %(n)s characters") % {"n": _LONGEST_FORMULA}
        reader.problems.append(wrong("formula", text, allowed))
        return None
    kinds = {key: metric.kind for key, metric in known.items()}
    try:
        is_date = formula_types.checked(text, kinds) == "date"
    except formula.FormulaError as error:
        reader.problems.append(str(error))
        return None
    if is_date != (kind == "date"):
        allowed = "date" if is_date else ", ".join(one for one in KINDS if one != "date")
        reader.problems.append(wrong("kind", kind, allowed))
        return None
    return Formula(text)
