"""From the journal into the lake: exactly once, whoever is killed, and to the right account."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.customers.models import Contact, ExternalId, Tenant
from evergreen.events import journal, matching, mover, store
from evergreen.events.journal import Journal, Record
from evergreen.events.models import EndUser, Source
from tests.launch.installation import Installation, made

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], mover.Moved]
_CLOCK = iter(range(1_790_000_000_000_000, 1 << 62, 1_000_000))


def batch(*events: dict[str, Any], source: str = "web", received: int | None = None) -> Record:
    body = json.dumps({"batch": list(events)}).encode()
    return Record(source, "segment/batch", received or next(_CLOCK), body)


def event(name: str = "Viewed", person: str = "u1", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": person, "messageId": uuid.uuid4().hex} | fields


def group(person: str, account: str, **traits: Any) -> dict[str, Any]:
    return {
        "type": "group",
        "userId": person,
        "groupId": account,
        "traits": traits,
        "messageId": uuid.uuid4().hex,
    }


def write(home: Home, *records: Record) -> None:
    journal.process_journal(home).write_now(*records)


def test_what_is_stored_rejected_and_repeated_adds_up_to_what_was_sent(
    home: Home, moved: Move, lake: Lake
) -> None:
    first = event()
    write(home, batch(first, event(), {"type": "track"}), batch(first, {**first, "event": "Other"}, 17))  # type: ignore[arg-type]  # 17 is no event
    done = moved()
    assert (done.received, done.stored, done.duplicates, done.conflicts, done.rejected) == (6, 2, 2, 1, 2)
    assert done.received == done.stored + done.duplicates + done.rejected
    assert lake("SELECT sum(stored), sum(duplicates), sum(conflicts), sum(rejected) FROM lake.batches") == [
        (2, 2, 1, 2)
    ]
    assert moved() == mover.Moved()


def test_an_ended_segment_is_removed_and_one_in_use_is_not(home: Home, moved: Move) -> None:
    ended = Journal(home)
    ended.write_now(batch(event()))
    ended.close()
    write(home, batch(event()))
    assert len(journal.segments(home)) == 2
    assert moved().stored == 2
    (open_segment,) = journal.segments(home)
    assert not journal.has_ended(open_segment)
    write(home, batch(event()))
    assert moved().stored == 1


def test_a_damaged_segment_gives_up_its_good_records_and_is_kept_aside(
    home: Home, moved: Move, lake: Lake
) -> None:
    made_journal = Journal(home)
    for name in ("one", "two", "three"):
        made_journal.write_now(batch(event(name)))
    made_journal.close()
    (path,) = journal.segments(home)
    second = journal.read(path, 0).entries[1]
    data = bytearray(path.read_bytes())
    data[second.start + 40] ^= 1
    path.write_bytes(data)
    assert moved().stored == 2
    assert lake("SELECT name FROM lake.events ORDER BY name") == [("one",), ("three",)]
    assert journal.segments(home) == []
    assert [kept.name for kept in journal.damaged(home)] == [f"{path.name}.damaged"]


def test_only_one_process_moves_a_journal(home: Home, db: None, now: dt.datetime) -> None:
    write(home, batch(event()))
    with mover.moving(home):
        with pytest.raises(mover.MoverBusyError, match="Nothing is lost"), mover.moving(home):
            pass
        with pytest.raises(mover.MoverBusyError, match="not stored within"):
            mover.move(now=now, home=home, patience=0.2)
    left_behind = home.journal / "00000000000000000001-1-1.journal.new"
    left_behind.touch()
    os.utime(left_behind, (0, 0))
    assert mover.move(now=now, home=home) == 1
    assert not left_behind.exists()
    journal.close_all()


def test_a_busy_lake_is_tried_again(
    home: Home, moved: Move, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    from evergreen.events import arrivals

    real, calls = arrivals.append, []

    def busy(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise duckdb.TransactionException("Transaction conflict - another writer was faster")
        return real(*args, **kwargs)

    monkeypatch.setattr(arrivals, "append", busy)
    write(home, batch(event()))
    assert moved().stored == 1
    assert lake("SELECT count(*) FROM lake.events") == [(1,)]


STEPS = ["remember", "append", "committed", "unlink"]
_MOVE_AND_DIE = """
import os, signal, sys
from evergreen.base import clock
from evergreen.launch.terminal import start_django
start_django()
from evergreen.events import arrivals, identity, mover
from evergreen.events.mover import transfer
step = sys.argv[1]
def dies(real):
    def die(*args, **kwargs):
        result = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return die
