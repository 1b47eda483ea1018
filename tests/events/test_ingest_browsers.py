"""Browsers send from any page with a key that anybody can read; what is kept does not name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import PATHS, Ingest
from tests.events.asking import KEY, ask

TRACK = {"event": "Report viewed", "userId": "u1"}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_browser_may_send_from_any_page(ingest: Ingest, path: str) -> None:
    preflight = ask(ingest, path, method="OPTIONS", key=None)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for name in ("Authorization", "Content-Type", "Content-Encoding", "X-Retry-Count", "PostHog-Request-Id"):
        assert name in preflight.headers["access-control-allow-headers"]
    for answer in (ask(ingest, path, TRACK), ask(ingest, path, b"", key="wrong")):
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_browsers_client_that_asks_for_cookies_is_named_its_own_page(ingest: Ingest) -> None:
    """Mixpanel's client for browsers sends with credentials, to which * is no answer; no cookie is looked at."""
    for method in ("OPTIONS", "POST"):
        answer = ask(ingest, "/v1/track", TRACK, method=method, headers=[(b"origin", b"https://app.example")])
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"
        assert "set-cookie" not in answer.headers


def test_a_write_key_in_the_body_is_not_kept_in_the_clear(
    place: Home, ingest: Ingest, moved: Callable[[], Any], lake: Callable[..., list[tuple[Any, ...]]]
) -> None:
    for body in ({"batch": [{**TRACK, "type": "track"}, 3], "writeKey": KEY}, {**TRACK, "writeKey": KEY}):
        path = "/v1/batch" if "batch" in body else "/v1/track"
        assert ask(ingest, path, body).status == ask(ingest, path, body, key=None).status == 200
    assert ask(ingest, "/v1/batch", b'{"writeKey":"' + KEY.encode()).status == 400
    for segment in journal.segments(place):
        assert KEY.encode() not in segment.read_bytes()
    moved()
    assert lake("SELECT count(*) FROM lake.rejected_events WHERE body LIKE ?", f"%{KEY}%") == [(0,)]
