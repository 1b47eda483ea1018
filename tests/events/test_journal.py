"""Acknowledged means on disk: whole records, torn tails, failing disks, forks."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.journal import Journal, JournalError, Record
from evergreen.events.journal.records import head, packed
from evergreen.events.journal.writing import DiskReservedError


def record(text: str) -> Record:
    return Record("web", "segment/track", 1_700_000_000_000_000, text.encode())


def bodies(part: journal.Part) -> list[str]:
    return [entry.record.body.decode() for entry in part.entries]


def only_segment(place: Home) -> Path:
    (path,) = journal.segments(place)
    return path


def written(place: Home, *texts: str) -> Path:
    """A segment that has ended, with a record for each text."""
    made = Journal(place)
    for text in texts:
        made.write_now(record(text))
    made.close()
    return only_segment(place)


def test_records_come_back_whole_and_in_order(place: Home) -> None:
    path = written(place, "one", "two", "three")
    part = journal.read(path, 0)
    assert bodies(part) == ["one", "two", "three"]
    assert part.complete and part.end == path.stat().st_size
    second = part.entries[1]
    assert bodies(journal.read(path, second.end)) == ["three"]


def test_requests_that_wait_together_share_one_sync(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = []
    real = os.fdatasync
    gate = threading.Event()

    def slow_sync(fd: int) -> None:
        syncs.append(fd)
        gate.wait(5)
        real(fd)

    monkeypatch.setattr("evergreen.events.journal.writing.os.fdatasync", slow_sync)
    made = Journal(place)

    async def many() -> None:
        waiting = [asyncio.create_task(made.write(record(str(n)))) for n in range(200)]
        await asyncio.sleep(0.1)
        gate.set()
        await asyncio.gather(*waiting)

    asyncio.run(many())
    made.close()
    assert len(syncs) <= 3
    assert sorted(map(int, bodies(journal.read(only_segment(place), 0)))) == list(range(200))


def test_a_waiting_request_is_not_answered_before_the_sync(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = os.fdatasync

    def sync(fd: int) -> None:
        real(fd)
        order.append("synced")

    monkeypatch.setattr("evergreen.events.journal.writing.os.fdatasync", sync)
    made = Journal(place)

    async def one(text: str) -> None:
        await made.write(record(text))
        order.append("answered")

    for text in ("a", "b", "c"):
        asyncio.run(one(text))
    made.close()
    assert order == ["synced", "answered"] * 3


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_tail_is_left_out_and_the_records_before_it_stand(place: Home, cut: int) -> None:
    path = written(place, "one", "two", "a record that a kill cut in two")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    part = journal.read(path, 0)
    assert bodies(part) == ["one", "two"]
    end = journal.read(path, part.end)
    assert not end.entries and not end.gaps and end.complete


def test_a_changed_bit_costs_its_record_only(place: Home) -> None:
    path = written(place, "one", "two", "three")
    data = bytearray(path.read_bytes())
    second = journal.read(path, 0).entries[1]
    data[second.end - 1] ^= 0x10
    path.write_bytes(data)
    first = journal.read(path, 0)
    assert bodies(first) == ["one"] and not first.complete
    rest = journal.read(path, first.end)
    assert bodies(rest) == ["three"]
    assert rest.gaps == [(second.start, second.end)]
    assert journal.read(path, rest.end).complete


def test_a_flipped_bit_anywhere_is_noticed(place: Home) -> None:
    path = written(place, "first", "second")
    good = path.read_bytes()
    for at in range(len(good)):
        for bit in (at % 8, (at + 3) % 8):
            data = bytearray(good)
            data[at] ^= 1 << bit
            path.write_bytes(data)
            found: list[str] = []
            start, complete = 0, False
            while not complete:
                part = journal.read(path, start)
                found += bodies(part)
                complete = part.complete or part.end == start
                start = part.end
            assert found in (["first"], ["second"]), f"byte {at} bit {bit}"


def test_a_record_larger_than_one_read_is_read(place: Home) -> None:
    path = written(place, "small", "x" * 300_000, "last")
    texts, start = [], 0
    while True:
        part = journal.read(path, start, most=1000)
        texts += bodies(part)
        start = part.end
        if part.complete:
            break
    assert [len(text) for text in texts] == [5, 300_000, 4]


def test_a_segment_being_written_is_read_up_to_its_last_whole_record(place: Home) -> None:
    made = Journal(place)
    made.write_now(record("one"))
    path = only_segment(place)
    with path.open("ab") as file:
        payload = packed(record("half"))
        file.write((head(payload) + payload)[:20])
    part = journal.read(path, 0)
    assert bodies(part) == ["one"]
    assert not part.complete and not journal.has_ended(path)
    made.close()
    assert journal.has_ended(path)


def test_a_full_segment_is_ended_and_the_next_begun(place: Home) -> None:
    made = Journal(place, segment_bytes=500)
    for n in range(40):
        made.write_now(record(f"event {n}"))
    made.close()
    paths = journal.segments(place)
    assert len(paths) > 3
    assert [text for path in paths for text in bodies(journal.read(path, 0))] == [
        f"event {n}" for n in range(40)
    ]


def test_a_new_process_never_appends_to_an_old_segment(place: Home) -> None:
    written(place, "before")
    again = Journal(place)
    again.write_now(record("after"))
    again.close()
    assert [bodies(journal.read(path, 0)) for path in journal.segments(place)] == [["before"], ["after"]]


def failing(call: str, monkeypatch: pytest.MonkeyPatch, *, times: int, number: int = errno.EIO) -> list[int]:
    """Let the journal's next ``times`` calls of os.``call`` fail."""
    real = getattr(os, call)
    left = [times]

    def fails(*args: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            if call == "write":  # a disk that fills writes a part first
                real(args[0], bytes(args[1])[:7])
            raise OSError(number, os.strerror(number))
        return real(*args)

    monkeypatch.setattr(f"evergreen.events.journal.writing.os.{call}", fails)
    return left


@pytest.mark.parametrize(("call", "number"), [("fdatasync", errno.EIO), ("write", errno.ENOSPC)])
def test_a_failed_write_or_sync_is_refused_and_its_segment_never_trusted_again(
    place: Home, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    made = Journal(place)
    made.write_now(record("good"))
    failing(call, monkeypatch, times=1, number=number)
    with pytest.raises(JournalError) as refused:
        made.write_now(record("lost"))
    assert refused.value.retry_after >= 1
    assert not made.state().writable
    made.write_now(record("after"))
    assert made.state().writable
    made.close()
    first, second = journal.segments(place)
    assert bodies(journal.read(first, 0)) == ["good"]
    assert bodies(journal.read(second, 0)) == ["after"]


def test_a_journal_that_cannot_even_be_opened_refuses_and_recovers(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Journal(place)
    failing("open", monkeypatch, times=2, number=errno.ENOSPC)
    for _ in range(2):
        with pytest.raises(JournalError):
            made.write_now(record("lost"))
    made.write_now(record("kept"))
    made.close()
    assert bodies(journal.read(only_segment(place), 0)) == ["kept"]


def test_below_the_reserve_of_the_disk_nothing_is_taken(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_DISK_RESERVE_MB", str(1 << 40))
    full = Journal(place)
    with pytest.raises(DiskReservedError):
        full.write_now(record("lost"))
    assert not full.state().disk_ok and not journal.disk(place).disk_ok
    full.close()
    assert journal.segments(place) == []


def test_a_fork_writes_segments_of_its_own(place: Home) -> None:
    journal.process_journal(place).write_now(record("parent"))
    pid = os.fork()
    if pid == 0:
        try:
            journal.process_journal(place).write_now(record("child"))
            journal.close_all()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    journal.process_journal(place).write_now(record("parent again"))
    journal.close_all()
    found = [bodies(journal.read(path, 0)) for path in journal.segments(place)]
    assert found == [["parent", "parent again"], ["child"]]


def test_internal_events_need_a_name_an_id_and_a_zone(place: Home) -> None:
    import datetime as dt

    with pytest.raises(ValueError, match="message id"):
        journal.write_system_events([{"name": "alert.opened", "message_id": ""}], home=place)
    with pytest.raises(ValueError, match="time zone"):
        journal.write_system_events(
            [{"name": "a", "message_id": "1", "occurred_at": dt.datetime(2026, 1, 1)}], home=place
        )
    assert journal.segments(place) == []
