"""A roll-out's steps judged, what does harm stopped by the night, and what a pilot would show told before it starts."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.outcomes.experiments import pilots, rollouts, sizes
from evergreen.outcomes.experiments.rollouts import Judged, Verdict
from evergreen.playbooks import actions
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Playbook, Rollout
from tests.conftest import NOW
from tests.outcomes.nights import book, write
from tests.playbooks.building import published, task, wait

pytestmark = pytest.mark.usefixtures("home")
BEGAN = NOW - dt.timedelta(days=70)


def _rolled(cast: SimpleNamespace, gain: float, n: int = 300) -> tuple[Playbook, Rollout]:
    """A roll-out at half of the accounts, all of which had their occasion on its first day; health of those let in rises by ``gain``."""
    install_shipped(now=NOW)
    made, rows = book(cast.owner, n), []
    # Who is let in hangs on the accounts' numbers, which PostgreSQL goes on counting from test to test: the same fates on both sides, lest
    # chance alone makes a difference now and then.
    fates = {is_in: np.random.default_rng(3) for is_in in (True, False)}
    Account.objects.filter(pk__in=[one.pk for one in made]).update(live_on=BEGAN.date())
    playbook = published(task("call"), wait("rest", days=200), now=BEGAN, triggers=[{"kind": "lifecycle", "day": 0, "counts_from": "live_on"}])  # fmt: skip
    rollout = actions.start_rollout(playbook, "50 100", 28, by=None, now=BEGAN)
    actions.enrol(now=BEGAN)
    inside = set(playbook.enrolments.values_list("account_id", flat=True))
    for one in made:
        chance = fates[one.pk in inside]
        base = chance.normal(60, 8)
        for days in (-1, 28, 69):
            score = base + chance.normal(0, 2) + (gain if days > 0 and one.pk in inside else 0)
            rows.append((BEGAN.date() + dt.timedelta(days=days), one.pk, 5, score))
    write(rows)
    return playbook, rollout


def _judged(playbook: Playbook, rollout: Rollout) -> Judged:
    of = Book(NOW).definition(playbook.versions.get(state="published"))
    return rollouts.judge(store.reading(), rollout, of)


@pytest.mark.parametrize(
    ("gain", "verdict"), [(-25.0, Verdict.HARM), (0.0, Verdict.NO_HARM), (8.0, Verdict.HELPS)]
)
def test_a_step_is_judged_by_what_became_of_those_let_in(
    cast: SimpleNamespace, gain: float, verdict: Verdict
) -> None:
    playbook, rollout = _rolled(cast, gain)
    judged = _judged(playbook, rollout)
    assert judged.verdict == verdict and judged.found.units == 300
    assert judged.harmed == (("health_score",) if gain < 0 else ())
    stopped = rollouts.watch(store.reading(), now=NOW)
    rollout.refresh_from_db()
    playbook.refresh_from_db()
    assert (stopped, rollout.state, playbook.is_on) == (
        (1, "stopped", False) if gain < 0 else (0, "running", True)
    )
    if gain < 0:
        assert "28" in rollout.note and rollouts.watch(store.reading(), now=NOW) == 0


def test_a_new_step_is_judged_by_its_own_accounts_only(cast: SimpleNamespace) -> None:
    playbook, rollout = _rolled(cast, -25, 120)
    rollout.shares = [50, 75, 100]
    rollout.save()
    raised = actions.raise_rollout(rollout, by=None, now=BEGAN + dt.timedelta(days=40))
    # What was held out at half and is let in at three quarters would be on both sides.
    Account.objects.filter(name__startswith="Held").update(live_on=(BEGAN + dt.timedelta(days=41)).date())
    actions.enrol(now=BEGAN + dt.timedelta(days=41))
    judged = _judged(playbook, raised)
    assert judged.verdict == Verdict.WAITS and judged.found.units == judged.found.unripe == 0


def test_what_a_pilot_would_show_is_what_it_shows(cast: SimpleNamespace) -> None:
    """The power told beforehand is that of the health of the very accounts, with and without the figure of four weeks before."""
    install_shipped(now=NOW)
    made, chance = book(cast.owner, 300), np.random.default_rng(9)
    Account.objects.update(arr_base_cents=None)
    for k, one in enumerate(made):
        one.arr_base_cents = (300 - k) * 100_000
    Account.objects.bulk_update(made, ["arr_base_cents"])
    rows, before, now = [], {}, {}
    for one in made:
        before[one.pk] = chance.normal(60, 15)
        now[one.pk] = before[one.pk] + chance.normal(0, 6)
        rows += [
            (NOW.date() - dt.timedelta(days=29), one.pk, 5, before[one.pk]),
            (NOW.date(), one.pk, 5, now[one.pk]),
        ]
    write(rows)
    playbook = published(task("call"), wait("rest", days=200), now=NOW)
    chosen, _paying = actions.candidates(playbook, with_strategic=False, now=NOW)
    told = {one.holdout: one for one in pilots.planned(store.reading(), chosen)}
    scores = np.array([now[pk] for pk in chosen])
    former = np.array([before[pk] for pk in chosen])
    left = 1 - np.corrcoef(scores, former)[0, 1] ** 2
    half = told[50]
    assert (half.held_out, half.let_in) == (30, 30) == (len(chosen) - 30, 30)
    assert half.power == pytest.approx(sizes.power(scores.mean(), scores.var(ddof=1), 0.1, 60))
    assert half.adjusted == pytest.approx(sizes.power(scores.mean(), scores.var(ddof=1) * left, 0.1, 60))
    assert half.smallest is not None and half.adjusted is not None and told[20].adjusted is not None
    assert half.adjusted > told[20].adjusted > (told[20].power or 1)
    # The smallest difference is the one that is seen four times in five.
    assert sizes.power(scores.mean(), scores.var(ddof=1) * left, half.smallest, 60) == pytest.approx(
        0.8, abs=0.001
    )
    assert pilots.planned(store.reading(), [])[0].power is None


def test_a_pilots_sides_are_compared_as_they_were_drawn(cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)
    made = book(cast.owner, 200)
    Account.objects.update(arr_base_cents=None)
    for k, one in enumerate(made):
        one.arr_base_cents = (200 - k) * 100_000
    Account.objects.bulk_update(made, ["arr_base_cents"])
    playbook = published(task("call"), wait("rest", days=200), now=BEGAN)
    pilot, _entered = actions.start_pilot(playbook, 50, with_strategic=False, by=None, now=BEGAN)
    held = set(pilot.accounts.filter(is_held_out=True).values_list("account_id", flat=True))
    # Somebody stops a run on the first day: drawn is drawn.
    playbook.enrolments.filter(pk=playbook.enrolments.earliest("pk").pk).update(state="left", ended_at=BEGAN)
    write(
        (BEGAN.date() + dt.timedelta(days=days), one.pk, k % 5, 60 + (k * 7) % 11 + (9 if days > 0 and one.pk not in held else 0))
        for k, one in enumerate(made)
        for days in (-1, 28, 69)
    )  # fmt: skip
    found = pilots.compared(store.reading(), pilot, 28)
    assert [(arm.key, arm.share, arm.units) for arm in found.arms] == [("held_out", 50, 20), ("in", 50, 20)]
    health = next(one for one in found.readings if one["outcome"] == "health_score")
    assert health["absolute"]["low"] < 9 < health["absolute"]["high"] and found.ratio == 1.0
