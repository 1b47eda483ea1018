"""A split read as an experiment, and a branch that is none."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evergreen.base.actions import change_setting
from evergreen.customers.models import Account, Contract, ContractLine
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.outcomes.experiments import splits
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.playbooks import actions
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Passage, Playbook, PlaybookVersion
from evergreen.playbooks.rules import Branch, Split
from tests.conftest import NOW, TODAY
from tests.outcomes.nights import book, write
from tests.playbooks.building import enter, published, task, wait

pytestmark = pytest.mark.usefixtures("home")
BEGAN = NOW - dt.timedelta(days=60)


def tossed(*more: dict[str, Any], spared: str = "", call: str = "call", **fields: Any) -> Playbook:
    """Sixty of a hundred are called, the others left alone."""
    split: dict[str, Any] = {"key": "toss", "kind": "split", "arms": [{"share": 40, "to": "alone"}, {"share": 60, "to": "call"}]}  # fmt: skip
    return published(
        {**split, **({"spared": spared} if spared else {})},
        {**task("call"), "title": {"en": call}},
        wait("rest", days=200),
        {"key": "alone", "kind": "wait", "days": 200},
        *more,
        **{"now": BEGAN, **fields},
    )


def read(playbook: Playbook, days: int = 28, number: int | None = None) -> Compared:
    rows = PlaybookVersion.objects.filter(playbook=playbook)
    version = rows.get(number=number) if number else rows.get(state="published")
    step = Book(NOW).definition(version).step("toss")
    assert isinstance(step, Split)
    return splits.compared(store.reading(), version, step, days)


def _ways() -> dict[int, str]:
    return dict(Passage.objects.filter(step="toss").values_list("account_id", "way"))


def test_what_a_way_brought_is_found_and_what_it_did_not_is_not(cast: SimpleNamespace) -> None:
    """Health rises by eight for those called, use is the same; each is seen 28 days after it came to the split."""
    install_shipped(now=NOW)
    made, chance, rows = book(cast.owner, 300), np.random.default_rng(5), []
    playbook = tossed(goal="health_band = green")
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    ways = _ways()
    assert ways.keys() == {one.pk for one in made} and set(ways.values()) == {"call", "alone"}
    for one in made:
        base, users = chance.normal(60, 8), chance.integers(5, 50)
        for days, gain in ((-1, 0), (27, 8), (59, -50)):
            day, score = BEGAN.date() + dt.timedelta(days=days), base + chance.normal(0, 2)
            score += gain if ways[one.pk] == "call" else 0
            rows.append((day, one.pk, int(users + chance.integers(-2, 3)), score))
    write(rows)
    found = read(playbook)
    told = {one["outcome"]: one for one in found.readings}
    assert [(arm.key, arm.share, arm.units) for arm in found.arms] == [
        ("alone", 40, sum(way == "alone" for way in ways.values())),
        ("call", 60, sum(way == "call" for way in ways.values())),
    ]
    assert found.ratio is not None and found.ratio > 0.01 and found.unripe == 0
    health, use = told["health_score"], told["active_users_28d"]
    assert health["absolute"]["low"] < 8 < health["absolute"]["high"] and health["adjusted"]["low"] > 6
    assert use["absolute"]["low"] < 0 < use["absolute"]["high"]
    assert told["goal"]["control"]["n"] == found.arms[0].units  # nobody reached it: there is no reading
    assert told["goal"]["absolute"] is None and found.power > 0.9
    assert read(playbook, 90).units == 0 and read(playbook, 90).unripe == 300


def test_who_reached_the_goal_within_the_time_counts_and_who_did_later_does_not(
    cast: SimpleNamespace,
) -> None:
    install_shipped(now=NOW)
    made = book(cast.owner, 60)
    playbook = tossed(goal="touch_model = low")
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    ways = _ways()
    called = [one for one in made if ways[one.pk] == "call"]
    for some, after in ((called[:10], 5), (called[10:20], 40)):
        Account.objects.filter(pk__in=[one.pk for one in some]).update(touch_model="low")
        actions.tick(now=BEGAN + dt.timedelta(days=after))
    write([(TODAY, made[0].pk, 1, 50.0)])
    goal = next(one for one in read(playbook).readings if one["outcome"] == "goal")
    assert round(goal["treatment"]["mean"] * len(called)) == 10 and goal["control"]["mean"] == 0
    goal = next(one for one in read(playbook, 56).readings if one["outcome"] == "goal")
    assert round(goal["treatment"]["mean"] * len(called)) == 20


@pytest.mark.postgres
def test_revenue_retention_of_the_ways_is_what_their_contracts_say(cast: SimpleNamespace) -> None:
    """By hand: of those called every second one doubles, of the others every second one leaves."""
    install_shipped(now=NOW)
    change_setting("renewal_grace_days", 0, by=None, now=NOW)
    made = book(cast.owner, 80)
    playbook = tossed()
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    ways, turn, sums = _ways(), {"call": 0, "alone": 0}, {"call": [0, 0, 0], "alone": [0, 0, 0]}
    day = BEGAN.date()
    for n, one in enumerate(made):
        way = ways[one.pk]
        turn[way] += 1
        cents, changes = 1_000 * (n % 7 + 1), turn[way] % 2 == 0
        contract = Contract.objects.create(account=one, external_id=f"C{n}", currency="CNY", known_at=NOW)

        def line(since: dt.date, until: dt.date | None, worth: int, of: Contract = contract) -> None:
            ContractLine.objects.create(contract=of, start_on=since, end_on=until, mrr_cents=worth)

        end = day + dt.timedelta(days=10) if changes and way == "alone" else None
        line(day - dt.timedelta(days=300), end, cents)
        if changes and way == "call":
            line(day + dt.timedelta(days=10), None, cents)
        after = cents * 2 if changes and way == "call" else 0 if changes else cents
        sums[way] = [a + b for a, b in zip(sums[way], (cents, after, min(cents, after)), strict=True)]
    write([(TODAY, made[0].pk, 1, 50.0)])
    told = {one["outcome"]: one for one in read(playbook).readings}
    for side, way in (("control", "alone"), ("treatment", "call")):
        start, end_sum, kept = sums[way]
        assert told["nrr"][side]["mean"] == pytest.approx(end_sum / start)
        assert told["grr"][side]["mean"] == pytest.approx(kept / start)
    assert told["nrr"]["absolute"]["low"] > 0 and told["grr"]["treatment"]["mean"] == 1.0


def test_versions_count_together_only_where_they_do_the_same(cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)
    made = book(cast.owner, 90)
    playbook = tossed()
    enter(playbook, *made[:30], now=BEGAN)
    actions.tick(now=BEGAN)
    # Another trigger is the same treatment; another call is another.
    tossed(entry="tier != basic")
    enter(playbook, *made[30:60], now=BEGAN)
    actions.tick(now=BEGAN)
    write([(TODAY, made[0].pk, 1, 50.0)])
    assert read(playbook).units == 60
    tossed(call="call twice", reentry="each_time")
    Playbook.objects.get(key="care").enrolments.update(ended_at=BEGAN, state="left")
    enter(playbook, *made[50:90], now=BEGAN)
    actions.tick(now=BEGAN)
    # Ten of the forty were called as before: they are not this version's.
    assert read(playbook).units == 30 and read(playbook, number=1).units == 60


def test_the_split_spares_whom_it_says_and_nobody_else(cast: SimpleNamespace) -> None:
    made = book(cast.owner, 60)
    Account.objects.filter(pk__in=[one.pk for one in made[:20]]).update(tier="strategic")
    playbook = tossed(task("care"), spared="care")
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    assert _ways().keys() == {one.pk for one in made[20:]}
    spared = playbook.enrolments.filter(account__in=made[:20])
    assert {tuple(run.trail[0][2:3]) for run in spared} == {("spared",)} and {
        run.state for run in spared
    } == {"done"}
    other = tossed(key="bold")
    enter(other, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    assert other.passages.count() == 60


def test_a_branch_is_shown_by_way_and_never_tested(cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)
    made = book(cast.owner, 30)
    Account.objects.filter(pk__in=[one.pk for one in made[:10]]).update(tier="growth")
    playbook = published(
        {"key": "look", "kind": "branch", "ways": [{"when": "tier = growth", "to": "call"}], "otherwise": "over"},
        task("call"), now=BEGAN,
    )  # fmt: skip
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    rows = [(BEGAN.date() - dt.timedelta(days=1), one.pk, 4, 50.0) for one in made]
    rows += [
        (BEGAN.date() + dt.timedelta(days=28), one.pk, 6, 70.0 if one in made[:10] else 55.0) for one in made
    ]
    write(rows)
    version = playbook.versions.get()
    step = Book(NOW).definition(version).step("look")
    assert isinstance(step, Branch)
    found = {one.way: one for one in splits.sorted_ways(store.reading(), version, step, 28)}
    assert (found["call"].n, found["over"].n) == (10, 20)
    assert found["call"].means["health_score"] == (50.0, 70.0)
    assert found["over"].means["active_users_28d"] == (4.0, 6.0)
    assert found["over"].means["kept"] == (None, 1.0) and found["over"].means["nrr"] == (None, None)
    assert splits.sorted_ways(store.reading(), version, step, 90) == []
