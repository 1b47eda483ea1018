"""Rows for other uses than one split: those of a night equal those taught, those of a big book are whole accounts."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import numpy as np
import pytest

from evergreen.customers.lines import number
from evergreen.events import rollup, store
from evergreen.foresight.history import sets, use
from evergreen.foresight.learning import choosing
from evergreen.foresight.learning.calibrating import Calibration
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.foresight.learning.encoding import Encoder
from evergreen.foresight.learning.model import Model
from evergreen.foresight.models import ChurnModel
from evergreen.foresight.risks import scoring
from evergreen.metrics.actions import take_snapshot
from tests.foresight.test_history import ACCOUNTS, _mondays
from tests.metrics.oracle import drawn, loaded, settled


@pytest.mark.django_db
def test_what_the_night_reads_is_what_was_taught(home: Any) -> None:
    world = drawn("Asia/Shanghai", 6, ACCOUNTS)
    monday = _mondays(world, 1)[0]
    settled(world)
    loaded(world)
    with store.session() as con:
        rollup.roll_up(con, monday)
        take_snapshot(con, monday, now=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        events = use.events(con, number(monday))
        taught = sets.build(con, [monday], horizon_days=30, grace_days=7, of_events=events)
        names = list(taught.read)
        columns = [Column(name, Kind.WORDS if name.startswith("record:") else Kind.NUMBER) for name in names]
        model = Model(Encoder.learn(columns, taught.read), choosing.Choice((), Calibration(1.0, 0.0)), ())
        served = ChurnModel(horizon_days=30, grace_days=7)
        read = scoring.rows_for(con, model, served, monday, sets.Records.read())
    assert len(events) > 3 and np.nansum(taught.read["use:use"]) > 0
    assert read.account.tolist() == taught.account.tolist()
    for name in names:
        assert np.array_equal(
            read.read[name], taught.read[name], equal_nan=taught.read[name].dtype != object
        ), name


@pytest.mark.django_db
def test_of_a_big_book_some_accounts_are_read_with_all_their_rows(home: Any) -> None:
    world = drawn("Asia/Shanghai", 4, ACCOUNTS)
    days = _mondays(world, 3)
    settled(world)
    loaded(world)
    with store.session() as con:
        rollup.roll_up(con, world.day)
        events = use.events(con, number(days[-1]))
        rows = partial(
            sets.build, con, days, horizon_days=30, grace_days=0, of_events=events, until=world.day
        )
        whole, third = rows(), rows(every=3)
    mine = whole.chosen(whole.account % 3 == 0)
    assert 0 < len(third.account) < len(whole.account) and third.account.tolist() == mine.account.tolist()
    assert third.labels.tolist() == mine.labels.tolist()
    for name, values in third.read.items():
        assert np.array_equal(values, mine.read[name], equal_nan=values.dtype != object), name
