"""``evergreen night``: roll up, snapshot, score, raise alerts, for one day or a span."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, open_installation, progress, put, say, stop


class Every(StrEnum):
    """Which days of a span have a night."""

    DAY = "day"
    WEEK = "week"


_STEPS = {Every.DAY: 1, Every.WEEK: 7}

Day = Annotated[str | None, typer.Option(help="Day as YYYY-MM-DD.", show_default="yesterday")]


def night(
    day: Day = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a span.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a span.")] = None,
    every: Annotated[
        Every, typer.Option(help="Of a span every day, or the first and each seventh after it.")
    ] = Every.DAY,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the figures of a day as known at its end. Safe to repeat."""
    open_installation(home)
    from evergreen.base import clock, queries
    from evergreen.flow import night as nights

    now = clock.utc_now()
    yesterday = queries.vendor_day(now) - dt.timedelta(days=1)
    if day and (first or last):
        raise stop("Give either --day or --from and --to, not both. Nothing was computed.", 2)
    begin = _day(first or day) or yesterday
    end = _day(last or day) or (yesterday if first else begin)
    try:
        with progress("night") as tell:
            results = nights.run_range(begin, end, now=now, step_days=_STEPS[every], progress=tell)
    except ValueError as error:
        raise stop(str(error), 2) from None
    say(
        f"{len(results)} {'night' if len(results) == 1 else 'nights'} computed, {begin} to {results[-1]['day']}."
    )
    if as_json:
        for result in results:
            put(result)


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise stop(
            f"The day is {text!r}; write it as YYYY-MM-DD, e.g. 2026-11-20. Nothing was computed.", 2
        ) from None
