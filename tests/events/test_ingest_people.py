"""Whatever the dialect: who signed in is the one who came before, and of the account that was told of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import matching, store
from evergreen.events.ingest import Ingest
from evergreen.events.models import EndUser
from tests.events.asking import KEY, ask

Story = list[tuple[str, Any]]


def segment() -> Story:
    def call(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "event": "Used", "writeKey": KEY, **fields}

    return [
        ("/v1/track", call("track", anonymousId="d")),
        ("/v1/identify", call("identify", anonymousId="d", userId="u", traits={"email": "a@b.example"})),
        ("/v1/group", call("group", userId="u", groupId="A-well")),
        ("/v1/track", call("track", userId="u")),
    ]


def mixpanel() -> Story:
    def event(name: str, **properties: Any) -> dict[str, Any]:
        return {"event": name, "properties": {"token": KEY, **properties}}

    person = {"distinct_id": "u", "$user_id": "u", "$device_id": "d"}
    traits = {"$email": "a@b.example", "account_id": "A-well"}
    return [
        ("/track", event("Used", distinct_id="$device:d", **{"$device_id": "d"})),
        ("/track", event("Used", **person)),
        ("/engage", {"$token": KEY, "$distinct_id": "u", "$set": traits}),
    ]


def posthog() -> Story:
    def event(name: str, person: str, **properties: Any) -> dict[str, Any]:
        return {"api_key": KEY, "event": name, "distinct_id": person, "properties": properties}

    told = {"$set": {"email": "a@b.example", "account_id": "A-well"}}
    return [
        ("/e/", event("Used", "d")),
        ("/e/", event("$identify", "u", **{"$anon_distinct_id": "d", **told})),
        ("/e/", event("Used", "u")),
    ]


def posthog_alias() -> Story:
    first, _, last = posthog()
    alias = {"api_key": KEY, "event": "$create_alias", "distinct_id": "d", "properties": {"alias": "u"}}
    used: dict[str, Any] = last[1]
    used = used | {"properties": {"$set": {"email": "a@b.example"}}}
    named = {"api_key": KEY, "event": "$set", "distinct_id": "u", "$set": {"account_id": "A-well"}}
    return [first, ("/batch/", alias), ("/e/", used), ("/capture/", named)]


@pytest.fixture
def matched(home: Home, moved: Callable[[], Any], now: dt.datetime) -> Iterator[Callable[[], None]]:
    def match() -> None:
        moved()
        with store.session(home) as con:
            matching.match_waiting_events(con, now=now, home=home)

    yield match


@pytest.mark.parametrize(
    "tell", [pytest.param(segment, marks=pytest.mark.postgres), mixpanel, posthog, posthog_alias]
)
@pytest.mark.parametrize("is_backwards", [False, True])
def test_a_device_takes_the_account_of_who_signed_in_on_it(
    ingest: Ingest,
    matched: Callable[[], None],
    lake: Callable[..., list[tuple[Any, ...]]],
    cast: SimpleNamespace,
    tell: Callable[[], Story],
    is_backwards: bool,
) -> None:
    story = tell()
    for path, body in reversed(story) if is_backwards else story:
        assert ask(ingest, path, body, key=None).status == 200
        matched()
    accounts = lake("SELECT account_id, count(*) FROM lake.events WHERE name = 'Used' GROUP BY ALL")
    assert accounts == [(cast.well.pk, 2)]
    people = EndUser.objects.filter(key__in=["d", "$device:d", "u"])
    assert set(people.values_list("root", flat=True)) == {"u"}
    assert EndUser.objects.get(key="u").traits["email"] == "a@b.example"
