"""The book's figures from contracts as they stand among the records."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.db import connection

from evergreen.base.models import ExchangeRate
from evergreen.customers.models import Account, Contract, ContractLine
from evergreen.outcomes.queries import book

FIRST, LAST = dt.date(2020, 3, 1), dt.date(2020, 4, 1)
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def store_contracts(rows: list[tuple[str, str, dt.date, dt.date | None, int]], currency: str = "CNY") -> None:
    """(account, contract line, start, end, cents a month), a contract a line."""
    accounts = {
        account: Account(external_id=account, name=account, known_at=NOW, created_at=NOW)
        for account, *_ in rows
    }
    Account.objects.bulk_create(accounts.values(), batch_size=500)
    contracts = [
        Contract(account=accounts[account], external_id=line, currency=currency, known_at=NOW)
        for account, line, *_ in rows
    ]
    Contract.objects.bulk_create(contracts, batch_size=500)
    ContractLine.objects.bulk_create(
        [
            ContractLine(contract=contract, external_id=line, start_on=start, end_on=end, mrr_cents=cents)
            for contract, (_, line, start, end, cents) in zip(contracts, rows, strict=True)
        ],
        batch_size=500,
    )


def test_a_published_simulation_gives_its_published_rates(db: None, datasets: Path) -> None:
    folder = datasets / "sim_social_weekly"
    if not folder.exists():
        pytest.skip("needs the data set sim_social_weekly")
    told = json.loads((folder / "expected_retention.json").read_text())["2020-03-01..2020-04-01"]
    table = pq.read_table(folder / "subscriptions.parquet").to_pylist()
    store_contracts(
        [
            (str(row["account_id"]), f"{number}", row["start_date"], row["end_date"], row["mrr"] * 100)
            for number, row in enumerate(table)
            if row["start_date"] <= LAST and row["end_date"] > FIRST - dt.timedelta(days=40)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a server does by itself after so many rows
    figures = book(FIRST, LAST).figures
    assert figures.start_accounts == told["churn_rate"]["n_start"]
    assert figures.churned_accounts == told["churn_rate"]["n_churn"]
    assert figures.start_mrr_cents == told["mrr_churn"]["start_mrr"] * 100
    assert figures.churned_mrr_cents == told["mrr_churn"]["churn_mrr"] * 100
    assert figures.contraction_mrr_cents == told["mrr_churn"]["downsell_mrr"] * 100
    assert figures.logo_churn == pytest.approx(told["churn_rate"]["churn_rate"], rel=1e-15)
    assert figures.nrr == told["net_retention"]["net_mrr_retention_rate"]
    assert figures.grr == figures.nrr, "nobody pays more in it"


def test_other_currencies_count_by_the_rate_of_the_last_day_on_both_days(db: None) -> None:
    store_contracts([("a", "1", FIRST, None, 1_000)], "JPY")
    store_contracts([("b", "2", FIRST, None, 500)], "EUR")
    for day, rate in ((FIRST, "0.04"), (LAST, "0.05")):
        ExchangeRate.objects.create(currency="JPY", valid_from=day, rate=Decimal(rate))
    found = book(FIRST, LAST)
    assert (found.figures.start_mrr_cents, found.figures.end_mrr_cents) == (5_000, 5_000)
    assert found.left_out == {"EUR": 1}


def test_trials_and_one_off_lines_are_no_recurring_revenue(db: None) -> None:
    store_contracts([("a", "1", FIRST, None, 100), ("b", "2", FIRST, None, 100)])
    ContractLine.objects.filter(external_id="1").update(is_trial=True)
    ContractLine.objects.filter(external_id="2").update(kind=ContractLine.Kind.ONE_OFF)
    assert book(FIRST, LAST).movements == []
