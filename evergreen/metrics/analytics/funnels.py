"""Funnels: who did one thing after another within a time. Ibis expressions; the words are in docs/analytics.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events.sessions import MINUTE, micros

if TYPE_CHECKING:
    import ibis.expr.types as ir


def step_rows(moments: Any, fits: Sequence[Any], *, overlap: bool) -> ir.Table:
    """The moments that fit a step: ``account_id, subject, us, day, step, turn`` (steps count from 0).

    ``fits`` are one condition a step over ``moments``, which has ``subject``. Without ``overlap`` no moment fits two. ``turn``
    is the order among rows of one instant: steps as they follow each other; a moment that fits several comes after the
    others with its last step first, so that it fills one step of a chain only.
    """
    kept = ["account_id", "subject", "day"]
    us = micros(moments.occurred_at)
    last = len(fits)
    if not overlap:
        step = ibis.cases(
            *((fit, ibis.literal(at, "int8")) for at, fit in enumerate(fits)), else_=ibis.null("int8")
        )
        rows = moments.select(*kept, us=us, step=step)
        rows = rows.filter(rows.step.notnull())
        return rows.mutate(turn=rows.step)
    several = reduce(add, [fit.cast("int8") for fit in fits]) > 1
    places = ibis.array(
        [ibis.ifelse(fit, ibis.literal(at, "int8"), ibis.null("int8")) for at, fit in enumerate(fits)]
    )
    rows = moments.select(*kept, us=us, several=several, step=places.unnest())
    rows = rows.filter(rows.step.notnull())
    return rows.mutate(turn=ibis.ifelse(rows.several, 2 * last - rows.step, rows.step)).drop("several")


def reached(rows: Any, steps: int, within_minutes: int, since: dt.date, until: dt.date) -> ir.Table:
    """One row a subject that entered: ``account_id, subject, took_0 … took_n``.

    ``took_k`` is the least time in microseconds between a first step, on a day from ``since`` to ``until``, and a later chain's step
    k within ``within_minutes``; null where the step was never reached. ``took_0`` is 0.

    For each row the latest moment at which a chain that ends here can have begun: the later it began, the more time is
    left. The chain to step k continues the latest one to step k - 1 among the rows before.
    """
    frame: dict[str, Any] = {
        "preceding": None,
        "following": 0,
    }
    most = within_minutes * MINUTE
    rows = rows.mutate(
        began_0=ibis.ifelse((rows.step == 0) & rows.day.between(since, until), rows.us, ibis.null("int64"))
    )
    for step in range(1, steps):
        frame |= {"group_by": rows.subject, "order_by": [rows.us, rows.turn]}
        # Rows of its own step do not continue this one, so the frame may end with the row itself.
        before = rows[f"began_{step - 1}"].max().over(ibis.rows_window(**frame))
        rows = rows.mutate(
            **{
                f"began_{step}": ibis.ifelse(
                    (rows.step == step) & (rows.us - before <= most), before, ibis.null("int64")
                )
            }
        )
    took = {f"took_{step}": (rows.us - rows[f"began_{step}"]).min() for step in range(steps)}
    found: Any = rows.group_by("subject").aggregate(account_id=rows.account_id.max(), **took)
    return found.filter(found.took_0.notnull())


def counted(found: Any, keys: Sequence[str], steps: int) -> ir.Table:
    """By the columns ``keys``: ``step_k`` how many reached step k, ``middle_k`` the median of their times in microseconds."""
    figures: dict[str, Any] = {}
    for step in range(steps):
        took = found[f"took_{step}"]
        figures[f"step_{step}"] = took.count()
        if step:
            figures[f"middle_{step}"] = took.median()
    return found.group_by(list(keys)).aggregate(**figures)
