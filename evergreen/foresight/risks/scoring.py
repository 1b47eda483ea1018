"""The night's forecast: every account whose cover goes on, by the model in service of each horizon, with its reasons."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from django.db import transaction

from evergreen.base.measures import Reals
from evergreen.events import store
from evergreen.foresight.history import sets, use
from evergreen.foresight.history.sets import Rows
from evergreen.foresight.learning.model import Model
from evergreen.foresight.learning.storing import StoredModelError, from_bytes
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import watching

if TYPE_CHECKING:
    import duckdb

# Reasons cost as much as the forecast of a thousand others: they are told of those that somebody will look at.
MOST_WITH_REASONS = 2_000
REASONS = 5
_BATCH = 2_000
_log = logging.getLogger(__name__)


def score_day(con: duckdb.DuckDBPyConnection, on: dt.date) -> int:
    """Write the risks of a day by every model in service. Returns the rows written; 0 while no model serves."""
    written = 0
    records = None
    told: list[tuple[ChurnModel, Rows, Reals]] = []
    for model in ChurnModel.objects.filter(state=ChurnModel.State.CHAMPION, body__isnull=False):
        try:
            learned = from_bytes(bytes(model.body or b""))
        except StoredModelError as error:
            # The night goes on; the model's risks of before stay until one is learned that this version reads.
            _log.warning("The model of %s days tells nothing tonight: %s", model.horizon_days, error)
            continue
        records = records or sets.Records.read()
        rows = rows_for(con, learned, model, on, records)
        said = learned.probabilities(rows.read) if len(rows.account) else np.zeros(0)
        written += _write(model, learned, rows, said, on)
        told.append((model, rows, said))
    _keep(con, told, on)
    for model, rows, said in told:
        model.drift = watching.drift(model, rows, said, on)
        model.record = watching.record(con, model.horizon_days, model.grace_days, on)
        model.save(update_fields=["drift", "record"])
    return written


def rows_for(
    con: duckdb.DuckDBPyConnection, learned: Model, model: ChurnModel, on: dt.date, records: sets.Records
) -> Rows:
    """What a model reads of the accounts that may be lost after a day: just its columns, made as those it learned from."""
    names = [column.name for column in learned.encoder.columns]
    rows = sets.build(
        con,
        [on],
        horizon_days=model.horizon_days,
        grace_days=model.grace_days,
        of_events=use.named_in(names),
        records=records,
    )
    return sets.like(rows, names)


def _keep(
    con: duckdb.DuckDBPyConnection, told: Sequence[tuple[ChurnModel, Rows, Reals]], on: dt.date
) -> None:
    """Put what was told into the history, in the place of what an earlier run of the same night told."""
    with store.transaction(con):
        con.execute("DELETE FROM lake.risks WHERE day = ?", [on])
        for model, rows, said in told:
            size = len(said)
            con.register(
                "risks_now",
                pa.table(
                    {
                        "day": pa.array([on] * size, pa.date32()),
                        "account_id": pa.array(rows.account, pa.int64()),
                        "tenant": pa.array([""] * size, pa.string()),
                        "horizon_days": pa.array(np.full(size, model.horizon_days, np.int32)),
                        "model": pa.array(np.full(size, model.pk, np.int64)),
                        "probability": pa.array(said, pa.float64()),
                    }
                ),
            )
            con.execute("INSERT INTO lake.risks SELECT * FROM risks_now ORDER BY account_id")
            con.unregister("risks_now")


@transaction.atomic
def _write(model: ChurnModel, learned: Model, rows: Rows, said: Reals, on: dt.date) -> int:
    """The risks of one horizon in the place of those before; whose cover is over has none any more."""
    # Of equal ones the account that was first; the same each time.
    order = np.lexsort((rows.account, -said))
    told = order[:MOST_WITH_REASONS]
    reasons = _reasons(learned, rows.chosen(told)) if len(told) else []
    found = dict(zip(told.tolist(), reasons, strict=True))
    Risk.objects.filter(horizon_days=model.horizon_days).delete()
    for begin in range(0, len(order), _BATCH):
        Risk.objects.bulk_create(
            Risk(
                account_id=int(rows.account[place]),
                model=model,
                horizon_days=model.horizon_days,
                day=on,
                probability=float(said[place]),
                reasons=found.get(place, []),
            )
            for place in order[begin : begin + _BATCH].tolist()
        )
    return len(order)


def _reasons(learned: Model, rows: Rows) -> list[list[list[Any]]]:
    """Of each row the columns that drew it most, up or down: name, value (None: missing), pull in log-odds."""
    pulls = learned.pulls(rows.read)
    names = list(pulls)
    strength = np.column_stack([pulls[name] for name in names])
    strongest = np.argsort(-np.abs(strength), axis=1, kind="stable")[:, :REASONS]
    return [
        [
            [names[at], _plain(rows.read[names[at]][place]), round(float(strength[place, at]), 4)]
            for at in best
        ]
        for place, best in enumerate(strongest.tolist())
    ]


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else float(value)
