"""Single events in another store: exactly once under repeat and kill, and every figure and page as from the lake."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from evergreen.base.env import Home
from evergreen.customers.models import Account, Contact
from evergreen.events import (
    arrivals,
    erasure,
    matching,
    merging,
    retention,
    rollup,
    store,
    upkeep,
)
from evergreen.events.models import EndUser, Source, Unmerged
from evergreen.events.unmatched.queries import waiting
from evergreen.events.warehouses.clickhouse import store as clickhouse_store
from evergreen.events.warehouses.named import event_store
from tests.engines.stories import (
    ROLLED,
    TODAY,
    append,
    empty,
    event_row,
    ids,
    in_lake,
    make_product,
    move,
    roll,
    send,
)

pytestmark = pytest.mark.django_db


@pytest.mark.postgres
def test_the_mover_stores_each_message_once_and_a_repeat_adds_nothing(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    send(clickhouse, ("m1", "u1", "A-well"), ("m2", "u2", "A-well"), ("m1", "u1", "A-well"))
    first = move(clickhouse, now)
    assert (first.received, first.stored, first.duplicates, first.conflicts) == (3, 2, 1, 0)
    send(clickhouse, ("m2", "u2", "A-well"), ("m1", "other", "A-well"), ("m3", "u3", None))
    again = move(clickhouse, now)
    assert (again.received, again.stored, again.duplicates, again.conflicts) == (3, 1, 2, 1)
    assert ids(clickhouse) == ["m1", "m2", "m3"]
    rows = event_store(clickhouse).rows(
        "SELECT account_id, count(*) FROM lake.events GROUP BY account_id ORDER BY 2"
    )
    assert sorted(rows, key=str) == sorted([(cast.well.pk, 2), (None, 1)], key=str)


_WRITES = {"command", "insert"}


class _Dying:
    """A client whose process is killed after so many calls that change something."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client, self._left = client, calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._left <= 0:
                raise KeyboardInterrupt  # not even what a block does on its way out
            found = getattr(self._client, name)(*arguments)
            self._left -= name in _WRITES
            if self._left <= 0:
                raise KeyboardInterrupt
            return found

        return call


