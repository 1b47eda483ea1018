"""A model in service is watched: what it foretold against what came, how far what it reads has moved, one row a night."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.base.conditions import Kind
from evergreen.base.jobs import start_job
from evergreen.base.measures import auc
from evergreen.customers.models import Account, ContractLine
from evergreen.events import store
from evergreen.flow.jobs import learn_who_will_be_lost
from evergreen.flow.lists import refresh_lists
from evergreen.foresight.history import sets
from evergreen.foresight.history.evaluating import learn
from evergreen.foresight.jobs import KIND
from evergreen.foresight.learning import storing
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import scoring, telling, watching
from evergreen.metrics.segments.fields import all_fields
from tests.foresight.test_risks import NOW, _account, _rows

pytestmark = [pytest.mark.django_db]
TODAY = dt.date(2026, 5, 31)


def _told(rows: list[tuple[dt.date, Account, int, float]]) -> None:
    with store.session() as con, store.transaction(con):
        table = pa.table(
            {
                "day": pa.array([row[0] for row in rows], pa.date32()),
                "account_id": pa.array([row[1].pk for row in rows], pa.int64()),
                "tenant": [""] * len(rows),
                "horizon_days": pa.array([row[2] for row in rows], pa.int32()),
                "model": pa.array([1] * len(rows), pa.int64()),
                "probability": [row[3] for row in rows],
            }
        )
        con.register("told", table)
        con.execute("INSERT INTO lake.risks SELECT * FROM told")
        con.unregister("told")


def test_what_was_foretold_is_held_against_what_came_week_by_week(home: Any) -> None:
    lost = _account("lost", dt.date(2026, 4, 10))
    stays = _account("stays", dt.date(2027, 1, 1))
    # Contracts still come in, so renewals are known until today.
    new = _account("new", dt.date(2027, 5, 1))
    ContractLine.objects.filter(contract__account=new).update(start_on=dt.date(2026, 5, 25))
    first, second, young = dt.date(2026, 3, 18), dt.date(2026, 3, 25), dt.date(2026, 5, 20)
    rows = [
        # Of one week the last night counts.
        (dt.date(2026, 3, 16), lost, 30, 0.9),
        (first, lost, 30, 0.6),
        (first, stays, 30, 0.1),
        (second, lost, 30, 0.7),
        (second, stays, 30, 0.2),
        # Another horizon, and one that is not over.
        (first, lost, 90, 0.99),
        (young, stays, 30, 0.4),
    ]
    _told(rows)
    assert sets.known_until(TODAY) == TODAY
    with store.session() as con:
        found = watching.record(con, 30, 0, TODAY)
    assert found["weeks"] == [
        ["2026-03-18", 2, pytest.approx(0.7), 1],
        ["2026-03-25", 2, pytest.approx(0.9), 1],
    ]
    assert found["accounts_lost"] == 1 and found["until"] == TODAY.isoformat()
    assert found["figures"]["auc"] == auc([True, False, True, False], [0.6, 0.1, 0.7, 0.2])
    with store.session() as con:
        assert watching.record(con, 180, 0, TODAY) == {}


def test_a_night_told_twice_is_one_night_and_its_drift_is_kept(home: Any) -> None:
    on = dt.date(2026, 5, 31)
    accounts = [_account(f"a{n}", on + dt.timedelta(days=5 + n)) for n in range(30)]
    judging = _rows(range(20), 1)
    model = learn(judging, sets.columns(judging))
    said = model.probabilities(judging.read)
    champion = ChurnModel.objects.create(
        horizon_days=30,
        state=ChurnModel.State.CHAMPION,
        made_at=NOW,
        body=storing.to_bytes(model),
        report={"shapes": watching.shapes(judging, said)},
    )
    with store.session() as con:
        for _again in range(2):
            scoring.score_day(con, on)
    told = telling.history(accounts[0].pk, 30, on, on)
    assert len(told) == 1 and told[0][0] == on
    champion.refresh_from_db()
    assert champion.drift["day"] == on.isoformat() and champion.drift["rows"] == 30
    states = {name: state for name, _value, state in champion.drift["columns"]}
    # Nobody of the judging weeks had so little use known; ends are all near.
    assert states["use:quiet_days"] == "another" and states["contract:days_to_end"] == "another"
    assert champion.drift["moved"] >= 2


def test_rows_like_those_that_judged_have_not_moved() -> None:
    judging, later = _rows(range(20), 1), _rows(range(20, 40), 2)
    said = np.full(len(judging.account), 0.2)
    model = ChurnModel(report={"shapes": watching.shapes(judging, said)})
    found = watching.drift(model, later, np.full(len(later.account), 0.2), TODAY)
    assert found["moved"] == 0 and found["state"] == "same"
    assert watching.drift(ChurnModel(), later, said, TODAY) == {}


def test_the_risk_of_90_days_stands_in_lists_and_segments_and_goes_with_it(home: Any) -> None:
    one, other = _account("one", dt.date(2027, 1, 1)), _account("other", dt.date(2027, 1, 1))
    model = ChurnModel.objects.create(horizon_days=90, state=ChurnModel.State.CHAMPION, made_at=NOW)
    Risk.objects.create(account=one, model=model, horizon_days=90, day=TODAY, probability=0.4)
    Risk.objects.create(account=other, model=model, horizon_days=30, day=TODAY, probability=0.9)
    refresh_lists()
    told = dict(Account.objects.values_list("external_id", "risk_90d"))
    assert told == {"one": 0.4, "other": None}
    assert all_fields()["churn_risk"].kind == Kind.SHARE
    Risk.objects.all().delete()
    refresh_lists()
    assert Account.objects.filter(risk_90d=None).count() == 2


def test_the_worker_says_of_each_horizon_what_came_of_it(home: Any) -> None:
    job = start_job(KIND, {"horizons": [30, 90]}, by=None, now=NOW)
    assert learn_who_will_be_lost(job) == {"30": "waiting", "90": "waiting"}
