"""Write keys at the tracking API: known, unknown, revoked, misplaced, and never kept in clear."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import actions, journal
from evergreen.events.ingest import Ingest
from evergreen.events.ingest.keys import Published, read_keys
from tests.events.asking import KEY, OTHER_KEY, ask, publish


def track(**fields: Any) -> dict[str, Any]:
    return {"event": "Report viewed", "userId": "u1", "messageId": "m1"} | fields


def records(place: Home) -> list[journal.Record]:
    return [entry.record for path in journal.segments(place) for entry in journal.read(path, 0).entries]


def test_unknown_and_revoked_keys_are_answered_alike(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.events.ingest.keys.REREAD_SECONDS", 0.0)
    assert ask(ingest, "/v1/track", track()).status == 200
    publish(place, keys={OTHER_KEY: "app"})
    revoked = ask(ingest, "/v1/track", track())
    unknown = ask(ingest, "/v1/track", track(), key="never made")
    assert revoked.status == unknown.status == 401
    assert (revoked.body, revoked.headers) == (unknown.body, unknown.headers)
    assert ask(ingest, "/v1/track", track(), key=OTHER_KEY).status == 200
    assert len(records(place)) == 2


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic !!!",
        b"Bearer abc",
        b"Basic " + base64.b64encode(b":password only"),
        b"Basic " + base64.b64encode(b"\xff\xfe:"),
    ],
)
def test_a_request_without_a_readable_key_is_refused(ingest: Ingest, header: bytes) -> None:
    assert ask(ingest, "/v1/track", track(), key=None, headers=[(b"authorization", header)]).status == 401


def test_a_wrong_key_in_the_header_is_not_saved_by_one_in_the_body(ingest: Ingest) -> None:
    assert ask(ingest, "/v1/track", track(writeKey=KEY), key="wrong").status == 401


def test_of_a_refused_request_without_a_key_nothing_is_kept(place: Home, ingest: Ingest) -> None:
    assert ask(ingest, "/v1/track", b"not json", key=None).status == 400
    assert ask(ingest, "/v1/track", b"x" * 100_000, key=None).status == 400
    assert records(place) == []


def test_no_key_is_kept_in_clear(place: Home, ingest: Ingest) -> None:
    assert KEY.encode() not in place.keys.read_bytes()


def test_a_damaged_key_file_leaves_the_known_keys_in_force(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.events.ingest.keys.REREAD_SECONDS", 0.0)
    assert ask(ingest, "/v1/track", track()).status == 200
    place.keys.write_text('{"keys": [')
    assert ask(ingest, "/v1/track", track()).status == 200
    place.keys.unlink()
    assert ask(ingest, "/v1/track", track()).status == 401


def test_a_new_key_is_known_at_once(place: Home, ingest: Ingest) -> None:
    assert ask(ingest, "/v1/track", track(), key="made later").status == 401
    publish(place, keys={"made later": "shop"})
    assert ask(ingest, "/v1/track", track(), key="made later").status == 200


@pytest.mark.parametrize(("path", "status"), [("/v1/batch", 401), ("/v1/nothing", 404)])
def test_a_refused_sender_is_heard_out_so_that_it_reads_the_answer(
    ingest: Ingest, path: str, status: int
) -> None:
    answer = ask(ingest, path, b"x" * 1_000_000, key="wrong", chunk=100_000)
    assert (answer.status, answer.unread) == (status, 0)


def test_a_key_made_while_another_process_publishes_is_not_lost(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    without, withal = Published({"a": "web"}), Published({"a": "web", "b": "web"})
    later: list[threading.Thread] = []

    def published() -> Published:
        """The first who asks read the records before the second key was made; its maker publishes in between."""
        if later:
            return withal
        later.append(threading.Thread(target=actions.publish_keys, args=(place,)))
        later[0].start()
        later[0].join(0.3)
        return without

    monkeypatch.setattr(actions, "published", published)
    actions.publish_keys(place)
    later[0].join()
    assert read_keys(place.keys) == withal
