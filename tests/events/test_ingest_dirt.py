"""Whatever is sent, everything is accounted for to the unit and no good event suffers for a bad one."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from evergreen.events.ingest import Ingest
from evergreen.events.ingest.splitting import split
from tests.events.asking import OTHER_KEY, ask
from tests.events.dirt import DIRT, batch, good

Lake = Callable[..., list[tuple[Any, ...]]]
Move = Callable[[], Any]
EVENTS = 5_000
NEIGHBOURS = 1_000


def test_sent_is_stored_and_rejected_and_duplicate_and_refused_to_the_unit(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    """ING-10: 5,000 dirty events in requests of all sizes, some of them repeated, some refused as a whole."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kinds = list(DIRT)
    expected: Counter[str] = Counter()
    stored: list[bytes] = []
    sent = refused = 0
    while sent < EVENTS:
        events: list[Any] = []
        told: Counter[str] = Counter()
        for _ in range(chance.choice([1, 2, 10, 40])):
            kind = chance.choice(kinds)
            make, is_stored = DIRT[kind]
            if stored and chance.random() < 0.1:
                events.append(chance.choice(stored))
                told["duplicate"] += 1
                continue
            one = make(uuid.uuid4().hex)
            events.append(one)
            told["stored" if is_stored else "rejected"] += 1
            if is_stored:
                stored.append(one)
        body = batch(*events)
        sent += len(events)
        if chance.random() < 0.03:
            body = body[:-3]  # cut off: refused as a whole
            stored = [one for one in stored if one not in events]
        answer = ask(ingest, "/v1/batch", body, packed=chance.random() < 0.3)
        if answer.status == 200:
            expected += told
        else:
            assert answer.status == 400, answer.body
            refused += len(events)
    done = moved()
    whole = lake("SELECT count(*) FROM lake.rejected_events WHERE item = -1")[0][0]
    assert done.stored == expected["stored"]
    assert done.duplicates == expected["duplicate"]
    assert done.rejected - whole == expected["rejected"]
    assert sent == done.stored + done.duplicates + (done.rejected - whole) + refused
    assert lake("SELECT count(*) FROM lake.rejected_events WHERE reason = '' OR body = ''") == [(0,)]
    assert not {name for name in ingest.counts if name.startswith("5")}