def test_whichever_write_it_dies_after_a_batch_is_there_whole_and_once(
    clickhouse: Home, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw: Any = event_store(clickhouse)
    whole = raw._client
    rows = [event_row(f"m{n}", TODAY, f"u{n}", "ledger.posted", cast.well.pk) for n in range(3)]
    died = 0
    for calls in range(1, 40):
        batch = [{**row, "message_id": f"{calls}-{row['message_id']}"} for row in rows]
        raw._client = _Dying(whole, calls)
        try:
            append(clickhouse, f"segment-{calls}", *batch)
        except KeyboardInterrupt:
            died += 1
        survived = raw._client._left > 0
        raw._client = whole
        seen = [id_ for id_ in ids(clickhouse) if id_.startswith(f"{calls}-")]
        assert len(seen) in (0, 3), "half of a batch is seen"
        again = append(clickhouse, f"again-{calls}", *batch)
        assert again.stored + again.duplicates == 3
        assert [id_ for id_ in ids(clickhouse) if id_.startswith(f"{calls}-")] == [
            f"{calls}-m{n}" for n in range(3)
        ]
        if survived:
            break
    else:
        pytest.fail("it died at every write that was tried")
    assert died == calls - 1 >= 5
    with store.session(clickhouse) as con, arrivals.appending(clickhouse):
        assert raw.tidy(con) > 0, "what was never committed is still on the disk"
        assert raw.tidy(con) == 0
    stored = whole.query("SELECT count() AS n FROM event_rows")["n"][0].as_py()
    assert stored == len(ids(clickhouse)) == 3 * calls
    left = "SELECT count() AS n FROM system.tables WHERE name LIKE 'passing%'"
    assert whole.query(left)["n"][0].as_py() > 0, "a killed writer leaves a table behind"
    monkeypatch.setattr(clickhouse_store, "_LEFT_BEHIND_SECONDS", -1)
    with store.session(clickhouse) as con, arrivals.appending(clickhouse):
        raw.tidy(con)
    assert whole.query(left)["n"][0].as_py() == 0
    assert whole.query("SELECT count() AS n FROM published")["n"][0].as_py() == 0, "all batches are settled"
    raw._client = _Dying(whole, 4)
    with pytest.raises(KeyboardInterrupt):
        append(clickhouse, "late", event_row("late", TODAY, "u1", "x", cast.well.pk))
    raw._client = whole
    assert whole.query("SELECT count() AS n FROM event_rows WHERE message_id = 'late'")["n"][0].as_py() == 1
    assert len(ids(clickhouse)) == 3 * calls
    assert append(clickhouse, "again", event_row("late", TODAY, "u1", "x", cast.well.pk)).stored == 1
    assert len(ids(clickhouse)) == 3 * calls + 1


def test_a_retry_within_one_transaction_sees_the_batches_before_it(
    clickhouse: Home, cast: SimpleNamespace
) -> None:
    one = pa.Table.from_pylist(
        [event_row("m1", TODAY, "u1", "x", cast.well.pk)], schema=arrivals.EVENT_SCHEMA
    )
    with arrivals.appending(clickhouse), store.writing(clickhouse) as con:
        told = {"zone": "Asia/Shanghai", "now": dt.datetime(2026, 11, 20, tzinfo=dt.UTC), "home": clickhouse}
        stored = [arrivals.append(con, one, origin=name, until=1, **told).stored for name in ("a", "b")]  # type: ignore[arg-type]
    assert stored == [1, 0]
    assert ids(clickhouse) == ["m1"]


def test_days_counted_there_are_the_rows_that_the_lake_counts(
    home: Home, cast: SimpleNamespace, request: pytest.FixtureRequest
) -> None:
    make_product()
    said = json.dumps({"kind": "nps", "contact": "C-1", "score": 9})
    span = json.dumps({"from": "2026-11-01", "to": "2026-11-15", "active_days": 3, "active_users": 2})
    rows = [
        event_row(f"m{n}", TODAY - dt.timedelta(days=n % 4), f"u{n % 3}", "ledger.posted", cast.well.pk)
        for n in range(30)
    ]
    rows += [
        event_row("s1", TODAY, None, "survey.answered", cast.well.pk, kind="system", properties=said),
        event_row("s2", TODAY, None, "Counted", cast.slipping.pk, kind="usage", count=70, properties=span),
        event_row("s3", TODAY, "u9", "report.opened", cast.slipping.pk, seconds=12.5),
        event_row(
            "s4", TODAY, "u9", "need.stated", cast.slipping.pk, properties='{"need": "报表", "weight": 2}'
        ),
    ]
    found = []
    for where in ("lake", "clickhouse"):
        if where == "clickhouse":
            request.getfixturevalue("clickhouse")
        append(home, where, *[{**row, "message_id": f"{where}{row['message_id']}"} for row in rows])
        assert len(roll(home)) == 4
        found.append({table: in_lake(home, f"SELECT * FROM lake.{table} ORDER BY ALL") for table in ROLLED})
        empty(home)
    assert all(found[0].values()), "a table of the roll-up has no row to compare"
    assert found[0] == found[1]


def test_old_days_leave_the_store_and_what_comes_late_is_added_once(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    old, new = TODAY - dt.timedelta(days=40), TODAY - dt.timedelta(days=3)
    pk = cast.well.pk
    append(
        clickhouse,
        "a",
        event_row("m1", old, "u1", "x", pk),
        event_row("m2", old, "u2", "x", pk),
        event_row("m3", new, "u1", "x", pk),
    )

    def retire() -> retention.Retired:
        with store.session(clickhouse) as con:
            return retention.retire(con, keep_days=30, today=TODAY, now=now, home=clickhouse)

    assert retire().events == 0, "before it is rolled up nothing goes"
    roll(clickhouse)
    assert retire().events == 2
    assert ids(clickhouse) == ["m3"]
    assert append(clickhouse, "b", event_row("m1", old, "u1", "x", pk)).duplicates == 1, (
        "a retired message came in again"
    )
    uses = "SELECT known_on, sum(count)::BIGINT FROM lake.usage GROUP BY ALL ORDER BY ALL"
    people = f"SELECT users, events FROM lake.account_days WHERE known_on = DATE '{old}'"
    assert in_lake(clickhouse, uses) == [(old, 2), (new, 1)]
    append(clickhouse, "c", event_row("m4", old, "u1", "x", pk))
    for _ in range(2):
        roll(clickhouse)
        assert in_lake(clickhouse, uses) == [(old, 3), (new, 1)]
        assert in_lake(clickhouse, people) == [(2, 3)]
    append(clickhouse, "d", event_row("m5", old, "u7", "x", pk))
    roll(clickhouse)
    assert in_lake(clickhouse, uses) == [(old, 4), (new, 1)]
    with store.session(clickhouse) as con:
        upkeep.keep(con, now=now, home=clickhouse)
    assert ids(clickhouse) == ["m3"]


def test_an_account_is_erased_from_the_store_and_nothing_of_it_comes_back(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    send(clickhouse, ("m1", "u1", "A-well"), ("m2", "u2", "A-slipping"), ("m3", "u3", None))
    move(clickhouse, now)
    done = erasure.erase_account(cast.well, by=None, now=now, home=clickhouse)
    assert done.rows["events"] == 1
    assert ids(clickhouse) == ["m2", "m3"]
    send(clickhouse, ("m1", "u1", "A-well"))
    assert move(clickhouse, now).duplicates == 1
    assert ids(clickhouse) == ["m2", "m3"]


def test_a_contact_is_erased_from_the_store_with_its_answers(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    source = Source.objects.create(name="web", created_at=now)
    contact = Contact.objects.create(account=cast.well, name="王", external_id="O'C-1", known_at=now)
    send(clickhouse, ("m1", "u1", "A-well"), ("m2", "u2", "A-well"))
    move(clickhouse, now)
    EndUser.objects.create(source=source, key="u1", contact=contact, known_at=now)
    told = [json.dumps({"contact": who, "score": 1}) for who in ("O'C-1", "other")]
    append(
        clickhouse,
        "told",
        *[
            event_row(f"s{n}", TODAY, None, "survey.answered", cast.well.pk, kind="system", properties=said)
            for n, said in enumerate(told)
        ],
    )
    assert erasure.erase_contact(contact, by=None, now=now, home=clickhouse).rows["events"] == 2
    assert ids(clickhouse) == ["m2", "s1"]


def test_waiting_events_find_their_account_there(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    send(clickhouse, ("m1", "u1", "later"), ("m2", "u2", "never"), ("m3", "u1", None))
    move(clickhouse, now)
    roll(clickhouse)
    assert {row.ref.value for row in waiting().rows} == {"later", "never", "u1"}
    cast.well.external_id = "later"
    cast.well.save()
    with store.session(clickhouse) as con:
        done = matching.match_waiting_events(con, now=now, home=clickhouse)
        assert (
            done.events == matching.match_waiting_events(con, now=now, home=clickhouse).events + done.events
        )
    assert done.events >= 1
    rows = event_store(clickhouse).rows(
        "SELECT message_id FROM lake.events WHERE account_id = ? ORDER BY 1", [cast.well.pk]
    )
    assert ("m1",) in rows and ("m2",) not in rows
    with store.session(clickhouse) as con:
        assert rollup.stale_days(con, dt.date(2040, 1, 1)), "days of matched events are rolled up again"


@pytest.mark.postgres
def test_merged_accounts_share_their_events_and_an_undo_gives_back_exactly_these(
    clickhouse: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    well, slipping = cast.well.pk, cast.slipping.pk
    append(
        clickhouse, "a", event_row("m1", TODAY, "u1", "x", well), event_row("m2", TODAY, "u2", "x", slipping)
    )
    roll(clickhouse)
    Account.everything.filter(pk=slipping).update(merged_into=well)
    mine = "SELECT message_id FROM lake.events WHERE account_id = ? ORDER BY message_id"
    with store.session(clickhouse) as con:
        assert merging.follow_mergers(con, now=now, home=clickhouse) == 1
        assert merging.follow_mergers(con, now=now, home=clickhouse) == 0
    assert event_store(clickhouse).rows(mine, [well]) == [("m1",), ("m2",)]
    Account.everything.filter(pk=slipping).update(merged_into=None)
    Unmerged.objects.create(merged_id=slipping, into_id=well, asked_at=now)
    with store.session(clickhouse) as con:
        assert merging.follow_mergers(con, now=now, home=clickhouse) == 1
    assert (event_store(clickhouse).rows(mine, [well]), event_store(clickhouse).rows(mine, [slipping])) == (
        [("m1",)],
        [("m2",)],
    )
