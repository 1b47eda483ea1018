"""The engine against a model of it without a database: whatever is done in whatever order, every run stands where it should."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from evergreen.customers.actions import change_accounts
from evergreen.customers.models import Account
from evergreen.playbooks import actions
from evergreen.playbooks.models import Effect, Enrolment, Playbook
from tests.conftest import NOW
from tests.playbooks.journeys import EVENTS, TIERS, journey
from tests.playbooks.model import Model, Person, Run
from tests.playbooks.speaking import hello

MANY = 24
MINUTES = (1, 7, 60, 500, 1_440, 3_000, 12_000)


def publish(key: str, data: dict[str, Any], now: dt.datetime) -> Playbook:
    draft = actions.save_draft(key, name={"en": key}, definition=data, by=None, now=now)
    return actions.publish(draft, by=None, now=now).playbook


class Machine(RuleBasedStateMachine):
    """Two dozen accounts and two playbooks through publishing, entering, events, fields, time, pauses, stops and skips."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.speaks = hello()
        self.speaks.__enter__()
        self.now, self.model, self.events = NOW, Model(), 0
        self.accounts = Account.objects.bulk_create(
            Account(external_id=f"M-{n}", name=f"M {n}", created_at=NOW, known_at=NOW) for n in range(MANY)
        )
        self.model.people.update({one.pk: Person() for one in self.accounts})
        self.publish(seed=1, place=0)
        self.publish(seed=2, place=1)

    def teardown(self) -> None:
        self.speaks.__exit__(None, None, None)
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def settle(self) -> None:
        """What the last thing did is seen by both before the next."""
        actions.tick(now=self.now)
        self.model.tick(self.now)

    @rule(seed=st.integers(0, 10_000), place=st.integers(0, 1))
    def publish(self, seed: int, place: int) -> None:
        """People inside finish on the version they entered."""
        key, data = f"care{place}", journey(random.Random(seed), 6)
        publish(key, data, self.now)
        if key not in self.model.published:
            actions.switch(Playbook.objects.get(key=key), True, by=None, now=self.now)
        self.model.published[key] = data

    @rule(place=st.integers(0, 1))
    def enter(self, place: int) -> None:
        """An account is in one playbook, by its number, so that no two runs set one account's fields."""
        key, who = f"care{place}", [one.pk for one in self.accounts[place::2]]
        self.now += dt.timedelta(seconds=1)  # each time by hand is an occasion of its own
        entered, refused = actions.enter_by_hand(Playbook.objects.get(key=key), who, by=None, now=self.now)
        let_in = [self.model.enter(key, pk, self.now) for pk in who]
        assert (entered, sum(refused.values())) == (sum(let_in), len(who) - sum(let_in))
        self.settle()

    @rule(name=st.sampled_from(EVENTS), ago=st.integers(0, 50), twice=st.booleans(), every=st.integers(1, 5))
    def happen(self, name: str, ago: int, twice: bool, every: int) -> None:
        """Events of some accounts arrive, late perhaps, and perhaps twice."""
        at, happened = self.now - dt.timedelta(hours=ago), []
        for account in self.accounts[::every]:
            self.events += 1
            happened += [actions.Happened(account.pk, name, f"m-{self.events}", at)] * (1 + twice)
            self.model.people[account.pk].did.append((name, at))
        actions.hear(happened, now=self.now)
        self.settle()

    @rule(first=st.integers(0, 4), tier=st.sampled_from(TIERS))
    def change(self, first: int, tier: str) -> None:
        some = [one.pk for one in self.accounts[first::5]]
        change_accounts(some, {"tier": tier}, by=None, now=self.now)
        for pk in some:
            self.model.people[pk].tier = tier
        self.settle()

    @rule(minutes=st.sampled_from(MINUTES))
    def pass_time(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)
        self.settle()

    @rule(place=st.integers(0, 1))
    def pause_or_resume(self, place: int) -> None:
        key = f"care{place}"
        actions.switch(Playbook.objects.get(key=key), key in self.model.paused, by=None, now=self.now)
        self.model.paused ^= {key}
        self.settle()

    def _live(self) -> list[tuple[Run, int]]:
        found = {one.account_id: one.pk for one in Enrolment.objects.filter(ended_at=None)}
        return [(run, found[run.account]) for run in self.model.runs if run.ended is None]

    @precondition(lambda self: any(run.ended is None for run in self.model.runs))
    @rule(place=st.integers(0, MANY), stops=st.booleans())
    def steer(self, place: int, stops: bool) -> None:
        live = self._live()
        run, pk = live[place % len(live)]
        act, mirrored = (actions.stop, self.model.stop) if stops else (actions.skip, self.model.skip)
        # Where a way forks there is no single next step: such a run stays (it stands there only while its playbook is off).
        kind = next(one["kind"] for one in run.data["steps"] if one["key"] == run.step)
        goes = stops or kind not in {"branch", "split", "end"}
        assert act([pk], by=None, now=self.now) == goes
        if goes:
            mirrored(run, self.now)
        self.settle()

    @invariant()
    def every_run_stands_where_the_model_says(self) -> None:
        assert told() == [modelled(run) for run in self.model.runs]
        tiers = dict(Account.objects.filter(pk__in=self.model.people).values_list("pk", "tier"))
        assert tiers == {pk: one.tier for pk, one in self.model.people.items()}


