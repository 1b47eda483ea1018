"""Roll-outs that let in more and more, and pilots on the most valuable accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.customers.models import Account
from evergreen.playbooks import actions, rules
from evergreen.playbooks.models import Enrolment, Pilot, Playbook, Refusal, Rollout
from tests.conftest import NOW, TODAY
from tests.outcomes.nights import book
from tests.playbooks.building import enter, published, task, wait

LIFECYCLE = [{"kind": "lifecycle", "day": 0, "counts_from": "live_on"}, {"kind": "by_hand"}]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def _care(**more: Any) -> Playbook:
    return published(task("call"), wait("rest", days=200), triggers=LIFECYCLE, reentry="never", **more)


def _again(accounts: list[Account], days: int) -> dt.datetime:
    """Another occasion for everybody, so many days later."""
    later = NOW + dt.timedelta(days=days)
    Account.objects.filter(pk__in=[one.pk for one in accounts]).update(
        live_on=TODAY + dt.timedelta(days=days)
    )
    return later


def _inside(playbook: Playbook) -> set[int]:
    return set(playbook.enrolments.values_list("account_id", flat=True))


@pytest.mark.postgres
def test_each_step_lets_in_more_and_puts_nobody_out(cast: SimpleNamespace) -> None:
    made = book(cast.owner, 200)
    Account.objects.exclude(pk__in=[one.pk for one in made]).update(live_on=None)
    Account.objects.filter(pk__in=[one.pk for one in made[:10]]).update(tier="strategic")
    playbook = _care(is_on=False)
    rollout = actions.start_rollout(playbook, "10, 25，50 100%", 28, by=None, now=NOW)
    assert Playbook.objects.get(pk=playbook.pk).is_on
    before: set[int] = set()
    for step, (share, low, high) in enumerate(((10, 8, 34), (25, 30, 66), (50, 75, 115), (100, 190, 190))):
        if step:
            rollout = actions.raise_rollout(rollout, by=None, now=NOW + dt.timedelta(days=3 * step))
        assert rollout.share == share
        actions.enrol(now=_again(made, 3 * step))
        inside = _inside(playbook)
        # Strategic ones are in from the first step and are not counted.
        assert before <= inside and {one.pk for one in made[:10]} <= inside
        assert low <= len(inside) - 10 <= high, share
        # Who is in is whom the holdout's hash lets in: a share that rises never changes sides.
        assert all(
            not rules.is_held_out("care", str(pk), 100 - share)
            for pk in inside - {one.pk for one in made[:10]}
        )
        before = inside
    assert rollout.state == Rollout.State.DONE and rollout.ended_at is not None
    with pytest.raises(ValidationError):
        actions.raise_rollout(rollout, by=None, now=NOW)


def test_a_stopped_rollout_switches_off_and_goes_on_as_a_new_step(cast: SimpleNamespace) -> None:
    made = book(cast.owner, 60)
    playbook = _care()
    rollout = actions.start_rollout(playbook, "40 100", 28, by=None, now=NOW)
    assert actions.stop_rollout(rollout, "Worse.", by=cast.boss, now=NOW)
    assert not actions.stop_rollout(rollout, "Twice.", by=cast.boss, now=NOW)
    playbook.refresh_from_db()
    rollout.refresh_from_db()
    assert (playbook.is_on, rollout.state, rollout.note) == (False, "stopped", "Worse.")
    assert actions.enrol(now=NOW) == 0
    with pytest.raises(ValidationError):
        actions.raise_rollout(rollout, by=None, now=NOW)
    later = _again(made, 2)
    rollout = actions.resume_rollout(rollout, by=cast.boss, now=later)
    assert (rollout.state, rollout.share, rollout.stage_since) == ("running", 40, later)
    assert actions.enrol(now=later) > 0


@pytest.mark.parametrize(
    "shares",
    ["", "100", "10 5 100", "10 50", "0 100", "ten, 100", "10 20 30 40 50 60 70 80 100", "50 50 100"],
)
def test_steps_rise_to_a_hundred(cast: SimpleNamespace, shares: str) -> None:
    with pytest.raises(ValidationError, match="rising"):
        actions.start_rollout(_care(), shares, 28, by=None, now=NOW)
    assert not Rollout.objects.exists()


def test_only_one_trial_of_a_playbook_runs_at_a_time(cast: SimpleNamespace) -> None:
    _valued(cast, 60)
    playbook = _care()
    with pytest.raises(ValidationError, match="28, 56, 90"):
        actions.start_rollout(playbook, "10 100", 7, by=None, now=NOW)
    actions.start_rollout(playbook, "10 100", 28, by=None, now=NOW)
    for act in (
        lambda: actions.start_rollout(playbook, "10 100", 28, by=None, now=NOW),
        lambda: actions.start_pilot(playbook, 50, with_strategic=False, by=None, now=NOW),
    ):
        with pytest.raises(ValidationError, match="runs already"):
            act()
    assert not Pilot.objects.exists()


def _valued(cast: SimpleNamespace, n: int) -> list[Account]:
    """Accounts worth n thousand, n - 1 thousand and so on; all others pay nothing."""
    made = book(cast.owner, n)
    Account.objects.update(arr_base_cents=None)
    for k, one in enumerate(made):
        one.arr_base_cents = (n - k) * 100_000
    Account.objects.bulk_update(made, ["arr_base_cents"])
    return made


def test_the_sides_of_a_pilot_are_worth_the_same_and_as_many_as_planned() -> None:
    values = list(range(1_000, 900, -1))
    for holdout, size in ((50, 2), (25, 4), (20, 5), (30, 10)):
        drawn = rules.sides(values, holdout, "care")
        out = [one.account for one in drawn if one.is_held_out]
        assert len(out) == holdout and drawn == rules.sides(values, holdout, "care")
        assert drawn != rules.sides(values, holdout, "other")
        for stratum in range(100 // size):
            assert sum(one.is_held_out for one in drawn if one.stratum == stratum) == size * holdout // 100
        # Neighbours by value: the mean worth of the sides differs by less than a stratum is wide.
        inside = [one.account for one in drawn if not one.is_held_out]
        assert abs(sum(out) / len(out) - sum(inside) / len(inside)) < size
    assert len([one for one in rules.sides(values[:7], 50, "care") if one.is_held_out]) in (3, 4)


@pytest.mark.postgres
def test_a_pilot_lets_half_of_the_most_valuable_in_and_nobody_else(cast: SimpleNamespace) -> None:
    made = _valued(cast, 150)
    top = made[:30]
    for one, fields in (
        (top[0], {"tier": "strategic"}),
        (top[1], {"band": "red"}),
        (top[2], {"stage": "churned"}),
    ):
        Account.objects.filter(pk=one.pk).update(**fields)
    playbook = _care(is_on=False)
    chosen, paying = actions.candidates(playbook, with_strategic=False, now=NOW)
    # One left: of 149 paying accounts the top fifth is 30, the first of the rest among them.
    assert paying == 149 and set(chosen) == {one.pk for one in [*top[3:], made[30]]}
    assert len(actions.candidates(playbook, with_strategic=True, now=NOW)[0]) == 29
    pilot, entered = actions.start_pilot(playbook, 50, with_strategic=False, by=cast.boss, now=NOW)
    inside = _inside(playbook)
    held = set(pilot.accounts.filter(is_held_out=True).values_list("account_id", flat=True))
    assert entered == len(inside) == 14 and len(held) == 14 and inside | held == set(chosen)
    # Its trigger is there for all of them: nobody else enters, and by hand only whom the lot did not hold out.
    actions.enrol(now=NOW)
    assert _inside(playbook) == inside
    assert Refusal.objects.filter(reason="pilot", account__in=held).count() == 14
    assert not Refusal.objects.filter(reason="holdout").exists()
    outside = Account.objects.get(pk=next(iter(held)))
    assert enter(playbook, outside) == 0 and enter(playbook, made[100]) == 1
    assert not Enrolment.objects.filter(is_compared=True).exists()
    actions.end_pilot(pilot, stays_on=True, by=cast.boss, now=NOW)
    assert actions.enrol(now=_again(made, 1)) > 50 and held & _inside(playbook)
    with pytest.raises(ValidationError, match="over"):
        actions.end_pilot(pilot, stays_on=True, by=cast.boss, now=NOW)


def test_too_few_for_a_pilot_are_told_and_nothing_is_changed(cast: SimpleNamespace) -> None:
    _valued(cast, 40)
    playbook = _care(is_on=False)
    with pytest.raises(ValidationError, match="8 accounts could take part"):
        actions.start_pilot(playbook, 50, with_strategic=False, by=None, now=NOW)
    with pytest.raises(ValidationError, match="20%, 25%, 30%, 50%"):
        actions.start_pilot(playbook, 40, with_strategic=False, by=None, now=NOW)
    playbook.refresh_from_db()
    assert not playbook.is_on and not Pilot.objects.exists()
