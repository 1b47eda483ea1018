"""Scorecards and metrics explained: formula, scales, one account worked through, who uses what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from evergreen.base import queries as base
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.health.models import Scorecard, Standing
from evergreen.health.rules import Measure, Scale
from evergreen.metrics.actions import ensure_columns
from evergreen.metrics.library import METRICS
from evergreen.metrics.models import Newest
from evergreen.web import scales

AsPerson = Callable[..., Client]
DAY = dt.date(2026, 11, 19)


@pytest.fixture
def cards(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    install_shipped(now=now)
    return cast


def stand(account: Account, score: float | None, card: str = "standard", coverage: float = 1.0) -> Standing:
    """A standing whose only measure with a value is use frequency."""
    entry = {
        "measure": "frequency",
        "metric": "use_frequency",
        "value": 0.3,
        "score": 50.0,
        "points": score or 0.0,
    }
    entry |= {"lost": 50.0, "weight": 100.0, "missing": None, "as_of": "2026-11-19", "change_30d": -4.0}
    band = "insufficient_data" if score is None else "green" if score >= 80 else "red"
    return Standing.objects.create(
        account=account,
        scorecard=Scorecard.objects.get(key=card),
        version=1,
        is_own=card == "standard",
        day=DAY,
        score=score,
        band=band,
        coverage=coverage,
        contributions=[entry],
    )


@pytest.mark.postgres
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "健康度模型"), ("en", "Health scorecards")])
def test_the_pages_open_in_both_languages_also_before_the_first_night(
    cards: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cards.owner.language = language
    cards.owner.save()
    client = as_person(cards.owner)
    assert word in client.get("/health/").content.decode()
    assert client.get("/health/standard/").status_code == 200
    assert client.get("/health/none/").status_code == 404


def test_starter_says_that_it_reaches_seventy_and_how_its_bands_are_scaled(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    page = as_person(cards.owner).get("/health/starter/").content.decode()
    assert "Usage frequency ÷ 7 × 40 + Feature adoption × 30 − Issues × 5" in page
    assert "The highest score that can be reached is 70" in page
    assert "green from 56, yellow from 42" in page


def test_every_measure_says_its_weight_its_scale_and_what_absence_means(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    page = as_person(cards.owner).get("/health/standard/").content.decode()
    assert page.count('<svg class="scale"') == 6
    assert "weight 25 (25%)" in page
    assert "0% → 0; 60% → 100" in page
    assert "Older than 180 days counts as missing" in page
    assert "Days overdue above 30 days: at most 50" in page


def test_the_worked_example_shows_an_account_that_the_person_may_see(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    stand(cards.slipping, 50.0)
    page = as_person(cards.owner).get("/health/standard/?account=A-slipping").content.decode()
    assert cards.slipping.name in page
    assert "Score 50." in page
    hidden = as_person(cards.outsider).get("/health/standard/?account=A-slipping").content.decode()
    assert cards.slipping.name not in hidden
    assert "That account has no score here" in hidden


def test_an_account_without_enough_data_is_no_number(cards: SimpleNamespace, as_person: AsPerson) -> None:
    stand(cards.slipping, None, coverage=0.25)
    page = as_person(cards.owner).get("/health/standard/?account=A-slipping").content.decode()
    assert "Coverage is 25%, below 50%" in page


def test_a_score_below_the_sum_of_its_points_is_said_to_be_held(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    standing = stand(cards.slipping, 70.0)
    standing.score = 50.0
    standing.save()
    page = as_person(cards.owner).get("/health/standard/?account=A-slipping").content.decode()
    assert "A ceiling holds it at 50." in page


def test_only_those_who_configure_choose_the_default(cards: SimpleNamespace, as_person: AsPerson) -> None:
    assert as_person(cards.owner).post("/health/default/", {"scorecard": "starter"}).status_code == 404
    assert as_person(cards.boss).post("/health/default/", {"scorecard": "none"}).status_code == 404
    assert as_person(cards.boss).post("/health/default/", {"scorecard": "starter"}).status_code == 302
    assert base.setting("scorecard") == "starter"


def test_the_pages_cost_as_many_queries_for_three_accounts_as_for_thirty(
    cards: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    client, counts = as_person(cards.owner), []
    for rows in (3, 30):
        Account.objects.filter(external_id__startswith="M").delete()
        for n in range(rows):
            account = Account.objects.create(
                external_id=f"M{n}", name=f"Many {n}", owner=cards.owner, created_at=now, known_at=now
            )
            stand(account, 40.0 + n)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            client.get("/health/")
            client.get("/health/standard/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "scale",
    [
        Scale("line", ((0, 0), (10, 100))),
        Scale("steps", ((0, 20), (5, 60), (9, 100))),
        Scale("target", target=40),
        Scale("percentile"),
        Scale(
            "by",
            metric="contract_age_days",
            choices=((0, Scale("percentile")), (60, Scale("line", ((0, 0), (10, 100))))),
        ),
        Scale("worth", per=7, worth=40),
        Scale("worth", per=1, worth=-5),
    ],
)
def test_every_kind_of_scale_is_drawn_within_its_frame(db: None, scale: Scale) -> None:
    measure = Measure("m", "active_days_7d", {"en": "M"}, 10, scale)
    drawn = scales.drawn(measure, lambda value: f"{value:g}", value=10_000, score=50)
    points = drawn.split('points="')[1].split('"')[0].split()
    assert all(0 <= float(p.split(",")[0]) <= 260 and 0 <= float(p.split(",")[1]) <= 96 for p in points)
    assert "here" in drawn


def test_a_scale_that_another_metric_chooses_says_from_when_each_counts(db: None) -> None:
    choices = ((60.0, Scale("steps", ((0, 0), (0.5, 70)))), (210.0, Scale("line", ((0, 0), (1, 100)))))
    measure = Measure(
        "m", "seat_utilisation", {"en": "M"}, 10, Scale("by", metric="contract_age_days", choices=choices)
    )
    with translation.override("en"):
        said = scales.described(measure, lambda value: f"{value:.0%}")
    assert said == "by Contract age, from 60: 0% → 0; 50% → 70 · from 210: 0% → 0; 100% → 100"


def snapshot(day: dt.date, rows: dict[int, dict[str, Any]]) -> None:
    """A day's snapshot in the lake and its newest rows."""
    with store.session() as con:
        ensure_columns(con)
        for account, values in rows.items():
            row = {
                "day": day,
                "account_id": account,
                "tenant": "",
                "computed_at": dt.datetime(2026, 11, 20),
                **values,
            }
            con.register("row", pa.Table.from_pylist([{**row, "restated": False}]))
            names = ", ".join([*row, "restated"])
            con.execute(f"INSERT INTO lake.snapshots ({names}) SELECT {names} FROM row")
            con.unregister("row")
    for account in rows:
        Newest.objects.update_or_create(account_id=account, defaults={"day": day, "currency": "CNY"})


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "指标"), ("en", "Metrics")])
def test_metrics_open_in_both_languages(
    cards: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cards.owner.language = language
    cards.owner.save()
    client = as_person(cards.owner)
    page = client.get("/metrics/").content.decode()
    assert word in page
    assert all(f"/metrics/{key}/" in page for key in METRICS)
    assert client.get("/metrics/none/").status_code == 404


def test_every_metric_is_explained_also_without_any_value(
    cards: SimpleNamespace, as_person: AsPerson, home: Any
) -> None:
    client = as_person(cards.owner)
    for key, metric in METRICS.items():
        page = client.get(f"/metrics/{key}/").content.decode()
        assert metric.explanation["en"].split("'")[0] in page
        assert "No values yet" in page


@pytest.mark.postgres
def test_a_metric_shows_its_spread_over_the_accounts_that_the_person_sees(
    cards: SimpleNamespace, as_person: AsPerson, home: Any
) -> None:
    rows = {cards.well.pk: {"use_frequency": 0.61}, cards.slipping.pk: {"use_frequency": 0.18}}
    snapshot(DAY, rows)
    page = as_person(cards.owner).get("/metrics/use_frequency/").content.decode()
    assert "61%" in page
    assert cards.slipping.name in page
    assert "scorecard Standard" in page
    hidden = as_person(cards.outsider).get("/metrics/use_frequency/").content.decode()
    assert cards.slipping.name not in hidden
    assert "No values yet" in hidden


def test_the_history_of_a_metric_needs_two_days(
    cards: SimpleNamespace, as_person: AsPerson, home: Any
) -> None:
    client = as_person(cards.owner)
    snapshot(DAY - dt.timedelta(days=1), {cards.well.pk: {"use_frequency": 0.5}})
    assert "Not enough days yet" in client.get("/metrics/use_frequency/history/").content.decode()
    snapshot(DAY, {cards.well.pk: {"use_frequency": 0.61}})
    assert "data-chart" in client.get("/metrics/use_frequency/history/").content.decode()


def test_amounts_are_hidden_from_roles_that_see_none(
    cards: SimpleNamespace, as_person: AsPerson, home: Any
) -> None:
    snapshot(DAY, {cards.well.pk: {"mrr_cents": 123_400}})
    cards.owner.role = "trainer"
    cards.owner.save()
    page = as_person(cards.owner).get("/metrics/mrr_cents/").content.decode()
    assert "1.2" not in page.split("</header>")[-1].split("Definition")[0]
    assert "Your role does not see amounts." in page
    assert "data-chart" not in as_person(cards.owner).get("/metrics/mrr_cents/history/").content.decode()
