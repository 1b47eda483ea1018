"""A definition in a sentence, in the reader's language."""

from __future__ import annotations

import ast

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.conditions import explained
from evergreen.base.languages import in_words
from evergreen.metrics import formula, registry, source_fields
from evergreen.metrics.rules import Formula, Metric, Rows, Usage

_SIGNS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Div: "÷", ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤",
    ast.Gt: ">", ast.GtE: "≥",
}  # fmt: skip


def said(metric: Metric) -> str:
    """What a metric is, as a person would say it."""
    match metric.of:
        case Usage() as of:
            return _usage(of)
        case Rows() as of:
            return _rows(of)
        case Formula(text):
            return in_names(text)


def _usage(of: Usage) -> str:
    what = {
        "users": _("Number of end users who used the product"),
        "days": _("Number of days with any use"),
        "events": _("Number of uses"),
        "seconds": _("Reported time of use, in hours"),
        "features": _("Number of features used"),
        "user_days": _("End users of each working day, summed"),
    }[of.measure]
    parts = [what, _window(of.days, of.lag)]
    if of.per_week:
        often = ngettext(
            "on at least %(n)s working day a week", "on at least %(n)s working days a week", of.per_week
        )
        parts.append(often % {"n": of.per_week})
    if of.only:
        only = {
            "core": _("counting core features only"),
            "advanced": _("counting advanced features only"),
            "data": _("counting features that add data only"),
        }
        parts.append(only[of.only])
    return _sentence(parts, of, "usage")


def _rows(of: Rows) -> str:
    source = source_fields.sources()[of.source]
    rows = in_words(source.name)
    column = in_words(source.columns[of.column].name) if of.column in source.columns else of.column
    is_date = of.column in source.columns and source.columns[of.column].role == "date"
    what = {
        "count": _("Number of %(rows)s"),
        "sum": _("Sum of %(column)s over %(rows)s"),
        "mean": _("Mean of %(column)s over %(rows)s"),
        "median": _("Median of %(column)s over %(rows)s"),
        "min": _("Earliest %(column)s of %(rows)s") if is_date else _("Smallest %(column)s of %(rows)s"),
        "max": _("Latest %(column)s of %(rows)s") if is_date else _("Largest %(column)s of %(rows)s"),
    }[of.op]
    parts = [what % {"rows": rows, "column": column}]
    if of.days:
        text = ngettext(
            "whose %(date)s lies in the last %(n)s day, the day itself included",
            "whose %(date)s lies in the last %(n)s days, the day itself included",
            of.days,
        )
        parts.append(text % {"date": in_words(source.columns[of.on].name), "n": of.days})
    parts += [in_words(source.columns[name].name) for name in of.where]
    if of.empty is not None:
        parts.append(_("%(value)s where there is none") % {"value": of.empty})
    return _sentence(parts, of, of.source)


def _window(days: int, lag: int) -> str:
    if lag:
        text = ngettext(
            "in the %(n)s day that ends %(lag)s days before the day",
            "in the %(n)s days that end %(lag)s days before the day",
            days,
        )
        return text % {"n": days, "lag": lag}
    text = ngettext(
        "in the last %(n)s day, the day itself included",
        "in the last %(n)s days, the day itself included",
        days,
    )
    return text % {"n": days}


def _sentence(parts: list[str], of: Usage | Rows, source: str) -> str:
    if of.filter is not None:
        told = explained(of.filter, source_fields.fields(source))
        parts = [*parts, _("where %(condition)s") % {"condition": told}]
    text = parts[0]
    for part in parts[1:]:
        text = _("%(before)s, %(after)s") % {"before": text, "after": part}
    return _("%(sentence)s.") % {"sentence": text}


def in_names(text: str) -> str:
    """A formula with the metrics' names in the place of their keys; as it is where it cannot be read."""
    try:
        return _plain(formula.parse(text), is_outer=True)
    except formula.FormulaError:
        return text


def _plain(node: ast.expr, *, is_outer: bool = False) -> str:
    match node:
        case ast.Name(id=name):
            found = registry.find(name)
            return f"[{in_words(found.name)}]" if found else name
        case ast.BinOp(left=left, right=right, op=op) if type(op) in _SIGNS:
            whole = f"{_plain(left)} {_SIGNS[type(op)]} {_plain(right)}"
            return whole if is_outer else f"({whole})"
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return f"−{_plain(inner)}"
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _SIGNS:
            return f"{_plain(left)} {_SIGNS[type(sign)]} {_plain(right)}"
        case ast.BoolOp(op=op, values=values):
            word = _(" and ") if isinstance(op, ast.And) else _(" or ")
            return word.join(_plain(one) for one in values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return f"{name}({', '.join(_plain(one, is_outer=True) for one in arguments)})"
    return ast.unparse(node)
