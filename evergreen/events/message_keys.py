"""Which message ids the lake holds: an index of ``lake.message_keys`` in sorted files beside the lake.

A key is 128 bits (``hi``, ``lo``) with the hash of the event's body. Files are runs of keys sorted by ``hi`` that are
looked up by bisection in mapped memory, and merged as they grow, so that a batch among 100 million keys costs what it
costs among a thousand. The lake is the truth: whatever is lost or not believed here is read from it again.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evergreen.base import env
from evergreen.events import store

if TYPE_CHECKING:
    import duckdb

Column = NDArray[np.uint64]

_SUFFIX = ".keys"
# Keys in memory before they become a file; a new process reads at most so many from the lake.
_TAIL_KEYS = 200_000
# A file is merged with its newer neighbour unless it is this many times larger.
_GROWTH = 4
# Merged piece by piece, so that memory stays flat whatever the size.
_PIECE_KEYS = 1 << 20


class Keys(NamedTuple):
    """Columns of equal length, sorted by ``hi``."""

    hi: Column
    lo: Column
    body: Column

    @classmethod
    def sorted(cls, hi: Column, lo: Column, body: Column) -> Keys:
        order = np.argsort(hi)  # three times as fast as the stable one; equal halves may stand in any order
        return cls(hi[order], lo[order], body[order])


_NOTHING = Keys(*(np.empty(0, np.uint64) for _ in range(3)))


class Found(NamedTuple):
    """For each key that was asked for: whether it is known, and the hash of the body that stood first."""

    known: NDArray[np.bool_]
    body: Column


@dataclass(slots=True)
class _Batch:
    """Keys of one batch that stand in no file yet; ``transaction`` may still be rolled back."""

    number: int
    mark: str
    keys: Keys
    transaction: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Run:
    """A file of keys of the batches after ``first`` up to ``last``; ``mark`` is the last one's."""

    path: Path
    first: int
    last: int
    mark: str
    keys: Keys

    @classmethod
    def open(cls, path: Path) -> _Run:
        """Raises ValueError when the file is none of ours or not whole."""
        first, last, mark = path.name.removesuffix(_SUFFIX).split("_", 2)
        size = path.stat().st_size
        if size % 24:
            raise ValueError(f"{path} has {size} bytes, which is no whole number of keys.")
        columns = (
            np.memmap(path, np.uint64, "r", shape=(3, size // 24)) if size else np.empty((3, 0), np.uint64)
        )
        return cls(path, int(first), int(last), mark, Keys(columns[0], columns[1], columns[2]))


class MessageKeys:
    """The index of one home. Used by whoever holds the right to append (``arrivals.appending``)."""

    def __init__(self, home: env.Home) -> None:
        self._folder = home.lake / "keys"
        self._runs: list[_Run] = []
        self._tail: list[_Batch] = []
        self._checked = False

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring the index up to what the lake holds in the caller's transaction."""
        self._list_runs()
        if not self._checked:
            self._check_runs(con)
        newest, stands = self._newest(con)
        if self._tail and not stands:
            self._tail = []  # its transaction was rolled back, and another batch may have its number
        if self.last < 0 or newest > self.last:
            self._read(con, self.last)
        self._settle(_transaction(con))

    @property
    def last(self) -> int:
        """The number of the newest batch in the index; -1 when nothing was ever read."""
        if self._tail:
            return self._tail[-1].number
        return self._runs[-1].last if self._runs else -1

    def find(self, hi: Column, lo: Column) -> Found:
        """Look keys up (aligned columns, in any order)."""
        known = np.zeros(len(hi), np.bool_)
        body = np.zeros(len(hi), np.uint64)
        order = np.argsort(hi)
        for keys in (*(run.keys for run in self._runs), *(batch.keys for batch in self._tail)):
            find_in(keys, hi, lo, order, known, body)
        return Found(known, body)

    def add(self, con: duckdb.DuckDBPyConnection, hi: Column, lo: Column, body: Column) -> tuple[int, str]:
        """Take up the keys of a batch that the caller's transaction stores; returns its number and mark, which it must
        write into ``lake.batches``."""
        number, mark = max(self.last, 0) + 1, uuid.uuid4().hex
        self._tail.append(_Batch(number, mark, Keys.sorted(hi, lo, body), _transaction(con)))
        return number, mark

    def _list_runs(self) -> None:
        """Open what other processes wrote and let go of what they merged."""
        names = {path.name for path in self._folder.glob(f"*{_SUFFIX}")}
        if names == {run.path.name for run in self._runs}:
            return
        runs: list[_Run] = []
        for path in sorted((self._folder / name for name in names), key=_bounds):
            # After a kill between a merge and its tidying, a merged file and its parts stand side by side.
            while runs and _bounds(path)[0] == runs[-1].first:
                runs.pop().path.unlink(missing_ok=True)
            if runs and _bounds(path)[1] <= runs[-1].last:
                path.unlink(missing_ok=True)
                continue
            runs.append(_Run.open(path))
        self._runs = runs
        if self._tail and self._runs and self._tail[0].number <= self._runs[-1].last:
            self._tail = [batch for batch in self._tail if batch.number > self._runs[-1].last]

    def _check_runs(self, con: duckdb.DuckDBPyConnection) -> None:
        """Believe the files only if their last batches are the lake's and none is missing between them."""
        expected = -1
        for run in self._runs:
            sql = "SELECT count(*) FROM lake.batches WHERE number = ? AND mark = ?"
            if run.first != expected or not (run.last == 0 or store.scalar(con, sql, run.last, run.mark)):
                self._forget()
                break
            expected = run.last
        self._checked = True

    def _forget(self) -> None:
        for run in self._runs:
            run.path.unlink(missing_ok=True)
        self._runs, self._tail = [], []

    def _newest(self, con: duckdb.DuckDBPyConnection) -> tuple[int, bool]:
        """The number of the lake's newest batch (0: none is numbered), and whether the tail's last is one of them."""
        number, mark = (self._tail[-1].number, self._tail[-1].mark) if self._tail else (0, "")
        sql = "SELECT max(number), count(*) FILTER (WHERE number = ? AND mark = ?) FROM lake.batches"
        newest, matching = con.execute(sql, [number, mark]).fetchone() or (0, 0)
        return int(newest or 0), number == 0 or bool(matching)

    def _read(self, con: duckdb.DuckDBPyConnection, after: int) -> None:
        """Take up the lake's keys of the batches after a number; many of them go into a file as they come."""
        where = "TRUE" if after < 0 else f"batch > {after}"
        last, mark = con.execute(
            "SELECT number, mark FROM lake.batches WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1"
        ).fetchone() or (0, "")
        total = int(store.scalar(con, f"SELECT count(*) FROM lake.message_keys WHERE {where}") or 0)
        rows = con.execute(f"SELECT hi, lo, body FROM lake.message_keys WHERE {where} ORDER BY hi")
        pieces = (
            Keys(*(np.asarray(column.to_numpy(zero_copy_only=False), np.uint64) for column in batch.columns))
            for batch in rows.to_arrow_reader(_PIECE_KEYS)
        )
        if total >= _TAIL_KEYS and not self._tail:
            self._write(pieces, total, (self._runs[-1].last if self._runs else -1, last, mark))
        else:
            columns = zip(_NOTHING, *pieces, strict=True)
            self._tail.append(_Batch(last, mark, Keys(*map(np.concatenate, columns)), _transaction(con)))

    def _settle(self, own: tuple[int, int]) -> None:
        """Write the tail into a file once it is long, but nothing that the caller's own transaction added."""
        settled = [batch for batch in self._tail if batch.transaction != own]
        if not settled:
            return
        parts, last = [batch.keys for batch in settled], settled[-1]
        total = sum(len(keys.hi) for keys in parts)
        rest = self._tail[len(settled) :]
        if total >= _TAIL_KEYS:
            bounds = (self._runs[-1].last if self._runs else -1, last.number, last.mark)
            self._write(_pieces(parts), total, bounds)
            self._tail = rest
            while len(self._runs) > 1 and len(self._runs[-2].keys.hi) < _GROWTH * len(self._runs[-1].keys.hi):
                self._merge(self._runs[-2], self._runs[-1])
        elif len(settled) > _GROWTH:
            # Few arrays to look in: one of many batches.
            merged = Keys.sorted(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
            self._tail = [_Batch(last.number, last.mark, merged, last.transaction), *rest]

    def _merge(self, older: _Run, newer: _Run) -> None:
        parts = [older.keys, newer.keys]
        self._runs = self._runs[:-2]
        total = len(older.keys.hi) + len(newer.keys.hi)
        self._write(_pieces(parts), total, (older.first, newer.last, newer.mark))
        for run in (older, newer):
            run.path.unlink(missing_ok=True)

    def _write(self, pieces: Iterable[Keys], total: int, bounds: tuple[int, int, str]) -> None:
        """Make a file of pieces in order: (first, last batch, the last one's mark). Durable before it has its name."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / ("_".join(map(str, bounds)) + _SUFFIX)
        made = path.with_suffix(".new")
        with made.open("wb") as file:
            file.truncate(total * 24)
        if total:
            columns = np.memmap(made, np.uint64, "r+", shape=(3, total))
            at = 0
            for piece in pieces:
                end = at + len(piece.hi)
                for row, column in zip(columns, piece, strict=True):
                    row[at:end] = column
                at = end
            columns.flush()
            del columns
        _sync(made)
        made.replace(path)
        _sync(self._folder)
        self._runs.append(_Run.open(path))


def _bounds(path: Path) -> tuple[int, int]:
    """A file's (first, last) batch; files come in order and, beginning alike, the larger later."""
    first, last, _ = path.name.removesuffix(_SUFFIX).split("_", 2)
    return int(first), int(last)


def _pieces(parts: Sequence[Keys]) -> Iterator[Keys]:
    """The parts' keys in order of ``hi``, a piece at a time: cut at equal values, so that no piece overlaps another."""
    total = sum(len(part.hi) for part in parts)
    slices = max(1, total // _PIECE_KEYS)
    step = (1 << 64) // slices
    bounds = np.array([n * step for n in range(1, slices)], np.uint64)
    cuts = [np.concatenate(([0], np.searchsorted(part.hi, bounds), [len(part.hi)])) for part in parts]
    for n in range(slices):
        pieces = [
            Keys(*(column[cut[n] : cut[n + 1]] for column in part))
            for part, cut in zip(parts, cuts, strict=True)
        ]
        yield Keys.sorted(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def find_in(
    keys: Keys, hi: Column, lo: Column, order: NDArray[np.intp], known: NDArray[np.bool_], body: Column
) -> None:
    """Mark in ``known`` and ``body`` what these keys hold. ``order`` sorts ``hi``, which keeps the search local."""
    if not len(keys.hi):
        return
    wanted = hi[order]
    at = np.searchsorted(keys.hi, wanted)
    inside = at < len(keys.hi)
    at[~inside] = 0
    half = inside & (keys.hi[at] == wanted)
    whole = half & (keys.lo[at] == lo[order])
    asked = order[whole]
    fresh = ~known[asked]
    known[asked[fresh]], body[asked[fresh]] = True, keys.body[at[whole][fresh]]
    # Different messages may share one half of their key; these few are looked at one by one.
    for row in np.flatnonzero(half & ~whole):
        one, place = order[row], int(at[row])
        while place < len(keys.hi) and keys.hi[place] == wanted[row]:
            if keys.lo[place] == lo[one] and not known[one]:
                known[one], body[one] = True, keys.body[place]
            place += 1


def _transaction(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    return id(con), int(store.scalar(con, "SELECT txid_current()") or 0)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


_indexes: dict[tuple[Path, int], MessageKeys] = {}


def of(home: env.Home) -> MessageKeys:
    """This process's index of a home, another one when the lake's folder was replaced."""
    return _indexes.setdefault((home.lake, home.lake.stat().st_ino), MessageKeys(home))


def forget(home: env.Home) -> None:
    """Let go of this process's index of a home, whose files were taken away."""
    _indexes.pop((home.lake, home.lake.stat().st_ino), None)
