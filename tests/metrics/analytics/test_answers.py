"""Answers from the lake against slow calculations, and of whom they may speak."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evergreen.base.working_days import for_vendor
from evergreen.customers import actions as customers
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Contact
from evergreen.metrics.analytics import answering, behind, population, queries, reading
from evergreen.metrics.analytics.jobs import answer_question, asked
from evergreen.metrics.analytics.models import KeptAnswer
from tests.metrics.analytics import oracle
from tests.metrics.analytics.booked import LAST, RANGE, SINCE, TODAY, feature_of, made

pytestmark = pytest.mark.django_db


def test_figures_of_the_roll_up_are_what_slow_calculations_say(book: SimpleNamespace) -> None:
    seen = book.happened

    def line(query: str) -> list[int]:
        (series,) = answering.answer(made("trend", f"{RANGE}&{query}", book.boss))["series"]
        return list(series["values"])

    for measure in ("users", "accounts", "uses"):
        for window in (1, 7, 28):
            query = f"measure={measure}&window={window}&what=feature:pdf"
            expected = oracle.trend(seen, lambda one: feature_of(one) == "pdf", measure, window, SINCE, LAST)
            assert line(query) == expected, query
    days = [SINCE - dt.timedelta(days=27) + dt.timedelta(days=n) for n in range(83)]
    working = {day for day in days if for_vendor().working_or_weekday(day)[0]}
    sticky = answering.answer(made("stickiness", RANGE, book.boss))["series"][0]["values"]
    assert sticky == pytest.approx(oracle.stickiness(seen, working, SINCE, LAST))
    found = answering.answer(made("penetration", RANGE, book.boss))
    active, features = oracle.penetration(seen, feature_of, SINCE, LAST)
    assert (found["active"]["0"]["users"], found["active"]["0"]["accounts"]) == active
    told = {row["feature"]: (row["users"], row["accounts"], row["uses"]) for row in found["features"]}
    assert told == features
    assert set(told) == {"ledger", "pdf", "screen"}
    # Two of the three accounts are entitled; the third left and has no edition.
    assert found["entitled"] == {"ledger": 2, "pdf": 2, "screen": 2}
    assert all(row["entitled_accounts"] == 2 for row in found["features"])
    for unit, period in (("users", "week"), ("users", "month"), ("accounts", "week"), ("accounts", "month")):
        check_retention(book, unit, period)


def check_retention(book: SimpleNamespace, unit: str, period: str) -> None:
    since = SINCE if period == "week" else dt.date(2026, 2, 1)
    query = f"from={since}&to={LAST}&unit={unit}&period={period}"
    for what, test in (("", lambda one: True), ("&what=event:report", lambda one: one.name == "report")):
        found = answering.answer(made("retention", query + what, book.boss))["cohorts"]
        told = {
            oracle.period_of(dt.date.fromisoformat(row["start"]), period): (row["size"], row["back"])
            for row in found
        }
        assert told == oracle.retention(book.happened, test, unit, period, since, LAST)
        assert {row["open"] for row in found} <= {period == "month"}


@pytest.mark.postgres
def test_cohorts_of_contracts_and_names_of_features(book: SimpleNamespace, now: dt.datetime) -> None:
    """A contract's cohort is that of the first line which is no trial. Every moment's feature is decided as the roll-up does:
    by name, property or the event itself.
    """
    lines = [
        {"kind": "subscription", "start_on": dt.date(2026, 2, 3), "end_on": None, "mrr_cents": 0, "is_trial": True},
        {"kind": "subscription", "start_on": dt.date(2026, 2, 17), "end_on": None, "mrr_cents": 100},
        {"kind": "subscription", "start_on": dt.date(2026, 3, 20), "end_on": None, "mrr_cents": 100},
    ]  # fmt: skip
    customers.add_contract(
        book.well,
        external_id="K",
        number="K",
        currency="CNY",
        signed_on=dt.date(2026, 2, 1),
        lines=lines,
        by=None,
        now=now,
    )
    found = answering.answer(made("retention", f"{RANGE}&cohort=contract", book.boss))["cohorts"]
    starts = {book.well.pk: dt.date(2026, 2, 17)}
    expected = oracle.retention(book.happened, lambda one: True, "accounts", "week", SINCE, LAST, starts)
    assert [(row["start"], row["size"], row["back"]) for row in found] == [("2026-02-16", *expected[2026, 8])]
    for key in ("ledger", "pdf", "screen"):
        one = made("funnel", f"{RANGE}&what=feature:{key}&what=feature:ledger&within=30d", book.boss)
        entered = answering.answer(one)["lines"][0]["steps"][0]
        moments = [
            e for e in book.happened if e.kind in {"track", "page"} and e.count and e.account and e.user
        ]
        people = {e.person for e in moments if feature_of(e) == key and SINCE <= e.day <= LAST}
        assert entered == len(people), key
        ways = answering.answer(made("paths", f"{RANGE}&what=feature:{key}&levels=1", book.boss))
        assert set(ways["labels"]) == {"ledger", "pdf", "screen"}
        assert ways["times"] > 0


def test_nobody_is_told_of_accounts_that_are_not_theirs(book: SimpleNamespace) -> None:
    book.well.owner = book.outsider
    book.well.save()
    mine = [one for one in book.happened if one.account == book.well.pk]
    told = answering.answer(made("trend", f"{RANGE}&measure=uses&window=28", book.outsider))["series"][0][
        "values"
    ]
    assert told == oracle.trend(mine, lambda one: True, "uses", 28, SINCE, LAST)
    both = f"{RANGE}&what=event:posted&what=event:opened&within=30d"
    for kind, query in (
        ("funnel", both), ("retention", RANGE), ("paths", f"{RANGE}&what=feature:ledger"), ("penetration", RANGE),
        ("stickiness", RANGE), ("funnel", both + "&by=tier"), ("funnel", both + "&unit=accounts"),
    ):  # fmt: skip
        theirs = answering.answer(made(kind, query, book.outsider))
        alone = answering.answer(made(kind, f"{query}&account={book.well.pk}", book.boss))
        assert theirs == alone, kind
        # Another's account is as if it were none.
        other = made(kind, f"{query}&account={book.gone.pk}", book.outsider)
        assert other.population.accounts.tolist() == []
    places = {
        "funnel": "step:0",
        "retention": "cohort:2026-02-02",
        "penetration": "uses:ledger",
        "trend": "all",
    }
    for kind, place in places.items():
        query = both if kind == "funnel" else RANGE
        listed = behind.accounts_behind(made(kind, query, book.outsider), place)
        assert listed is not None
        assert {one.account_id for one in listed} <= {book.well.pk}, kind


def test_splits_filters_and_what_stands_behind_a_figure_add_up(book: SimpleNamespace) -> None:
    whole = answering.answer(made("trend", f"{RANGE}&measure=uses", book.boss))["series"][0]["values"]
    found = answering.answer(made("trend", f"{RANGE}&measure=uses&by=stage", book.boss))
    assert len(found["series"]) == 3
    assert np.sum([one["values"] for one in found["series"]], axis=0).tolist() == whole
    SegmentMember.objects.create(account=book.well, segment="vip", since=SINCE)
    SegmentMember.objects.create(account=book.gone, segment="vip", since=SINCE)
    inside = answering.answer(made("trend", f"{RANGE}&measure=uses&segment=vip", book.boss))["series"][0][
        "values"
    ]
    by_segment = answering.answer(made("trend", f"{RANGE}&measure=uses&by=segment", book.boss))
    assert by_segment["groups"] == ["vip"]
    assert by_segment["series"][0]["values"] == inside
    Contact.objects.create(
        account=book.well, name="x", role="decision_maker", end_user="u1", known_at=dt.datetime.now(dt.UTC)
    )
    deciding = [one for one in book.happened if one.account == book.well.pk and one.user == "u1"]
    only = answering.answer(made("trend", f"{RANGE}&role=decision_maker&measure=uses", book.boss))["series"][
        0
    ]["values"]
    assert only == oracle.trend(deciding, lambda one: True, "uses", 1, SINCE, LAST)
    roles = answering.answer(
        made("funnel", f"{RANGE}&what=event:posted&what=event:opened&within=90d&by=role", book.boss)
    )
    parts = {roles["groups"][line["group"]]: line["steps"][0] for line in roles["lines"]}
    total = answering.answer(
        made("funnel", f"{RANGE}&what=event:posted&what=event:opened&within=90d", book.boss)
    )
    assert sum(parts.values()) == total["lines"][0]["steps"][0]
    assert set(parts) == {"decision_maker", population.NOBODY}

    funnel = f"{RANGE}&what=event:posted&what=event:opened&within=1d"
    steps = answering.answer(made("funnel", funnel, book.boss))["lines"][0]["steps"]

    def summed(kind: Any, query: str, place: str) -> int:
        listed = behind.accounts_behind(made(kind, query, book.boss), place)
        assert listed is not None
        return sum(one.count for one in listed)

    assert [summed("funnel", funnel, f"step:{n}") for n in (0, 1)] == steps
    assert summed("funnel", funnel, "lost:1") == steps[0] - steps[1]
    for row in answering.answer(made("retention", RANGE, book.boss))["cohorts"]:
        assert summed("retention", RANGE, f"cohort:{row['start']}") == row["size"]
        assert summed("retention", RANGE, f"cell:{row['start']}:1") == row["back"][1]
    for row in answering.answer(made("penetration", RANGE, book.boss))["features"]:
        assert summed("penetration", RANGE, f"uses:{row['feature']}") == row["users"]
    assert behind.accounts_behind(made("penetration", RANGE, book.boss), "lacks:ledger") == []
    for place in ("step:7", "lost:0", "cell:x:1", "uses:ledger", "nothing"):
        assert behind.accounts_behind(made("funnel", funnel, book.boss), place) is None


def test_what_is_too_much_at_once_is_sampled_and_a_job_counts_everybody(
    book: SimpleNamespace, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.base import jobs

    funnel = asked("funnel", f"{RANGE}&what=event:posted&what=event:opened&within=1d")
    exact = queries.found(funnel, book.boss, TODAY)
    assert exact.is_exact
    assert exact.answer is not None
    monkeypatch.setattr(reading, "AT_ONCE_MOMENTS", 60)
    some = queries.found(funnel, book.boss, TODAY)
    assert not some.is_exact
    assert some.answer is not None
    assert some.answer["one_in"] == -(-some.expected // 60)
    assert 0 < some.answer["lines"][0]["steps"][0] < exact.answer["lines"][0]["steps"][0]
    # A range of years is not sampled but left to a job.
    long = replace(funnel, since=dt.date(2025, 1, 1))
    assert queries.found(long, book.boss, TODAY).answer is None
    params = {"user": book.boss.pk, "kind": "funnel", "query": funnel.query()}
    jobs.start_job("analysis", params, total=100, by=book.boss, now=now)
    job = jobs.claim_job("w", now=now)
    assert job is not None
    result = answer_question(job)
    kept = queries.found(funnel, book.boss, TODAY)
    assert kept.kept == KeptAnswer.objects.get(key=result["key"])
    assert kept.answer == exact.answer
    assert job.done == 100
    # Kept for the same accounts only.
    assert queries.found(funnel, book.outsider, TODAY).kept is None
