"""The list of accounts: the short way to a page and the long one agree, and its copies follow the figures."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import User
from evergreen.base.roles import Role, Scope
from evergreen.customers import listing, rules
from evergreen.customers.models import Account
from evergreen.flow.lists import refresh_lists


@pytest.fixture
def crowd(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """300 more accounts with figures by chance, some of them unknown."""
    chance = random.Random(11)
    stages = [stage.value for stage in Account.Stage]
    Account.objects.bulk_create(
        Account(
            external_id=f"C-{n:03}", name=f"{chance.choice('恒澄云南')}{n}", created_at=now, known_at=now,
            owner=chance.choice([cast.owner, cast.outsider, None]), stage=chance.choice(stages),
            band=chance.choice(listing.BANDS), score=chance.choice([None, chance.random() * 100]),
            arr_base_cents=chance.choice([None, chance.randrange(5) * 1000]), open_alerts=chance.randrange(3),
        )
        for n in range(300)
    )  # fmt: skip
    return cast


@pytest.mark.parametrize("sort", ["-arr", "arr", "health", "-health", "name", "-name"])
@pytest.mark.parametrize("query", [{"stage": ["trial", "steady"]}, {"q": ["恒"]}, {"alerts": ["yes"]}, {}])
@pytest.mark.parametrize("who", ["boss", "owner", "outsider"])
def test_the_head_of_an_index_gives_the_same_page_as_the_whole_book(
    crowd: SimpleNamespace,
    today: dt.date,
    monkeypatch: pytest.MonkeyPatch,
    sort: str,
    query: dict[str, list[str]],
    who: str,
) -> None:
    user = getattr(crowd, who)
    filters = listing.filters_from(query, "CNY")
    count = listing.totals(user, filters, today).count
    for offset, limit in ((0, 5), (5, 5), (0, 10), (40, 10)):
        long = listing.page_keys(user, filters, sort, today, offset, limit)
        for head in (10, 60, 240):
            monkeypatch.setattr(listing, "HEAD", head)
            monkeypatch.setattr(listing, "MANY", 1)
            short = listing.page_keys(user, filters, sort, today, offset, limit, matches=count)
            assert short == long, (offset, limit, head)


def test_the_sums_are_those_of_the_rows(crowd: SimpleNamespace, today: dt.date) -> None:
    for query in ({}, {"stage": ["trial"]}, {"band": ["red", "green"]}):
        filters = listing.filters_from(query, "CNY")
        rows = list(listing.selected(crowd.boss, filters, today))
        totals = listing.totals(crowd.boss, filters, today)
        assert totals.count == len(rows)
        assert totals.arr_cents == sum(row.arr_base_cents or 0 for row in rows)
        assert totals.bands == {band: sum(row.band == band for row in rows) for band in listing.BANDS}


def test_a_page_without_filters_reads_the_index_of_its_order(crowd: SimpleNamespace, today: dt.date) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is asked; PostgreSQL decides by its statistics")
    for sort, index in (
        ("-arr", "account_by_arr"),
        ("name", "account_by_name"),
        ("renewal", "account_by_renewal"),
    ):
        rows = listing.ordered(listing.selected(crowd.boss, listing.Filters(), today), sort, by_index=True)
        assert f"COVERING INDEX {index}" in rows.values("pk")[:50].explain()


def test_a_page_with_filters_is_one_pass_over_one_index(crowd: SimpleNamespace, today: dt.date) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is asked; PostgreSQL decides by its statistics")
    for query in (
        {"band": ["red"], "q": ["x"]},
        {"score_max": ["70"], "renewal_max": ["90"]},
        {"arr_min": ["9"]},
    ):
        filters = listing.filters_from(query, "CNY")
        rows = listing.ordered(listing.selected(crowd.boss, filters, today), "-health", by_index=False)
        assert "SCAN customers_account USING COVERING INDEX account_list" in rows.values("pk")[:50].explain()


def test_a_partner_with_a_wide_scope_still_sees_its_own_accounts_alone(
    crowd: SimpleNamespace, today: dt.date
) -> None:
    partner = User.objects.create_user("p@partner.example", role=Role.PARTNER, scope=Scope.ALL)
    Account.objects.filter(external_id="C-007").update(owner=partner)
    assert listing.totals(partner, listing.Filters(), today).count == 1
    assert len(listing.page_keys(partner, listing.Filters(), "-arr", today, 0, 50)) == 1


def test_names_are_ordered_by_letters_then_by_pinyin() -> None:
    names = ["张家港", "alpine", "安徽", "Beta", "李记", "阿里"]
    assert sorted(names, key=rules.name_key) == ["alpine", "Beta", "阿里", "安徽", "李记", "张家港"]


def test_a_renamed_account_moves_in_the_order_of_names(cast: SimpleNamespace, now: dt.datetime) -> None:
    from evergreen.customers.actions import update_account
    from evergreen.customers.actions.loading import load_accounts

    update_account(cast.well, {"name": "阿里"}, by=cast.owner, now=now)
    assert Account.objects.get(pk=cast.well.pk).name_key == rules.name_key("阿里")
    load_accounts([{"external_id": "A-well", "name": "张家港"}], by=None, now=now)
    assert Account.objects.get(pk=cast.well.pk).name_key == rules.name_key("张家港")


def test_the_copies_follow_the_figures_and_only_changes_are_written(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    from evergreen.alerts.models import Alert, Rule
    from evergreen.health.models import Scorecard, Standing
    from evergreen.metrics.models import Newest

    day = dt.date(2026, 11, 19)
    card = Scorecard.objects.create(key="standard")
    Newest.objects.create(
        account=cast.well, day=day, arr_base_cents=12_00, active_users_28d=7, overdue_days=3
    )
    standing = Standing.objects.create(
        account=cast.well,
        scorecard=card,
        version=1,
        is_own=True,
        day=day,
        score=71.5,
        band="yellow",
        coverage=1,
    )
    rule = Rule.objects.create(key="health_red", created_at=now, changed_at=now)
    alert = Alert.objects.create(rule=rule, account=cast.well, opened_on=day, opened_at=now, seen_on=day)
    assert refresh_lists() == 1
    cast.well.refresh_from_db()
    found = (
        cast.well.arr_base_cents,
        cast.well.active_users_28d,
        cast.well.overdue_days,
        cast.well.open_alerts,
    )
    assert found == (12_00, 7, 3, 1)
    assert (cast.well.score, cast.well.band) == (71.5, "yellow")
    assert refresh_lists() == 0
    standing.delete()
    alert.delete()
    assert refresh_lists() == 1
    cast.well.refresh_from_db()
    assert (cast.well.score, cast.well.band, cast.well.open_alerts) == (None, "", 0)


def test_one_statement_brings_five_thousand_accounts_up_to_date(cast: SimpleNamespace) -> None:
    with CaptureQueriesContext(connection) as queries:
        refresh_lists()
    assert len(queries) == 2
