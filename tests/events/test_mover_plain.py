"""Calls read in columns become exactly the rows that the dialect makes of them one by one."""

from __future__ import annotations

import datetime as dt
import json
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.events import identity, journal
from evergreen.events.ingest import times
from evergreen.events.ingest.shapes import Event, Rejection
from evergreen.events.journal import Entry, Record
from evergreen.events.mover.arranging import arrange
from evergreen.events.unpacking import Unpacked, event_table, plain, texts, unpack, unpack_entries
from tests.events.dirt import DIRT

RECEIVED = 1_795_000_000_000_000
IDS = [
    "u1",
    "u2",
    "u3",
    " u1 ",
    "U1",
    "anonymous",
    "null",
    "0",
    "",
    "用户",
    "x" * 200,
    "x" * 201,
    "a\0b",
    "\u00a0u1",
    17,
    17.0,
    1e300,
    None,
    True,
    [],
    {},
]
ACCOUNTS = [
    "A-well",
    "A-slipping",
    " A-well",
    "A-nowhere",
    "undefined",
    "",
    "x" * 201,
    5,
    5.5,
    None,
    False,
    {"id": "A-well"},
]
TIMES = [
    "2026-11-19T10:00:00.123Z", "2026-11-19T10:00:00Z", "2026-11-19T10:00:00.123456+00:00", "2026-11-19T10:00:00+08:00", "2026-02-30T10:00:00Z",
    "2026-11-19T24:00:00Z", "2026-11-19T10:00:60Z", "1999-01-01T00:00:00Z", "2036-01-01T00:00:00Z", "20261119", 1_795_000_000, 1_795_000_000_123, "", None, "soon", "0000-01-01T00:00:00Z",
]  # fmt: skip
NAMES = ["Report viewed", "导出", " padded ", "", None, "x" * 500, "x" * 501, "a\0b", "\u2003wide"]
TYPES = ["track"] * 12 + ["identify", "group", "page", "screen", "alias", "TRACK", "Track", "other", None, ""]
MESSAGES = ["", None, " m ", 12, "m" * 100, "m" * 101, "消息", "m\0", "a b"]
PROPERTIES = [
    None, {}, {"feature": "reports"}, {"feature": ""}, {"feature": 5}, {"feature": "f" * 201}, {"account_id": "A-well"}, {"account_id": 9}, {"accountId": "A-slipping"},
    {"name": "own", "category": None}, {"company": {"id": "A-well"}}, {"company": "A"}, {"account_id": None, "companyId": "A-well"}, {"account_id": "", "companyId": "A-well"}, {"n": 1.5, "深": ["层", {"x": None}]}, {"big": 10**25, "e": 1e308},
]  # fmt: skip


def call(chance: random.Random, number: int) -> dict[str, Any]:
    """A call; three of four are as a client sends them, the rest have something odd."""
    made: dict[str, Any] = {
        "type": chance.choice(["track", "track", "page", "screen"]),
        "event": chance.choice(NAMES[:2]),
        "name": chance.choice([None, "Home", "", 5]),
        "messageId": f"m-{number}",
        "userId": chance.choice(IDS[:3]),
        "timestamp": chance.choice(TIMES[:3]),
        "properties": chance.choice(PROPERTIES[:3]),
        "context": chance.choice(
            [None, {}, {"groupId": "A-well"}, {"groupId": "A-slipping"}, {"library": {"name": "x"}}]
        ),
    }
    odd: dict[str, list[Any]] = {
        "type": TYPES, "event": NAMES, "name": NAMES, "category": ["docs", "", None, 7], "messageId": MESSAGES, "userId": IDS, "anonymousId": IDS, "groupId": ACCOUNTS, "previousId": IDS,
        "timestamp": TIMES, "originalTimestamp": TIMES, "sentAt": TIMES, "properties": PROPERTIES, "traits": [None, {}, {"account_id": "A-well"}, {"email": "a@b.example"}],
        "context": [None, {}, {"traits": {"company": {"id": "A-well"}}}, *({"groupId": one} for one in ACCOUNTS)],
    }  # fmt: skip
    for _ in range(chance.choice([0, 0, 0, 1, 2, 4])):
        name = chance.choice(list(odd))
        made[name] = chance.choice(odd[name])
    for name in chance.sample(list(made), chance.choice([0, 0, 0, 0, 1])):
        del made[name]
    return made


def in_columns(found: list[Record]) -> tuple[list[dict[str, Any]], Unpacked]:
    """The rows in the order in which they came, and what they were made of."""
    entries = [entry(record, at) for at, record in enumerate(found)]
    unpacked = unpack_entries(entries, identity.account_properties())
    (arranged,) = arrange([unpacked])
    return arranged.events.take(pa.array(np.argsort(arranged.places))).to_pylist(), unpacked


