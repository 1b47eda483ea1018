"""ING-08 to ING-11 on the real server: equal ids, other bodies, and dirt of every kind among good events."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import random
import subprocess
import sys
import uuid
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from tests.events.dirt import DIRT, batch, good
from tests.launch.installation import ROOT, Installation
from tests.launch.sending import basic
from tests.torture import kill_checking
from tests.torture.kill_processes import begun
from tests.torture.resuming import Part

PAIRS, CONFLICTS, EVENTS, NEIGHBOURS = 10_000, 5_000, 100_000, 1_000
LAG_SECONDS = 10.0


class Line:
    """Requests to the tracking API, one after another, with the key of a source."""

    def __init__(self, installation: Installation, key: str) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=60)
        self._headers = {"Authorization": basic(key)}
        self.statuses: Counter[int] = Counter()

    def post(self, body: bytes, path: str = "/v1/batch") -> int:
        self._link.request("POST", path, body, self._headers)
        answer = self._link.getresponse()
        answer.read()
        self._link.close()  # the server gives up links that stand idle for half a minute
        self.statuses[answer.status] += 1
        return answer.status


def _rows(installation: Installation, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with kill_checking.lake_of(installation) as con:
        found: list[tuple[Any, ...]] = con.execute(sql, list(values)).fetchall()
        return found


def _fresh(part: Part) -> Installation:
    """An installation that has seen nothing: these tests take minutes and begin anew when they were stopped."""
    part.marks.clear()
    part.report.cases = 0
    installation, ledger = begun(part, 1)
    ledger.close()
    installation.serve()
    return installation


def paired(part: Part) -> None:
    """ING-08: equal ids from two sources are two events, each of them once."""
    installation = _fresh(part)
    try:
        lines = [Line(installation, str(part.marks["key"])), Line(installation, installation.new_key("app"))]
        for start in range(0, PAIRS, 500):
            body = batch(*good(500, f"pair-{start}"))
            answers = [line.post(body) for line in (*lines, *lines)]
            part.expect(answers == [200] * 4, f"answers were {answers}")
            part.report.cases += 500
        kill_checking.settled(installation)
        counted = _rows(
            installation,
            "SELECT source, count(*), count(DISTINCT message_id) FROM lake.events GROUP BY source ORDER BY 1",
        )
        part.expect(counted == [("app", PAIRS, PAIRS), ("shop", PAIRS, PAIRS)], f"stored are {counted}")
        sums = _rows(installation, "SELECT sum(duplicates)::BIGINT, sum(conflicts)::BIGINT FROM lake.batches")
        part.expect(sums == [(2 * PAIRS, 0)], f"duplicates, conflicts are {sums}")
        part.figures |= {
            "stored of each": [row[1] for row in counted],
            "duplicated": 0,
            "sums exact": sums == [(2 * PAIRS, 0)],
        }
    finally:
        installation.kill()


def conflicting(part: Part) -> None:
    """ING-09: an id sent again with another body: the first stands, every conflict is counted and can be seen."""
    installation = _fresh(part)
    try:
        line = Line(installation, str(part.marks["key"]))
        first = [json.loads(one) for one in good(CONFLICTS, "same")]
        other = [{**event, "properties": {"n": "other"}} for event in first]
        half = CONFLICTS // 2
        for events in (first[:half], None, other[:half], first[half:], other[half:], first):
            if events is None:  # half of them meet one that is in the lake, half one that waits beside them
                kill_checking.settled(installation)
                continue
            for at in range(0, len(events), 500):
                status = line.post(batch(*(json.dumps(event).encode() for event in events[at : at + 500])))
                part.expect(status == 200, f"a batch was answered {status}")
        kill_checking.settled(installation)
        part.report.cases += CONFLICTS
        rows = _rows(
            installation,
            "SELECT count(*), count(DISTINCT message_id), count(*) FILTER (properties LIKE '%other%') FROM lake.events",
        )
        sums = _rows(
            installation,
            "SELECT sum(duplicates)::BIGINT, sum(conflicts)::BIGINT FROM lake.intake WHERE source = 'shop'",
        )
        part.expect(rows == [(CONFLICTS, CONFLICTS, 0)], f"stored, different ids, second bodies: {rows}")
        part.expect(sums == [(2 * CONFLICTS, CONFLICTS)], f"the source's duplicates, conflicts: {sums}")
        part.figures |= {
            "stored": rows[0][0],
            "conflicts counted": sums[0][1],
            "silent": CONFLICTS - sums[0][1],
        }
    finally:
        installation.kill()


def accounted(part: Part) -> None:
    """ING-10: sent = stored + put aside + duplicate + refused to the unit; everything put aside is replayed."""
    installation = _fresh(part)
    try:
        line = Line(installation, str(part.marks["key"]))
        wanted = min(EVENTS, part.sizes.events)
        expected, sent, refused, whole = _soil(part, line, wanted)
        kill_checking.settled(installation)
        part.report.cases += sent
        ((stored, duplicates, rejected),) = _rows(
            installation,
            "SELECT sum(stored)::BIGINT, sum(duplicates)::BIGINT, sum(rejected)::BIGINT FROM lake.batches",
        )
        aside = rejected - whole
        found = {"stored": stored, "duplicate": duplicates, "rejected": aside}
        part.expect(found == dict(expected), f"found {found}, sent {dict(expected)}")
        part.expect(
            sent == stored + duplicates + aside + refused,
            f"sent {sent:,}, found {found}, refused {refused:,}",
        )
        faults = {status: times for status, times in line.statuses.items() if status >= 500}
        part.expect(not faults, f"answers {faults}")
        blank = _rows(
            installation, "SELECT count(*) FROM lake.rejected_events WHERE reason = '' OR body = ''"
        )
        part.expect(blank == [(0,)], f"{blank} rejected rows tell no reason")
        replayed = _replayed(installation)
        part.expect(
            replayed == {"read": rejected, "stored": rejected, "left": 0},
            f"replayed: {replayed} of {rejected}",
        )
        part.figures |= {
            "sent": sent,
            **found,
            "refused": refused,
            "replayed": replayed["stored"],
            "sums exact": sent == stored + duplicates + aside + refused,
        }
    finally:
        installation.kill()


def _soil(part: Part, line: Line, wanted: int) -> tuple[Counter[str], int, int, int]:
    """Send dirt in requests of all sizes; what has to become of it, events sent and refused, requests refused whole."""
    chance = random.Random(part.report.seed)
    kinds = list(DIRT)
    expected: Counter[str] = Counter()
    stored: list[bytes] = []
    sent = refused = whole = 0
    while sent < wanted:
        events: list[bytes] = []
        told: Counter[str] = Counter()
        fresh = []
        for _ in range(chance.choice([1, 2, 10, 40])):
            if stored and chance.random() < 0.1:
                events.append(chance.choice(stored))
                told["duplicate"] += 1
                continue
            make, is_stored = DIRT[chance.choice(kinds)]
            events.append(make(uuid.UUID(int=chance.getrandbits(128)).hex))
            told["stored" if is_stored else "rejected"] += 1
            fresh += events[-1:] if is_stored else []
        body = batch(*events)
        if chance.random() < 0.03:
            body = body[:-3]  # cut off: refused as a whole
        sent += len(events)
        status = line.post(body)
        if status == 200:
            expected += told
            stored += fresh
        else:
            part.expect(status == 400, f"a batch was answered {status}")
            refused, whole = refused + len(events), whole + 1
    return expected, sent, refused, whole


def _replayed(installation: Installation) -> dict[str, int]:
    """Correct every rejected row and read it again, in a process that knows the installation."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.fault_replaying"],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"replaying ended with {done.returncode}: {done.stderr[-800:]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def poisoned(part: Part) -> None:
    """ING-11: each kind of dirt amid a thousand good events, which all reach the metric of their account."""
    installation = _fresh(part)
    try:
        (part.folder / "accounts.csv").write_text("id,name\nA-1,Poisoned\n", "utf-8")
        (part.folder / "accounts.json").write_text(
            '{"record":"accounts","columns":{"id":"id","name":"name"}}'
        )
        words = ("--as", "accounts", "--mapping", str(part.folder / "accounts.json"))
        installation.run("import", str(part.folder / "accounts.csv"), *words)
        line = Line(installation, str(part.marks["key"]))
        longest, calm = 0.0, _calm(installation, line, "before")
        for number, (kind, (make, _)) in enumerate(DIRT.items()):
            for turn in range(2):
                events = [_owned(one) for one in good(NEIGHBOURS // 2, f"{number}-{turn}")]
                events.insert(len(events) // 2, make(f"dirt-{number}-{turn}"))
                status = line.post(batch(*events))
                part.expect(status == 200, f"{kind}: answered {status}")
            if number % 10 == 9:
                longest = max(longest, kill_checking.settled(installation))
            part.report.cases += 1
        longest = max(longest, kill_checking.settled(installation))
        calm = max(calm, _calm(installation, line, "after"))
        wanted = len(DIRT) * NEIGHBOURS
        ((stored,),) = _rows(
            installation, "SELECT count(*) FROM lake.events WHERE name = 'Good' AND account_id = 1"
        )
        today = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
        installation.run("night", "--day", today)
        told = _rows(
            installation, "SELECT events_28d FROM lake.snapshots WHERE tenant = '' AND day = ?", today
        )
        part.expect(stored == wanted, f"{stored:,} of {wanted:,} good events are stored")
        part.expect(told == [(wanted,)], f"the metric says {told}, {wanted:,} good events were sent")
        part.figures |= {"good events": wanted, "stored": stored, "in the metric": told[0][0] if told else 0}
        part.figures["lag back within (s)"] = f"{longest:.1f}"
        part.figures["without dirt (s)"] = f"{calm:.1f}"
        # On a crowded processor a worker of the lowest priority is late without any dirt, too.
        allowed = max(3 * LAG_SECONDS, 5 * calm)
        part.expect(longest <= allowed, f"the lake was {longest:.0f} s behind, {calm:.0f} s without dirt")
    finally:
        installation.kill()


def _calm(installation: Installation, line: Line, when: str) -> float:
    """How long the lake is behind after as many good events, of no account, with nothing amid them."""
    for turn in range(20):
        line.post(batch(*good(NEIGHBOURS // 2, f"calm-{when}-{turn}")))
    return kill_checking.settled(installation)


def _owned(event: bytes) -> bytes:
    return json.dumps({**json.loads(event), "context": {"groupId": "A-1"}}).encode()