if step == "remember":
    identity.remember = dies(identity.remember)
if step == "append":
    arrivals.append = dies(arrivals.append)
if step == "committed":
    transfer.Mover._append = dies(transfer.Mover._append)
if step == "unlink":
    transfer.Mover._remove = dies(transfer.Mover._remove)
print(mover.move(now=clock.utc_now()))
"""


@pytest.mark.server
def test_a_mover_killed_at_any_step_stores_everything_exactly_once(tmp_path: Path) -> None:
    installation = made(tmp_path / "home")
    home = Home(installation.home)
    sent = 0

    def move(step: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _MOVE_AND_DIE, step],
            env=installation.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for step in STEPS:
        with_group = Journal(home)
        with_group.write_now(batch(group("u1", f"A-{step}"), *(event(step) for _ in range(50))))
        with_group.close()
        sent += 50
        died = move(step)
        assert died.returncode == -9, died.stderr
    last = move("none")
    assert last.returncode == 0, last.stderr
    assert installation.counts() == dict.fromkeys(STEPS, 50) | {"group": len(STEPS)}
    assert journal.segments(home) == []
    assert _distinct_ids(installation) == sent + len(STEPS)


def _distinct_ids(installation: Installation) -> int:
    with store.session(Home(installation.home)) as con:
        return int(store.scalar(con, "SELECT count(DISTINCT message_id) FROM lake.events"))


def places(lake: Lake) -> dict[str, list[Any]]:
    return {
        name: rest for name, *rest in lake("SELECT name, account_id, tenant, account_key FROM lake.events")
    }


def test_an_event_finds_its_account_by_group_property_external_id_tenant_or_person(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace
) -> None:
    ExternalId.objects.create(account=cast.slipping, system="crm", value="CRM-7")
    ExternalId.objects.create(account=cast.well, system="web", value="shared")
    ExternalId.objects.create(account=cast.gone, system="billing", value="shared")
    ExternalId.objects.create(account=cast.well, system="desk", value="torn")
    ExternalId.objects.create(account=cast.gone, system="billing", value="torn")
    Tenant.objects.create(account=cast.gone, external_id="T-1")
    write(
        home,
        batch(
            event("by context", context={"groupId": "A-well"}),
            event("by property", properties={"account_id": "A-well"}),
            event("by variant", properties={"companyId": "A-well"}),
            event("by traits", context={"traits": {"company": {"id": "A-well"}}}),
            event("group beats property", context={"groupId": "A-well"}, properties={"account_id": "A-gone"}),
            event("by external id", context={"groupId": "CRM-7"}),
            event("by the source's own", context={"groupId": "shared"}),
            event("by two accounts", context={"groupId": "torn"}),
            event("by tenant", context={"groupId": "T-1"}),
            event("unknown", context={"groupId": "nobody"}),
            event("nothing said", "stranger"),
            group("member", "A-slipping"),
            event("by person", "member"),
        ),
    )
    moved()
    well, slipping, gone = cast.well.pk, cast.slipping.pk, cast.gone.pk
    assert places(lake) == {
        "by context": [well, "", "A-well"],
        "by property": [well, "", "A-well"],
        "by variant": [well, "", "A-well"],
        "by traits": [well, "", "A-well"],
        "group beats property": [well, "", "A-well"],
        "by external id": [slipping, "", "CRM-7"],
        "by the source's own": [well, "", "shared"],
        "by two accounts": [None, "", "torn"],
        "by tenant": [gone, "T-1", "T-1"],
        "unknown": [None, "", "nobody"],
        "nothing said": [None, "", None],
        "group": [slipping, "", "A-slipping"],
        "by person": [slipping, "", None],
    }


def test_the_vendor_may_name_the_property_that_holds_the_account(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    from evergreen.base.actions import change_setting

    change_setting("account_property", "shop", by=None, now=now)
    write(home, batch(event("sale", properties={"shop": "A-well", "account_id": "A-gone"})))
    moved()
    assert places(lake)["sale"][0] == cast.well.pk


def test_a_person_known_from_one_source_is_not_known_in_another(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace
) -> None:
    write(home, batch(group("u7", "A-well")), batch(event("elsewhere", "u7"), source="app"))
    moved()
    assert places(lake)["elsewhere"][0] is None


def test_what_was_told_last_of_an_end_user_stands_however_often_it_is_moved(
    home: Home, moved: Move, cast: SimpleNamespace
) -> None:
    Contact.objects.create(account=cast.slipping, name="Li", email="LI@x.cn", known_at=cast.slipping.known_at)
    identify = {"type": "identify", "userId": "u1", "traits": {"email": "li@x.cn", "plan": "pro"}}
    early, late = next(_CLOCK), next(_CLOCK)
    write(home, batch(group("u1", "A-slipping"), identify, received=late))
    moved()
    write(home, batch(group("u1", "A-well"), {**identify, "traits": {"plan": "old"}}, received=early))
    moved()
    row = EndUser.objects.get(source__name="web", key="u1")
    assert (row.account_key, row.account, row.traits["plan"]) == ("A-slipping", cast.slipping, "pro")
    assert row.contact is not None and row.contact.name == "Li"
    assert Source.objects.filter(name="web").count() == 1


@pytest.mark.parametrize(
    "nobody", [None, "", "null", "undefined", "0", 0, "Anonymous", "[object Object]", "NaN", "  "]
)
def test_ids_that_name_nobody_never_make_a_person(
    home: Home, moved: Move, lake: Lake, nobody: str | int | None
) -> None:
    told = {"type": "identify", "userId": nobody, "anonymousId": None, "traits": {"account_id": "A-well"}}
    kept = {"type": "identify", "userId": nobody, "anonymousId": "device-1"}
    write(home, batch(told, kept))
    assert moved().stored == 2
    assert {row.key for row in EndUser.objects.all()} == {"device-1"}
    assert sorted(lake("SELECT end_user FROM lake.events"), key=str) == [("device-1",), (None,)]


def test_an_alias_carries_the_account_over_to_the_new_id(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace
) -> None:
    alias = {"type": "alias", "previousId": "device", "userId": "person", "messageId": "al"}
    write(home, batch(group("device", "A-well")))
    moved()
    write(home, batch(alias, event("after", "person")))
    moved()
    assert places(lake)["after"][0] == cast.well.pk


def test_waiting_events_find_their_account_when_it_is_known_and_their_days_are_rolled_again(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    write(
        home, batch(event("early", context={"groupId": "T-9"}), event("by person", "u9"), event("lost", "u0"))
    )
    moved()
    write(home, batch({**group("u9", "A-gone"), "messageId": "g"}))
    moved()
    Tenant.objects.create(account=cast.well, external_id="T-9")
    with store.session(home) as con:
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(events=2, days=1)
        assert matching.match_waiting_events(con, now=now, home=home) == matching.Matched(events=0, days=0)
    found = places(lake)
    assert found["early"][:2] == [cast.well.pk, "T-9"]
    assert found["by person"][0] == cast.gone.pk
    assert found["lost"][0] is None
    ((known_on, rows),) = lake("SELECT known_on, rows FROM lake.arrivals WHERE origin LIKE 'match:%'")
    assert rows == 0
    assert lake("SELECT DISTINCT known_on FROM lake.events") == [(known_on,)]


def test_internal_events_arrive_as_they_were_told(
    home: Home, moved: Move, lake: Lake, cast: SimpleNamespace, now: dt.datetime
) -> None:
    told: journal.SystemEvent = {
        "name": "alert.opened",
        "message_id": "alert:7:opened",
        "account_id": cast.well.pk,
        "occurred_at": now,
        "properties": {"rule": "no_activity"},
    }
    journal.write_system_events([told], home=home)
    journal.write_system_events([told, {"name": "task.finished", "message_id": "task:1"}], home=home)
    done = moved()
    assert (done.stored, done.duplicates, done.conflicts) == (2, 1, 0)
    rows = lake(
        "SELECT source, kind, name, account_id, occurred_at FROM lake.events WHERE name = 'alert.opened'"
    )
    assert rows == [("evergreen", "system", "alert.opened", cast.well.pk, now.replace(tzinfo=None))]
    assert EndUser.objects.count() == 0


def test_after_movers_that_were_killed_the_next_begins_with_small_steps(
    home: Home, db: None, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.events.mover.transfer.STEP_EVENTS", 8)
    monkeypatch.setattr("evergreen.events.mover.transfer._LEAST_EVENTS", 2)

    def steps() -> list[int]:
        for _ in range(8):
            segment = Journal(home)
            segment.write_now(batch(event()))
            segment.close()
        with mover.moving(home), store.session(home) as con:
            moving, found = mover.Mover(con, home), []
            while (done := moving.step(now)) is not None:
                found.append(done.stored)
        return found

    assert steps() == [8]
    (home.journal / "mover.lock").write_text("4711")  # as a killed one leaves it
    assert steps() == [2, 6]
    assert steps() == [8]