def entry(record: Record, at: int) -> Entry:
    return Entry(record, at, at + 1)


def records(chance: random.Random) -> list[Record]:
    found = []
    for number in range(12):
        calls = [call(chance, number * 100 + n) for n in range(chance.randrange(12))]
        body: dict[str, Any] = {"batch": calls}
        if chance.random() < 0.7:
            body["sentAt"] = chance.choice(TIMES)
        source, received = chance.choice(["web", "app"]), RECEIVED + number
        found.append(Record(source, "segment/batch", received, json.dumps(body).encode()))
        found.append(
            Record(source, "segment/track", received, json.dumps(call(chance, 9000 + number)).encode())
        )
        found.append(
            Record(source, "segment/identify", received, json.dumps(call(chance, 9100 + number)).encode())
        )
    found.append(Record("web", "refused:segment/batch", RECEIVED, b"beginning", "too large"))
    found.append(Record("web", "segment/batch", RECEIVED, b'{"batch":[{"type":"track","event":3},nonsense]}'))
    chance.shuffle(found)
    return found


def one_by_one(found: list[Record]) -> tuple[list[dict[str, Any]], list[Rejection]]:
    properties = identity.account_properties()
    events: list[tuple[str, Event]] = []
    rejections = []
    for record in found:
        for one in unpack(record, properties):
            if isinstance(one, Event):
                events.append((record.source, one))
            else:
                rejections.append(one)
    places = identity.resolve(events).places
    table = event_table(
        [
            (source, event, place.account_id if place else None, place.tenant if place else event.tenant)
            for (source, event), place in zip(events, places, strict=True)
        ]
    )
    return table.to_pylist(), rejections


@pytest.mark.parametrize("seed", range(60))
def test_random_traffic_becomes_the_same_rows_either_way(cast: SimpleNamespace, seed: int) -> None:
    found = records(random.Random(seed))
    rows, rejections = one_by_one(found)
    made, unpacked = in_columns(found)
    assert made == rows
    assert [one.rejection for one in unpacked.refused] == rejections


@pytest.mark.postgres
def test_most_of_a_clients_traffic_is_plain(cast: SimpleNamespace) -> None:
    chance = random.Random(1)
    moment = dt.datetime(2026, 11, 19, tzinfo=dt.UTC).isoformat()
    calls = [
        {"type": "track", "event": "a", "messageId": f"m{n}", "userId": f"u{chance.randrange(9)}", "timestamp": moment, "properties": {"n": n}, "context": {"groupId": "A-well"}}
        for n in range(100)
    ]  # fmt: skip
    calls[50] = {"type": "identify", "userId": "u1", "messageId": "who", "timestamp": moment}
    record = Record("web", "segment/batch", RECEIVED, json.dumps({"batch": calls, "sentAt": moment}).encode())
    taken = plain.read([record], ())
    assert taken.table.num_rows == 99
    assert taken.left == {0: [50]}
    assert [row["message_id"] for row in in_columns([record])[0]] == [one["messageId"] for one in calls]


@pytest.mark.parametrize("name", sorted(DIRT))
def test_dirt_among_good_calls_is_read_the_same_either_way(cast: SimpleNamespace, name: str) -> None:
    good = [json.dumps(call(random.Random(n), n)).encode() for n in range(6)]
    items = [*good[:3], DIRT[name][0]("dirty"), *good[3:]]
    found = [Record("web", "segment/batch", RECEIVED, b'{"batch":[' + b",".join(items) + b"]}")]
    rows, rejections = one_by_one(found)
    made, unpacked = in_columns(found)
    assert made == rows
    assert [one.rejection for one in unpacked.refused] == rejections
    assert journal.SYSTEM not in {row["kind"] for row in made}


def _sized(number: int, size: int, key: str = '"note"', id_key: str = '"messageId"') -> bytes:
    """A call with a property ``key`` of ``size`` bytes, and its id under ``id_key``."""
    told = '"timestamp":"2026-11-19T10:00:00Z","userId":"u1","type":"track","event":"a"'
    return f'{{{told},"properties":{{{key}:"{"x" * size}"}},{id_key}:"m-{number}"}}'.encode()


