"""The weekly round on a vendor whose rule is known: found where it is planted, not claimed where it is not, never read ahead."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation

from evergreen.base import env
from evergreen.base.models import AuditEntry, Job
from evergreen.customers.lines import day, number
from evergreen.customers.models import Contract, ContractLine, Edition
from evergreen.events import store
from evergreen.foresight import jobs
from evergreen.foresight.expansion import actions, cases, evaluating, learning, past, telling, words
from evergreen.foresight.expansion.buying import Kind
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion
from evergreen.work.models import Task
from tests.foresight.expansion.vendor import LAST, planted
from tests.lakes import empty_lake

NOW = dt.datetime(2026, 11, 17, 2, tzinfo=dt.UTC)


@pytest.mark.django_db
def test_a_planted_rule_is_found_and_ranks_those_who_will_buy(home: Any) -> None:
    vendor = planted(rule=True)
    history = cases.reading()
    assert history is not None
    assert len(history.purchases.of(Kind.PRODUCT)) == len(vendor.bought_b)
    every = evaluating.all_cases(history)
    found = evaluating.evaluate(history, every)
    judged = {one.kind: one for one in found.judged}[Kind.PRODUCT]
    assert found.judging[0] - found.teaching[-1] > dt.timedelta(days=90)
    assert judged.interval is not None and judged.interval.low > 0.5
    assert judged.figures.lift10 is not None and judged.figures.lift10 > 2
    product = next(one for one in every if one.kind is Kind.PRODUCT)
    of_b = product.target == vendor.b.product_id
    # Look-alikes of those who bought had bought more often: the industry is what they share.
    told = of_b & ~np.isnan(product.alike_share) & (product.day > number(LAST) - 200)
    makers = np.isin(
        product.account,
        [one.pk for one, what in zip(vendor.accounts, vendor.industries, strict=True) if what == "制造"],
    )
    assert product.alike_share[told & makers].mean() > 1.5 * product.alike_share[told & ~makers].mean()


@pytest.mark.django_db
def test_where_purchases_come_by_chance_no_order_is_claimed(home: Any) -> None:
    planted(rule=False)
    history = cases.reading()
    assert history is not None
    found = evaluating.evaluate(history, evaluating.all_cases(history))
    judged = {one.kind: one for one in found.judged}[Kind.PRODUCT]
    assert judged.interval is not None and judged.interval.low < 0.5
    table = found.taught[Kind.PRODUCT]
    shares = [table.chance(pattern).share for pattern in table.counts]
    assert max(shares) < 2.5 * table.base


@pytest.mark.django_db
def test_what_became_known_after_a_day_changes_no_case_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = LAST - dt.timedelta(days=168)
    found = []
    for name, until in (("whole", None), ("cut", at)):
        monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / name))
        where = env.home()
        where.root.mkdir()
        with empty_lake(where), transaction.atomic():
            vendor = planted(rule=True, size=45, until=until)
            history = cases.reading()
            assert history is not None
            named = {one.pk: one.external_id for one in vendor.accounts}
            one = cases.cases(history, Kind.PRODUCT)
            known = one.day + 90 <= number(at)
            table = evaluating.tables(history, [one], number(at))[Kind.PRODUCT]
            rows = {
                (named[account], on, target == vendor.b.product_id): (
                    flags.tolist(), round(share, 9), bought, None if np.isnan(value) else round(value, 4),
                )
                for account, on, target, flags, share, bought, value in zip(
                    one.account[known].tolist(), one.day[known].tolist(), one.target[known].tolist(), one.flags[known],
                    one.alike_share[known].tolist(), one.bought[known].tolist(), one.value[known].tolist(), strict=True,
                )
            }  # fmt: skip
            last = np.flatnonzero(one.day == number(at))
            asked = {
                named[pk]: flags.tolist()
                for pk, flags in zip(one.account[last].tolist(), one.flags[last], strict=True)
            }
            found.append((rows, asked, table))
            transaction.set_rollback(True)
    (whole, asked, table), (cut, asked_then, table_then) = found
    assert len(whole) > 300 and any(row[2] for row in whole.values())
    assert whole == cut and len(asked) > 20 and asked == asked_then
    assert table.base == pytest.approx(table_then.base)
    assert table.effects == pytest.approx(table_then.effects)
    assert table.counts == table_then.counts


@pytest.fixture
def listed(home: Any, db: None) -> SimpleNamespace:
    """The vendor with a rule, learned from."""
    vendor = planted(rule=True)
    made = learning.learn(now=NOW)
    return SimpleNamespace(vendor=vendor, made=made)


def test_suggestions_carry_evidence_value_and_what_they_rest_on(listed: SimpleNamespace) -> None:
    assert listed.made.state == ExpansionLearning.State.JUDGED and listed.made.day == LAST
    rows = list(Suggestion.objects.filter(kind="product", state="open").select_related("account", "product"))
    assert rows and all(row.chance >= row.evidence["base"] for row in rows)
    # B costs 400.00 a month with everybody who has it.
    assert {row.value_cents for row in rows if row.target == "b"} == {480_000}
    assert all(row.expected_cents == round(row.chance * row.value_cents) for row in rows if row.value_cents)
    holders = {listed.vendor.accounts[place].pk for place, on in listed.vendor.bought_b.items() if on <= LAST}
    assert not holders & {row.account_id for row in rows if row.target == "b"}
    seats = next(row for row in telling.rows().filter(kind="seats", state="open"))
    told = seats.evidence
    assert seats.value_cents == pytest.approx(seats.seats * told["seat_cents"], abs=1)
    for language in ("en", "zh-hans"):
        with translation.override(language):
            said = words.evidence(seats)
            assert any(f"{told['contracted']:,.0f}" in one and f"{told['used']:,.0f}" in one for one in said)
            assert f"{seats.chance:.1%}" in words.rests_on(seats)
            assert words.title(seats)


def test_a_contract_that_follows_wins_the_suggestion_and_gone_signs_let_it_fade(
    listed: SimpleNamespace,
) -> None:
    row = (
        Suggestion.objects.filter(kind="product", target="b", state="open").select_related("account").first()
    )
    assert row is not None
    Suggestion.objects.filter(pk=row.pk).update(since=LAST - dt.timedelta(days=30))
    contract = Contract.objects.create(
        account=row.account, external_id="NEW", currency="CNY", known_at=NOW - dt.timedelta(days=5)
    )
    ContractLine.objects.create(
        contract=contract, edition=listed.vendor.b, start_on=LAST - dt.timedelta(days=3), mrr_cents=70_000
    )
    other = Suggestion.objects.filter(kind="seats", state="open").first()
    assert other is not None
    ContractLine.objects.filter(contract__account=other.account).update(seats=9_000)
    learning.learn(now=NOW + dt.timedelta(days=7))
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, row.won_cents, row.ended_on) == ("won", 840_000, LAST - dt.timedelta(days=4))
    assert other.state == "faded"


def test_a_dismissal_keeps_quiet_for_half_a_year_and_can_be_undone(
    listed: SimpleNamespace, cast: SimpleNamespace
) -> None:
    row = Suggestion.objects.filter(state="open").first()
    assert row is not None
    with pytest.raises(ValidationError, match="no_budget"):
        actions.dismiss([row.pk], "because", by=cast.boss, now=NOW)
    with pytest.raises(ValidationError, match="300"):
        actions.dismiss([row.pk], "no_need", by=cast.boss, now=NOW, note="x" * 301)
    (entry,) = actions.dismiss([row.pk], "no_budget", by=cast.boss, now=NOW, note="next year")
    learning.learn(now=NOW + dt.timedelta(days=7))
    row.refresh_from_db()
    assert (row.state, row.reason, row.note) == ("dismissed", "no_budget", "next year")
    actions.undo(entry, by=cast.boss, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.reason, row.ended_on) == ("open", "", None)
    actions.dismiss([row.pk], "too_soon", by=cast.boss, now=NOW - dt.timedelta(days=100))
    learning.learn(now=NOW)
    row.refresh_from_db()
    assert row.state == "open"


def test_tasks_are_made_once_with_words_in_both_languages(
    listed: SimpleNamespace, cast: SimpleNamespace
) -> None:
    rows = list(telling.rows().filter(state="open")[:2])
    for _again in range(2):
        actions.make_tasks(rows, by=cast.owner, now=NOW)
    tasks = Task.objects.filter(origin_kind="suggestion")
    assert tasks.count() == 2 and tasks[0].title["zh"] and tasks[0].reason["en"]


def test_nothing_to_learn_from_is_said_and_tried_again_after_a_week(home: Any, db: None) -> None:
    assert learning.is_due(NOW) and "Nothing was learned" in telling.why_none()
    made = learning.learn(now=NOW)
    assert made.state == ExpansionLearning.State.WAITING and "evergreen night" in telling.why_none()
    assert not learning.is_due(NOW) and learning.is_due(NOW + dt.timedelta(days=8))
    assert AuditEntry.objects.filter(verb="expansion.learned").count() == 1


def test_a_short_history_suggests_by_the_vendor_s_rate_and_says_that_it_is_not_judged(
    home: Any, db: None
) -> None:
    planted(rule=True, size=12)
    with store.session() as con, store.transaction(con):
        con.execute("DELETE FROM lake.snapshots WHERE day < ?", [LAST - dt.timedelta(days=60)])
    made = learning.learn(now=NOW)
    assert made.state == ExpansionLearning.State.UNJUDGED and "about a year" in made.reason
    assert day(number(LAST)) == made.day


def test_the_worker_s_job_learns_when_it_is_due(home: Any, db: None) -> None:
    first = jobs.start_due(now=NOW)
    assert {job.kind for job in first} == set(jobs.KINDS)
    assert jobs.start_expansion(by=None, now=NOW) in first
    job = Job.objects.get(kind=jobs.EXPANSION)
    assert jobs.suggest_anew(job) == {"state": "waiting", "suggestions": 0}


def test_use_near_an_edition_s_limit_is_a_sign_and_only_of_what_is_limited(home: Any, db: None) -> None:
    vendor = planted(rule=True, size=6)
    larger = Edition.objects.create(
        product=vendor.a.product, key="pro-a", name={"en": "Pro"}, holds_all_features=True
    )
    vendor.a.limits = {"f-a": 100}
    vendor.a.save()
    account = vendor.accounts[0]
    with store.session() as con, store.transaction(con):
        for back, n in ((3, 60), (20, 30), (29, 500)):
            on = LAST - dt.timedelta(days=back)
            con.execute(
                "INSERT INTO lake.usage VALUES (?, '', 's', 'u', ?, ?, 'track', 'a', 'f-a', ?, 0)",
                [account.pk, on, on, n],
            )
    history = cases.reading()
    assert history is not None and history.catalogue.next_above(vendor.a.pk) == larger.pk
    one = cases.cases(history, Kind.EDITION)
    newest = np.flatnonzero(one.day == history.last)
    assert dict(zip(one.account[newest].tolist(), one.flags[newest, 0].tolist(), strict=True)) == {
        row.pk: row.pk == account.pk for row in vendor.accounts
    }
    assert history.limit[one.row[newest]].max() == pytest.approx(0.9)


def test_of_a_large_book_a_share_teaches_and_everybody_is_looked_at(
    home: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(rule=True, size=40)
    whole = cases.reading()
    monkeypatch.setattr(past, "MOST_ROWS", 400)
    some = cases.reading()
    assert whole is not None and some is not None
    assert 60 < len(some.standing) < len(whole.standing) * 0.7
    assert (some.standing.day == some.last).sum() == (whole.standing.day == whole.last).sum() == 40
    assert 2 < len(np.unique(some.standing.account[some.standing.day < some.last])) < 28
