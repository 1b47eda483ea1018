"""Two years lived through: night after night with the clock moved, and people acting in between."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence

import pyarrow as pa
from django.db import transaction

from evergreen.events import arrivals, journal, store
from evergreen.flow import night
from evergreen.flow.demo.acting import Office
from evergreen.flow.demo.lake import TOLD, append
from evergreen.flow.demo.nights import nights, past_weeks
from evergreen.flow.demo.planning import leave_for_today, plan
from evergreen.flow.demo.records import Kept
from evergreen.flow.demo.vendor import Vendor

Tell = Callable[[int, int], None]
_DAY = dt.timedelta(days=1)


def tell(vendor: Vendor, kept: Kept, *, now: dt.datetime, progress: Tell | None = None) -> int:
    """Run the nights up to the last day, the staff acting in between; returns how many events that left behind."""
    extent = vendor.extent
    office = Office(vendor, kept)
    days = nights(extent)
    weeks = past_weeks(extent)
    total = len(days) + len(weeks)
    before = extent.first - _DAY
    with journal.gathering() as told:
        for done, day in enumerate(days, start=1):
            with transaction.atomic():
                office.turn_stages(before, day)
                office.sign_renewals(before, day)
                office.write_notes(before, day)
                if day == extent.last:
                    leave_for_today(office, day + _DAY)
                    plan(office, day + _DAY, each=4, is_for_today=True)
            run = [*weeks, day] if day == extent.last else [day]
            night.run_days(
                run, now=min(now, extent.moment(day + _DAY, 2)), progress=_counted(progress, done - 1, total)
            )
            if day != extent.last:
                _live(office, day, days[done])
            before = day
    return _keep(told, vendor, now)


def _counted(progress: Tell | None, done: int, total: int) -> night.Tell | None:
    """The nights of a run as a part of all of them."""
    if progress is None:
        return None
    tell = progress
    return lambda step, n, _all: tell(done + n, total) if step == "night" else None


def _live(office: Office, day: dt.date, following: dt.date) -> None:
    """The days until the following night. A long gap is one thorough clearing of the desks."""
    extent = office.vendor.extent
    at = extent.worked(day + _DAY)
    if at > following and (following - day).days < 3:
        return
    with transaction.atomic():
        gap = (following - day).days
        office.close_gone(at)
        office.work_off(at, thorough=gap > 6, is_last=extent.worked(at + _DAY) > extent.last)
        if gap <= 3 and at.weekday() in {0, 2} and (extent.last - day).days < 60:
            plan(office, at, each=2)


def _keep(told: Sequence[journal.SystemEvent], vendor: Vendor, now: dt.datetime) -> int:
    """What the rooms told of themselves meanwhile, known when it happened."""
    rows = []
    for event in told:
        at = event.get("occurred_at", now).astimezone(dt.UTC).replace(tzinfo=None)
        rows.append(
            {
                "source": journal.SOURCE, "kind": "system", "name": event["name"], "account_id": event.get("account_id"), "tenant": "",
                "occurred_at": at, "received_at": at, "known_at": at, "count": 1, "message_id": event["message_id"],
                "properties": json.dumps(event.get("properties", {}), ensure_ascii=False), "backfilled": True,
            }
        )  # fmt: skip
    with store.session() as con, arrivals.appending():
        return append(con, pa.Table.from_pylist(rows, TOLD), len(rows), now)
