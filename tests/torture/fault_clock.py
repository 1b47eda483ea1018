"""ING-14: devices whose clocks are wrong, and a server whose own clock jumps while it runs."""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from typing import Any

from tests.launch.installation import Installation
from tests.torture import calls, kill_checking
from tests.torture.fault_dirt import Line
from tests.torture.kill_processes import begun
from tests.torture.resuming import Part

DEVICES, JUMPS = 2_000, 30
_JUMPS = {"two hours back": -7_200, "an hour ahead": 3_600, "400 days ahead": 400 * 86_400}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = 86_400_000_000
_EARLIEST = 946_684_800_000_000
_PER_JUMP = 200
_TAKEN_WITHIN, _STORED_WITHIN = 5.0, 60.0


def moved(part: Part) -> None:
    """Times as Segment's formula has them, to the millisecond; ids known and events stored over every jump."""
    clock = part.folder / "clock"
    clock.write_text("0")
    library = calls.built(part.folder)
    part.marks.clear()
    part.report.cases = 0
    installation, ledger = begun(part, 1)
    ledger.close()
    installation.extra |= calls.preloaded(library, clock)
    try:
        installation.serve()
        line = Line(installation, str(part.marks["key"]))
        _devices(part, installation, line)
        _jumps(part, installation, line, clock)
    finally:
        installation.kill()


def _micros(when: dt.datetime) -> int:
    return (when - _EPOCH) // dt.timedelta(microseconds=1)


def _wanted(stamp: str, sent: str | None, received: int) -> tuple[int, str | None]:
    """Segment's formula in plain Python, and the contract's rules for what it cannot mean."""
    happened = _micros(dt.datetime.fromisoformat(stamp))
    if sent is not None:
        happened = received - (_micros(dt.datetime.fromisoformat(sent)) - happened)
    if happened > received + _DAY:
        return received, "ahead"
    if happened < _EARLIEST:
        return received, "before 2000"
    return happened, None


def _devices(part: Part, installation: Installation, line: Line) -> None:
    """Clocks wrong by a second to ten years, in zones of all kinds, with and without a sent time."""
    chance = random.Random(part.report.seed)
    now = dt.datetime.now(dt.UTC)
    told: dict[str, tuple[str, str | None]] = {}
    for number in range(DEVICES):
        error = dt.timedelta(seconds=chance.choice([1, 60, 3_600, 86_400, 3.15e8]) * chance.uniform(-1, 1))
        age = dt.timedelta(seconds=chance.uniform(0, 86_400 * 30))
        zone = dt.timezone(dt.timedelta(minutes=chance.choice([0, 480, -210, 345, 765, -720])))
        stamp = (now - age + error).astimezone(zone).isoformat(timespec="milliseconds")
        sent = (now + error).isoformat(timespec="milliseconds") if chance.random() < 0.8 else None
        told[f"device-{number}"] = (stamp, sent)
        event = {"type": "track", "event": "Clocked", "userId": "u", "messageId": f"device-{number}"}
        body: dict[str, Any] = {"batch": [{**event, "timestamp": stamp}]}
        status = line.post(json.dumps(body | ({"sentAt": sent} if sent else {})).encode())
        part.expect(status == 200, f"a device was answered {status}")
    kill_checking.settled(installation)
    with kill_checking.lake_of(installation) as con:
        rows = con.execute(
            "SELECT message_id, epoch_us(occurred_at), epoch_us(received_at), flag FROM lake.events"
            " WHERE name = 'Clocked'"
        ).fetchall()
    part.expect(len(rows) == DEVICES, f"{len(rows):,} of {DEVICES:,} events of devices are stored")
    wrong = 0
    for message_id, occurred, received, flag in rows:
        wanted, flagged = _wanted(*told[message_id], received)
        wrong += abs(occurred - wanted) > 1_000 or flag != flagged
    part.expect(not wrong, f"{wrong:,} times are not what the formula says")
    part.report.cases += len(rows)
    part.figures |= {"devices": len(rows), "times wrong": wrong}


def _jumps(part: Part, installation: Installation, line: Line, clock: Any) -> None:
    """Before and after each jump the same ids are sent: each is stored once, whatever the time is said to be."""
    chance = random.Random(part.report.seed + 1)
    server = installation.processes()[0]
    moved_by, sent, repeats, slowest = 0, 0, 0, 0.0
    for number in range(JUMPS):
        ids = [f"jump-{number}-{at}" for at in range(_PER_JUMP)]
        part.expect(line.post(_batch(ids[: _PER_JUMP // 2])) == 200, "a batch before the jump was refused")
        name = chance.choice(list(_JUMPS)) if number % 6 else "back to now"
        # A clock set 400 days ahead three times would be in a year without a calendar.
        moved_by = 0 if name == "back to now" else (moved_by + _JUMPS[name]) % (500 * 86_400)
        clock.write_text(str(moved_by))
        began = time.monotonic()
        while (status := line.post(_batch(ids))) != 200 and time.monotonic() - began < _TAKEN_WITHIN:
            part.expect(status in {429, 503}, f"after {name} a batch was answered {status}")
            time.sleep(0.1)
        part.expect(status == 200, f"after {name} nothing was taken")
        sent, repeats = sent + _PER_JUMP, repeats + _PER_JUMP // 2
        if number % 3 == 2:  # also across jumps that lie behind
            part.expect(
                line.post(_batch([f"jump-{number - 2}-{at}" for at in range(_PER_JUMP)])) == 200, "refused"
            )
            repeats += _PER_JUMP
        slowest = max(slowest, kill_checking.settled(installation, _STORED_WITHIN))
        part.expect(installation.processes()[0] == server, f"after {name} the server had ended")
        part.report.cases += 1
    with kill_checking.lake_of(installation) as con:
        rows = con.execute(
            "SELECT count(*), count(DISTINCT message_id) FROM lake.events WHERE name = 'Jumped'"
        ).fetchall()
        sums = con.execute(
            "SELECT sum(duplicates)::BIGINT, sum(conflicts)::BIGINT FROM lake.batches"
        ).fetchall()
    part.expect(rows == [(sent, sent)], f"{sent:,} events were sent, stored and different are {rows}")
    part.expect(sums == [(repeats, 0)], f"{repeats:,} repeats were sent, duplicates and conflicts are {sums}")
    part.figures |= {
        "jumps": JUMPS,
        "stored": rows[0][0],
        "duplicated": rows[0][0] - rows[0][1],
        "repeats turned away": sums[0][0],
        "stored within (s)": f"{slowest:.1f}",
    }


def _batch(ids: list[str]) -> bytes:
    event = {"type": "track", "event": "Jumped", "userId": "u", "timestamp": "2026-11-12T08:00:00.000Z"}
    return json.dumps({"batch": [{**event, "messageId": one} for one in ids]}).encode()
