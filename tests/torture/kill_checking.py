"""What is stored against what the ledger knows: every body, every count, in columns."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.base.env import Home
from evergreen.events import journal, store
from tests.launch.installation import Installation
from tests.torture.kill_traffic import NAME
from tests.torture.ledger import Standing
from tests.torture.resuming import Part

SETTLE_SECONDS = 180.0

# ``kill_traffic.Stream`` in SQL. A row whose id is none of ours has the number null.
_STORED = """
WITH ours AS (
    SELECT *, try_cast(nullif(split_part(message_id, '-', 2), '') AS BIGINT) AS number
    FROM lake.events WHERE name = $name AND source = $source
)
SELECT coalesce(number, -1) AS number, count(*) AS times, bool_and(
    message_id = $seed || '-' || number
    AND kind = 'track'
    AND end_user = 'u' || number % 997
    AND properties = '{"number":' || number || ',"check":"' || md5($seed || ':' || number) || '"}'
    AND occurred_at = TIMESTAMP '2026-11-12' + to_milliseconds(number % 86400000)
    AND count = 1 AND flag IS NULL AND NOT backfilled
) AS good
FROM ours GROUP BY number
"""


_COUNTED = ("stored", "duplicates", "conflicts", "rejected")


def _sums(*names: str) -> str:
    return ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in names)


@dataclass(frozen=True, slots=True)
class Stored:
    """How often each event is stored, which stored bodies differ, and rows that nobody sent."""

    times: NDArray[np.int64]
    differing: int
    strange: int


def stored(con: Any, seed: int, size: int, source: str) -> Stored:
    found = con.execute(_STORED, {"name": NAME, "seed": str(seed), "source": source}).fetchnumpy()
    number = np.asarray(found["number"], np.int64)
    known = (number >= 0) & (number < size)
    times = np.zeros(size, np.int64)
    times[number[known]] = np.asarray(found["times"], np.int64)[known]
    good = np.ma.filled(np.ma.asarray(found["good"], np.bool_), fill_value=False)
    return Stored(times, int((~good[known]).sum()), int(np.asarray(found["times"])[~known].sum()))


@contextmanager
def lake_of(installation: Installation) -> Iterator[Any]:
    """A read-only connection on an installation's lake, whichever database its catalog is in."""
    names = {"EVERGREEN_DATABASE", "EVERGREEN_LAKE_SCHEMA"}
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update({name: value for name, value in installation.extra.items() if name in names})
    try:
        yield store.reading(Home(installation.home))
    finally:
        store.close()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def settled(installation: Installation, seconds: float = SETTLE_SECONDS) -> float:
    """Wait until everything acknowledged is in the lake; returns the seconds it took.

    Raises AssertionError when for ``seconds`` nothing got on, or doctor finds something wrong.
    """
    began = moved = time.monotonic()
    least = 1 << 62
    home = Home(installation.home)
    with lake_of(installation) as con:
        while True:
            held = dict(con.execute("SELECT origin, max(until) FROM lake.batches GROUP BY origin").fetchall())
            waiting, size = journal.lag(home, held)
            if not waiting:
                break
            if size < least:
                least, moved = size, time.monotonic()
            if time.monotonic() - moved > seconds:
                raise AssertionError(f"For {seconds:.0f} s {size:,} bytes of {waiting} segments do not move.")
            time.sleep(1.0)
    if faults := installation.faults("journal", "segments", "keys"):
        raise AssertionError(f"doctor finds {faults}")
    return time.monotonic() - began


def compare(part: Part, con: Any, standing: Standing, seed: int, *, source: str, exactly: bool) -> None:
    """Every acked event once, every open one at most once, nothing else, all bodies as sent, all sums exact.

    ``exactly``: every request got its answer, so the count of duplicates is the ledger's to the unit.
    """
    found = stored(con, seed, len(standing.sent), source)
    lost = int((standing.acked & (found.times == 0)).sum())
    twice = int((found.times > 1).sum())
    never = int((~standing.acked & ~standing.open & (found.times > 0)).sum()) + found.strange
    part.expect(not lost, f"{lost:,} acknowledged events are lost")
    part.expect(not twice, f"{twice:,} events are stored more than once")
    part.expect(not never, f"{never:,} stored events were never sent, or were refused")
    part.expect(not found.differing, f"{found.differing:,} stored events differ from what was sent")
    sums = con.execute(f"SELECT {_sums('received', *_COUNTED)} FROM lake.batches").fetchone()
    by_source = con.execute(
        f"SELECT {_sums(*_COUNTED)} FROM lake.intake WHERE source = ?", [source]
    ).fetchone()
    received, in_lake, duplicates, conflicts, rejected = sums
    rows = int(found.times.sum()) + found.strange
    answered, most = int(standing.acks.sum()), int((standing.acks + standing.unanswered).sum())
    wrong = []
    if received != in_lake + duplicates + rejected:
        wrong.append(f"received {received:,} is not stored {in_lake:,} + {duplicates:,} + {rejected:,}")
    if tuple(by_source) != (in_lake, duplicates, conflicts, rejected):
        wrong.append(f"the source's sums {by_source} are not those of the batches {sums}")
    if in_lake != rows or conflicts or rejected:
        wrong.append(f"stored {in_lake:,} of {rows:,} rows, {conflicts} conflicts, {rejected} rejected")
    if not answered <= received <= most:
        wrong.append(f"received {received:,}, answered {answered:,} and at most {most:,}")
    if exactly and duplicates != standing.repeats:
        wrong.append(f"duplicates {duplicates:,}, the ledger has {standing.repeats:,}")
    for sentence in wrong:
        part.expect(False, sentence)
    part.figures |= {
        "acked": int(standing.acked.sum()),
        "open": int(standing.open.sum()),
        "stored": rows,
        "repeats turned away": duplicates,
        "duplicated": twice,
        "lost": lost,
        "sums exact": not wrong,
    }
