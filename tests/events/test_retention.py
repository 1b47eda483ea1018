"""Raw events leave the history when they are old enough, and nobody's figures change by it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from evergreen.base.env import Home
from evergreen.events import arrivals, retention, rollup, store, upkeep

Lake = Callable[..., list[tuple[Any, ...]]]
TODAY = dt.date(2026, 11, 20)
_ROLLED = (
    "SELECT 'usage', account_id, end_user, day, known_on, event, NULL, sum(count)::BIGINT FROM lake.usage GROUP BY ALL"
    " UNION ALL SELECT 'days', account_id, NULL, day, known_on, NULL, users, events FROM lake.account_days"
    " UNION ALL SELECT DISTINCT 'first', account_id, end_user, day, NULL, NULL, NULL, NULL FROM lake.first_uses"
    " UNION ALL SELECT 'answers', account_id, contact, day, known_on, kind, NULL, score::BIGINT FROM lake.answers"
)


def stored(home: Home, *rows: tuple[str, dt.date, str, str], account: int) -> arrivals.Appended:
    """(id, known day, end user, event name) of an account."""
    table = []
    for id_, day, person, name in rows:
        moment = dt.datetime.combine(day, dt.time(4))
        told = {"kind": "nps", "contact": "C-1", "score": 9}
        table.append({
            "source": "web", "kind": "system" if name == "survey.answered" else "track", "name": name,
            "account_id": account, "account_key": "A", "tenant": "", "end_user": person, "occurred_at": moment,
            "received_at": moment, "known_at": moment, "count": 1, "message_id": id_, "backfilled": False,
            "properties": json.dumps(told) if name == "survey.answered" else None,
        })  # fmt: skip
    events = pa.Table.from_pylist(table, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(home), store.writing(home) as con:
        now = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
        return arrivals.append(
            con, events, origin=rows[0][0], until=1, zone="Asia/Shanghai", now=now, home=home
        )


def retired(home: Home, now: dt.datetime, keep_days: int = 30) -> retention.Retired:
    with store.session(home) as con:
        return retention.retire(con, keep_days=keep_days, today=TODAY, now=now, home=home)


def rolled_up(home: Home) -> list[dt.date]:
    with store.session(home) as con:
        return rollup.roll_up(con, TODAY)


def test_old_events_go_by_whole_days_once_they_are_rolled_up_and_every_figure_stays(
    home: Home, cast: SimpleNamespace, lake: Lake, now: dt.datetime
) -> None:
    old, older, new = (TODAY - dt.timedelta(days=n) for n in (31, 40, 30))
    stored(
        home,
        ("m1", old, "u1", "Viewed"), ("m2", old, "u2", "Viewed"), ("m3", older, "u1", "Bought"),
        ("m4", new, "u1", "Viewed"), ("m5", older, "u1", "survey.answered"),
        account=cast.well.pk,
    )  # fmt: skip
    assert retired(home, now) == retention.Retired(0, 0, 0), "not before they are rolled up"
    rolled_up(home)
    figures = sorted(lake(_ROLLED), key=str)
    assert len(figures) == 10
    assert retired(home, now, keep_days=0).days == 0, "0 keeps them for ever"
    assert retired(home, now) == retention.Retired(2, 4, 0)
    assert lake("SELECT message_id FROM lake.events") == [("m4",)]
    assert retired(home, now) == retention.Retired(0, 0, 0)
    with store.session(home) as con, store.transaction(con, home):
        rollup.mark_stale(con, older)  # a matcher changed
    assert rolled_up(home) == [older, old, new]
    assert sorted(lake(_ROLLED), key=str) == figures
    again = stored(home, ("m1", old, "u1", "Viewed"), account=cast.well.pk)
    assert (again.stored, again.duplicates) == (0, 1), "what is sent again adds nothing"


def test_what_arrives_late_for_a_day_whose_events_are_gone_is_added_to_its_figures(
    home: Home, cast: SimpleNamespace, lake: Lake, now: dt.datetime
) -> None:
    old = TODAY - dt.timedelta(days=31)
    stored(home, ("m1", old, "u1", "Viewed"), ("m2", old, "u2", "Viewed"), account=cast.well.pk)
    rolled_up(home)
    assert retired(home, now).events == 2
    for id_, person in (("m3", "u1"), ("m4", "u3")):
        stored(home, (id_, old, person, "Viewed"), account=cast.well.pk)
        assert rolled_up(home) == [old]
        assert lake("SELECT count(*) FROM lake.events") == [(0,)]
    usage = "SELECT end_user, sum(count)::BIGINT FROM lake.usage GROUP BY end_user ORDER BY end_user"
    assert lake(usage) == [("u1", 2), ("u2", 1), ("u3", 1)]
    assert lake("SELECT users, events FROM lake.account_days") == [(3, 4)]


def test_the_files_of_retired_days_leave_the_disk(
    home: Home, cast: SimpleNamespace, lake: Lake, now: dt.datetime
) -> None:
    old = TODAY - dt.timedelta(days=31)
    stored(home, ("m1", old, "u1", "Viewed"), account=cast.well.pk)
    rolled_up(home)
    retired(home, now)
    with store.session(home) as con:
        upkeep.forget(con, home=home)
    assert not list((home.lake / "data" / "main" / "events").rglob("*.parquet"))


def test_rejected_events_are_kept_as_long_as_the_others(
    home: Home, db: None, lake: Lake, now: dt.datetime
) -> None:
    moments = [dt.datetime(2026, 10, 1), dt.datetime(2026, 11, 19)]
    rows = [
        {"source": "web", "kind": "segment/batch", "received_at": at, "reason": "no event", "body": "{}",
         "origin": "o", "position": n, "item": 0}
        for n, at in enumerate(moments)
    ]  # fmt: skip
    rejected = pa.Table.from_pylist(rows, schema=arrivals.REJECTED_SCHEMA)
    none = arrivals.EVENT_SCHEMA.empty_table()
    with arrivals.appending(home), store.writing(home) as con:
        arrivals.append(con, none, origin="o", until=1, zone="UTC", now=now, rejected=rejected, home=home)
    assert retired(home, now).rejected == 1
    assert lake("SELECT received_at FROM lake.rejected_events") == [(moments[1],)]
