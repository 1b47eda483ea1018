"""What the staff do between two nights, by rules: work off tasks, talk, close alerts, sign, plan ahead."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.base import clock
from evergreen.base.models import User
from evergreen.customers.actions import add_note
from evergreen.customers.actions.loading import load_accounts
from evergreen.customers.models import Account
from evergreen.flow.demo import cast, sayings, talks
from evergreen.flow.demo.contacts import Person
from evergreen.flow.demo.extent import ZONE
from evergreen.flow.demo.records import ORIGIN, Kept
from evergreen.flow.demo.terms import Term
from evergreen.flow.demo.vendor import Vendor
from evergreen.playbooks import actions as playbooks
from evergreen.work import actions as work
from evergreen.work.actions.loading import load_conversations
from evergreen.work.models import Task

# How many things an ordinary day leaves on the list of somebody with such a book.
_LEFT_OVER = {"strategic": 6, "growth": 6, "onboarding": 4, "basic": 8, "nobody": 7}
_TALKS_ON = {
    "health_red": 0.7,
    "renewal_due": 0.8,
    "no_activity": 0.45,
    "health_drop": 0.4,
    "invoice_overdue": 0.25,
}
_KINDS = ("call", "call", "meeting", "chat")
_FALSE_ALARMS, _PUT_OFF = 0.12, 0.12
_LATE_DAYS = 3
_GONE_DAYS = 2
# Tasks of the stars stay for the reader to find when they were made this close to the end.
_STARS_STAY_DAYS = 8


@dataclass
class Office:
    """The staff at work on the vendor's rows; every method is given the day."""

    vendor: Vendor
    kept: Kept
    talked: int = 0
    places: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {pk: place for place, pk in enumerate(self.kept.accounts)}

    def by_of(self, place: int) -> User:
        """Who looks after an account: its owner, else the pool."""
        return self.kept.staff[talks.speaker(self.vendor.book[place])]

    def turn_stages(self, after: dt.date, until: dt.date) -> None:
        """Accounts that reached another stage (or owner) after a day, up to another; the lost ones end their alerts."""
        rows: dict[dt.date, list[dict[str, Any]]] = defaultdict(list)
        lost = []
        for place, turns in enumerate(self.vendor.turns):
            for turn in turns:
                if after < turn.day <= until and turn is not turns[0]:
                    owner = self.kept.staff[turn.owner].pk if turn.owner else None
                    row = {"external_id": self.vendor.book[place].key, "stage": turn.stage, "owner_id": owner}
                    rows[turn.day].append(row)
                    if turn.stage == "churned":
                        lost.append((turn.day, place))
        for day, place in lost:
            self._lose(place, day)
        for day in sorted(rows):
            load_accounts(
                rows[day], by=self.kept.staff[cast.OPERATOR.email], now=self.at(day, 18), origin=ORIGIN
            )

    def sign_renewals(self, after: dt.date, until: dt.date) -> None:
        """Renewals signed in the span: the alert ends as saved or handled, or sleeps until the old term's end."""
        signed: dict[int, Term] = {}
        for life in self.vendor.lives:
            for before, term in zip(life.terms, life.terms[1:], strict=False):
                if term.renews == before.key and after < term.signed <= until:
                    signed[self.kept.accounts[life.place]] = before
        due = Alert.objects.filter(state=Alert.State.OPEN, rule__key="renewal_due", account__in=signed)
        for alert in due.select_related("account"):
            place, before = self.places[alert.account_id], signed[alert.account_id]
            now = self.at(until, 17, place % 50)
            if (before.end - until).days > alerts.QUIET_DAYS - 1:
                # Closed now it would open again: the old term's end stays in sight until it has passed.
                alerts.snooze_alerts([alert.pk], before.end, by=self.by_of(place), now=now)
                tasks = Task.objects.filter(
                    origin_kind="alert", origin_id=str(alert.pk), state=Task.State.OPEN
                )
                work.finish_tasks(
                    tasks.values_list("pk", flat=True), by=self.by_of(place), now=now, outcome=sayings.SIGNED
                )
                continue
            was_low = self.vendor.felt.mean(place, self.vendor.extent.index(until), 60) < 0.6
            outcome = Alert.Outcome.SAVED if was_low else Alert.Outcome.HANDLED
            closed = alerts.close_alerts(
                [alert.pk], outcome, by=self.by_of(place), now=now, note=sayings.SIGNED
            )
            playbooks.settle(closed, by=self.by_of(place), now=now)

    def write_notes(self, after: dt.date, until: dt.date) -> None:
        """The notes of the span."""
        first, last = self.at(after + dt.timedelta(days=1), 0), self.at(until + dt.timedelta(days=1), 0)
        for memo in self.vendor.memos:
            if first <= memo.at < last:
                account = Account.objects.get(pk=self.kept.accounts[memo.place])
                add_note(account, memo.body, by=self.kept.staff[memo.by], now=memo.at)

    def work_off(self, day: dt.date, *, thorough: bool, is_last: bool = False) -> None:
        """A day at work: what has waited long enough is done, talked over, put off or found to be a false alarm.

        On the story's last day at work people leave nearly nothing that is due.
        """
        chance = self.vendor.extent.chance(f"work {day}")
        rules = dict(Alert.objects.filter(state=Alert.State.OPEN).values_list("pk", "rule__key"))
        listed: dict[int | None, list[Task]] = defaultdict(list)
        for task in (
            Task.objects.filter(state=Task.State.OPEN).exclude(snoozed_until__gt=day).order_by("due_on", "pk")
        ):
            if not self._stays(task):
                listed[task.assignee_id].append(task)
        for assignee, tasks in sorted(listed.items(), key=lambda item: item[0] or 0):
            due = [t for t in tasks if t.origin_kind or (t.due_on and t.due_on <= day)]
            late = sum(1 for t in due if t.due_on and (day - t.due_on).days > _LATE_DAYS)
            count = len(due) if thorough else max(len(due) - self._left_over(assignee, day), late)
            if is_last:
                count = max(count, sum(1 for t in due if t.due_on and t.due_on <= day) - 2)
            self._work_off(assignee, due[:count], rules, day, chance)

    def at(self, day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
        return self.vendor.extent.moment(day, hour, minute)

    def _lose(self, place: int, day: dt.date) -> None:
        """The alerts of an account that is lost end so, with the reason as the staff understand it."""
        reason = self.vendor.lives[place].reason
        why = sayings.WHY_LOST[reason] if reason else ""
        opened = Alert.objects.filter(account=self.kept.accounts[place], state=Alert.State.OPEN).values_list(
            "pk", flat=True
        )
        now = self.at(day, 17)
        note = sayings.LOST.format(why=why)
        closed = alerts.close_alerts(opened, Alert.Outcome.LOST, by=self.by_of(place), now=now, note=note)
        playbooks.settle(closed, by=self.by_of(place), now=now)
        tasks = Task.objects.filter(account=self.kept.accounts[place], state=Task.State.OPEN).values_list(
            "pk", flat=True
        )
        work.drop_tasks(tasks, by=self.by_of(place), now=now, outcome=note)

    def close_gone(self, day: dt.date) -> None:
        """Work orders whose conditions went away while somebody worked on them are closed a few days later with what came of them."""
        waited = self.at(day - dt.timedelta(days=_GONE_DAYS), 18)
        gone: dict[tuple[int, str], list[int]] = defaultdict(list)
        for order in WorkOrder.objects.unresolved().filter(gone_at__lte=waited).order_by("pk"):
            outcome = Alert.Outcome.SAVED if order.severity == Rule.Severity.HIGH else Alert.Outcome.HANDLED
            gone[self.places[order.account_id], outcome].append(order.pk)
        for (place, result), keys in gone.items():
            alerts.close_orders(keys, result, by=self.by_of(place), now=self.at(day, 17, 55))

    def _stays(self, task: Task) -> bool:
        """Whether a task is part of a star's story that the reader is to find."""
        if task.account_id is None or self.vendor.book[self.places[task.account_id]].star is None:
            return False
        made = clock.local_day(task.created_at, ZONE)
        return (self.vendor.extent.last - made).days < _STARS_STAY_DAYS

    def _left_over(self, assignee: int | None, day: dt.date) -> int:
        book = next((c.book for c in cast.STAFF if self.kept.staff[c.email].pk == assignee), "nobody")
        return _LEFT_OVER.get(book, 4) + (day.toordinal() + (assignee or 0)) % 4

    def _work_off(
        self, assignee: int | None, tasks: Sequence[Task], rules: dict[int, str], day: dt.date, chance: np.random.Generator
    ) -> None:  # fmt: skip
        done: dict[str, list[int]] = defaultdict(list)
        talks_held: list[dict[str, Any]] = []
        user = next((u for u in self.kept.staff.values() if u.pk == assignee), None)
        by = user or self.by_of(next(c.place for c in self.vendor.book if not c.owner))
        for task in tasks:
            rule = rules.get(int(task.origin_id)) if task.origin_kind == "alert" else None
            drawn = chance.random()
            now = self.at(day, 10 + int(chance.integers(0, 7)), int(chance.integers(0, 60)))
            if rule == "health_drop" and drawn < _FALSE_ALARMS:
                closed = alerts.close_alerts(
                    [int(task.origin_id)], Alert.Outcome.FALSE_ALARM, by=by, now=now, note=sayings.FALSE_ALARM
                )
                playbooks.settle(closed, by=by, now=now)
                continue
            if rule is None and drawn < _PUT_OFF:
                work.snooze_tasks(
                    [task.pk], self.vendor.extent.worked(day + dt.timedelta(days=3)), by=by, now=now
                )
                continue
            words = sayings.ALERT_DONE.get(rule or "", sayings.PLANNED_DONE)
            done[words[task.pk % len(words)]].append(task.pk)
            if drawn < _TALKS_ON.get(rule or "", 0.3) and task.account_id is not None:
                talks_held += self._talk(task.account_id, rule, by, day, now, chance)
        ended = self.at(day, 17, 50)
        for outcome, ids in done.items():
            work.finish_tasks(ids, by=by, now=ended, outcome=outcome)
        finished = {pk for ids in done.values() for pk in ids}
        answered = [int(one.origin_id) for one in tasks if one.pk in finished and one.origin_kind == "alert"]
        alerts.respond(answered, by=by, now=ended)
        load_conversations(talks_held, by=by, now=self.at(day, 18), origin=ORIGIN)

    def _talk(
        self,
        account: int,
        rule: str | None,
        by: User,
        day: dt.date,
        now: dt.datetime,
        chance: np.random.Generator,
    ) -> list[dict[str, Any]]:
        place = self.places[account]
        company, felt = self.vendor.book[place], self.vendor.felt
        here = [person for person in self.vendor.chains[place] if person.is_here(day)]
        if company.star is not None or not here:
            return []
        who = _partner(here, rule, chance)
        index = min(self.vendor.extent.index(day), self.vendor.extent.days - 1)
        kind = _KINDS[int(chance.integers(len(_KINDS)))]
        self.talked += 1
        return [
            {
                "external_id": f"GJ-{self.talked:05d}", "account_id": account, "kind": kind, "at": now,
                "minutes": int(chance.integers(8, 50)) if kind != "chat" else None, "by_id": by.pk, "known_at": now,
                "summary": talks.words(company, who.name, float(felt.level[place, index]), felt.reason(place, index), chance),
                "contact_ids": [self.kept.contacts[who.key]],
            }
        ]  # fmt: skip


def _partner(here: Sequence[Person], rule: str | None, chance: np.random.Generator) -> Person:
    """Whom one talks with: the decision maker on renewals where there is one, else somebody."""
    deciders = [person for person in here if person.role == "decision_maker"]
    if deciders and (rule == "renewal_due" or chance.random() < 0.3):
        return deciders[0]
    return here[int(chance.integers(len(here)))]
