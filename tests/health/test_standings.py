"""The newest score as a row: its changes since 7, 30 and 90 days before, overall and by measure."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.base.queries import setting
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health import actions
from evergreen.health.models import Assignment, Scorecard, Standing

DAY = dt.date(2026, 10, 31)


@pytest.fixture(autouse=True)
def _scorecards(cast: SimpleNamespace, home: Home, now: dt.datetime) -> None:
    actions.install_shipped(now=now)


def scored(
    account: Account, score: float | None, *, before: int = 0, card: str = "starter", **points: float
) -> None:
    """Put a score of an account in the history, ``before`` days earlier."""
    day = DAY - dt.timedelta(days=before)
    entries = [
        {"measure": key, "points": value, "value": value, "missing": None} for key, value in points.items()
    ]
    band = "yellow" if score is not None else "insufficient_data"
    with store.session() as con, store.transaction(con):
        con.execute(
            "INSERT INTO lake.scores VALUES (?, ?, '', ?, 1, ?, ?, 1.0, ?, ?)",
            [day, account.pk, card, score, band, day, json.dumps(entries)],
        )


def standing(account: Account, *, after: int = 0, card: str = "starter") -> Standing:
    with store.session() as con:
        actions.write_standings(con, DAY + dt.timedelta(days=after))
    return Standing.objects.get(account=account, scorecard__key=card)


def changes(found: Standing) -> tuple[Any, Any, Any]:
    return found.change_7d, found.change_30d, found.change_90d


def test_each_change_is_since_its_own_day(cast: SimpleNamespace) -> None:
    scored(cast.well, 70, use=30, support=40)
    scored(cast.well, 75, before=7, use=33, support=42)
    scored(cast.well, 60, before=30, use=25, support=35)
    scored(cast.well, 82, before=90, use=40, support=42)
    found = standing(cast.well)
    assert changes(found) == (-5, 10, -12)
    by_measure = {entry["measure"]: entry for entry in found.contributions}
    assert [by_measure["use"][f"change_{days}d"] for days in (7, 30, 90)] == [-3, 5, -10]
    assert [by_measure["support"][f"change_{days}d"] for days in (7, 30, 90)] == [-2, 5, -2]


def test_a_slightly_older_score_serves_and_a_much_older_or_later_one_does_not(cast: SimpleNamespace) -> None:
    scored(cast.well, 70, use=70)
    scored(cast.well, 10, before=1, use=10)
    scored(cast.well, 50, before=30 + actions.COMPARISON_SLACK_DAYS, use=50)
    scored(cast.well, 20, before=90 + actions.COMPARISON_SLACK_DAYS + 1, use=20)
    assert changes(standing(cast.well)) == (None, 20, None)


def test_without_a_score_then_or_now_there_is_no_change(cast: SimpleNamespace) -> None:
    scored(cast.well, None)
    scored(cast.well, 50, before=7, use=50)
    scored(cast.slipping, 50, use=50)
    scored(cast.slipping, None, before=7)
    for account in (cast.well, cast.slipping):
        found = standing(account)
        assert changes(found) == (None, None, None)
        assert all(entry["change_7d"] is None for entry in found.contributions)


def test_a_measure_that_is_new_has_no_change_of_its_own(cast: SimpleNamespace) -> None:
    scored(cast.well, 70, use=30, support=40)
    scored(cast.well, 30, before=7, use=30)
    found = standing(cast.well)
    assert found.change_7d == 40
    assert {entry["measure"]: entry["change_7d"] for entry in found.contributions} == {
        "use": 0,
        "support": None,
    }


def test_cards_are_compared_with_themselves_and_the_accounts_own_is_marked(cast: SimpleNamespace) -> None:
    for card, score in (("starter", 70), ("standard", 40)):
        scored(cast.well, score, card=card, use=score)
        scored(cast.well, score - 10, before=7, card=card, use=score - 10)
    assert standing(cast.well).change_7d == standing(cast.well, card="standard").change_7d == 10
    assert own(cast.well) == [setting("scorecard")]
    other = Scorecard.objects.exclude(key=setting("scorecard")).get(key__in=("starter", "standard"))
    Assignment.objects.create(account=cast.well, scorecard=other)
    standing(cast.well)
    assert own(cast.well) == [other.key]


def own(account: Account) -> list[str]:
    return list(
        Standing.objects.filter(account=account, is_own=True).values_list("scorecard__key", flat=True)
    )


def test_an_older_day_scored_again_leaves_the_newest_standing(cast: SimpleNamespace) -> None:
    scored(cast.well, 70, use=70)
    scored(cast.well, 20, before=-1, use=20)
    assert standing(cast.well, after=1).score == 20
    again = standing(cast.well)
    assert (again.score, again.day) == (20, DAY + dt.timedelta(days=1))


def test_writing_twice_changes_nothing(cast: SimpleNamespace) -> None:
    scored(cast.well, 70, use=70)
    first = standing(cast.well)
    second = standing(cast.well)
    assert Standing.objects.count() == 1
    assert (first.pk, first.contributions) == (second.pk, second.contributions)
