"""What was put aside can be read again, once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import store
from evergreen.events.ingest import Ingest, segment
from evergreen.events.replaying import Key, Replayed, replay_rejected
from tests.events.asking import ask
from tests.events.dirt import DIRT, batch

Lake = Callable[..., list[tuple[Any, ...]]]


def replay(home: Home, now: dt.datetime, **options: Any) -> Replayed:
    with store.session(home) as con:
        return replay_rejected(con, now=now, home=home, **options)


def test_after_a_fix_rejected_events_are_stored_once(
    home: Home,
    ingest: Ingest,
    moved: Callable[[], Any],
    lake: Lake,
    cast: SimpleNamespace,
    now: dt.datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    purchase = {"type": "purchase", "event": "Bought", "userId": "u", "messageId": "p1"}
    group = {"context": {"groupId": "A-well"}}
    assert (
        ask(ingest, "/v1/batch", {"batch": [purchase, {**purchase, "messageId": "p2", **group}, 5]}).status
        == 200
    )
    moved()
    assert replay(home, now) == Replayed(read=3, still=3, stored=0, duplicates=0)
    monkeypatch.setattr(segment, "CALLS", (*segment.CALLS, "purchase"))
    assert replay(home, now, source="app") == Replayed(read=0, still=0, stored=0, duplicates=0)
    assert replay(home, now) == Replayed(read=3, still=1, stored=2, duplicates=0)
    assert replay(home, now) == Replayed(read=1, still=1, stored=0, duplicates=0)
    rows = lake("SELECT message_id, account_id, known_at FROM lake.events ORDER BY message_id")
    assert rows == [("p1", None, now.replace(tzinfo=None)), ("p2", cast.well.pk, now.replace(tzinfo=None))]


def test_a_corrected_body_is_stored_and_the_others_stay(
    home: Home, ingest: Ingest, moved: Callable[[], Any], lake: Lake, now: dt.datetime
) -> None:
    for kind in ("no name", "type is a number"):
        assert ask(ingest, "/v1/batch", batch(DIRT[kind][0](kind))).status == 200
    assert ask(ingest, "/v1/track", b'{"event": "cut off').status == 400
    moved()
    keys = {
        reason.split()[0]: Key(*key)
        for reason, *key in lake("SELECT reason, origin, position, item FROM lake.rejected_events")
    }
    good = json.dumps({"type": "track", "event": "Corrected", "userId": "u"})
    whole = json.dumps({"event": "Whole", "userId": "u"})
    assert replay(home, now, corrected={keys["event"]: good, keys["The"]: whole}).stored == 2
    assert sorted(lake("SELECT name FROM lake.events")) == [("Corrected",), ("Whole",)]
    assert lake("SELECT count(*) FROM lake.rejected_events") == [(1,)]


def test_every_kind_of_dirt_may_be_replayed_without_harm(
    home: Home, ingest: Ingest, moved: Callable[[], Any], lake: Lake, now: dt.datetime
) -> None:
    for number, (make, _) in enumerate(DIRT.values()):
        assert ask(ingest, "/v1/batch", batch(make(f"d{number}"))).status == 200
    done = moved()
    again = replay(home, now)
    assert again == Replayed(read=done.rejected, still=done.rejected, stored=0, duplicates=0)
    assert lake("SELECT count(*) FROM lake.rejected_events") == [(done.rejected,)]
