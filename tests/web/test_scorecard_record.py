"""A scorecard's record on its pages: sample sizes, what is hidden from whom, and a fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.customers.lines import number
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.health.backtest.keeping import backtest
from evergreen.health.models import Record
from tests.health.backtest.past import TODAY, book, weekly

AsPerson = Callable[..., Client]


@pytest.fixture
def kept(cast: SimpleNamespace, home: Any, now: dt.datetime) -> SimpleNamespace:
    """A past of 60 accounts, all the owner's, held against the shipped scorecards."""
    install_shipped(now=now)
    told = book(60)
    Account.objects.filter(pk__in=told).update(owner=cast.owner)
    weekly(told)
    backtest(store.reading(), TODAY, now=now)
    cast.told = told
    return cast


@pytest.mark.postgres
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "每 100 对中"), ("en", "of 100 pairs")])
def test_the_record_opens_with_its_sentence_and_its_sample_size(
    kept: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    kept.boss.language = language
    kept.boss.save()
    client = as_person(kept.boss)
    lost = sum(gone for _end, gone in kept.told.values())
    for path in ("/health/standard/record/", "/health/standard/"):
        page = client.get(path).content.decode()
        assert word in page and f"{lost}" in page and "60" in page
    assert client.get("/health/none/record/").status_code == 404


def test_the_days_before_and_the_groups_stand_in_the_address(
    kept: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(kept.boss)
    page = client.get("/health/standard/record/?lead=30&by=industry").content.decode()
    assert "30 days before, the account that left" in page
    assert "retail" in page and "trade" in page
    assert client.get("/health/standard/record/?lead=x&by=y").status_code == 200


def test_accounts_and_sums_that_are_not_ones_own_are_not_shown(
    kept: SimpleNamespace, as_person: AsPerson
) -> None:
    record = Record.objects.get(scorecard__key="standard")
    account = Account.objects.get(external_id="B0")
    record.report["false_greens"] = [
        {"account": account.pk, "on": number(TODAY), "score": 91.4, "coverage": 1.0, "cents": 120_000, "weakest": [["nps", 6.5]]}
    ]  # fmt: skip
    record.save()
    mine = as_person(kept.owner).get("/health/standard/record/").content.decode()
    assert "Book 0" in mine and "NPS −6.5" in mine
    other = as_person(kept.outsider).get("/health/standard/record/").content.decode()
    assert "Book 0" not in other and "None among your accounts" in other
    assert 'id="groups"' not in other and "of 100 pairs" in other
    assert 'id="groups"' in as_person(kept.boss).get("/health/standard/record/").content.decode()


def test_two_scorecards_are_held_side_by_side_when_asked(kept: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(kept.boss)
    page = client.get("/health/standard/record/?against=starter").content.decode()
    assert "/health/standard/record/starter/" in page
    told = client.get("/health/standard/record/starter/").content.decode()
    assert "60 days before" in told and "Standard" in told and "Starter" in told
    assert client.get("/health/standard/record/none/").status_code == 404


def test_before_the_first_night_the_page_says_what_is_needed(
    cast: SimpleNamespace, as_person: AsPerson, home: Any, now: dt.datetime
) -> None:
    install_shipped(now=now)
    page = as_person(cast.boss).get("/health/standard/record/").content.decode()
    assert "Nothing to hold it against yet" in page
    backtest(store.reading(), TODAY, now=now)
    assert "Nothing to hold it against yet" in as_person(cast.boss).get("/health/standard/").content.decode()


def test_the_portfolio_tells_whether_health_foretold_it(kept: SimpleNamespace, as_person: AsPerson) -> None:
    page = as_person(kept.boss).get("/portfolio/renewals/").content.decode()
    assert "Did health foretell it?" in page and "of 100 pairs" in page


def test_the_record_costs_as_many_queries_for_three_false_greens_as_for_thirty(
    kept: SimpleNamespace, as_person: AsPerson
) -> None:
    client, counts = as_person(kept.boss), []
    for rows in (3, 30):
        record = Record.objects.get(scorecard__key="standard")
        record.report["false_greens"] = [
            {"account": pk, "on": number(TODAY), "score": 90.0, "coverage": 1.0, "cents": 1, "weakest": []}
            for pk in sorted(kept.told)[:rows]
        ]
        record.save()
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/health/standard/record/").content.decode().count('href="/accounts/') >= rows
        counts.append(len(queries))
    assert counts[0] == counts[1]
