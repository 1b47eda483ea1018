"""The queue of what waits for an account: shown with suggestions, given away, made accounts of, ignored, undone."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base.env import Home
from evergreen.base.models import AuditEntry
from evergreen.customers import actions as customers
from evergreen.customers.models import Account, ExternalId
from evergreen.events import journal, matching, mover, store
from evergreen.events.journal import Record
from evergreen.events.models import EndUser, Ignored
from evergreen.events.unmatched.queries import Kind, Ref, ref_of
from tests.web.reading import send

AsPerson = Callable[..., Client]
KEY = Ref(Kind.ACCOUNT_KEY, "web", "shop-7").token
PERSON = Ref(Kind.END_USER, "web", "stranger").token


def arrive(home: Home, now: dt.datetime, *calls: dict[str, Any]) -> None:
    body = json.dumps({"batch": [{"messageId": f"m{n}"} | call for n, call in enumerate(calls)]}).encode()
    at = int(now.timestamp() * 1_000_000)
    journal.process_journal(home).write_now(Record("web", "segment/batch", at, body))
    mover.move(now=now, home=home)
    journal.close_all()


@pytest.fixture
def waits(home: Home, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """A shop that nobody knows, whose name is like an account's, and a stranger with a contact's mail domain."""
    customers.add_contact(cast.slipping, name="Li", email="li@chengming.cn", by=None, now=now)
    arrive(
        home,
        now,
        {
            "type": "group",
            "userId": "u1",
            "groupId": "shop-7",
            "traits": {"name": "恒岳機械（上海）有限公司"},
        },
        {"type": "track", "event": "Sold", "userId": "u1", "context": {"groupId": "shop-7"}},
        {"type": "track", "event": "Sold", "userId": "u1"},
        {"type": "identify", "userId": "stranger", "traits": {"email": "Wang@ChengMing.cn"}},
        {"type": "track", "event": "Viewed", "userId": "stranger"},
        {"type": "identify", "userId": "free", "traits": {"email": "zhao@qq.com"}},
    )
    return cast


def matched(home: Home, now: dt.datetime) -> dict[str, int | None]:
    with store.session(home) as con:
        matching.match_waiting_events(con, now=now, home=home)
    return dict(store.reading(home).execute("SELECT message_id, account_id FROM lake.events").fetchall())


def undo(client: Client) -> Any:
    entry = AuditEntry.objects.filter(kind="waiting", undone_at=None).latest("pk")
    return send(client, f"/undo/?entries={entry.pk}")


@pytest.mark.parametrize(
    ("language", "word", "why"),
    [
        ("zh-hans", "未匹配", "名称与“恒岳機械（上海）有限公司”相近"),
        ("en", "Unmatched", "its name is like “恒岳機械"),
    ],
)
def test_the_queue_shows_counts_and_accounts_with_their_reasons(
    waits: SimpleNamespace, as_person: AsPerson, language: str, word: str, why: str
) -> None:
    waits.boss.language = language
    waits.boss.save()
    page = as_person(waits.boss).get("/unmatched/").content.decode()
    assert word in page
    assert why in page
    assert page.index("shop-7") < page.index("stranger") < page.index("free")
    assert waits.well.name in page
    assert "chengming.cn" in page
    assert waits.slipping.name in page
    assert "@qq.com" not in page


def test_others_than_administrators_do_not_find_the_queue(
    waits: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(waits.owner)
    assert client.get("/unmatched/").status_code == 404
    for noun in ("assignments", "accounts", "ignored", "returns", "export"):
        assert client.post(f"/unmatched/{noun}/", {"ids": [KEY]}).status_code == 404
    assert not ExternalId.objects.exists()


@pytest.mark.postgres
def test_what_is_given_to_an_account_follows_and_comes_back_when_undone(
    waits: SimpleNamespace, as_person: AsPerson, home: Home, now: dt.datetime
) -> None:
    client = as_person(waits.boss)
    answer = send(client, "/unmatched/assignments/", ids=[KEY, PERSON], account=str(waits.well.pk))
    assert answer.status_code == 204
    page = client.get("/unmatched/").content.decode()
    assert "shop-7" not in page
    assert "stranger" not in page
    assert ExternalId.objects.get(system="web", value="shop-7").account == waits.well
    assert matched(home, now) == dict.fromkeys(["m0", "m1", "m2", "m3", "m4"], waits.well.pk) | {"m5": None}
    assert EndUser.objects.get(key="stranger").account == waits.well

    assert undo(client).status_code == 204
    assert not ExternalId.objects.exists()
    assert set(matched(home, now).values()) == {None}
    assert EndUser.objects.get(key="stranger").account is None
    page = client.get("/unmatched/").content.decode()
    assert "shop-7" in page
    assert "stranger" in page


def test_an_account_is_found_by_typing_and_a_wrong_name_changes_nothing(
    waits: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(waits.boss)
    assert waits.gone.name in client.get("/unmatched/choices/?typed=云杉").content.decode()
    send(client, "/unmatched/assignments/", ids=[KEY], typed="no such account")
    assert not ExternalId.objects.exists()
    send(client, "/unmatched/assignments/", ids=[KEY], typed=f"{waits.gone.name} · A-gone")
    assert ExternalId.objects.get().account == waits.gone


def test_an_account_is_made_of_a_key_and_its_events_follow(
    waits: SimpleNamespace, as_person: AsPerson, home: Home, now: dt.datetime
) -> None:
    client = as_person(waits.boss)
    send(client, "/unmatched/accounts/", ids=[PERSON, KEY])
    assert not Account.objects.filter(external_id="shop-7").exists(), "an end user is no account"
    send(client, "/unmatched/accounts/", ids=[KEY])
    made = Account.objects.get(external_id="shop-7")
    assert made.name == "恒岳機械（上海）有限公司"
    assert matched(home, now)["m2"] == made.pk


def test_what_is_ignored_stands_aside_until_it_is_asked_for(
    waits: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(waits.boss)
    send(client, "/unmatched/ignored/", ids=[KEY])
    assert "shop-7" not in client.get("/unmatched/").content.decode()
    assert "shop-7" in client.get("/unmatched/?state=ignored").content.decode()
    undo(client)
    assert "shop-7" in client.get("/unmatched/").content.decode()
    send(client, "/unmatched/ignored/", ids=[KEY])
    send(client, "/unmatched/returns/", ids=[KEY])
    assert not Ignored.objects.exists()


@pytest.mark.postgres
def test_filters_stand_in_the_address_and_an_empty_queue_says_so(
    waits: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(waits.boss)

    def names(query: str) -> set[str]:
        page = client.get(f"/unmatched/?{query}").content.decode()
        return {ref_of(token).value for token in re.findall(r'data-select value="([^"]+)"', page)}

    assert names("") == {"shop-7", "stranger", "free"}
    assert names("kind=end_user") == {"stranger", "free"}
    assert names("kind=account_key&source=web") == {"shop-7"}
    assert names("source=elsewhere") == set()
    assert names("q=恒岳機械") == {"shop-7"}
    assert "Nothing that waits fits" in client.get("/unmatched/?q=nothing-like-it").content.decode()


def test_an_empty_queue_tells_what_would_stand_here(
    home: Home, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    assert "No events come in yet" in as_person(cast.boss).get("/unmatched/").content.decode()


def test_the_queue_goes_into_a_file_without_formulas(
    home: Home, cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    arrive(home, now, {"type": "track", "event": "=1+1", "userId": "@x", "context": {"groupId": "=shop"}})
    text = as_person(cast.boss).post("/unmatched/export/?kind=account_key").content.decode("utf-8-sig")
    assert "'=shop" in text
    assert "'=1+1" in text


def test_a_forged_row_does_not_exist(waits: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(waits.boss)
    for token in ("", "x", "bm90IGpzb24", Ref("other", "web", "x").token):
        assert client.post("/unmatched/ignored/", {"ids": [token]}).status_code == 404


def test_the_queue_costs_as_many_queries_for_three_rows_as_for_thirty(
    home: Home, cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    client, counts = as_person(cast.boss), []
    for rows in (3, 30):
        arrive(
            home,
            now,
            *(
                {
                    "type": "group", "userId": f"u{rows}-{n}", "groupId": f"k{rows}-{n}", "messageId": f"{rows}-{n}",
                    "traits": {"name": f"Name {n}"},
                }
                for n in range(rows)
            ),
        )  # fmt: skip
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/unmatched/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