@pytest.mark.parametrize("size", [9_000, 16_000, 16_500, 32_000, 33_000, 60_000])
@pytest.mark.parametrize(
    "told",
    [
        {},
        {"id_key": '"\\u006dessageId"'},
        {"key": '"messageId"'},
        {"key": '"messageId"', "id_key": '"\\u006dessageId"'},
    ],
    ids=["plain", "escaped id", "nested key", "both"],
)
def test_a_call_that_is_too_large_is_refused_wherever_it_stands(
    cast: SimpleNamespace, size: int, told: dict[str, str]
) -> None:
    """Whether calls are too large is told from the stretches between the keys of their ids; nothing may mislead it."""
    for place in (0, 3, 6):
        items = [_sized(number, 300) for number in range(6)]
        items.insert(place, _sized(99, size, **told))
        body = b'{"batch":[' + b",".join(items) + b'],"sentAt":"2026-11-19T10:00:01Z"}'
        found = [Record("web", "segment/batch", RECEIVED, body)]
        rows, rejections = one_by_one(found)
        made, unpacked = in_columns(found)
        assert made == rows
        assert len(rejections) == (size > 32_700)
        assert [one.rejection for one in unpacked.refused] == rejections
        assert not unpacked.singles, "whatever its size, nothing of it is unusual"


# Bodies that tell of calls in ways that a reader of pieces could take for others: (before the array, behind it).
ENVELOPES = {
    "as clients write it": ('{"batch":[', '],"sentAt":"2026-11-19T10:00:01Z"}'),
    "blanks": ('{ "batch" :\n [ ', ' ] , "sentAt": "2026-11-19T10:00:01Z" }'),
    "first others": ('{"sentAt":"2026-11-19T10:00:01Z","writeKey":"a]b","batch":[', "]}"),
    "an array before": ('{"other":[{"type":"track"}],"batch":[', "]}"),
    "an array behind": ('{"batch":[', '],"other":[1,2]}'),
    "a bracket behind": ('{"batch":[', '],"writeKey":"a]b"}'),
    "a second batch": (
        '{"batch":[',
        '],"batch":[{"type":"track","event":"x","userId":"u9","messageId":"m9"}]}',
    ),
    "a second that is empty": ('{"batch":[', '],"batch":[]}'),
    "a second that is spelled": ('{"batch":[', '],"\\u0062atch":[]}'),
    "a first that is empty": ('{"batch":[],"batch":[', "]}"),
    "a batch in another": ('{"batch":[],"x":{"batch":[', "]}}"),
    "a batch in another, spelled": ('{"\\u0062atch":[],"x":{"batch":[', "]}}"),
    "a batch in another behind": ('{"x":{"batch":[', ']},"batch":[]}'),
    "a batch in a text": ('{"x":"\\"batch\\":[{","batch":[', "]}"),
    "no batch": ('{"calls":[', "]}"),
    "cut off": ('{"batch":[', ""),
    "a comma too many": ('{"batch":[', ",]}"),
}


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("nested", ["no", "calls in calls", "a call as text"])
def test_a_large_body_read_in_pieces_says_what_it_says_as_a_whole(
    cast: SimpleNamespace, name: str, nested: str
) -> None:
    chance = random.Random(name + nested)
    calls = []
    for number in range(150):
        one = {
            "type": "track",
            "event": "a",
            "userId": f"u{number % 7}",
            "messageId": f"m{number}",
            "timestamp": chance.choice(TIMES[:3]),
        }
        inner = [dict(one, messageId=f"inner {n}") for n in range(chance.randrange(4))]
        told: Any = {
            "no": "x" * chance.randrange(600),
            "calls in calls": inner,
            "a call as text": json.dumps(inner),
        }
        calls.append(json.dumps({**one, "properties": {"told": told[nested]}}, separators=chance.choice([(",", ":"), (", ", ": ")])))  # fmt: skip
    before, behind = ENVELOPES[name]
    found = [Record("web", "segment/batch", RECEIVED, (before + ", ".join(calls) + behind).encode())]
    rows, rejections = one_by_one(found)
    made, unpacked = in_columns(found)
    assert made == rows
    assert [one.rejection for one in unpacked.refused] == rejections


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
def test_times_read_together_are_those_read_alone(zone: str) -> None:
    """Any digits in the form of a time, one of a width: days, hours and minutes that are none among them."""
    chance = random.Random(zone)
    for digits in range(7):
        made = []
        for _ in range(400):
            day = f"{chance.choice([1, 1999, 2024, 2026]):04}-{chance.randrange(15):02}-{chance.randrange(34):02}"
            clock = f"{chance.randrange(27):02}:{chance.randrange(63):02}:{chance.randrange(63):02}"
            fraction = f".{chance.randrange(10**digits):0{digits}}" if digits else ""
            made.append(f"{day}T{clock}{fraction}{zone}")
        right = [one for one in made if times.moment(one) is not None]
        for some in (made, right, *([one] for one in made)):
            column = pa.array(some, pa.string())
            fits = texts.are_moments(column)
            alone = [times.moment(one) for one in some]
            for at, moment, fit in zip(texts.moments(column, fits).tolist(), alone, fits, strict=True):
                assert not fit or at == (texts.UNREAD if moment is None else moment)
