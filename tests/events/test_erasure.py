"""What the history holds of an account or a contact goes, wherever it stands; of everybody else nothing does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from evergreen.base.env import Home
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Contact, ContactId
from evergreen.events import erasure, journal, rollup, store, upkeep
from evergreen.events.connections import held, sampling
from evergreen.events.journal import Record
from evergreen.events.models import EndUser, Source

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], Any]
_CLOCK = iter(range(1_790_000_000_000_000, 1 << 62, 1_000_000))


def sent(home: Home, *events: tuple[str, str, str | None], bad: str = "") -> None:
    """(id, end user, account key) of track calls, and one call that is rejected."""
    batch: list[dict[str, Any]] = [
        {
            "type": "track",
            "event": "Viewed",
            "userId": person,
            "messageId": id_,
        }
        | ({"context": {"groupId": key}} if key else {})
        for id_, person, key in events
    ]
    batch += [{"type": "track", "userId": bad, "messageId": f"bad-{bad}"}] if bad else []
    body = json.dumps({"batch": batch}, ensure_ascii=False).encode()
    journal.process_journal(home).write_now(Record("web", "segment/batch", next(_CLOCK), body))


def on_disk(home: Home, text: str) -> list[str]:
    """Files of journal and lake that hold a text in the clear (Parquet: read back)."""
    found = [path.name for path in home.journal.glob("*.journal") if text.encode() in path.read_bytes()]
    con = store.reading(home)
    for path in (home.lake / "data").rglob("*.parquet"):
        rows = con.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        found += [path.name] if text in str(rows) else []
    return found


def test_an_account_is_taken_out_of_lake_journal_and_rejected_events_and_nothing_else_is(
    home: Home, cast: SimpleNamespace, moved: Move, lake: Lake, now: dt.datetime
) -> None:
    person = {"source": Source.objects.create(name="web", created_at=now), "known_at": now}
    EndUser.objects.create(key="u1", account=cast.well, **person)
    EndUser.objects.create(key="u2", account=cast.slipping, **person)
    sent(home, ("m1", "u1", "A-well"), ("m2", "u2", "A-slipping"), bad="u1")
    sent(home, ("m3", "u1", None), ("m4", "u9", "A-well"), bad="u2")
    moved()
    with store.session(home) as con:
        rollup.roll_up(con, dt.date(2030, 1, 1))
    sent(home, ("m5", "u1", None), ("m6", "u2", None))
    done = erasure.erase_account(cast.well, by=cast.boss, now=now, home=home)
    assert done.rows["events"] == 4 and done.rows["rejected_events"] == 1 and done.rows["usage"]
    assert done.end_users == 1 and done.journal_bytes > 0
    assert lake("SELECT message_id FROM lake.events ORDER BY 1") == [("m2",), ("m6",)]
    for table in ("usage", "first_uses", "account_days"):
        assert lake(f"SELECT DISTINCT account_id FROM lake.{table}") == [(cast.slipping.pk,)], table
    assert [body for (body,) in lake("SELECT body FROM lake.rejected_events") if '"u1"' in body] == []
    assert list(EndUser.objects.values_list("key", flat=True)) == ["u2"]
    entry = AuditEntry.objects.get(verb="events.erased")
    assert (entry.kind, entry.object_ids, entry.by) == ("account", [cast.well.pk], cast.boss)
    assert erasure.erase_account(cast.well, by=None, now=now, home=home).rows == {}
    sent(home, ("m1", "u1", "A-well"))
    assert (done := moved()).duplicates == 1 and done.stored == 0, "what was erased does not come back"


def test_erased_rows_leave_the_disk_with_the_files_that_held_them(
    home: Home, cast: SimpleNamespace, moved: Move, lake: Lake, now: dt.datetime
) -> None:
    sent(home, ("gone-1", "u1", "A-well"), ("stays-1", "u2", "A-slipping"))
    moved()
    with store.session(home) as con, store.transaction(con, home):
        # An older version of the row stays in the file that the other account's row stands in.
        con.execute("UPDATE lake.events SET tenant = 'other' WHERE message_id = 'gone-1'")
    erasure.erase_account(cast.well, by=None, now=now, home=home)
    assert on_disk(home, "gone-1"), "a reader may still hold the old files"
    with store.session(home) as con:
        upkeep.keep(con, now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=3), home=home)
    assert on_disk(home, "gone-1") == []
    sent(home, ("gone-2", "u1", "A-well"))
    erasure.erase_account(cast.well, by=None, now=now, at_once=True, home=home)
    assert on_disk(home, "gone-2") == []
    assert on_disk(home, "stays-1") and lake("SELECT message_id FROM lake.events") == [("stays-1",)]


def test_a_contact_takes_the_events_of_its_end_users_and_its_answers_along(
    home: Home, cast: SimpleNamespace, moved: Move, lake: Lake, now: dt.datetime
) -> None:
    contact = Contact.objects.create(account=cast.well, external_id="C-1", name="王芳", known_at=now)
    source = Source.objects.create(name="web", created_at=now)
    known = {"source": source, "account": cast.well, "account_key": "A-well", "known_at": now}
    EndUser.objects.create(key="wang", contact=contact, **known)
    EndUser.objects.create(key="anon-7", root="wang", same_as="wang", **known)
    EndUser.objects.create(key="li", **known)
    sent(home, ("m1", "wang", None), ("m2", "anon-7", None), ("m3", "li", None))
    told = {"kind": "nps", "contact": "C-1", "score": 9}
    journal.write_system_events(
        [{"name": "survey.answered", "message_id": "s1", "account_id": cast.well.pk, "properties": told}],
        home=home,
    )
    moved()
    with store.session(home) as con:
        rollup.roll_up(con, dt.date(2030, 1, 1))
    assert lake("SELECT count(*) FROM lake.answers") == [(1,)]
    done = erasure.erase_contact(contact, by=None, now=now, home=home)
    assert done.rows["events"] == 3 and done.end_users == 2
    assert lake("SELECT message_id FROM lake.events") == [("m3",)]
    assert lake("SELECT DISTINCT end_user FROM lake.usage") == [("li",)]
    assert lake("SELECT count(*) FROM lake.answers") == [(0,)]


def test_rows_of_connections_that_wait_or_serve_as_samples_go_too(
    home: Home, cast: SimpleNamespace, now: dt.datetime
) -> None:
    contact = Contact.objects.create(
        account=cast.well, external_id="C-1", name="王芳", email="Wang@well.example", known_at=now
    )
    ContactId.objects.create(contact=contact, system="crm", value="77")
    gone: list[dict[str, object]] = [
        {"id": "x", "email": "wang@WELL.example"},
        {"contact_id": 77, "seats": 1},
    ]
    stay: list[dict[str, object]] = [{"id": "y", "email": "li@well.example", "seats": 77}]
    for stream in ("客户", "订单"):
        held.keep(1, stream, [*gone, *stay])
    sample = sampling.path_of(1, "客户")
    sample.parent.mkdir(parents=True)
    sample.write_text("".join(json.dumps(row) + "\n" for row in (*stay, *gone)))
    done = erasure.erase_contact(contact, by=None, now=now, home=home)
    assert done.rows == {"rows of connections": 6}
    assert held.waiting(1, "客户") == held.waiting(1, "订单") == stay
    assert json.loads(sample.read_text()) == stay[0]


def test_a_roll_up_that_counted_before_an_erasure_counts_again(
    home: Home, cast: SimpleNamespace, moved: Move, lake: Lake, now: dt.datetime, monkeypatch: Any
) -> None:
    sent(home, ("m1", "u1", "A-well"), ("m2", "u2", "A-slipping"))
    moved()
    real = rollup._count
    counted: list[int] = []

    def count(*arguments: Any) -> None:
        real(*arguments)
        if not counted:
            counted.append(1)
            erasure.erase_account(cast.well, by=None, now=now, home=home)

    monkeypatch.setattr(rollup, "_count", count)
    with store.session(home) as con:
        rollup.roll_up(con, dt.date(2030, 1, 1))
    assert lake("SELECT account_id FROM lake.usage") == [(cast.slipping.pk,)]
