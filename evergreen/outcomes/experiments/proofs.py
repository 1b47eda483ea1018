"""What playbooks were shown to do, written down for the foresight room: every holdout, pilot and split, at each window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from evergreen.foresight.models import Proof
from evergreen.outcomes.experiments import holdouts, pilots, sizes, splits
from evergreen.outcomes.experiments.comparing import WINDOWS, Compared
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Playbook, PlaybookVersion
from evergreen.playbooks.rules import Definition, PlaybookError, Split
from evergreen.playbooks.staged import stage

if TYPE_CHECKING:
    import duckdb

_KEYS = ("playbook", "method", "way", "outcome", "days")
_VALUES = (
    "name", "unit", "estimate", "low", "high", "always_low", "always_high", "accounts", "as_of", "is_uneven",
)  # fmt: skip


@transaction.atomic
def write(con: duckdb.DuckDBPyConnection, *, now: dt.datetime) -> int:
    """Write what every published playbook's comparisons say now over what they said; comparisons that there are no more go. Returns the
    rows."""
    rows = list(_rows(con, now))
    Proof.objects.exclude(playbook__in={row.playbook for row in rows}).delete()
    told = {tuple(getattr(row, key) for key in _KEYS) for row in rows}
    stale = [pk for pk, *key in Proof.objects.values_list("pk", *_KEYS) if tuple(key) not in told]
    Proof.objects.filter(pk__in=stale).delete()
    Proof.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=_KEYS, update_fields=_VALUES, batch_size=500
    )
    return len(rows)


def _rows(con: duckdb.DuckDBPyConnection, now: dt.datetime) -> Iterator[Proof]:
    book = Book(now)
    versions = PlaybookVersion.objects.filter(state=PlaybookVersion.State.PUBLISHED).select_related(
        "playbook"
    )
    for version in versions.order_by("playbook__key"):
        try:
            of = book.definition(version)
        except PlaybookError:
            continue  # its own page says what is wrong with it
        for days in WINDOWS:
            for method, way, found in _compared(con, version, of, days):
                yield from _told(version.playbook, method, way, found)


def _compared(
    con: duckdb.DuckDBPyConnection, version: PlaybookVersion, of: Definition, days: int
) -> Iterator[tuple[Proof.Method, str, Compared]]:
    playbook, at = version.playbook, stage(version.playbook, of)
    if at.held_out:
        yield Proof.Method.HOLDOUT, "", holdouts.compared(con, playbook, at.held_out, days, at.since)
    pilot = playbook.pilots.first()
    # Once it is over those held out may enter: what is read later is no comparison any more.
    if pilot is not None and (
        pilot.ended_at is None or pilot.ended_at - pilot.started_at > dt.timedelta(days=days)
    ):
        yield Proof.Method.PILOT, "", pilots.compared(con, pilot, days)
    for step in of.steps:
        if isinstance(step, Split) and len(splits.shares(step)) > 1:
            yield Proof.Method.SPLIT, step.key, splits.compared(con, version, step, days)


def _told(playbook: Playbook, method: Proof.Method, step: str, found: Compared) -> Iterator[Proof]:
    for one in found.readings:
        fixed, always = one["absolute"], _absolute(one)
        if fixed is None or always is None or found.as_of is None:
            continue
        yield Proof(
            playbook=playbook.key,
            name=playbook.name,
            method=method,
            way=f"{step}:{one['arm']}" if step else "",
            outcome=one["outcome"],
            unit=one["kind"],
            days=found.days,
            estimate=fixed["value"],
            low=fixed["low"],
            high=fixed["high"],
            always_low=always[0],
            always_high=always[1],
            accounts=one["control"]["n"] + one["treatment"]["n"],
            as_of=found.as_of,
            is_uneven=found.ratio is not None and found.ratio < sizes.RATIO_ALPHA,
        )


def _absolute(one: Mapping[str, Any]) -> tuple[float, float] | None:
    """The sequential interval in the outcome's unit: it is of the relative difference where there is one."""
    always = one["sequential"]
    if always is None:
        return None
    scale = one["control"]["mean"] if one["relative"] else 1.0
    return always["low"] * scale, always["high"] * scale
