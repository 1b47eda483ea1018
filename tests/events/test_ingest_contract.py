"""The answers of the tracking API, row by row of its contract, and what each leaves behind."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import Ingest, bodies
from evergreen.events.ingest.segment import PATHS
from evergreen.events.ingest.shapes import BATCH_BYTES, EVENT_BYTES
from tests.events.asking import KEY, OTHER_KEY, ask, basic

Lake = Callable[..., list[tuple[Any, ...]]]
PACKED = gzip.compress(b'{"event":"a"}', mtime=0)
SCOPE = {"type": "http", "path": "/v1/track", "method": "POST", "query_string": b"", "headers": [basic(KEY)]}


def track(**fields: Any) -> dict[str, Any]:
    return {"event": "Report viewed", "userId": "u1", "messageId": "m1"} | fields


def sized(size: int, **fields: Any) -> bytes:
    """A track call of exactly so many bytes."""
    empty = json.dumps(track(properties={"pad": ""}, **fields)).encode()
    return json.dumps(track(properties={"pad": "x" * (size - len(empty))}, **fields)).encode()


def records(place: Home) -> list[journal.Record]:
    return [entry.record for path in journal.segments(place) for entry in journal.read(path, 0).entries]


def test_a_good_event_is_answered_200_and_is_in_the_journal(place: Home, ingest: Ingest) -> None:
    answer = ask(ingest, "/v1/track", track())
    assert (answer.status, answer.json) == (200, {"success": True})
    (kept,) = records(place)
    assert (kept.source, kept.kind) == ("web", "segment/track")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_call_of_segment_is_known(ingest: Ingest, path: str) -> None:
    body = {"batch": [{**track(), "type": "track"}]} if PATHS[path] in {"batch", "import"} else track()
    assert ask(ingest, path, body).status == 200


@pytest.mark.parametrize("call", ["track", "identify", "group", "page", "screen", "alias"])
def test_each_call_is_stored_under_its_kind_and_name(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake, call: str
) -> None:
    body = {
        "userId": "u1",
        "event": "Signed",
        "groupId": "G",
        "previousId": "old",
        "name": "Home",
        "category": "Docs",
        "traits": {"plan": "pro"},
        "properties": {"feature": "reports"},
    }
    assert ask(ingest, f"/v1/{call}", body).status == 200
    moved()
    ((kind, name, person, key, properties, feature),) = lake(
        "SELECT kind, name, end_user, account_key, properties, feature FROM lake.events"
    )
    assert (kind, person) == (call, "u1")
    assert name == ("Signed" if call == "track" else call)
    assert key == ("G" if call == "group" else None)
    told = json.loads(properties)
    if call in {"identify", "group"}:
        assert told == {"plan": "pro"}
    else:
        assert told["feature"] == feature == "reports"
    assert ("name" in told and told["category"] == "Docs") == (call in {"page", "screen"})
    assert ("previousId" in told) == (call == "alias")


def test_the_key_may_stand_in_the_body_when_no_header_can_be_sent(place: Home, ingest: Ingest) -> None:
    assert ask(ingest, "/v1/track", track(writeKey=OTHER_KEY), key=None).status == 200
    assert ask(ingest, "/v1/batch", {"batch": [track(type="track")], "writeKey": KEY}, key=None).status == 200
    assert [kept.source for kept in records(place)] == ["app", "web"]


@pytest.mark.parametrize("packing", ["gzip", "x-gzip", "deflate", "raw deflate", "two gzip members"])
def test_packed_bodies_are_unpacked(place: Home, ingest: Ingest, packing: str) -> None:
    raw = json.dumps(track()).encode()
    squeezed = zlib.compressobj(wbits=-15)
    packed, encoding = {
        "gzip": (gzip.compress(raw), b"gzip"),
        "x-gzip": (gzip.compress(raw), b"X-GZIP"),
        "deflate": (zlib.compress(raw), b"deflate"),
        "raw deflate": (squeezed.compress(raw) + squeezed.flush(), b"deflate"),
        "two gzip members": (gzip.compress(raw[:20]) + gzip.compress(raw[20:]), b"gzip"),
    }[packing]
    for chunk in (1, 7, 1 << 16):
        answer = ask(ingest, "/v1/track", packed, headers=[(b"content-encoding", encoding)], chunk=chunk)
        assert answer.status == 200, answer.body
    assert {kept.body for kept in records(place)} == {raw}


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"event":', b"[1]", b'"text"', b"null", b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":1}x'],
)
def test_a_body_that_is_no_json_object_is_refused_and_kept(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake, body: bytes
) -> None:
    answer = ask(ingest, "/v1/track", body)
    assert answer.status == 400
    assert answer.json["code"] == "bad_request" and "Nothing was stored" in answer.json["message"]
    moved()
    ((source, kind, item, kept),) = lake("SELECT source, kind, item, body FROM lake.rejected_events")
    assert (source, kind, item) == ("web", "segment/track", -1)
    assert kept == body.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"batch":null}', b'{"batch":{}}', b'{"batch":"x"}', b'{"batch":[{]}', b"["]
)
def test_a_batch_of_the_wrong_shape_is_refused(ingest: Ingest, body: bytes) -> None:
    assert ask(ingest, "/v1/batch", body).status == 400


def test_an_empty_batch_is_fine_and_stores_nothing(place: Home, ingest: Ingest) -> None:
    assert ask(ingest, "/v1/batch", {"batch": []}).status == 200
    assert records(place) == []


def test_of_a_refused_body_the_first_64_kb_are_kept(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake
) -> None:
    assert ask(ingest, "/v1/batch", b"x" * 200_000).status == 400
    moved()
    assert lake("SELECT length(body) FROM lake.rejected_events") == [(65536,)]


GOOD, BAD = {"type": "track", "event": "A", "userId": "u"}, {"type": "track", "userId": "u"}


@pytest.mark.postgres
def test_one_bad_event_in_a_batch_is_put_aside_with_its_reason(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake
) -> None:
    answer = ask(ingest, "/v1/batch", {"batch": [GOOD, BAD, {**GOOD, "event": "B"}]})
    assert (answer.status, answer.json) == (200, {"success": True})
    done = moved()
    assert (done.received, done.stored, done.rejected) == (3, 2, 1)
    assert lake("SELECT name FROM lake.events ORDER BY name") == [("A",), ("B",)]
    ((reason, field, body, item),) = lake("SELECT reason, field, body, item FROM lake.rejected_events")
    assert reason == "event is empty; a track call needs the name of what happened."
    assert (field, json.loads(body), item) == ("event", BAD, 1)


def test_strict_tells_which_events_are_bad_and_keeps_the_good_ones(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake
) -> None:
    answer = ask(ingest, "/v1/batch", {"batch": [GOOD, {**BAD, "messageId": "b7"}, 3]}, query="strict=1")
    assert answer.status == 400
    assert (answer.json["stored"], answer.json["rejected"]) == (1, 2)
    first, second = answer.json["errors"]
    assert (first["index"], first["id"], first["field"]) == (1, "b7", "event")
    assert "name of what happened" in first["message"]
    assert (second["index"], second["field"]) == (2, None)
    moved()
    assert lake("SELECT name FROM lake.events") == [("A",)]
    assert lake("SELECT count(*) FROM lake.rejected_events") == [(2,)]
    assert ask(ingest, "/v1/batch", {"batch": [GOOD]}, query="strict=1").status == 200


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_an_event_may_have_32_kb_and_not_a_byte_more(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake, extra: int, packed: bool
) -> None:
    body = sized(EVENT_BYTES + extra)
    assert len(body) == EVENT_BYTES + extra
    answer = ask(ingest, "/v1/track", body, packed=packed)
    strict = ask(ingest, "/v1/track", body, packed=packed, query="strict=1")
    assert (answer.status, strict.status) == ((400, 413) if extra > 0 else (200, 200))
    moved()
    assert lake("SELECT count(*) FROM lake.events") == [(0 if extra > 0 else 1,)]
    if extra > 0:
        kept = lake("SELECT DISTINCT reason, length(body) FROM lake.rejected_events")
        assert kept == [
            (f"The body has more than {EVENT_BYTES} bytes unpacked; at most {EVENT_BYTES} are allowed.", 4096)
        ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_batch_may_have_500_kb_and_not_a_byte_more(ingest: Ingest, extra: int, packed: bool) -> None:
    event = sized(30_000, type="track")
    batch = b'{"batch":[' + b",".join([event] * 17) + b"]}"
    body = batch + b" " * (BATCH_BYTES + extra - len(batch))
    answer = ask(ingest, "/v1/batch", body, packed=packed)
    assert answer.status == (400 if extra > 0 else 200)


@pytest.mark.parametrize("extra", [0, 1])
def test_an_event_too_large_inside_a_batch_does_not_take_its_neighbours_with_it(
    ingest: Ingest, moved: Callable[[], Any], lake: Lake, extra: int
) -> None:
    large = sized(EVENT_BYTES + extra, type="track", messageId="large")
    body = b'{"batch":[' + json.dumps(GOOD).encode() + b"," + large + b"," + json.dumps(GOOD).encode() + b"]}"
    assert ask(ingest, "/v1/batch", body).status == 200
    assert moved().stored == 3 - extra
    assert lake("SELECT length(body) FROM lake.rejected_events") == [(4096,)] * extra


def test_a_packed_bomb_is_stopped_at_the_limit(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    sizes = []
    real = bodies._Unpacker._inflate

    def seen(self: Any, chunk: bytes) -> bytes:
        try:
            return real(self, chunk)
        finally:
            sizes.append(len(self._body))

    monkeypatch.setattr(bodies._Unpacker, "_inflate", seen)
    answer = ask(ingest, "/v1/batch", bomb, headers=[(b"content-encoding", b"gzip")])
    assert answer.status == 400 and answer.json["code"] == "too_large"
    assert max(sizes) == BATCH_BYTES + 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", b"no gzip at all"),
        (b"gzip", PACKED[:-5]),
        (b"gzip", PACKED + b"rubbish"),
        (b"br", b"anything"),
        (b"gzip, gzip", b"anything"),
        (b"deflate", b"\x00\x01\x02"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(ingest: Ingest, encoding: bytes, body: bytes) -> None:
    answer = ask(ingest, "/v1/track", body, headers=[(b"content-encoding", encoding)])
    assert (answer.status, answer.json["code"]) == (400, "bad_encoding")


def test_a_source_beyond_its_rate_is_told_when_to_come_again(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_INGEST_RATE", "5")
    limited = Ingest(place)
    answers = [ask(limited, "/v1/track", track()) for _ in range(30)]
    refused = [answer for answer in answers if answer.status == 429]
    assert 5 <= len(answers) - len(refused) <= 20
    assert refused
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert int(answer.headers["x-ratelimit-reset"]) >= time.time() - 1
    assert ask(limited, "/v1/track", track(), key=OTHER_KEY).status == 200
    assert len(records(place)) == 30 - len(refused) + 1


@pytest.mark.parametrize("fault", ["write", "fdatasync", "open"])
def test_while_the_disk_fails_the_answer_is_503_and_never_200(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fails(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(f"evergreen.events.journal.writing.os.{fault}", fails)
        for _ in range(3):
            answer = ask(ingest, "/v1/track", track())
            assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        if fault != "open":
            assert ask(ingest, "/readyz", method="GET").status == 503
        assert ask(ingest, "/healthz", method="GET").status == 200
    assert ask(ingest, "/v1/track", track()).status == 200
    assert ask(ingest, "/readyz", method="GET").status == 200
    assert len(records(place)) == 1


def test_below_the_disk_reserve_the_answer_is_503(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_DISK_RESERVE_MB", str(1 << 40))
    full = Ingest(place, journal.Journal(place))
    answer = ask(full, "/v1/track", track())
    assert answer.status == 503 and "reserve" in answer.json["message"]
    ready = ask(full, "/readyz", method="GET")
    assert ready.status == 503 and ready.json["disk"] == "below reserve"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v1/track", "GET", 405),
        ("/v1/track", "PUT", 405),
        ("/v1/nothing", "POST", 404),
        ("/v1/", "POST", 404),
        ("/v1/track/", "POST", 200),
        ("/healthz", "GET", 200),
        ("/healthz", "HEAD", 200),
    ],
)
def test_other_methods_and_paths(ingest: Ingest, path: str, method: str, status: int) -> None:
    assert ask(ingest, path, track(), method=method).status == status


def test_a_body_that_comes_too_slowly_is_given_up(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.05)

    async def slow() -> int:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        told: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await ingest(SCOPE, receive, send)
        return int(told[0]["status"])

    assert asyncio.run(slow()) == 408


def test_a_body_that_breaks_off_leaves_nothing_and_is_no_fault_of_ours(place: Home, ingest: Ingest) -> None:
    async def gone() -> list[Any]:
        waiting: list[dict[str, Any]] = [
            {"type": "http.request", "body": b'{"ev', "more_body": True},
            {"type": "http.disconnect"},
        ]
        told: list[Any] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "path": "/v1/track",
            "method": "POST",
            "query_string": b"",
            "headers": [basic(KEY)],
        }
        await ingest(scope, receive, send)
        return told

    assert asyncio.run(gone())[0]["status"] == 400
    assert records(place) == []


def test_the_ingest_runs_without_django() -> None:
    code = (
        "import sys, evergreen.events.ingest, evergreen.events.journal\n"
        "heavy = {'django', 'duckdb', 'pyarrow', 'ibis', 'numpy'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
