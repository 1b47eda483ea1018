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
