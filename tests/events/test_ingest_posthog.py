"""PostHog's API: every path, packing and answer of its clients, and what becomes of what they send."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import zstandard

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import Ingest, bodies, posthog
from evergreen.events.ingest.shapes import BATCH_BYTES
from evergreen.events.replaying import replay_rejected
from tests.events.asking import KEY, OTHER_KEY, Answer, ask

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], Any]

BEARER = (b"authorization", f"Bearer {KEY}".encode())
V1 = "/i/v1/analytics/events"
OK = {"status": "Ok"}


def event(name: str = "Report viewed", **fields: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": "u1", "uuid": str(uuid.uuid4()), **fields}


def batch(*events: Any, key: str | None = KEY, **fields: Any) -> dict[str, Any]:
    return {"batch": list(events), **({"api_key": key} if key else {}), **fields}


def post(ingest: Ingest, path: str, body: Any, **more: Any) -> Answer:
    return ask(ingest, path, body, key=None, **more)


def records(place: Home) -> list[journal.Record]:
    return [entry.record for path in journal.segments(place) for entry in journal.read(path, 0).entries]


def one(body: Any, call: str = "batch", received: int = 10**15) -> Any:
    request = posthog.open_request(call, json.dumps(body).encode())
    (found,) = posthog.events(
        call, request, source="s", received=received, account_properties=("account_id",)
    )
    return found


@pytest.mark.parametrize("path", sorted(set(posthog.PATHS) - {V1, "/flags", "/decide", "/flags/definitions"}))
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_takes_batches_and_single_events(
    place: Home, ingest: Ingest, path: str, slash: str
) -> None:
    for body in (batch(event()), {**event(), "api_key": KEY}, {**event(), "token": KEY}):
        answer = post(ingest, path + slash, body)
        assert (answer.status, answer.json) == (200, OK)
    assert [kept.source for kept in records(place)] == ["web"] * 3
    assert not any(KEY.encode() in kept.body for kept in records(place))


@pytest.mark.parametrize("where", ["envelope", "event", "properties", "query", "bearer"])
def test_the_key_may_stand_wherever_its_clients_put_it(place: Home, ingest: Ingest, where: str) -> None:
    inside: dict[str, Any] = {"event": {"token": KEY}, "properties": {"properties": {"token": KEY}}}
    sent = event(**inside.get(where, {}))
    answer = post(
        ingest,
        "/batch/",
        batch(sent, key=KEY if where == "envelope" else None),
        query=f"token={KEY}" if where == "query" else "",
        headers=[BEARER] if where == "bearer" else [],
    )
    assert answer.json == OK
    assert [kept.source for kept in records(place)] == ["web"]


@pytest.mark.parametrize("path", ["/batch/", "/capture/", "/i/v0/e/", V1, "/flags/", "/decide/"])
def test_an_unknown_key_is_refused_in_words(place: Home, ingest: Ingest, path: str) -> None:
    for body in (batch(event(), key="never-made"), batch(event(), key=None)):
        answer = post(ingest, path, body, headers=[(b"authorization", b"Bearer never-made")])
        assert answer.status == 401
        assert answer.json["detail"] == answer.json["error_description"] == "The write key is not known."
    assert records(place) == []


PACKINGS: dict[str, tuple[Callable[[bytes], bytes], list[tuple[bytes, bytes]], str]] = {
    "gzip": (gzip.compress, [(b"content-encoding", b"gzip")], ""),
    "deflate": (zlib.compress, [(b"content-encoding", b"deflate")], ""),
    "zstd": (zstandard.ZstdCompressor().compress, [(b"content-encoding", b"zstd")], ""),
    "zstd of unknown size": (
        zstandard.ZstdCompressor(write_content_size=False).compress,
        [(b"content-encoding", b"zstd")],
        "",
    ),
    "gzip of a browser": (gzip.compress, [(b"content-type", b"text/plain")], "compression=gzip-js&ver=1.2"),
    "base64 of a browser": (
        lambda raw: b"data=" + quote(base64.b64encode(raw).decode()).encode(),
        [(b"content-type", b"application/x-www-form-urlencoded")],
        "compression=base64",
    ),
    "bare base64": (base64.b64encode, [], "compression=base64"),
    "a form": (lambda raw: b"data=" + quote(raw.decode()).encode(), [], ""),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("path", ["/batch/", "/e/", V1])
def test_packed_bodies_are_unpacked(place: Home, ingest: Ingest, path: str, packing: str) -> None:
    pack, headers, query = PACKINGS[packing]
    raw = json.dumps(batch(event(name="阅读 + / =", properties={"pad": "long enough " * 50}))).encode()
    for chunk in (1, 11, 1 << 16):
        answer = post(ingest, path, pack(raw), headers=headers, query=query, chunk=chunk)
        assert answer.status == 200, answer.body
    assert {kept.body for kept in records(place)} == {raw.replace(KEY.encode(), b"*" * len(KEY))}


ZSTD = zstandard.ZstdCompressor().compress(json.dumps(batch(event())).encode())
ENDLESS = zstandard.ZstdCompressor(write_content_size=False).compress(json.dumps(batch(event())).encode())


@pytest.mark.parametrize(
    "body", [b"no zstd", b"", ZSTD[:-3], ENDLESS[:-3], ZSTD + b"rubbish", ENDLESS + b"rubbish", ZSTD + ZSTD]
)
def test_what_is_no_zstd_is_refused(ingest: Ingest, body: bytes) -> None:
    answer = post(ingest, V1, body, headers=[(b"content-encoding", b"zstd"), BEARER])
    assert (answer.status, answer.json["code"]) == (400, "bad_encoding")


@pytest.mark.parametrize("is_told", [True, False])
def test_a_zstd_bomb_is_stopped_at_the_limit(is_told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by its head or not: never much more than the limit is unpacked."""
    bomb = zstandard.ZstdCompressor(write_content_size=is_told).compress(b"0" * 50_000_000)
    assert len(bomb) < 5_000
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(bodies.TooLargeError):
        bodies._unzstd(bomb, BATCH_BYTES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * BATCH_BYTES + (1 << 20)


def test_a_browser_may_send_an_array_or_ask_by_get(place: Home, ingest: Ingest) -> None:
    sent = event(properties={"token": KEY})
    assert post(ingest, "/e/", [sent, sent], query="ip=0&_=1790000000000").json == OK
    packed = quote(base64.b64encode(json.dumps(sent).encode()).decode())
    assert post(ingest, "/e/", method="GET", body=b"", query=f"data={packed}").json == OK
    assert post(ingest, "/e/", method="GET", body=b"").status == 405
    first = json.loads(records(place)[0].body)
    assert (first["sent_at"], len(first["batch"])) == ("1790000000000", 2)


def test_the_newer_way_answers_for_each_event(ingest: Ingest, moved: Move, lake: Lake) -> None:
    good, bad, unnamed = event("A"), event(""), {"event": "B", "distinct_id": "u1"}
    answer = post(ingest, V1, batch(good, bad, unnamed, key=None), headers=[BEARER])
    results = answer.json["results"]
    assert (answer.status, results[good["uuid"]]) == (200, {"result": "ok"})
    assert results[bad["uuid"]]["result"] == "drop"
    assert results[bad["uuid"]]["details"] == "event is empty; an event needs the name of what happened."
    done = moved()
    assert (done.received, done.stored, done.rejected) == (3, 2, 1)


@pytest.mark.parametrize(
    "body", [{}, {"event": "A", "distinct_id": "u"}, {"batch": None}, {"batch": {}}, [1], 3]
)
def test_the_newer_way_needs_a_batch(ingest: Ingest, body: Any) -> None:
    status = post(ingest, V1, body, headers=[BEARER]).status
    assert status == (200 if body == [1] else 400)


@pytest.mark.parametrize("path", ["/flags/", "/decide/"])
def test_there_are_no_flags_and_nothing_is_stored(place: Home, ingest: Ingest, path: str) -> None:
    body = {"api_key": KEY, "distinct_id": "u1", "groups": {}}
    answer = post(ingest, path, body, query="v=4")
    assert answer.status == 200
    assert (answer.json["flags"], answer.json["featureFlags"]) == ({}, {})
    assert answer.json["errorsWhileComputingFlags"] is False
    assert post(ingest, path, {"token": KEY}, packed=True).status == 200
    assert records(place) == []


def test_flag_definitions_are_an_empty_list(ingest: Ingest) -> None:
    query = f"token={KEY}&send_cohorts"
    answer = post(
        ingest,
        "/flags/definitions",
        b"",
        method="GET",
        query=query,
        headers=[(b"authorization", b"Bearer phx")],
    )
    assert answer.json == {"flags": [], "group_type_mapping": {}, "cohorts": {}}
    assert post(ingest, "/flags", b"", method="GET", query="token=never-made").status == 401
    assert (
        ask(ingest, "/flags", method="GET", query="context=%7B%7D").json["flags"] == {}
    )  # as Mixpanel's ask


@pytest.mark.parametrize("body", [b"", b"not json", b'{"batch":', b'"text"', b"null", b"3", b'{"batch":[{]}'])
def test_a_body_that_is_no_event_and_no_batch_is_refused_and_kept(
    ingest: Ingest, moved: Move, lake: Lake, body: bytes
) -> None:
    assert post(ingest, "/batch/", body).status in {400, 401}
    answer = post(ingest, "/batch/", body, headers=[BEARER])
    assert answer.status == 400 and "Nothing was stored" in answer.json["detail"]
    moved()
    assert lake("SELECT source, kind, item FROM lake.rejected_events") == [("web", "posthog/batch", -1)]


@pytest.mark.postgres
def test_one_bad_event_leaves_its_neighbours_whole_and_the_counts_add_up(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    good = json.dumps(event("A", uuid=None)).encode()
    deep = b'{"event":"x","distinct_id":"u","properties":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    bad = [b"3", b"NaN", b'{"event":5}', b'{"event":"x"}', b'{"event":"x","distinct_id":"\xff"}', deep]
    for item in bad:
        body = b'{"api_key":"' + KEY.encode() + b'","batch":[' + b",".join([good, item, good]) + b"]}"
        assert post(ingest, "/batch/", body).json == OK
    assert post(ingest, "/batch/", batch(event("A"), key="never-made")).status == 401
    done = moved()
    assert (done.received, done.stored + done.duplicates, done.rejected) == (18, 12, 6)
    assert lake("SELECT count(*) FROM lake.rejected_events WHERE reason = '' OR item <> 1") == [(0,)]


def test_limits_are_posthogs_own(ingest: Ingest, moved: Move) -> None:
    pad = "x" * (posthog.EVENT_BYTES - len(json.dumps(event(properties={"pad": ""}))))
    events = [event(properties={"pad": pad}), event(properties={"pad": f"{pad}x"})]
    assert post(ingest, "/batch/", batch(*events)).status == 200
    body = json.dumps(batch(event())).encode()
    fits = body + b" " * (posthog.REQUEST_BYTES - len(body))
    assert post(ingest, "/batch/", fits).status == 200
    large = post(ingest, "/batch/", fits + b" ", headers=[BEARER])
    assert (large.status, large.json["code"]) == (413, "too_large")
    done = moved()
    assert (done.stored, done.rejected) == (2, 2)


def test_a_rejected_event_is_replayed_in_a_request_of_its_own(
    home: Home, ingest: Ingest, moved: Move, lake: Lake, now: dt.datetime
) -> None:
    from evergreen.events import store
    from evergreen.events.replaying import Key

    assert post(ingest, "/batch/", batch(event("A"), event(""))).status == 200
    assert post(ingest, "/capture/", {**event(""), "api_key": KEY}).status == 200
    moved()
    rows = lake("SELECT origin, position, item, body FROM lake.rejected_events")
    corrected = {Key(*key): body.replace('"event": ""', '"event": "B"') for *key, body in rows}
    with store.session(home) as con:
        assert replay_rejected(con, now=now, home=home).still == 2
        assert replay_rejected(con, now=now, home=home, corrected=corrected).stored == 2
    assert lake("SELECT name, count(*) FROM lake.events GROUP BY name ORDER BY name") == [("A", 1), ("B", 2)]


@pytest.mark.postgres
def test_the_same_uuid_adds_nothing(ingest: Ingest, moved: Move) -> None:
    sent = event()
    for path in ("/batch/", "/batch/", V1):
        assert post(ingest, path, batch(sent)).status == 200
    assert post(ingest, "/batch/", batch(sent, key=OTHER_KEY)).status == 200
    done = moved()
    assert (done.stored, done.duplicates) == (2, 2)


SENT, RECEIVED = 1_790_000_000_000_000, 1_790_000_060_000_000


def iso(micros: int) -> str:
    return dt.datetime.fromtimestamp(micros / 1e6, dt.UTC).isoformat()


@pytest.mark.parametrize(
    ("fields", "occurred"),
    [
        ({"timestamp": iso(SENT - 5_000_000)}, RECEIVED - 5_000_000),
        ({"timestamp": iso(SENT - 5_000_000), "properties": {"$ignore_sent_at": True}}, SENT - 5_000_000),
        ({"timestamp": iso(SENT), "options": {"disable_skew_correction": True}}, SENT),
        ({"offset": 5_000}, RECEIVED - 5_000_000),
        ({}, RECEIVED),
    ],
)
def test_the_senders_clock_is_corrected_by_its_sent_time(fields: dict[str, Any], occurred: int) -> None:
    found = one(batch(event(**fields), sent_at=iso(SENT)), received=RECEIVED)
    assert found.occurred_at == occurred


@pytest.mark.parametrize("where", ["header", "query", "body"])
def test_the_sent_time_may_stand_outside_the_body(
    ingest: Ingest, moved: Move, lake: Lake, where: str
) -> None:
    body = batch(
        event(timestamp="2026-09-21T14:13:20Z"),
        **({"sent_at": "2026-09-21T14:14:20Z"} if where == "body" else {}),
    )
    headers = [(b"posthog-request-timestamp", b"2026-09-21T14:14:20Z")] if where == "header" else []
    assert (
        post(ingest, V1, body, headers=headers, query="_=1790000060000" if where == "query" else "").status
        == 200
    )
    moved()
    rows = lake("SELECT epoch(sent_at), round(epoch(received_at) - epoch(occurred_at)) FROM lake.events")
    assert rows == [(1_790_000_060.0, 60.0)]


def test_a_migration_hands_in_history(ingest: Ingest, moved: Move, lake: Lake) -> None:
    old = event(timestamp="2025-01-01T00:00:00Z")
    assert post(ingest, "/batch/", batch(old, historical_migration=True)).status == 200
    assert post(ingest, "/batch/", batch({**old, "uuid": "other"}, historical_migration=False)).status == 200
    moved()
    assert lake("SELECT backfilled, known_at = occurred_at FROM lake.events ORDER BY 1") == [
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("name", "properties", "kind", "person", "previous"),
    [
        ("$identify", {"$anon_distinct_id": "d", "$set": {"email": "a@b.example"}}, "identify", "u1", "d"),
        ("$identify", {"$anon_distinct_id": "undefined"}, "identify", "u1", None),
        ("$set", {"$set": {"email": "a@b.example"}}, "identify", "u1", None),
        ("$create_alias", {"alias": "new"}, "alias", "new", "u1"),
        ("$create_alias", {"alias": "null"}, "alias", "u1", None),
        ("$merge_dangerously", {"alias": "old"}, "alias", "u1", "old"),
        ("$groupidentify", {"$group_type": "company", "$group_key": "A-1"}, "group", None, None),
        ("$pageview", {}, "page", "u1", None),
        ("$screen", {}, "screen", "u1", None),
        ("$autocapture", {}, "track", "u1", None),
    ],
)
def test_its_own_events_mean_what_they_mean_there(
    name: str, properties: dict[str, Any], kind: str, person: str | None, previous: str | None
) -> None:
    found = one(batch(event(name, properties=properties)))
    assert (found.kind, found.person, found.previous) == (kind, person, previous)
    assert found.name == (name if kind == "track" else kind)
    assert (found.traits or {}) == (properties.get("$set") or {})


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"properties": {"$groups": {"project": "P", "company": "A-1"}}}, "A-1"),
        ({"properties": {"$groups": {"company": "A-2", "account_id": "A-1"}}}, "A-1"),
        ({"properties": {"$groups": {"project": "P"}}}, None),
        ({"properties": {"account_id": 7}}, "7"),
        ({"$set": {"account_id": "A-1"}}, "A-1"),
        ({"properties": {"$groups": {"company": "undefined"}, "account_id": "A-1"}}, "A-1"),
    ],
)
def test_its_groups_and_the_vendors_property_name_the_account(
    fields: dict[str, Any], key: str | None
) -> None:
    assert one(batch(event(**fields))).account_key == key


def test_traits_are_told_in_the_event_or_in_its_properties() -> None:
    found = one(batch(event("$set", **{"$set": {"plan": "pro"}, "$set_once": {"first": 1}})))
    assert found.traits == {"plan": "pro"}
    assert json.loads(found.properties) == {"plan": "pro", "$set_once": {"first": 1}}
    used = one(batch(event("Used", properties={"$set": {"plan": "pro"}, "token": KEY, "distinct_id": "u1"})))
    assert (used.kind, json.loads(used.properties)) == ("track", {"$set": {"plan": "pro"}})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event": None}, "event"),
        ({"event": "x" * 501}, "event"),
        ({"distinct_id": None}, "distinct_id"),
        ({"distinct_id": "x" * 201}, "distinct_id"),
        ({"distinct_id": ["u1"]}, "distinct_id"),
        ({"uuid": "x" * 101}, "uuid"),
        ({"properties": "text"}, "properties"),
        ({"event": "$groupidentify", "properties": {"$group_type": "company"}}, "properties.$group_key"),
    ],
)
def test_a_bad_event_is_put_aside_with_its_field(fields: dict[str, Any], field: str) -> None:
    assert one(batch(event() | fields)).field == field
