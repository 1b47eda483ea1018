"""Stored events follow what comes to be known of their people and keys, and their days are rolled up again."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.customers.models import ExternalId
from evergreen.events import journal, matching, mover, store
from evergreen.events.journal import Record
from evergreen.events.models import EndUser, UnsettledKey

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], mover.Moved]
RECEIVED = 1_790_000_000_000_000  # 2026-09-21


def said(kind: str, name: str, minute: int, **fields: Any) -> dict[str, Any]:
    """One Segment call at a minute of the day before it is received."""
    at = (
        dt.datetime.fromtimestamp(RECEIVED / 1e6, dt.UTC)
        - dt.timedelta(days=1)
        + dt.timedelta(minutes=minute)
    )
    own = {"type": kind, "event": name, "messageId": name, "timestamp": at.isoformat()}
    return own | ({"userId": "u1"} if "anonymousId" not in fields or kind == "identify" else {}) | fields


def send(home: Home, *calls: dict[str, Any]) -> None:
    body = json.dumps({"batch": list(calls)}).encode()
    journal.process_journal(home).write_now(Record("web", "segment/batch", RECEIVED, body))


def accounts(lake: Lake) -> dict[str, int | None]:
    return dict(lake("SELECT message_id, account_id FROM lake.events"))


STORY = [
    said("track", "visit", 1, anonymousId="d1"),
    said("identify", "joins", 2, userId="u1", anonymousId="d1"),
    said("group", "first", 3, groupId="A-well"),
    said("track", "work", 4),
    said("group", "moves", 5, groupId="A-slipping"),
    said("track", "more work", 6),
    said("track", "own key", 7, context={"groupId": "A-gone"}),
    said("track", "device again", 8, anonymousId="d1"),
]


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.postgres), 1, 2, 3, 4])
def test_the_lake_is_the_same_in_every_order(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime, seed: int
) -> None:
    orders = list(itertools.permutations(STORY))
    order = orders[(seed * 7_919) % len(orders)]
    with store.session(home) as con:
        for place, one in enumerate(order):
            send(home, one)
            moved()
            if place % 3 == seed % 3:
                matching.match_waiting_events(con, now=now, home=home)
        matching.match_waiting_events(con, now=now, home=home)
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(0, 0)
    well, slipping, gone = cast.well.pk, cast.slipping.pk, cast.gone.pk
    found = accounts(lake)
    assert {name: found[name] for name in ("visit", "work", "more work", "own key", "device again")} == {
        "visit": well,
        "work": well,
        "more work": slipping,
        "own key": gone,
        "device again": slipping,
    }
    assert not EndUser.objects.filter(unsettled_us__isnull=False).exists()


@pytest.mark.postgres
def test_an_event_keeps_the_account_its_end_user_was_of_when_it_happened(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    send(home, *STORY[1:4])
    moved()
    send(home, *STORY[4:6])
    moved()
    before = accounts(lake)
    with store.session(home) as con:
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(0, 0)
    assert before["work"] == cast.well.pk
    assert before["more work"] == cast.slipping.pk


@pytest.mark.postgres
def test_a_key_that_names_nothing_any_more_gives_its_events_back(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    named = ExternalId.objects.create(account=cast.well, system="web", value="shop-1")
    send(home, said("track", "sale", 1, context={"groupId": "shop-1"}))
    moved()
    assert accounts(lake) == {"sale": cast.well.pk}
    names = matching.names_changed()
    named.delete()
    matching.unsettle_keys(["shop-1"], now=now)
    assert matching.names_changed() != names
    with store.session(home) as con:
        assert matching.match_waiting_events(con, now=now, home=home).events == 1
        assert accounts(lake) == {"sale": None}
        ExternalId.objects.create(account=cast.gone, system="web", value="shop-1")
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(events=1, days=1)
    assert accounts(lake) == {"sale": cast.gone.pk}
    assert not UnsettledKey.objects.exists()


@pytest.mark.postgres
def test_end_users_are_pointed_at_an_account_that_comes_later(
    home: Home, moved: Move, cast: SimpleNamespace, now: dt.datetime
) -> None:
    send(home, said("group", "first", 3, groupId="late"), said("track", "work", 4))
    moved()
    assert EndUser.objects.get().account is None
    ExternalId.objects.create(account=cast.well, system="crm", value="late")
    with store.session(home) as con:
        assert matching.match_waiting_events(con, now=now, home=home).events == 2
    assert EndUser.objects.get().account == cast.well