def told() -> list[dict[str, Any]]:
    """Every run of the engine as it is compared; a trail holds the newest sixty steps."""
    effects: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for run, *effect in Effect.objects.order_by("visit").values_list("enrolment", "step", "visit", "kind"):
        effects[run].append(tuple(effect))
    return [
        {
            "who": (run.playbook.key, run.account_id),
            "state": (run.state, run.reason if run.ended_at else ""),
            "at": (run.step, run.visit, run.wake_at, run.ended_at),
            "trail": [(step, visit, result) for step, visit, result, _at in run.trail],
            "effects": effects[run.pk],
        }
        for run in Enrolment.objects.select_related("playbook").order_by("pk")
    ]


def modelled(run: Run) -> dict[str, Any]:
    """The same of the model."""
    return {
        "who": (run.playbook, run.account),
        "state": (run.state, run.reason if run.ended else ""),
        "at": (run.step, run.visit, None if run.ended else run.due, run.ended),
        "trail": run.trail[-60:],
        "effects": run.effects,
    }


def play(seed: int, rounds: int) -> Machine:
    """A life by chance, compared after each round; the machine is handed back for what it has seen, rolled back."""
    chance, machine = random.Random(seed), Machine()
    acts: list[Callable[[], None]] = [
        lambda: machine.publish(seed=chance.randrange(10**6), place=chance.randint(0, 1)),
        lambda: machine.enter(place=chance.randint(0, 1)),
        lambda: machine.happen(
            name=chance.choice(EVENTS),
            ago=chance.randint(0, 50),
            twice=chance.random() < 0.5,
            every=chance.randint(1, 5),
        ),
        lambda: machine.change(first=chance.randint(0, 4), tier=chance.choice(TIERS)),
        lambda: machine.pass_time(minutes=chance.choice(MINUTES)),
        lambda: machine.pause_or_resume(place=chance.randint(0, 1)),
        lambda: machine.steer(place=chance.randint(0, MANY), stops=chance.random() < 0.3),
    ]
    try:
        for _ in range(rounds):
            (act,) = chance.choices(acts, [2, 6, 4, 3, 10, 1, 3])
            for key in sorted(machine.model.paused):
                if chance.random() < 0.3:
                    machine.pause_or_resume(place=int(key[-1]))
            if act is not acts[-1] or any(run.ended is None for run in machine.model.runs):
                act()
                machine.every_run_stands_where_the_model_says()
    finally:
        machine.teardown()
    return machine


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_by_chance_the_engine_does_what_the_model_does(home: Any, seed: int) -> None:
    machine = play(seed + 40, 80)
    assert len(machine.model.runs) > 20


@pytest.mark.django_db
def test_whatever_is_done_the_engine_does_what_the_model_does(home: Any) -> None:
    """Few lives here; ``HYPOTHESIS_PROFILE=search`` and the torture group live many."""
    lives = settings(max_examples=6, stateful_step_count=20, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=lives)
