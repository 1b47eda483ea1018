"""An ingest on a fresh home, and the way from its journal into the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal, store
from evergreen.events.ingest import Ingest
from tests.events.asking import publish


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Home:
    """A fresh home: with a lake where the test reads one, else without (which is quicker)."""
    if {"moved", "lake", "home"} & set(request.fixturenames):
        home: Home = request.getfixturevalue("home")
        return home
    return Home(request.getfixturevalue("tmp_path"))


@pytest.fixture
def ingest(place: Home) -> Iterator[Ingest]:
    """The tracking API on the fresh home, with two keys of two sources."""
    publish(place)
    yield Ingest(place)
    journal.close_all()


@pytest.fixture
def moved(home: Home, db: None, now: dt.datetime) -> Iterator[Callable[[], Any]]:
    """Move the journal into the lake; returns what was moved."""
    from evergreen.events.mover import Mover, moving

    def move() -> Any:
        with moving(home), store.session(home) as con:
            return Mover(con, home).move(now)

    yield move
    journal.close_all()


@pytest.fixture
def lake(home: Home) -> Callable[..., list[tuple[Any, ...]]]:
    """Read the lake: ``lake(sql, *values)`` gives rows."""

    def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return store.reading(home).execute(sql, list(values)).fetchall()

    return rows
