"""The night's forecast: every account whose cover goes on, by the model in service of each horizon, with its reasons."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from evergreen.foresight.history import sets
from evergreen.foresight.history.sets import Rows
from evergreen.foresight.learning.model import Model
from evergreen.foresight.learning.storing import from_bytes
from evergreen.foresight.models import ChurnModel, Risk

if TYPE_CHECKING:
    import duckdb

# Reasons cost as much as the forecast of a thousand others: they are told of those that somebody will look at.
MOST_WITH_REASONS = 2_000
REASONS = 5
_BATCH = 2_000
_USE = "use:"


def score_day(con: duckdb.DuckDBPyConnection, on: dt.date) -> int:
    """Write the risks of a day by every model in service. Returns the rows written; 0 while no model serves."""
    written = 0
    records = None
    for model in ChurnModel.objects.filter(state=ChurnModel.State.CHAMPION, body__isnull=False):
        records = records or sets.Records.read()
        learned = from_bytes(bytes(model.body or b""))
        names = [column.name for column in learned.encoder.columns]
        rows = sets.build(
            con,
            [on],
            horizon_days=model.horizon_days,
            grace_days=model.grace_days,
            of_events=[name.removeprefix(_USE) for name in names if name.startswith(_USE)],
            records=records,
        )
        written += _write(model, learned, sets.like(rows, names), on)
    return written


@transaction.atomic
def _write(model: ChurnModel, learned: Model, rows: Rows, on: dt.date) -> int:
    """The risks of one horizon in the place of those before; whose cover is over has none any more."""
    said = learned.probabilities(rows.read) if len(rows.account) else np.zeros(0)
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
