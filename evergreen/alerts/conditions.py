"""Rules of a condition: whom each holds for on a day, with the values that it asked for. One query for all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.alerts.models import Rule
from evergreen.alerts.rules import Figures
from evergreen.alerts.words import VALUES
from evergreen.base import queries as base
from evergreen.base.conditions import Condition, ConditionError, Fields, checked, fields_of, from_data
from evergreen.metrics.conditions import compiled
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.standing import forget, standing

if TYPE_CHECKING:
    import duckdb

Holding = Mapping[str, Mapping[int, Figures]]


def holding(
    con: duckdb.DuckDBPyConnection, day: dt.date, rows: Sequence[Rule]
) -> tuple[Holding, dict[str, str]]:
    """Of each rule the accounts that its condition holds for on a day, with the values of the fields that it names; and of those
    whose condition cannot be read any more why.
    """
    fields = catalogue.all_fields()
    trees: dict[str, Condition] = {}
    broken: dict[str, str] = {}
    for rule in rows:
        try:
            trees[rule.key] = checked(from_data(rule.condition), fields)
        except ConditionError as error:
            broken[rule.key] = str(error)
    if not trees:
        return {}, broken
    asked = {key: sorted(fields_of(tree)) for key, tree in trees.items()}
    table: Any = standing(con, day, frozenset().union(*asked.values()), fields)
    held = {f"held_{place}": compiled(tree, table, fields, day) for place, tree in enumerate(trees.values())}
    table = table.mutate(**held)
    told = table.filter(reduce(or_, (table[name] for name in held)))
    names = sorted(frozenset().union(*asked.values()))
    chosen = told.select("account_id", *held, **{f"value_{n}": told[name] for n, name in enumerate(names)})
    found = con.execute(str(ibis.to_sql(chosen, dialect="duckdb"))).to_arrow_table().to_pydict()
    forget(con)
    place_of = {name: f"value_{n}" for n, name in enumerate(names)}
    currency = base.setting("currency")
    result: dict[str, dict[int, Figures]] = {}
    for place, (key, names_) in enumerate(asked.items()):
        result[key] = {
            account: {
                VALUES: {name: _plain(found[place_of[name]][row]) for name in names_},
                "currency": currency,
            }
            for row, account in enumerate(found["account_id"])
            if found[f"held_{place}"][row]
        }
    return result, broken


def values(
    con: duckdb.DuckDBPyConnection, day: dt.date, asked: Collection[str], fields: Fields
) -> dict[int, dict[str, Any]]:
    """The values of some fields of every account on a day, by account."""
    table: Any = standing(con, day, asked, fields)
    names = sorted(asked)
    chosen = table.select("account_id", **{f"value_{n}": table[name] for n, name in enumerate(names)})
    found = con.execute(str(ibis.to_sql(chosen, dialect="duckdb"))).to_arrow_table().to_pydict()
    forget(con)
    columns = [found[f"value_{n}"] for n in range(len(names))]
    rows = zip(*columns, strict=True)
    return {
        account: dict(zip(names, row, strict=True))
        for account, row in zip(found["account_id"], rows, strict=True)
    }


def _plain(value: Any) -> Any:
    """A value as JSON keeps it."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value
