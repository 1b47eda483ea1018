"""The twin on a store: never read ahead, answers with what they rest on, experiments before correlation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.db import transaction

from evergreen.base import env
from evergreen.customers.lines import day, number
from evergreen.customers.models import Account, Contract, ContractLine, FieldChange
from evergreen.events import store
from evergreen.foresight.models import Effect
from evergreen.foresight.twin import asking, backtest
from tests.foresight.twin.panels import panel
from tests.lakes import empty_lake

LAST = dt.date(2026, 11, 16)
NOW = dt.datetime(2026, 11, 17, 2, tzinfo=dt.UTC)


def _at(on: dt.date) -> dt.datetime:
    return dt.datetime(on.year, on.month, on.day, 2, tzinfo=dt.UTC)


def planted(size: int = 90, until: dt.date = LAST) -> list[Account]:
    """A vendor with 24 months of snapshots and yearly contracts, every fourth not renewed once; nothing known after ``until``."""
    told = panel(accounts=size, effect=0.6, noise=0.1)
    days = [LAST - dt.timedelta(days=28 * back) for back in range(24)][::-1]
    rows, accounts = [], []
    for place in range(size):
        start = days[0] - dt.timedelta(days=30 + place % 300)
        account = Account.objects.create(
            external_id=f"T-{place}", name=f"客户{place}", stage=Account.Stage.STEADY, created_at=_at(start), known_at=_at(start)
        )  # fmt: skip
        accounts.append(account)
        gone = None
        for term in range(4):
            begins = start + dt.timedelta(days=365 * term)
            signed = begins - dt.timedelta(days=10)
            if signed > until:
                break
            if (term == 1 and place % 4 == 0) or (term == 2 and place % 5 == 3):
                gone = begins
                break
            contract = Contract.objects.create(
                account=account, external_id=f"C-{place}-{term}", currency="CNY", known_at=_at(signed), signed_on=signed
            )  # fmt: skip
            ContractLine.objects.create(
                contract=contract, start_on=begins, end_on=begins + dt.timedelta(days=365), seats=5, mrr_cents=100_000
            )  # fmt: skip
        if gone is not None and gone <= until:
            Account.objects.filter(pk=account.pk).update(stage=Account.Stage.CHURNED)
            FieldChange.objects.create(
                account=account, field="stage", old="steady", new="churned", known_at=_at(gone)
            )
        for step, on in enumerate(days):
            if on <= until and (gone is None or on < gone):
                feature = told.levers["features_used_28d"][place, step]
                rows.append(
                    (
                        on,
                        account.pk,
                        np.expm1(told.usage[place, step]),
                        feature,
                        told.health[place, step],
                        (on - start).days,
                    )
                )
    _write(rows)
    return accounts


def _write(rows: list[tuple[Any, ...]]) -> None:
    on, account, events, features, score, age = zip(*rows, strict=True)
    table = pa.table({
        "day": pa.array(on, pa.date32()), "account_id": pa.array(account, pa.int64()), "events": pa.array(events, pa.float64()),
        "features": pa.array(features, pa.float64()), "score": pa.array(score, pa.float64()), "age": pa.array(age, pa.int64()),
    })  # fmt: skip
    with store.session() as con, store.transaction(con):
        con.register("planted", table)
        con.execute(
            "INSERT INTO lake.snapshots (day, account_id, tenant, computed_at, restated, events_28d, features_used_28d, active_users_28d,"
            " trainings_90d, meetings_90d, arr_cents, contract_age_days) SELECT day, account_id, '', TIMESTAMP '2026-11-17', false, events,"
            " features, 3, 0, 0, 1200000, age FROM planted"
        )
        con.execute(
            "INSERT INTO lake.scores (day, account_id, tenant, scorecard, version, score, band, coverage, contributions)"
            " SELECT day, account_id, '', 'standard', 1, score, 'green', 1.0, '[]' FROM planted"
        )
        con.unregister("planted")


@pytest.mark.django_db
def test_what_became_known_after_a_day_changes_nothing_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = LAST - dt.timedelta(days=140)
    found = []
    for name, until in (("whole", LAST), ("cut", at)):
        monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / name))
        where = env.home()
        where.root.mkdir()
        with empty_lake(where), transaction.atomic():
            accounts = planted(until=until)
            learned = asking.learn(store.reading(), number(at))
            # Keys of rows differ from one run to the next, and residuals are drawn by them.
            first = accounts[0].pk
            found.append((learned, learned.panel.accounts - first))
            transaction.set_rollback(True)
    (whole, names), (cut, names_then) = found
    assert names.tolist() == names_then.tolist() and len(names) == 90
    assert whole.renewal.weights.any()
    assert whole.on == cut.on == at
    for key in ("usage", "health", "arr", "age", "next_end", "term"):
        assert np.array_equal(getattr(whole.panel, key), getattr(cut.panel, key), equal_nan=True), key
    assert whole.panel.ends.on.tolist() == cut.panel.ends.on.tolist()
    assert whole.panel.ends.lost.tolist() == cut.panel.ends.lost.tolist() and len(whole.panel.ends.on) > 30
    assert (
        whole.renewal.weights.tolist() == cut.renewal.weights.tolist()
        and whole.renewal.base == cut.renewal.base
    )
    assert whole.dynamics.usage.tolist() == cut.dynamics.usage.tolist()
    assert whole.moves["features"].usage.tolist() == cut.moves["features"].usage.tolist()


@pytest.mark.django_db
def test_a_measured_effect_takes_the_place_of_correlation(home: Any) -> None:
    accounts = planted()
    learned = asking.learn(store.reading(), number(LAST))
    account = accounts[1]
    before = {one.found.lever.key: one for one in asking.ask(learned, account.pk).answers}
    assert not before["training"].is_told and before["training"].found.count == 0
    Effect.objects.create(
        lever="training", figure=Effect.Figure.USAGE, estimate=0.3, low=0.2, high=0.4, accounts=200, known_at=NOW, origin_kind="experiment"
    )  # fmt: skip
    told = asking.ask(learned, account.pk, {"training": 100_000})
    after = {one.found.lever.key: one for one in told.answers}["training"]
    assert after.is_told and after.is_clear and after.measured is not None
    assert after.future is not None
    lifted = after.future.usage[0, :, -1] - told.base.usage[0, :, -1]
    assert lifted.mean() == pytest.approx(0.3, abs=0.02) and lifted.std() == pytest.approx(0.051, abs=0.01)
    assert after.roi is not None and after.roi == pytest.approx((after.gain * 1_200_000 - 100_000) / 100_000)
    row = next(one for one in asking.as_dict(told)["levers"] if one["lever"] == "training")
    assert row["rests_on"] == "experiment"


@pytest.mark.django_db
def test_who_pays_nothing_is_not_simulated_and_told_why(home: Any) -> None:
    accounts = planted()
    learned = asking.learn(store.reading(), number(LAST))
    gone = accounts[4]
    with pytest.raises(asking.NotThereError, match="nothing of this account was in force"):
        asking.ask(learned, gone.pk)


@pytest.mark.django_db
def test_the_backtest_reads_contracts_anew_and_says_its_starts(home: Any) -> None:
    planted()
    found = backtest.backtest(store.reading(), number(LAST))
    assert found.starts[0] == day(number(LAST) - 13 * 28).isoformat() and len(found.starts) == 3
    use = found.all[0]
    assert use.what == "usage" and use.n > 500 and 0.6 < use.coverage < 0.95
    assert found.renewals is not None and found.renewals.n >= found.renewals.lost > 0