@pytest.mark.postgres
def test_every_kind_of_dirt_leaves_its_thousand_neighbours_whole(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    """ING-11: each kind in the middle of good events, through to the columns that figures are made of."""
    for number, (make, _) in enumerate(DIRT.values()):
        for part in range(2):
            events = list(good(NEIGHBOURS // 2, f"{number}-{part}"))
            events.insert(len(events) // 2, make(f"dirt-{number}-{part}"))
            assert ask(ingest, "/v1/batch", batch(*events)).status == 200
    done = moved()
    kept = sum(is_stored for _, is_stored in DIRT.values())
    assert lake("SELECT count(*) FROM lake.events WHERE name = 'Good'") == [(len(DIRT) * NEIGHBOURS,)]
    assert (done.stored - len(DIRT) * NEIGHBOURS, done.rejected) == (2 * kept, 2 * (len(DIRT) - kept))
    total = lake(
        "SELECT sum((properties->>'n')::INT), count(DISTINCT end_user) FROM lake.events WHERE name = 'Good'"
    )
    half = NEIGHBOURS // 2
    assert total == [(len(DIRT) * half * (half - 1), 1)]
    lake("SELECT count(json_extract_string(properties, '$.a')) FROM lake.events")


@pytest.mark.parametrize("kind", DIRT)
def test_each_kind_of_dirt_has_one_outcome_and_a_reason(ingest: Ingest, kind: str) -> None:
    make, is_stored = DIRT[kind]
    answer = ask(ingest, "/v1/batch", batch(make("one"), *good(1, "two")), query="strict=1")
    if is_stored:
        assert answer.status == 200, answer.body
    else:
        assert answer.status == 400
        (error,) = answer.json["errors"]
        assert error["index"] == 0 and error["message"] and answer.json["stored"] == 1


def test_a_batch_of_a_hundred_thousand_crumbs_is_counted_to_the_last(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    assert ask(ingest, "/v1/batch", b'{"batch":[' + b",".join([b"1"] * 100_000) + b"]}").status == 200
    done = moved()
    assert (done.received, done.rejected) == (100_000, 100_000)


def test_a_byte_order_mark_is_no_dirt(ingest: Ingest, moved: Move) -> None:
    assert ask(ingest, "/v1/batch", b"\xef\xbb\xbf" + batch(*good(2, "bom"))).status == 200
    assert ask(ingest, "/v1/track", b"\xef\xbb\xbf" + next(good(1, "one"))).status == 200
    assert moved().stored == 3


def test_equal_ids_of_two_sources_are_two_events(ingest: Ingest, moved: Move, lake: Lake) -> None:
    """ING-08: 10,000 ids, each sent to both sources."""
    for start in range(0, 10_000, 500):
        body = batch(*good(500, f"pair-{start}"))
        assert ask(ingest, "/v1/batch", body).status == 200
        assert ask(ingest, "/v1/batch", body, key=OTHER_KEY).status == 200
        if start % 2_500 == 0:
            moved()
    moved()
    counted = lake(
        "SELECT source, count(*), count(DISTINCT message_id) FROM lake.events GROUP BY source ORDER BY 1"
    )
    assert counted == [("app", 10_000, 10_000), ("web", 10_000, 10_000)]


@pytest.mark.postgres
@pytest.mark.postgres
def test_of_equal_ids_with_other_bodies_the_first_stands_and_the_conflict_is_counted(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    """ING-09: 5,000 ids sent again with another body, before and after the first was stored."""
    first = [json.loads(one) for one in good(5_000, "same")]
    other = [{**event, "properties": {"n": "other"}} for event in first]

    def send(events: list[dict[str, Any]]) -> None:
        for at in range(0, len(events), 1_000):
            body = batch(*(json.dumps(event).encode() for event in events[at : at + 1_000]))
            assert ask(ingest, "/v1/batch", body).status == 200

    send(first[:2_500])
    moved()
    send(other[:2_500] + first[2_500:] + other[2_500:] + first)
    moved()
    assert lake("SELECT sum(duplicates), sum(conflicts) FROM lake.batches") == [(10_000, 5_000)]
    assert lake("SELECT count(*) FROM lake.events WHERE properties LIKE '%other%'") == [(0,)]
    assert lake("SELECT count(*), count(DISTINCT message_id) FROM lake.events") == [(5_000, 5_000)]


def test_an_event_without_an_id_stays_one_when_its_request_is_repeated(
    ingest: Ingest, moved: Move, lake: Lake
) -> None:
    click = {"type": "track", "event": "Clicked", "userId": "u"}
    for _ in range(3):
        assert ask(ingest, "/v1/track", click).status == 200
        assert (
            ask(ingest, "/v1/batch", {"batch": [click, click], "sentAt": "2026-11-20T10:00:00Z"}).status
            == 200
        )
    assert ask(ingest, "/v1/batch", {"batch": [click], "sentAt": "2026-11-20T10:00:09Z"}).status == 200
    assert ask(ingest, "/v1/track", click, key=OTHER_KEY).status == 200
    moved()
    assert lake("SELECT source, count(*) FROM lake.events GROUP BY source ORDER BY source") == [
        ("app", 1),
        ("web", 4),
    ]


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'{"batch":[1,{"a":[1,2]},"x,]"],"sentAt":1}', [b"1", b'{"a":[1,2]}', b'"x,]"']),
        (b' { "batch" : [ ] } ', []),
        (b'{"batch":[,]}', [b"", b""]),
        (b'{"a":{"batch":[9]},"batch":["\\"",2]}', [b'"\\""', b"2"]),
    ],
)
def test_a_batch_is_cut_into_its_events_without_reading_them(body: bytes, items: list[bytes]) -> None:
    parts = split(body, "batch")
    assert parts is not None and parts.items == items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"batch":[1}',
        b'{"batch":[1]',
        b'{"batch":[1]}}',
        b'{"batch":"[1]"}',
        b'{"batch":["a]}',
        b'{"a":[1]}',
        b'{"batch":[1][2]}',
        b'{"batch":[1] 2}',
        b'{"batch":[1],"a":[}',
    ],
)
def test_what_does_not_balance_is_not_cut(body: bytes) -> None:
    assert split(body, "batch") is None


def test_a_batch_of_deep_events_is_cut_like_one_of_flat_ones() -> None:
    deep = [b'{"a":' * levels + b'"]}",' + b"1" + b"}" * levels for levels in (1, 4, 5, 6, 7, 50, 10_000)]
    parts = split(b'{"batch":[' + b",".join(deep) + b'],"sentAt":3}', "batch")
    assert parts is not None and parts.items == deep and parts.value("sentAt") == 3


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"batch":["' + b'\\"' * 250_000,
        b'{"' + b"\\" * 499_999,
        b"{" + b'"' * 499_999,
        b"[" * 500_000,
        b'{"items":' + b"[" * 10_000_000,
        b'{"items":[' + b"[[[[[[[" * 1_400_000 + b"]",
        b'{"items":[{' + b'"a":1,' * 1_600_000 + b'"b":NaN}]}',
        b'{"items":[' + b'{"a":[{"b":{"c":[{"d":1}]}}]},' * 300_000 + b"NaN]}",
        b'{"items":[' + b'"a",' * 2_500_000 + b"]",
    ],
    ids=range(9),
)
def test_hostile_text_is_cut_in_one_quick_pass(hostile: bytes) -> None:
    """Ten megabytes stand still for a second at most: the server answers nobody else meanwhile."""
    began = time.process_time()
    split(hostile, "items")
    assert time.process_time() - began < 5
