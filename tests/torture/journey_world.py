"""``python -m tests.torture.journey_world FOLDER SEED RUNS MOMENTS``: leads a world of playbooks through its moments, beside
workers that are being killed, and holds every run against the reference model at its end. Goes on where it was ended.

Prints a JSON line a moment, and at the end one with ``differences``. Exit code 1 when there are any.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

START = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
JOURNEYS = 20
# Work that nobody finishes in so long is stuck.
PATIENCE_SECONDS = 240.0
# What is held for so long is held by a worker that was killed or stopped.
HELD_SECONDS = 4.0
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


def _by_mail(data: dict[str, Any]) -> dict[str, Any]:
    """The same playbook with real messages in place of the tests' own kind of step."""
    mail = {"kind": "message", "template": "told", "to": "first", "by": ["mail"], "each_account": True}
    steps = [{**step, **mail} if step["kind"] == "hello" else step for step in data["steps"]]
    return {**data, "steps": steps}


def touches_send(moment: dt.datetime) -> None:
    from evergreen.touches import actions as touches

    touches.send_due(now=lambda: moment)


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
            f"journey{n:02}": _by_mail({**journey(self.chance), "reentry": "never", "entry": ""})
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
        self._reach()
        for key, data in self.journeys.items():
            if not Playbook.objects.filter(key=key, versions__state="published").exists():
                draft = actions.save_draft(key, name={"en": key}, definition=data, by=None, now=START)
                actions.publish(draft, by=None, now=START)
            actions.switch(Playbook.objects.get(key=key), True, by=None, now=START)

    def _reach(self) -> None:
        """A mail channel to the server that runs now, a text, a contact of each account."""
        from evergreen.base.actions import change_setting
        from evergreen.base.models import User
        from evergreen.customers.models import Account, Contact
        from evergreen.touches import actions as touches
        from evergreen.touches.models import Channel, Template

        given = {
            "host": "127.0.0.1",
            "port": os.environ["EVERGREEN_MAIL_PORT"],
            "security": "none",
            "sender": "cs@vendor.example",
        }
        owner = User.objects.get(email="owner@vendor.example")
        change_setting("public_url", "https://cs.vendor.example", by=None, now=START)
        channel = touches.save_channel(
            Channel.objects.filter(kind="smtp").first(), kind="smtp", name="Mail", given=given, limits={}, by=owner, now=START
        )  # fmt: skip
        touches.switch_channel(channel, is_on=True, by=owner, now=START)
        if not Template.objects.filter(key="told").exists():
            text = {"name": {"en": "told"}, "topic": "service", "subject": {"en": "For {{ account.name }}"}, "body": {"en": "Hello"}}  # fmt: skip
            touches.save_template(None, "told", text, by=None, now=START)
        if not Contact.objects.exists():
            Contact.objects.bulk_create(
                [
                    Contact(account_id=pk, name=key, email=f"{key.lower()}@there.example", known_at=START)
                    for pk, key in Account.objects.values_list("pk", "external_id")
                ],
                batch_size=1_000,
            )

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
        """Until nothing is due any more, and no message waits or is being sent. What a dead or stopped worker holds is left after some
        seconds: it is free once its lease is over, later in the world."""
        from evergreen.playbooks.models import Enrolment
        from evergreen.touches.models import Message

        state = Message.State
        due = Enrolment.objects.filter(state=Enrolment.State.WAITING, wake_at__lte=self.now)
        waiting = Message.objects.filter(state=state.PLANNED, due_at__lte=self.now)
        held = Message.objects.filter(state__in=(state.CLAIMED, state.HANDED_OVER))
        until = time.monotonic() + PATIENCE_SECONDS
        while persistently(lambda: due.exists() or waiting.exists()):
            if time.monotonic() > until:
                raise SystemExit(f"Work is still due at {self.now} after {PATIENCE_SECONDS:.0f} s.")
            time.sleep(0.1)
        until = time.monotonic() + HELD_SECONDS
        while persistently(held.exists) and time.monotonic() < until:
            time.sleep(0.1)

    def settle(self) -> None:
        """Time goes on, without anything happening, until no worker holds a message."""
        from evergreen.touches.models import Message

        held = (Message.State.PLANNED, Message.State.CLAIMED, Message.State.HANDED_OVER)
        moment = self.now
        while persistently(lambda: Message.objects.filter(state__in=held).exists()):
            # Not as long as runs have to wait: nothing else wakes.
            moment += dt.timedelta(minutes=3)
            if moment - self.now > dt.timedelta(hours=6):
                raise SystemExit("Messages are still held six hours later.")
            persistently(partial(touches_send, moment))

    def mails(self) -> tuple[dict[str, int], list[str]]:
        """How many mails ended how, and each that was sent twice, got lost, or went out though nobody wanted it."""
        from evergreen.playbooks.models import Effect
        from evergreen.touches.models import Message
        from tests.touches.mail_server import taken

        state = Message.State
        rows = Message.objects.select_related(None).values_list("key", "state", "origin_id")
        states = {key: found for key, found, _origin in rows}
        arrived = Counter(one["key"] for one in taken(self.folder / "mail.log"))
        effects = Effect.objects.filter(kind="message").values_list("enrolment_id", "step", "visit")
        wanted = Counter(f"{run}:{step}:{visit}" for run, step, visit in effects)
        wrong = [f"sent {count} times: {key}" for key, count in arrived.items() if count > 1]
        wrong += [
            f"lost: {key}" for key, found in states.items() if found == state.ACCEPTED and not arrived[key]
        ]
        may = {state.ACCEPTED, state.UNKNOWN}
        wrong += [f"arrived and is {states.get(key, 'not wanted')}: {key}" for key in arrived if states.get(key) not in may]  # fmt: skip
        odd = Message.objects.exclude(state__in=may | {state.WITHDRAWN})
        wrong += [f"{one.state} for {one.reason} {one.detail}: {one.key}" for one in odd]
        if Counter(origin for _key, _found, origin in rows) != wanted:
            wrong.append("the messages are not those that the steps wanted")
        return dict(Counter(states.values())), wrong

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
        persistently(world.settle)
        ended, bad = persistently(world.mails)
        wrong = [*bad, *persistently(world.differences)]
        done = sum(len(run.effects) for run in world.model.runs)
        steps = sum(len(run.trail) for run in world.model.runs)
        told = {
            "differences": len(wrong),
            "first": wrong[:5],
            "runs": len(world.model.runs),
            "effects": done,
            "steps": steps,
            "mails": ended,
        }
        print(json.dumps(told), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
