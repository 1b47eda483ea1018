"""End users find their account by e-mail domain where the vendor wants that, in whatever order things are told."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.actions import change_setting
from evergreen.base.env import Home
from evergreen.customers import actions
from evergreen.customers.models import ExternalId
from evergreen.events import journal, matching, mover, store
from evergreen.events.journal import Record
from evergreen.events.models import EndUser

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], mover.Moved]
RECEIVED = 1_790_000_000_000_000


def send(home: Home, *calls: dict[str, Any]) -> None:
    body = json.dumps({"batch": list(calls)}).encode()
    journal.process_journal(home).write_now(Record("web", "segment/batch", RECEIVED, body))


def said(kind: str, name: str, minute: int, **fields: Any) -> dict[str, Any]:
    at = dt.datetime.fromtimestamp(RECEIVED / 1e6, dt.UTC) - dt.timedelta(minutes=60 - minute)
    return {
        "type": kind,
        "event": name,
        "messageId": name,
        "timestamp": at.isoformat(),
        "userId": "u1",
    } | fields


@pytest.fixture
def wanted(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    change_setting("account_by_email", True, by=None, now=now)
    actions.add_external_id(cast.well, "domain", "hengyue.cn", by=None, now=now)
    return cast


def settle(home: Home, now: dt.datetime) -> None:
    with store.session(home) as con:
        matching.match_waiting_events(con, now=now, home=home)
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(0, 0)


STORY = [
    said("track", "before", 1, userId=None, anonymousId="d1"),
    said("identify", "known", 2, anonymousId="d1", traits={"email": "li@mail.HengYue.cn"}),
    said("track", "after", 3),
]
MOVES = said("group", "moves", 4, groupId="A-gone")


@pytest.mark.parametrize("order", range(6))
def test_the_domain_counts_in_every_order_and_a_told_account_counts_more(
    home: Home, moved: Move, lake: Lake, wanted: SimpleNamespace, now: dt.datetime, order: int
) -> None:
    for one in list(itertools.permutations(STORY))[order]:
        send(home, one)
        moved()
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(wanted.well.pk,)]
    assert set(EndUser.objects.values_list("account", flat=True)) == {wanted.well.pk}
    send(home, MOVES)
    moved()
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(wanted.gone.pk,)]


def test_a_domain_declared_later_or_taken_away_is_followed(
    home: Home, moved: Move, lake: Lake, wanted: SimpleNamespace, now: dt.datetime
) -> None:
    send(home, said("identify", "known", 2, traits={"email": "li@late.cn"}), said("track", "after", 3))
    moved()
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(None,)]
    row = actions.add_external_id(wanted.gone, "domain", "late.cn", by=None, now=now)
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(wanted.gone.pk,)]
    matching.unsettle_keys([row.value], now=now)
    actions.remove_external_id(row, by=None, now=now)
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(None,)]
    assert EndUser.objects.get().account is None


@pytest.mark.parametrize("email", ["li@qq.com", "li@other.cn", "nothing", "li@xhengyue.cn"])
def test_free_mail_and_strangers_find_no_account(
    home: Home, moved: Move, lake: Lake, wanted: SimpleNamespace, now: dt.datetime, email: str
) -> None:
    ExternalId.objects.create(
        account=wanted.well, system="domain", value="qq.com"
    )  # as if from another version
    send(home, said("identify", "known", 2, traits={"email": email}))
    moved()
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(None,)]


def test_nobody_is_placed_by_domain_unless_the_vendor_wants_it(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    actions.add_external_id(cast.well, "domain", "hengyue.cn", by=None, now=now)
    send(home, *STORY)
    moved()
    settle(home, now)
    assert lake("SELECT DISTINCT account_id FROM lake.events") == [(None,)]
