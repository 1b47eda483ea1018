"""The tables that metrics read for a day: mirrored records, and what the roll-up left in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from evergreen.metrics.compiling import Window

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

NPS_DAYS = 180


def lake_sources(backend: Any, window: Window) -> dict[str, ir.Table]:
    """people, account_days, nps and csat as known on the window's day; each has account_id and tenant."""
    day = window.day.on
    first = backend.table("first_uses", database="lake.main")
    people = first.filter(first.known_on <= day, first.day <= day)
    people = people.select("account_id", "tenant", "source", "end_user").distinct()
    days = backend.table("account_days", database="lake.main")
    return {
        "people": people,
        "account_days": days.filter(days.known_on <= day, days.day <= day),
        **_answers(backend, window),
    }


def _answers(backend: Any, window: Window) -> dict[str, ir.Table]:
    answers = backend.table("answers", database="lake.main")
    recent: Any = answers.filter(answers.known_on <= window.day.on, window.within(answers.day, NPS_DAYS))
    latest = recent.filter(recent.kind == "nps")
    who = latest.contact.coalesce(latest.occurred_at.cast("string"))
    order = ibis.window(group_by=[latest.account_id, who], order_by=[latest.occurred_at.desc(), latest.score])
    latest = latest.mutate(turn=ibis.row_number().over(order))
    latest = latest.filter(latest.turn == 0)
    weights = backend.table("contact_weights")
    nps: Any = latest.left_join(weights, latest.contact == weights.contact)
    weight = nps.weight.coalesce(1.0)
    mark = ibis.cases((nps.score >= 9, 1.0), (nps.score <= 6, -1.0), else_=0.0)
    return {
        "nps": nps.select("account_id", "tenant", "day", weight=weight, points=weight * mark),
        "csat": recent.filter(recent.kind == "csat").select("account_id", "tenant", "score"),
    }


def has_rows(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> bool:
    """Whether a source has any row for the vendor, which makes absent counts 0 instead of missing."""
    return con.execute(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1").fetchone() is not None
