"""Which accounts each condition holds for: one query for all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
from numpy.typing import NDArray

from evergreen.base.conditions import Condition, Fields, fields_of
from evergreen.metrics.conditions import compiled
from evergreen.metrics.segments.standing import forget, standing

if TYPE_CHECKING:
    import duckdb


class Held:
    """Of every living account: whether each condition holds, and its ARR in the vendor's currency."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = columns

    def accounts(self, name: str) -> NDArray[np.int64]:
        """The accounts that a condition holds for."""
        return np.asarray(self._columns["account_id"][self._columns[name]], np.int64)

    def arr_cents(self, name: str) -> int:
        """Their ARR in the vendor's currency, without those whose currency has no rate."""
        return int(self._columns["book_arr_cents"][self._columns[name]].sum())

    def arr_of(self) -> dict[int, int]:
        """ARR by account."""
        pairs = zip(
            self._columns["account_id"].tolist(), self._columns["book_arr_cents"].tolist(), strict=True
        )
        return dict(pairs)


def evaluate(
    con: duckdb.DuckDBPyConnection,
    day: dt.date,
    conditions: Mapping[str, Condition],
    fields: Fields,
) -> Held:
    """Whether checked conditions hold of each account, with the figures of the snapshot of ``day``, from which days are
    counted.
    """
    asked = frozenset().union(*map(fields_of, conditions.values()))
    table: Any = standing(con, day, asked, fields)
    names = {name: f"held_{place}" for place, name in enumerate(conditions)}
    held = {names[name]: compiled(condition, table, fields, day) for name, condition in conditions.items()}
    chosen = table.select("account_id", book_arr_cents=table.book_arr_cents.coalesce(0), **held)
    found = con.execute(str(ibis.to_sql(chosen, dialect="duckdb"))).fetchnumpy()
    forget(con)
    plain = {
        "account_id": np.asarray(found["account_id"], np.int64),
        "book_arr_cents": np.asarray(found["book_arr_cents"], np.int64),
    }
    return Held({**plain, **{name: np.asarray(found[made], np.bool_) for name, made in names.items()}})
