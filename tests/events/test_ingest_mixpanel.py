"""Mixpanel's API: every path, form and answer of its clients, and what becomes of what they send."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import Ingest, mixpanel
from evergreen.events.replaying import replay_rejected
from tests.events.asking import KEY, OTHER_KEY, Answer, ask, basic

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], Any]

FORM = (b"content-type", b"application/x-www-form-urlencoded")
VERBOSE = {"status": 1, "error": None}


def event(name: Any = "Report viewed", key: Any = KEY, **properties: Any) -> dict[str, Any]:
    return {"event": name, "properties": {"token": key, "distinct_id": "u1", **properties}}


def profile(key: str = KEY, **fields: Any) -> dict[str, Any]:
    return {"$token": key, **{f"${name}": value for name, value in fields.items()}}


def form(data: Any, *, packed: Any = False, **fields: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    if packed:
        text = base64.b64encode(text.encode()).decode()
    return urlencode({"data": text, **fields}).encode()


def post(ingest: Ingest, path: str, body: Any, **more: Any) -> Answer:
    headers = [FORM] if isinstance(body, bytes) else []
    return ask(ingest, path, body, key=None, headers=[*headers, *more.pop("headers", [])], **more)


def records(place: Home) -> list[journal.Record]:
    return [entry.record for path in journal.segments(place) for entry in journal.read(path, 0).entries]


BODIES = {"/track": event(), "/engage": profile(distinct_id="u1", set={"plan": "pro"})}
BODIES |= {"/groups": profile(group_key="company", group_id="A-1", set={"plan": "pro"}), "/import": event()}


@pytest.mark.parametrize("path", sorted(BODIES))
@pytest.mark.parametrize(
    "sent", ["form", "base64 form", "raw base64 form", "page closing", "array", "slash", "GET"]
)
def test_every_path_takes_every_form_its_clients_use(
    place: Home, ingest: Ingest, path: str, sent: str
) -> None:
    body = BODIES[path]
    packed = base64.b64encode(json.dumps(body).encode())
    if sent == "GET":
        answer = ask(
            ingest, path, key=None, method="GET", query=f"ip=0&verbose=0&data={quote(packed.decode())}"
        )
    elif sent == "page closing":
        answer = ask(
            ingest,
            path,
            form(body, packed=True),
            key=None,
            headers=[(b"content-type", b"text/plain;charset=UTF-8")],
        )
    elif sent == "raw base64 form":  # the client for Node leaves + as it is
        answer = post(ingest, path, b"data=" + packed)
    elif sent == "slash":
        answer = post(ingest, f"{path}/", form(body))
    else:
        answer = post(ingest, path, form([body] if sent == "array" else body, packed=sent == "base64 form"))
    assert (answer.status, answer.body) == (200, b"1")
    (kept,) = records(place)
    assert (kept.source, kept.kind) == ("web", f"mixpanel{path}")
    assert KEY.encode() not in kept.body


def test_json_is_taken_as_well_and_may_be_packed(place: Home, ingest: Ingest) -> None:
    assert post(ingest, "/track", [event(), event()]).body == b"1"
    assert post(ingest, "/track", event(), packed=True, query="verbose=1").json == VERBOSE
    assert len(records(place)) == 2


@pytest.mark.parametrize("where", ["query", "form"])
def test_a_client_that_asks_for_words_gets_json(ingest: Ingest, where: str) -> None:
    body = form(event(), **({"verbose": 1} if where == "form" else {}))
    answer = post(ingest, "/track", body, query="verbose=1" if where == "query" else "")
    assert answer.json == VERBOSE


@pytest.mark.parametrize("path", sorted(BODIES))
def test_an_unknown_token_is_refused_in_words(place: Home, ingest: Ingest, path: str) -> None:
    text = json.dumps(BODIES[path]).replace(KEY, "never-made")
    answer = post(ingest, path, form(text, verbose=1))
    assert answer.status == 401
    assert (answer.json["status"], answer.json["error"]) == (0, "The write key is not known.")
    assert post(ingest, path, form(text.replace("never-made", ""))).status == 401
    assert records(place) == []


@pytest.mark.parametrize(
    "header",
    [basic(KEY), (b"authorization", b"Basic " + base64.b64encode(f"someone:{KEY}".encode()))],
    ids=["secret", "service account"],
)
def test_an_importer_is_known_by_its_secret_or_its_service_account(
    place: Home, ingest: Ingest, header: tuple[bytes, bytes]
) -> None:
    body = [{"event": "Old", "properties": {"time": 1_760_000_000, "distinct_id": "", "$insert_id": "i1"}}]
    answer = post(ingest, "/import", body, headers=[header], query="strict=1&project_id=7")
    assert answer.json == {"code": 200, "num_records_imported": 1, "status": "OK"}
    assert [kept.source for kept in records(place)] == ["web"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("is_lines", [True, False])
def test_an_importer_hears_which_records_failed_and_the_good_ones_are_stored(
    ingest: Ingest, moved: Move, lake: Lake, strict: bool, is_lines: bool
) -> None:
    items = [event("A"), event("", **{"$insert_id": "i7"}), event("B")]
    body: Any = items
    headers = [(b"content-type", b"application/json")]
    if is_lines:
        body = b"\n".join(json.dumps(item).encode() for item in items) + b"\n"
        headers = [(b"content-type", b"application/x-ndjson")]
    answer = ask(ingest, "/import", body, key=None, headers=headers, query=f"strict={int(strict)}")
    assert answer.json["num_records_imported"] == 2
    if strict:
        assert answer.status == answer.json["code"] == 400
        (failed,) = answer.json["failed_records"]
        assert (failed["index"], failed["insert_id"], failed["field"]) == (1, "i7", "event")
        assert "name of what happened" in failed["message"]
    else:
        assert (answer.status, answer.json["status"]) == (200, "OK")
    done = moved()
    assert (done.received, done.stored, done.rejected) == (3, 2, 1)
    assert lake("SELECT name FROM lake.events ORDER BY name") == [("A",), ("B",)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"data=", "bad_request"),
        (b"data=%7B%22event%22", "bad_request"),
        (b"data=!!!!", "bad_request"),
        (b"data=%FF", "bad_request"),
        (b"data=12", "bad_request"),
        (b"nothing=1", "bad_request"),
        (b"&".join([b"a=1"] * 60), "bad_request"),
        (b"[1,2", "bad_request"),
        (b"3", "bad_request"),
    ],
)
def test_what_cannot_be_read_is_refused_and_kept_where_its_source_is_known(
    ingest: Ingest, moved: Move, lake: Lake, body: bytes, code: str
) -> None:
    answer = post(ingest, "/track", body)
    assert (answer.status, answer.json["status"], answer.json["code"]) == (400, 0, code)
    assert "Nothing was stored" in answer.json["error"]
    assert post(ingest, "/track", body, headers=[basic(KEY)]).status == 400
    moved()
    assert lake("SELECT source, kind, item FROM lake.rejected_events") == [("web", "mixpanel/track", -1)]


def test_a_packed_body_that_is_none_is_refused(ingest: Ingest) -> None:
    answer = post(ingest, "/track", b"no gzip", headers=[(b"content-encoding", b"gzip")])
    assert (answer.status, answer.json["code"]) == (400, "bad_encoding")


def test_limits_are_mixpanels_own(ingest: Ingest, moved: Move, lake: Lake) -> None:
    pad = "x" * (mixpanel.EVENT_BYTES - len(json.dumps(event(pad=""))))
    assert post(ingest, "/track", event(pad=pad)).status == 200
    assert post(ingest, "/track", event(pad=f"{pad}x")).status == 200
    assert post(ingest, "/track", [event()] * 2_000).status == 200
    many = post(ingest, "/track", [event()] * 2_001)
    assert many.status == 400 and "at most 2000 are allowed" in many.json["error"]
    large = post(ingest, "/import", b" " * (mixpanel.REQUEST_BYTES + 1), headers=[basic(KEY)])
    assert large.status == 413 and large.json["code"] == 413
    done = moved()
    assert (done.stored, done.rejected) == (2_001, 2)
    assert lake("SELECT max(length(body)) FROM lake.rejected_events WHERE item = 0") == [(4096,)]


def test_one_unreadable_event_leaves_its_neighbours_whole(ingest: Ingest, moved: Move, lake: Lake) -> None:
    good = json.dumps(event("A"))
    for bad in ("3", "NaN", '{"event":"x","properties":{"n":NaN}}', '{"event":5}', "[" * 5_000 + "]" * 5_000):
        answer = post(ingest, "/track", form(f"[{good},{bad},{good}]"))
        assert (answer.status, answer.body) == (200, b"1"), answer.body
    done = moved()
    assert (done.received, done.stored, done.rejected) == (15, 10, 5)
    assert lake("SELECT count(*) FROM lake.rejected_events WHERE reason = '' OR item <> 1") == [(0,)]


@pytest.mark.postgres
def test_a_rejected_event_is_stored_when_its_corrected_form_is_replayed(
    home: Home, ingest: Ingest, moved: Move, lake: Lake, now: Any
) -> None:
    from evergreen.events import store
    from evergreen.events.replaying import Key

    assert post(ingest, "/track", form([event("A"), event("")])).status == 200
    moved()
    ((*key, body),) = lake("SELECT origin, position, item, body FROM lake.rejected_events")
    corrected = body.replace('"event": ""', '"event": "B"')
    with store.session(home) as con:
        again = replay_rejected(con, now=now, home=home)
        assert (again.read, again.still) == (1, 1)
        assert replay_rejected(con, now=now, home=home, corrected={Key(*key): corrected}).stored == 1
    assert lake("SELECT name FROM lake.events ORDER BY name") == [("A",), ("B",)]


def test_events_of_two_projects_in_one_request_go_each_to_its_own_source(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    items = [event("A"), event("B", OTHER_KEY), event("C"), {"event": "D", "properties": {}}]
    assert post(ingest, "/track", form(items)).status == 200
    assert post(ingest, "/track", form([event("E"), event("F", "never-made")])).status == 401
    moved()
    rows = lake("SELECT source, name FROM lake.events ORDER BY name")
    assert rows == [("web", "A"), ("app", "B"), ("web", "C"), ("web", "D")]


def test_an_event_becomes_columns_and_the_rest_its_properties(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    sent = event(time=time.time(), **{"$insert_id": "i1", "account_id": "A-1", "feature": "reports", "n": 1})
    assert post(ingest, "/track", form(sent)).status == 200
    assert post(ingest, "/track", form(sent)).status == 200
    done = moved()
    assert (done.stored, done.duplicates) == (1, 1)
    row = lake(
        "SELECT kind, name, end_user, account_key, message_id, feature, flag, backfilled,"
        " abs(epoch(occurred_at) - epoch(received_at)) < 5, properties FROM lake.events"
    )
    assert row[0][:-1] == ("track", "Report viewed", "u1", "A-1", "i1", "reports", None, False, True)
    assert json.loads(row[0][-1]) == {"account_id": "A-1", "feature": "reports", "n": 1}


@pytest.mark.parametrize("unit", [1, 1_000])
def test_times_are_seconds_or_milliseconds(ingest: Ingest, moved: Move, lake: Lake, unit: int) -> None:
    assert post(ingest, "/track", form(event(time=1_790_000_000 * unit))).status == 200
    moved()
    assert lake("SELECT epoch(occurred_at) FROM lake.events") == [(1_790_000_000.0,)]


def test_only_what_import_hands_in_of_long_ago_is_history(ingest: Ingest, moved: Move, lake: Lake) -> None:
    now = time.time()
    for path in ("/track", "/import"):
        for age in (4, 6):
            at = {"time": now - age * 86_400, "$insert_id": f"{path} {age}"}
            assert post(ingest, path, form(event(**at))).status == 200
    moved()
    rows = lake("SELECT message_id, backfilled, known_at = occurred_at FROM lake.events ORDER BY 1")
    assert rows == [
        (f"{path} {age}", *((path, age) == ("/import", 6),) * 2)
        for path in ("/import", "/track")
        for age in (4, 6)
    ]


@pytest.mark.parametrize(
    ("name", "properties", "person", "previous"),
    [
        ("$identify", {"$identified_id": "u1", "$anon_id": "d"}, "u1", "d"),
        ("$identify", {"distinct_id": "u1", "$anon_distinct_id": "d"}, "u1", "d"),
        ("$create_alias", {"distinct_id": "d", "alias": "u1"}, "u1", "d"),
        ("$merge", {"$distinct_ids": ["u1", "$device:d"]}, "u1", "$device:d"),
        ("$merge", {"$distinct_ids": ["u1", "anonymous"]}, "u1", None),
    ],
)
def test_the_events_that_join_two_ids_are_aliases(
    name: str, properties: dict[str, Any], person: str, previous: str | None
) -> None:
    found = one("import", {"event": name, "properties": properties})
    assert (found.kind, found.name, found.person, found.previous) == ("alias", "alias", person, previous)


def one(call: str, body: Any) -> Any:
    request = mixpanel.open_request(call, json.dumps(body).encode())
    (found,) = mixpanel.events(call, request, source="s", received=10**15, account_properties=("account_id",))
    return found


def test_a_device_is_nobody_else_than_the_user_who_signed_in_on_it() -> None:
    signed_in = one("track", event("A", **{"$user_id": "u1", "$device_id": "d"}))
    assert (signed_in.person, signed_in.previous) == ("u1", "$device:d")
    before = one("track", event("A", **{"distinct_id": "$device:d", "$device_id": "d"}))
    assert (before.person, before.previous) == ("$device:d", None)


@pytest.mark.parametrize("person", [None, "", "null", "undefined", "00000000-0000-0000-0000-000000000000"])
def test_an_event_of_nobody_is_stored_without_a_person(person: str | None) -> None:
    assert one("track", event(distinct_id=person)).person is None


def test_a_profiles_update_tells_a_persons_traits() -> None:
    found = one(
        "engage", profile(distinct_id="u1", set={"$email": "a@b.example", "plan": "pro", "account_id": 7})
    )
    assert (found.kind, found.person, found.account_key) == ("identify", "u1", "7")
    assert found.traits == {"email": "a@b.example", "plan": "pro", "account_id": 7}
    assert json.loads(found.properties) == found.traits
    added = one("engage", profile(distinct_id="u1", add={"seats": 1}))
    assert (added.traits, json.loads(added.properties)) == ({}, {"$add": {"seats": 1}})


@pytest.mark.parametrize(("kind", "key"), [("company", "A-1"), ("account_id", "A-1"), ("project", None)])
def test_a_groups_update_names_an_account_when_its_kind_is_one(kind: str, key: str | None) -> None:
    found = one("groups", profile(group_key=kind, group_id="A-1", set={"plan": "pro"}))
    assert (found.kind, found.person, found.account_key) == ("group", None, key)
    assert json.loads(found.properties) == {"$group_key": kind, "$group_id": "A-1", "plan": "pro"}


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("engage", profile(set={"a": 1}), "$distinct_id"),
        ("engage", profile(distinct_id="u1", set=[1]), "$set"),
        ("groups", profile(group_key="company"), "$group_id"),
        ("track", event("x" * 501), "event"),
        ("track", event(distinct_id="x" * 201), "properties.distinct_id"),
        ("track", event(**{"$insert_id": "x" * 101}), "properties.$insert_id"),
        ("import", {"event": "$merge", "properties": {"$distinct_ids": ["a"]}}, "properties.$distinct_ids"),
        ("track", {"event": "A", "properties": [1]}, "properties"),
    ],
)
def test_a_bad_event_is_put_aside_with_its_field(call: str, body: Any, field: str) -> None:
    assert one(call, body).field == field


@pytest.mark.parametrize("value", ["A-1", ["A-1", "A-2"], {"id": "A-1"}, 7])
def test_the_vendors_property_names_the_account(value: Any) -> None:
    name = "company" if isinstance(value, dict) else "account_id"
    assert one("track", event(**{name: value})).account_key == ("7" if value == 7 else "A-1")


def test_events_without_id_and_time_are_each_their_own_and_a_repeated_import_is_not(
    ingest: Ingest, moved: Move
) -> None:
    for _ in range(3):
        assert post(ingest, "/track", form(event())).body == b"1"
        assert post(ingest, "/import", form(event(time=1_780_000_000))).body == b"1"
        assert post(ingest, "/engage", form(profile(distinct_id="u1", time=1_790_000_000.25))).body == b"1"
    done = moved()
    assert (done.stored, done.duplicates) == (3 + 1 + 1, 4)
