"""A backtest from contracts and snapshots: scores as the nights made them, and nothing known too early."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest

from evergreen.base.env import Home
from evergreen.customers.figures import SegmentMember
from evergreen.customers.lines import number
from evergreen.events import store
from evergreen.health import actions, definitions
from evergreen.health.backtest import keeping, rescoring, telling
from evergreen.health.backtest.running import Asked, Backtest, Report, report_from
from evergreen.health.models import Record, Scorecard
from evergreen.health.shipped import STANDARD, STARTER
from evergreen.metrics.models import Segment
from tests.health.backtest.past import NOW, TODAY, book, put, sign, weekly

CARD = definitions.card_from(STANDARD)
RANKED = definitions.card_from(
    {
        "measures": [
            {"key": "use", "metric": "use_frequency", "weight": 2, "scale": {"kind": "percentile"}},
            {
                "key": "pay",
                "metric": "overdue_days",
                "weight": 1,
                "scale": {"kind": "line", "points": [[0, 100], [60, 0]]},
            },
        ]
    }
)


@pytest.fixture
def told(db: None, home: Home) -> dict[int, tuple[dt.date, bool]]:
    found = book(40)
    weekly(found)
    return found


def run(asked: Asked | None = None, card: Any = CARD) -> Report:
    return Backtest(store.reading(), [card], asked or Asked(TODAY)).report(card)


@pytest.mark.postgres
def test_every_ending_is_seen_by_the_score_of_that_many_days_before(
    told: dict[int, tuple[dt.date, bool]],
) -> None:
    actions.install_shipped(now=NOW)
    with store.session() as con:
        days = sorted(
            {
                end - dt.timedelta(days=30 + (end - dt.timedelta(days=30)).weekday())
                for end, _lost in told.values()
            }
        )
        for monday in days:
            actions.score_day(con, monday)
        kept = con.execute("SELECT account_id, day, score, band FROM lake.scores WHERE scorecard = 'standard'").fetchall()  # fmt: skip
    by_night = {(account, number(day)): (score, band) for account, day, score, band in kept}
    (seen,) = Backtest(store.reading(), [CARD], Asked(TODAY, leads=(30,))).seen(CARD)
    assert len(seen) == len(told)
    for place in range(len(seen)):
        account, day = int(seen.account[place]), int(seen.seen_on[place])
        end, lost = told[account]
        assert int(seen.on[place]) == number(end) and bool(seen.is_lost[place]) == lost
        assert 30 <= number(end) - day <= 36
        score, band = by_night[account, day]
        assert seen.score[place] == pytest.approx(score, abs=1e-9) and seen.band[place] == band


def test_percentiles_rank_among_those_of_the_same_day(told: dict[int, tuple[dt.date, bool]]) -> None:
    con = store.reading()
    chosen = sorted(told)[:10]
    accounts = np.array(sorted(told) * 2)
    days = np.array(
        [number(TODAY - dt.timedelta(days=100))] * 40 + [number(TODAY - dt.timedelta(days=300))] * 40
    )
    past = rescoring.look_back(con, accounts, days, RANKED.metrics)
    whole, among = rescoring.score(con, RANKED, past), rescoring.score(con, RANKED, past, chosen)
    for row in range(80):
        same = np.flatnonzero(past.seen_on == past.seen_on[row])
        values = past.columns["use_frequency"][same]
        mine = past.columns["use_frequency"][row]
        assert whole.scores[0][row] == pytest.approx((values < mine).sum() / 39 * 100)
        few = values[np.isin(accounts[same], chosen)]
        assert among.scores[0][row] == pytest.approx(min(1, (few < mine).sum() / 9) * 100)
        assert whole.values[1][row] == past.columns["overdue_days"][row]


def test_the_report_counts_what_it_looked_at_and_finds_what_foretold(
    told: dict[int, tuple[dt.date, bool]],
) -> None:
    found = run()
    lost = sum(gone for _end, gone in told.values())
    assert (found.endings, found.lost, found.stayed, found.open) == (40, lost, 40 - lost, 0)
    assert [one.lead_days for one in found.leads] == [30, 60, 90] and found.main_lead == 60
    assert all(one.scored + one.insufficient + one.without_snapshot == 40 for one in found.leads)
    assert found.main.area is not None and found.main.area.value > 0.75
    assert found.lead_time.losses == lost and 60 <= (found.lead_time.below_green_days or 0) <= 182
    assert sum(row.lost.of for row in found.groups["industry"]) == found.main.scored
    assert found.suggested is None  # 40 losses are the least to learn from
    assert "few_endings" not in found.warnings
    assert report_from(json.loads(json.dumps(found.data()))) == found


def test_additive_cards_are_held_against_the_past_too(told: dict[int, tuple[dt.date, bool]]) -> None:
    starter = definitions.card_from(STARTER)
    found = run(card=starter)
    # None of the figures it reads is there, and it says so.
    assert found.main.insufficient == 40 and found.main.area is None
    assert "few_endings" in found.warnings and "little_scored" in found.warnings


@pytest.mark.parametrize("poison", ["snapshots", "contracts", "both"])
def test_nothing_that_happens_after_the_day_of_looking_changes_the_record(
    told: dict[int, tuple[dt.date, bool]], poison: str
) -> None:
    looked = TODAY - dt.timedelta(days=200)
    before = run(Asked(looked))
    later = looked + dt.timedelta(days=1)
    if poison in {"snapshots", "both"}:
        put(
            [
                {
                    "day": later + dt.timedelta(days=n),
                    "account_id": account,
                    "use_frequency": -1e9,
                    "core_depth": 1e9,
                }
                for account in told
                for n in (1, 2, 30)
            ]
        )
    if poison in {"contracts", "both"}:
        from evergreen.customers.models import Account

        for account in Account.objects.filter(pk__in=told):
            sign(account, TODAY + dt.timedelta(days=400), TODAY + dt.timedelta(days=500))
    assert run(Asked(looked)) == before


def test_an_old_snapshot_serves_for_six_days_and_no_longer(db: None, home: Home) -> None:
    day = number(TODAY)
    put([{"day": TODAY, "account_id": 7, "use_frequency": 0.5}])
    past = rescoring.look_back(
        store.reading(),
        np.array([7, 7, 7, 8]),
        np.array([day, day + 6, day + 7, day]),
        {"use_frequency", "own_later"},
    )
    assert past.seen_on.tolist() == [day, day, -1, -1]
    assert np.isnan(past.columns["use_frequency"]).tolist() == [False, False, True, True]
    assert np.isnan(past.columns["own_later"]).all()


def test_a_segment_narrows_the_accounts(told: dict[int, tuple[dt.date, bool]]) -> None:
    inside = sorted(told)[:15]
    Segment.objects.create(key="mine", name={"en": "Mine"}, created_at=NOW, changed_at=NOW)
    SegmentMember.objects.bulk_create(
        [SegmentMember(segment="mine", account_id=pk, since=TODAY) for pk in inside]
    )
    assert run(Asked(TODAY, segment="mine")).endings == 15
    groups = run().groups["segment"]
    assert [(row.group, row.lost.of) for row in groups] == [("mine", 15)]


@pytest.mark.parametrize("asked", [{"leads": ()}, {"leads": (0,)}, {"since": TODAY}])
def test_a_question_that_cannot_be_answered_says_why(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"leads|earlier day"):
        Asked(TODAY, **asked)


@pytest.mark.postgres
def test_the_night_keeps_the_record_of_every_scorecard_in_force(
    told: dict[int, tuple[dt.date, bool]],
) -> None:
    actions.install_shipped(now=NOW)
    for _again in range(2):
        assert keeping.backtest(store.reading(), TODAY, now=NOW) == Scorecard.objects.count()
    kept = keeping.record_of(Scorecard.objects.get(key="standard"))
    assert kept is not None
    record, report = kept
    assert (record.version, record.day, report) == (1, TODAY, run())
    assert Record.objects.count() == Scorecard.objects.count()


def test_what_commands_print_has_a_sample_size_beside_every_figure(
    told: dict[int, tuple[dt.date, bool]],
) -> None:
    said = telling.told(run())
    assert json.loads(json.dumps(said)) == said
    for lead in said["leads"]:
        assert {"n", "lost", "auc", "auc_low", "auc_high", "lift10", "lowest_n", "endings"} <= lead.keys()
        assert all({"n", "lost", "rate"} <= band.keys() for band in lead["bands"])
    assert said["false_greens"] == [] or {"account", "score", "weakest"} <= said["false_greens"][0].keys()
    both = Backtest(store.reading(), [CARD, RANKED], Asked(TODAY)).compared(CARD, RANKED)
    assert [row["n"] for row in telling.comparison(both)] == [40, 40, 40]
