"""The lake stays in few files, and no reader and no row suffers for it."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from typing import Any

from evergreen.base.env import Home
from evergreen.events import journal, store, traffic, upkeep
from evergreen.events.journal import Record

Lake = Callable[..., list[tuple[Any, ...]]]
COMMITS = 12


def files(home: Home) -> int:
    return sum(1 for _ in (home.lake / "data").rglob("*.parquet"))


def named(lake: Lake) -> dict[str, int]:
    return dict(lake("SELECT table_name, file_count FROM ducklake_table_info('lake') WHERE file_count > 0"))


def test_small_files_are_merged_and_the_old_ones_removed_when_nobody_can_read_them(
    home: Home, moved: Callable[[], Any], lake: Lake, now: dt.datetime
) -> None:
    for number in range(COMMITS):
        body = json.dumps({"event": f"E{number}", "userId": "u", "messageId": str(number)}).encode()
        journal.process_journal(home).write_now(Record("web", "segment/track", 1_790_000_000_000_000, body))
        assert moved().stored == 1
    before = files(home)
    assert named(lake)["events"] == named(lake)["message_keys"] == COMMITS
    reader = store.reading(home)
    reader.execute("BEGIN")
    everything = reader.execute("SELECT count(*) FROM lake.events").fetchall()
    clock = dt.datetime.now(dt.UTC)
    with store.session(home) as con:
        assert upkeep.unmerged_commits(con) == COMMITS
        first = upkeep.keep(con, now=clock, home=home)
        assert first.merged >= 4 * COMMITS and first.removed == 0 and first.snapshots == 0
        assert files(home) > before and upkeep.unmerged_commits(con) == 1
        # What was merged and its old files lie side by side on the disk; only the catalog tells which to read.
        assert [one.events for one in traffic.by_source(dt.date(2000, 1, 1))] == [COMMITS]
        assert reader.execute("SELECT count(*) FROM lake.events").fetchall() == everything
        reader.execute("ROLLBACK")
        later = clock + dt.timedelta(hours=upkeep.SNAPSHOT_HOURS, minutes=1)
        second = upkeep.keep(con, now=later, home=home)
        assert second.removed >= 4 * COMMITS and second.snapshots >= COMMITS
        assert upkeep.keep(con, now=later, home=home).removed == 0
        orphan = next((home.lake / "data").rglob("*.parquet")).with_name("ducklake-left-by-a-kill.parquet")
        orphan.write_bytes(b"never committed")
        assert upkeep.keep(con, now=later, home=home).removed == 0 and orphan.exists()
        os.utime(orphan, (0, 0))
        assert upkeep.keep(con, now=later, home=home).removed == 1 and not orphan.exists()
    assert files(home) < before / 3
    assert named(lake)["events"] == 1
    assert lake("SELECT count(*), count(DISTINCT message_id) FROM lake.events") == [(COMMITS, COMMITS)]
    body = json.dumps({"event": "E0", "userId": "u", "messageId": "0"}).encode()
    journal.process_journal(home).write_now(Record("web", "segment/track", 1_790_000_000_000_000, body))
    assert moved().duplicates == 1


def test_many_quiet_days_are_merged_together_and_in_rounds(home: Home, lake: Lake, now: dt.datetime) -> None:
    days = 40
    first = dt.date(2026, 1, 1)
    with store.session(home) as con:
        for turn in range(2):
            with store.transaction(con, home):
                con.execute(
                    "INSERT INTO lake.events BY NAME SELECT 'web' AS source, 'track' AS kind, 'E' AS name, i AS account_id,"
                    " '' AS tenant, moment AS occurred_at, moment AS received_at, moment AS known_at, moment::DATE AS day, moment::DATE AS known_on,"
                    " 1 AS count, i || '.' || ? AS message_id, false AS backfilled"
                    " FROM (SELECT i, ?::TIMESTAMP + to_days(i::INTEGER) AS moment FROM range(?) t(i))",
                    [turn, first, days],
                )
        rows = "SELECT count(*), bit_xor(hash(message_id, known_on)) FROM lake.events"
        before = lake(rows)
        assert named(lake)["events"] == 2 * days
        # What a worker asks for on a disk whose reserve is begun: nothing is written twice, and nothing is left to hurry for.
        none = upkeep.keep(con, now=now, most=0, home=home)
        assert none.merged == 0 and not none.has_more and named(lake)["events"] == 2 * days
        one = upkeep.keep(con, now=now, most=1, home=home)
        assert one.has_more and 2 < one.merged < 2 * days
        while (kept := upkeep.keep(con, now=now, most=1, home=home)).has_more:
            assert kept.merged
        assert named(lake)["events"] == days
        assert lake(rows) == before
        snapshots = store.scalar(con, "SELECT count(*) FROM ducklake_snapshots('lake')")
        assert upkeep.merge(con, home=home) == 0
        assert store.scalar(con, "SELECT count(*) FROM ducklake_snapshots('lake')") == snapshots
