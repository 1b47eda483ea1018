"""Build the demo vendor once, and say how to sign in and what to look at first."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evergreen.base import clock, env
from evergreen.flow.demo import cast, mark
from evergreen.flow.demo.extent import ZONE, Extent
from evergreen.flow.demo.mark import Mark

Tell = Callable[[str, int, int], None]


def run(home: env.Home, *, tell: Tell, extent: Extent | None = None, now: dt.datetime | None = None) -> Mark:
    """Build the demo in an initialised home, unless a complete one stands there. Returns its mark.

    ``mark.make_room`` has thrown away what an earlier, killed build left. The story ends on the vendor's yesterday.
    """
    found = mark.read(home)
    if found is not None and found.is_complete:
        return found
    now = now or clock.utc_now()
    extent = extent or Extent(clock.local_day(now, ZONE) - dt.timedelta(days=1))
    began = time.monotonic()
    mark.write(home, Mark("building", extent.last.isoformat(), extent.seed, extent.accounts))
    with _durable_at_the_end(home):
        events = _build(home, extent, now, tell)
    seconds = round(time.monotonic() - began, 1)
    built = Mark("complete", extent.last.isoformat(), extent.seed, extent.accounts, events, seconds)
    mark.write(home, built)
    return built


@contextmanager
def _durable_at_the_end(home: env.Home) -> Iterator[None]:
    """Thousands of commits need not wait for the disk one by one: a build that is cut off is thrown away whole."""
    from django.db import connection

    from evergreen.events import store

    if connection.vendor != "sqlite":
        with store.synced_at_the_end(home):
            yield
        return
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=OFF")
    try:
        # Ends with a sync of the file system, which holds the records too.
        with store.synced_at_the_end(home):
            yield
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


def _build(home: env.Home, extent: Extent, now: dt.datetime, tell: Tell) -> int:
    from evergreen.events import rollup, store
    from evergreen.flow.demo import groups, kpis, lake, records, segments, story, truth, vendor

    def step(name: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(name, done, total)

    step("accounts")(0, 2)
    drawn = vendor.draw(extent)
    step("accounts")(1, 2)
    kept = records.write(drawn, now=now)
    kpis.write(drawn, kept, now=now)
    segments.write(extent, kept)
    step("accounts")(2, 2)
    events = lake.write(drawn, kept, now=now, progress=step("events"))
    with store.session() as con:
        rollup.roll_up(con, extent.last, progress=step("daily figures"))
    events += story.tell(drawn, kept, now=now, progress=step("nights"))
    groups.write(drawn, kept)
    truth.write(drawn, home)
    return events


def greeting(built: Mark, *, now: dt.datetime | None = None) -> str:
    """How to sign in and what to look at first."""
    today = clock.local_day(now or clock.utc_now(), ZONE)
    lines = [
        f"The demo vendor 砚山软件: {built.accounts} accounts, {built.events:,} events up to {built.last} "
        f"(built in {built.seconds:.0f} s).",
        f"Sign in: {cast.FACE.email}  {cast.PASSWORD}   ({cast.FACE.name}, CSM)",
        f"         {cast.MANAGER.email} (manager, sees everything) and {cast.OPERATOR.email} (operations, may "
        "configure) have the same password.",
        "Look first at: Today; 澄明财税科技 (health fell, the decision maker was not met); 远帆供应链 (renewal at risk);",
        "               青禾连锁 (90-day check); 启明教育 (ready for more); 恒岳机械 (a reference). More in docs/demo.md.",
    ]
    if (days := (today - built.last_day).days - 1) > 0:
        lines.append(
            f"Its story ended {days} {'day' if days == 1 else 'days'} before yesterday, so customers look silent since: "
            "`evergreen demo --again` builds it anew up to yesterday and forgets what was changed in it."
        )
    return "\n".join(lines)
