"""A vendor whose rule is known: who buys what and why is planted, so that the product has to find it, or find nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evergreen.customers.models import Account, Contract, ContractLine, Edition, Feature, Product
from evergreen.events import store

LAST = dt.date(2026, 11, 16)  # a Monday
WEEKS = 96
UTC = dt.UTC


@dataclass(frozen=True, slots=True)
class Planted:
    """What was written: accounts by place, who bought product B, when, and the place's industry."""

    accounts: list[Account]
    industries: list[str]
    bought_b: dict[int, dt.date]
    a: Edition
    b: Edition


def planted(*, rule: bool, size: int = 120, seed: int = 7, until: dt.date | None = None) -> Planted:
    """Accounts with a contract of two years for product A and weekly snapshots.

    With a ``rule``, accounts of 制造 whose use doubled buy product B three to eight weeks after that, nine in ten; without it as many buy
    at times and by accounts drawn at random. ``until`` writes nothing known later, as if the store were cut there.
    """
    dice = np.random.default_rng(seed)
    a, b = _catalogue()
    first = LAST - dt.timedelta(weeks=WEEKS - 1)
    accounts, industries, bought = [], [], {}
    rows = []
    for place in range(size):
        industry = ("制造", "零售", "教育")[place % 3]
        account = Account.objects.create(
            external_id=f"P-{place}", name=f"客户{place}", industry=industry, tier="growth", stage=Account.Stage.STEADY,
            created_at=_at(first), known_at=_at(first),
        )  # fmt: skip
        seats = int(dice.integers(8, 40))
        _contract(account, a, first - dt.timedelta(days=30), None, seats, 1_000 * seats, first)
        grows_at = int(dice.integers(10, WEEKS - 10))
        if place >= size - 9:
            # Some are about to buy when the story ends.
            grows_at = WEEKS - 3
        if rule:
            buys = industry == "制造" and dice.random() < 0.9
            week = grows_at + int(dice.integers(3, 9))
        else:
            buys, week = dice.random() < 0.3, int(dice.integers(10, WEEKS))
        if buys and week < WEEKS:
            on = first + dt.timedelta(weeks=week)
            if until is None or on <= until:
                _contract(account, b, on, None, 0, 40_000, on)
            bought[place] = on
        # Half of every industry's use doubles at some week; the others stay as they are.
        doubles = industry == "制造" or dice.random() < 0.5
        for week in range(WEEKS):
            day = first + dt.timedelta(weeks=week)
            level = (2.0 if doubles and week >= grows_at else 1.0) * seats * 0.35
            active = max(1, round(level + dice.normal(0, 0.4)))
            noise = float(dice.normal(0, 0.03))
            trend = 0.6 if doubles and grows_at <= week < grows_at + 6 else noise
            if until is None or day <= until:
                rows.append((day, account.pk, active, active * 20.0, trend, 0.5))
        accounts.append(account)
        industries.append(industry)
    _snapshots(rows)
    return Planted(accounts, industries, bought, a, b)


def _catalogue() -> tuple[Edition, Edition]:
    found = []
    for key in ("a", "b"):
        product = Product.objects.create(
            key=key, name={"zh": f"产品{key.upper()}", "en": f"Product {key.upper()}"}
        )
        feature = Feature.objects.create(product=product, key=f"f-{key}", name={}, matchers=[{"event": key}])
        edition = Edition.objects.create(
            product=product, key=f"std-{key}", name={"zh": "标准", "en": "Standard"}
        )
        edition.features.add(feature)
        found.append(edition)
    return found[0], found[1]


def _contract(
    account: Account,
    edition: Edition,
    start: dt.date,
    end: dt.date | None,
    seats: int,
    mrr: int,
    known: dt.date,
) -> None:
    number = f"C-{account.pk}-{edition.key}-{start}"
    contract = Contract.objects.create(
        account=account, external_id=number, currency="CNY", known_at=_at(known)
    )
    ContractLine.objects.create(
        contract=contract, edition=edition, start_on=start, end_on=end, seats=seats or None, mrr_cents=mrr
    )


def _snapshots(rows: list[tuple[dt.date, int, int, float, float, float]]) -> None:
    days, accounts, active, events, trend, adoption = zip(*rows, strict=True)
    table = pa.table({
        "day": pa.array(days, pa.date32()),
        "account_id": pa.array(accounts, pa.int64()),
        "active": pa.array(active, pa.int64()),
        "events": pa.array(events, pa.float64()),
        "trend": pa.array(trend, pa.float64()),
        "adoption": pa.array(adoption, pa.float64()),
    })  # fmt: skip
    with store.session() as con, store.transaction(con):
        con.register("planted", table)
        con.execute(
            "INSERT INTO lake.snapshots (day, account_id, tenant, computed_at, restated, active_users_28d, events_28d, events_trend,"
            " feature_adoption) SELECT day, account_id, '', TIMESTAMP '2026-11-17', false, active, events, trend, adoption FROM planted"
        )
        con.unregister("planted")


def _at(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
