"""``python -m tests.torture.journey_world FOLDER SEED RUNS MOMENTS``: leads a world of playbooks through its moments, beside
workers that are being killed, and holds every run against the reference model at its end. Goes on where it was ended.

Prints a JSON line a moment, and at the end one with ``differences``. Exit code 1 when there are any.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

START = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
JOURNEYS = 20
# Work that nobody finishes in so long is stuck.
PATIENCE_SECONDS = 240.0
T = TypeVar("T")


def persistently(work: Callable[[], T]) -> T:
    """Do it again while the database is away."""
    from django.db import InterfaceError, OperationalError, connection

    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            connection.close()
            time.sleep(0.3)


def write_clock(folder: Path, now: dt.datetime) -> None:
    """What time it is in the world, for its workers."""
    made = folder / "clock.new"
    made.write_text(now.isoformat(), "utf-8")
    made.replace(folder / "clock")


class World:
    """The same seed makes the same world: what happens is done to the model and to the database."""

    def __init__(self, folder: Path, seed: int, runs: int, moments: int) -> None:
        from tests.playbooks.journeys import journey
        from tests.playbooks.model import Model

        self.folder, self.runs, self.moments = folder, runs, moments
        self.chance, self.model, self.now = random.Random(seed), Model(), START
        self.journeys = {
            f"journey{n:02}": {**journey(self.chance), "reentry": "never", "entry": ""}
            for n in range(JOURNEYS)
        }
        self.accounts: list[int] = []

    def make(self) -> None:
        """Accounts and playbooks, once."""
        from evergreen.base.models import User
        from evergreen.customers.models import Account
        from evergreen.playbooks import actions
        from evergreen.playbooks.models import Playbook

        if not Account.objects.exists():
            owner = User.objects.create_user("owner@vendor.example", "pw", name="owner")
            Account.objects.bulk_create(
                [
                    Account(
                        external_id=f"J-{n:05}", name=f"J {n}", owner=owner, created_at=START, known_at=START
                    )
                    for n in range(self.runs)
                ],
                batch_size=1_000,
            )
        for key, data in self.journeys.items():
            if not Playbook.objects.filter(key=key, versions__state="published").exists():
                draft = actions.save_draft(key, name={"en": key}, definition=data, by=None, now=START)
                actions.publish(draft, by=None, now=START)
            actions.switch(Playbook.objects.get(key=key), True, by=None, now=START)

    def begin(self) -> None:
        from evergreen.customers.models import Account
        from tests.playbooks.model import Person

        self.accounts = list(Account.objects.order_by("external_id").values_list("pk", flat=True))
        self.model.people.update({pk: Person() for pk in self.accounts})
        self.model.published.update(self.journeys)

    def moment(self, n: int, *, is_done: bool) -> None:
        """Some time passes and things happen; where this moment was lived through already, to the model alone."""
        self.now += dt.timedelta(minutes=self.chance.choice([10, 45, 180, 400]))
        entering = self.accounts[n * 100 : (n + 1) * 100]
        keys = {pk: f"journey{pk % JOURNEYS:02}" for pk in entering}
        changed = self.chance.sample(self.accounts, len(self.accounts) // 10)
        tier = self.chance.choice(("basic", "growth", "strategic"))
        name, late = self.chance.choice(("asked", "opened")), self.chance.randint(0, 300)
        doing = self.chance.sample(self.accounts, len(self.accounts) // 5)
        at = self.now - dt.timedelta(minutes=late)
        if not is_done:
            persistently(lambda: self._change(n, changed, tier, doing, name, at, keys))
            self._wait()
        for pk in changed:
            self.model.people[pk].tier = tier
        for pk in doing:
            self.model.people[pk].did.append((name, at))
        for pk, key in keys.items():
            self.model.enter(key, pk, self.now)
        self.model.tick(self.now)

    def _change(
        self,
        n: int,
        changed: list[int],
        tier: str,
        doing: list[int],
        name: str,
        at: dt.datetime,
        keys: dict[int, str],
    ) -> None:
        """All of it in one transaction, and the clock afterwards: nobody sees a half of the moment."""
        from django.db import transaction

        from evergreen.customers.models import Account
        from evergreen.playbooks import actions
        from evergreen.playbooks.models import Playbook

        with transaction.atomic():
            Account.objects.filter(pk__in=changed).update(tier=tier)
            actions.hear([actions.Happened(pk, name, f"m-{n}-{pk}", at) for pk in doing], now=self.now)
            for playbook in Playbook.objects.filter(key__in=self.journeys).order_by("key"):
                who = [pk for pk, key in keys.items() if key == playbook.key]
                actions.enter_by_hand(playbook, who, by=None, now=self.now)
            actions.sweep(now=self.now)
        write_clock(self.folder, self.now)

    def _wait(self) -> None:
        """Until nothing is due any more."""
        from evergreen.playbooks.models import Enrolment

        until = time.monotonic() + PATIENCE_SECONDS
        while persistently(
            lambda: Enrolment.objects.filter(state=Enrolment.State.WAITING, wake_at__lte=self.now).exists()
        ):
            if time.monotonic() > until:
                raise SystemExit(f"Runs are still due at {self.now} after {PATIENCE_SECONDS:.0f} s.")
            time.sleep(0.1)

    def differences(self) -> list[str]:
        """Runs that stand elsewhere than the model's, and whatever was done twice."""
        from django.db.models import Count

        from evergreen.playbooks.models import Effect
        from evergreen.work.models import Task
        from tests.playbooks.test_against_the_model import modelled, told

        mine, theirs = (
            sorted(ones, key=lambda one: one["who"]) for ones in (told(), map(modelled, self.model.runs))
        )
        wrong = [f"{one} is not {other}" for one, other in zip(mine, theirs, strict=False) if one != other]
        if len(mine) != len(theirs):
            wrong.append(f"{len(mine)} runs are not the model's {len(theirs)}")
        twice = Effect.objects.values("enrolment", "step", "visit").annotate(n=Count("pk")).filter(n__gt=1)
        wrong += [f"done twice: {row}" for row in twice]
        tasks = sum(kind == "task" for run in self.model.runs for _step, _visit, kind in run.effects)
        if Task.objects.count() != tasks:
            wrong.append(f"{Task.objects.count()} tasks are not the model's {tasks}")
        return wrong


def main() -> int:
    folder, seed, runs, moments = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    import django

    django.setup()
    from tests.playbooks.speaking import hello

    with hello():
        world = World(folder, seed, runs, moments)
        persistently(world.make)
        persistently(world.begin)
        mark = folder / "moment"
        lived = int(mark.read_text()) if mark.exists() else 0
        for n in range(moments):
            world.moment(n, is_done=n < lived)
            if n >= lived:
                mark.write_text(str(n + 1))
                print(json.dumps({"moment": n + 1, "now": world.now.isoformat()}), flush=True)
        wrong = persistently(world.differences)
        done = sum(len(run.effects) for run in world.model.runs)
        steps = sum(len(run.trail) for run in world.model.runs)
        told = {
            "differences": len(wrong),
            "first": wrong[:5],
            "runs": len(world.model.runs),
            "effects": done,
            "steps": steps,
        }
        print(json.dumps(told), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
