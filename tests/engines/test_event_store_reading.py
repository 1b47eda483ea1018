"""Pages and the client for servers over single events that lie in another store."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base import env
from evergreen.base.env import Home
from evergreen.customers.models import Contact
from evergreen.events import (
    erasure,
    queries,
    source_traffic,
    store,
    traffic,
)
from evergreen.events.unmatched.queries import waiting
from evergreen.events.warehouses.named import event_store
from evergreen.events.warehouses.translating import quoted
from evergreen.metrics.analytics import answering, behind
from evergreen.metrics.analytics.answering import Answer
from evergreen.metrics.analytics.behind import Behind
from tests.engines.conftest import clickhouse_address, clickhouse_folder
from tests.engines.serving import served
from tests.engines.stories import (
    ROLLED,
    TODAY,
    append,
    empty,
    event_row,
    ids,
    in_lake,
    move,
    roll,
    send,
)
from tests.metrics.analytics.booked import RANGE, filled, load, made

pytestmark = pytest.mark.django_db

# Trends, stickiness, penetration and retention read the roll-up; funnels and paths the single events.
_QUESTIONS = [
    ("trend", "what=feature:pdf&by=tier"),
    ("stickiness", ""),
    ("penetration", ""),
    ("retention", "period=month"),
    ("funnel", "what=feature:ledger&what=feature:pdf&within=30d&by=role"),
    ("funnel", "what=any&what=event:report&what=any&within=7d&unit=accounts"),
    ("paths", "what=feature:ledger&levels=2&role=daily_user"),
]


def test_pages_read_the_same_from_either_store(held: Home, cast: SimpleNamespace, now: dt.datetime) -> None:
    pk = cast.well.pk
    hostile = "x'); DROP TABLE events; -- \\"
    append(
        held,
        "a",
        event_row("m1", TODAY, "u1", "ledger.posted", pk, properties='{"n": 1}', count=2),
        event_row("m2", TODAY, None, "ledger.posted", pk),
        event_row("m3", TODAY, "u1", hostile, pk, properties='{"said": "you"}'),
        event_row("m4", TODAY - dt.timedelta(days=9), "u2", "old", pk),
        event_row("m5", TODAY, "u3", "lost", None, account_key="nobody"),
    )
    end = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    used = queries.use_of_day(pk, TODAY, end)
    assert used is not None and (used.users, used.events, used.newest_at) == (
        1,
        4,
        dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC),
    )
    assert queries.use_of_day(pk, TODAY - dt.timedelta(days=1), end) is None
    newest = queries.newest_told([pk, pk + 1], hostile, TODAY - dt.timedelta(days=9), TODAY)
    assert newest == {pk: {"said": "you"}}
    told = queries.told(pk, [hostile, "nothing"], TODAY, end, 5)
    assert [(one.name, one.properties) for one in told] == [(hostile, {"said": "you"})]
    assert [(one.source, one.events) for one in traffic.by_source(TODAY)] == [("web", 4)]
    assert traffic.has_events()
    seen = source_traffic.seen("web", TODAY - dt.timedelta(days=30))
    assert [(one.name, one.events) for one in seen] == [
        ("ledger.posted", 2),
        ("lost", 1),
        ("old", 1),
        (hostile, 1),
    ]
    assert [(row.ref.value, row.events) for row in waiting().rows] == [("nobody", 1)]


def test_a_store_that_cannot_be_is_refused_with_what_is_allowed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_WAREHOUSE", "mysql://somebody:secret@host/x")
    with pytest.raises(env.SettingError, match="clickhouse://") as found:
        event_store(home)
    assert "secret" not in str(found.value)


@pytest.mark.postgres
def test_a_lake_with_events_takes_no_other_store_and_another_store_is_not_forgotten(
    home: Home, cast: SimpleNamespace, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, "a", event_row("m1", TODAY, "u1", "x", cast.well.pk))
    request.getfixturevalue("clickhouse")
    with pytest.raises(store.LakeError, match="holds events already"):
        event_store(home)
    monkeypatch.delenv("EVERGREEN_WAREHOUSE")
    assert ids(home) == ["m1"], "without it all is as before"
    empty(home)
    monkeypatch.setenv("EVERGREEN_WAREHOUSE", clickhouse_address())
    append(home, "b", event_row("m2", TODAY, "u1", "x", cast.well.pk))
    for other in ("", "clickhouse://me:secret@other.example/x"):
        monkeypatch.setenv("EVERGREEN_WAREHOUSE", other)
        with pytest.raises(store.LakeError, match="needs the same") as found:
            append(home, "c", event_row("m3", TODAY, "u1", "x", cast.well.pk))
        assert "secret" not in str(found.value)


def test_a_text_is_one_literal_whatever_stands_in_it(clickhouse: Home) -> None:
    client: Any = event_store(clickhouse)
    for text in ("x\\' OR 1=1 --", "it's", "\\", "\\\\'", "a\nb\t", '客户"`%_'):
        assert client.rows("SELECT ?, ?", [text, 1]) == [(text, 1)]
        assert client._client.query(f"SELECT {quoted(text)} AS n")["n"].to_pylist() == [text]


def test_the_client_for_servers_does_what_the_one_in_process_does(
    clickhouse: Home, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, now: dt.datetime
) -> None:
    from evergreen.events.warehouses.clickhouse import in_process

    with served(in_process(clickhouse_folder())) as (address, seen):
        monkeypatch.setenv("EVERGREEN_WAREHOUSE", address)
        send(clickhouse, ("m1", "u1", "A-well"), ("m2", "用户", "A-well"), ("m1", "u1", "A-well"))
        assert (move(clickhouse, now).stored, move(clickhouse, now).stored) == (2, 0)
        assert len(roll(clickhouse)) == 1
        assert in_lake(clickhouse, "SELECT end_user FROM lake.usage ORDER BY 1") == [("u1",), ("用户",)]
        assert erasure.erase_account(cast.well, by=None, now=now, home=clickhouse).rows["events"] == 2
        assert ids(clickhouse) == []
        told = {name for asked in seen for name in asked}
        assert {"join_use_nulls", "mutations_sync", "max_partitions_per_insert_block"} <= told


def test_a_server_that_does_not_answer_is_named_without_its_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_WAREHOUSE", "clickhouse://me:secret@127.0.0.1:9/x")
    with pytest.raises(store.LakeError, match=r"127\.0\.0\.1:9") as found:
        event_store(home)
    assert "secret" not in str(found.value)
    assert not traffic.has_events(), "a page that reads single events stays up"


def _answers(user: object) -> list[Answer]:
    return [answering.answer(made(kind, f"{RANGE}&{query}", user)) for kind, query in _QUESTIONS]


def _behind(user: object) -> list[Behind] | None:
    return behind.accounts_behind(made("funnel", f"{RANGE}&{_QUESTIONS[4][1]}", user), "step:1")


def test_every_question_of_product_analytics_has_the_answer_that_the_lake_gives(
    home: Home, cast: SimpleNamespace, request: pytest.FixtureRequest, now: dt.datetime
) -> None:
    book = filled(cast, now)
    for number, account in enumerate((book.well, book.slipping)):
        Contact.objects.create(
            account=account, name="王", end_user=f"u{number}", role="daily_user", known_at=now
        )
        Contact.objects.create(account=account, name="李", end_user="u4", role="decision_maker", known_at=now)
    expected, accounts = _answers(book.boss), _behind(book.boss)
    empty(home, *ROLLED)
    request.getfixturevalue("clickhouse")
    load(book.happened, now)
    for asked, one, other in zip(_QUESTIONS, _answers(book.boss), expected, strict=True):
        assert one == other, asked
    assert _behind(book.boss) == accounts
    assert accounts
    assert all(sum(line["steps"][-1] for line in expected[at]["lines"]) > 0 for at in (4, 5))
    assert expected[-1]["times"] > 0
