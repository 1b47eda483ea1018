"""Whatever Mixpanel's and PostHog's paths are sent: an answer below 500, and each event stored or put aside."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import PATHS, Ingest, mixpanel, posthog
from evergreen.events.ingest.shapes import BadRequestError, Event, Rejection
from evergreen.events.journal import Record
from evergreen.events.unpacking import event_table, unpack
from tests.events.asking import KEY, ask, publish

NAMES = [
    *(
        "event",
        "properties",
        "distinct_id",
        "uuid",
        "timestamp",
        "offset",
        "options",
        "time",
        "token",
        "alias",
    ),
    *("$set", "$set_once", "$groups", "$group_type", "$group_key", "$group_id", "$group_set", "$distinct_id"),
    *(
        "$distinct_ids",
        "$identified_id",
        "$anon_id",
        "$anon_distinct_id",
        "$device_id",
        "$user_id",
        "$insert_id",
    ),
    *("$time", "$token", "company", "account_id", "feature", "batch", "sent_at", "api_key", "session_id"),
]
SPECIAL = [
    "$identify",
    "$create_alias",
    "$merge",
    "$merge_dangerously",
    "$groupidentify",
    "$set",
    "$pageview",
    "A",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from([*SPECIAL, "", "\0", "null", "x" * 600, "1e400", "2026-11-20T10:00:00Z", "24:00"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)
ITEMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8) | st.builds(
    lambda name, properties, rest: {**rest, "event": name, "distinct_id": "u", "properties": properties},
    st.sampled_from(SPECIAL),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
)
CALLS = [(mixpanel, call) for call in (*mixpanel.PATHS.values(), mixpanel.LINES)]
CALLS += [(posthog, call) for call in ("batch", "capture", posthog.RESULTS)]


@pytest.mark.parametrize(("dialect", "call"), CALLS, ids=lambda value: getattr(value, "NAME", value))
@settings(max_examples=50, deadline=None)
@given(items=st.lists(ITEMS | VALUES, max_size=4))
def test_every_event_of_a_request_becomes_one_event_or_one_rejection(
    dialect: ModuleType, call: str, items: list[Any]
) -> None:
    body = json.dumps({"batch": items} if dialect is posthog else items).encode()
    if call == mixpanel.LINES:
        body = b"\n".join(json.dumps(item).encode() for item in items)
    read = list(unpack(Record("s", f"{dialect.NAME}/{call}", 10**15, body), ("account_id",)))
    assert len(read) == len(items)
    assert all(item.reason for item in read if isinstance(item, Rejection))
    good = [item for item in read if isinstance(item, Event)]
    assert all(item.message_id and item.name for item in good)
    assert event_table([("s", item, None, "") for item in good]).num_rows == len(good)


@pytest.mark.parametrize("dialect", [mixpanel, posthog], ids=lambda dialect: dialect.NAME)
@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60) | st.builds(lambda item: json.dumps(item).encode(), VALUES))
def test_a_body_is_opened_or_refused(dialect: ModuleType, body: bytes) -> None:
    for call in set(dialect.PATHS.values()):
        try:
            request = dialect.open_request(call, body)
        except BadRequestError as error:
            assert str(error)
            continue
        read = list(dialect.events(call, request, source="s", received=10**15, account_properties=()))
        assert len(read) == len(request.items)


@settings(max_examples=50, deadline=None)
@given(
    path=st.sampled_from(sorted(PATHS)),
    body=st.binary(max_size=40) | st.builds(lambda item: json.dumps(item).encode(), ITEMS),
    query=st.sampled_from(
        [
            "",
            "verbose=1",
            "strict=1",
            "compression=gzip-js",
            "compression=base64",
            "_=x",
            "data=%",
            f"token={KEY}",
        ]
    ),
    kind=st.sampled_from([b"application/json", b"application/x-www-form-urlencoded", b"text/plain", b"\xff"]),
    encoding=st.sampled_from([b"", b"gzip", b"deflate", b"zstd", b"br"]),
    authorization=st.sampled_from([b"", b"Basic !!", b"Bearer", b"Bearer \xff", f"Bearer {KEY}".encode()]),
    method=st.sampled_from(["POST", "GET", "OPTIONS", "PATCH"]),
)
def test_no_request_is_answered_with_a_fault(
    tmp_path_factory: pytest.TempPathFactory,
    path: str,
    body: bytes,
    query: str,
    kind: bytes,
    encoding: bytes,
    authorization: bytes,
    method: str,
) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "hostile")
    home.root.mkdir(exist_ok=True)
    publish(home)
    headers = [(b"content-type", kind), (b"content-encoding", encoding), (b"authorization", authorization)]
    answer = ask(Ingest(home), path, body, key=None, method=method, query=query, headers=headers)
    assert answer.status < 500
    assert answer.status != 400 or json.loads(answer.body)
    journal.close_all()
