"""One playbook: what it does as a drawn flow, who stands where, and what became of those who went through."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils.translation import gettext as _

from evergreen.alerts.models import Rule
from evergreen.alerts.words import rule_name
from evergreen.base.models import User
from evergreen.customers.queries import accounts_for
from evergreen.playbooks import actions, rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Enrolment, Passage, Playbook, PlaybookVersion, Refusal, Rollout
from evergreen.playbooks.shipped import note_of
from evergreen.playbooks.staged import running_pilot
from evergreen.web import formats
from evergreen.web.presenters.playbooks.divided import dividing, way_names
from evergreen.web.presenters.playbooks.flow import Row, drawn
from evergreen.web.presenters.playbooks.listing import RECENT_DAYS, runs_for
from evergreen.web.presenters.playbooks.words import REASONS, Told, Words, reentry_words

State = PlaybookVersion.State


@dataclass(frozen=True, slots=True)
class Standing:
    """Runs that stand at a step now."""

    n: int = 0
    stuck: int = 0
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A step of the drawn flow. ``number`` counts from 1; ``ways`` name the step that they lead to."""

    number: int
    told: Told
    row: Row
    standing: Standing
    ways: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """``width``: of the drawing beside the steps, in pixels."""

    width: int
    steps: tuple[FlowStep, ...]


def flow_of(of: rules.Definition, words: Words, standing: Mapping[str, Standing] | None = None) -> Flow:
    """A version drawn, with the runs that stand at each step."""
    keys = [step.key for step in of.steps]
    told = [words.step(step, of) for step in of.steps]
    width, rows = drawn(keys, [rules.targets(step) for step in of.steps])
    place = {one.key: (n, one.title) for n, one in enumerate(told, start=1)}
    steps = [
        FlowStep(
            n, one, row, (standing or {}).get(one.key, Standing()),
            tuple((way.when, place[way.to][1], place[way.to][0]) for way in one.ways if way.to in place),
        )
        for n, (one, row) in enumerate(zip(told, rows, strict=True), start=1)
    ]  # fmt: skip
    return Flow(width, tuple(steps))


class PlaybookPage:
    """``number`` asks for a version; else it is the published one, else the draft, else the newest."""

    def __init__(self, user: User, playbook: Playbook, now: dt.datetime, number: str = "") -> None:
        self.user, self.playbook, self.now = user, playbook, now
        self._number = int(number) if number.isdecimal() and len(number) < 9 else None
        self.words = Words(hides_money=not user.sees_money)

    @property
    def name(self) -> str:
        return formats.named(self.playbook.name)

    @property
    def note(self) -> str:
        """What it is for: as somebody wrote it, else as it ships."""
        return formats.named(note_of(self.playbook.key, self.playbook.note))

    @property
    def idle_rules(self) -> list[tuple[str, str]]:
        """The alert rules that begin it and are off: (key, name)."""
        of = self._read[0]
        keys = {key for one in (of.triggers if of else ()) if one.kind == "alert" for key in one.names}
        rows = Rule.objects.filter(key__in=keys, is_on=False).order_by("key")
        return [(rule.key, rule_name(rule, formats.language())) for rule in rows]

    @cached_property
    def versions(self) -> list[PlaybookVersion]:
        """All versions, the newest first."""
        return list(self.playbook.versions.order_by("-number").select_related("published_by"))

    @cached_property
    def _inside(self) -> dict[int, int]:
        """Runs inside by version, of every account: what somebody moves, is all of them."""
        rows = self.playbook.enrolments.filter(ended_at=None).order_by().values_list("version")
        return dict(rows.annotate(n=Count("pk")))

    @property
    def version_lines(self) -> list[tuple[PlaybookVersion, int]]:
        """Each version with the runs inside."""
        return [(one, self._inside.get(one.pk, 0)) for one in self.versions]

    @cached_property
    def version(self) -> PlaybookVersion | None:
        order = {State.PUBLISHED.value: 0, State.DRAFT.value: 1, State.RETIRED.value: 2}
        asked = [one for one in self.versions if one.number == self._number]
        return next(
            iter(asked or sorted(self.versions, key=lambda one: (order[one.state], -one.number))), None
        )

    @property
    def published(self) -> PlaybookVersion | None:
        return next((one for one in self.versions if one.state == State.PUBLISHED), None)

    @property
    def draft(self) -> PlaybookVersion | None:
        return next((one for one in self.versions if one.state == State.DRAFT), None)

    @cached_property
    def _read(self) -> tuple[rules.Definition | None, list[str]]:
        if self.version is None:
            return None, []
        try:
            return Book(self.now).definition(self.version), []
        except rules.PlaybookError as error:
            return None, error.problems

    @property
    def definition(self) -> rules.Definition | None:
        """The version as it runs; None where it cannot be read."""
        return self._read[0]

    @property
    def problems(self) -> list[str]:
        return self._read[1]

    @property
    def _runs(self) -> QuerySet[Enrolment]:
        return runs_for(self.user).filter(playbook=self.playbook)

    @cached_property
    def flow(self) -> Flow | None:
        of = self._read[0]
        if of is None or self.version is None:
            return None
        rows = self._runs.filter(version=self.version, ended_at=None).order_by().values_list("step")
        stuck = Count("pk", filter=Q(state=Enrolment.State.STUCK))
        found = rows.annotate(n=Count("pk"), stuck=stuck, since=Min("step_since"))
        return flow_of(of, self.words, {step: Standing(n, bad, since) for step, n, bad, since in found})

    @property
    def triggers(self) -> list[str]:
        of = self._read[0]
        return [self.words.trigger(one) for one in of.triggers] if of else []

    @property
    def divided(self) -> list[tuple[str, str, bool, str]]:
        """The steps that send accounts different ways: (key, number and title, whether by lot, accounts by way)."""
        of = self._read[0]
        steps = dividing(of)
        if of is None or not steps:
            return []
        rows = Passage.objects.filter(playbook=self.playbook).order_by().values_list("step", "way")
        counts = {(step, way): n for step, way, n in rows.annotate(n=Count("pk"))}
        number = {one.key: n for n, one in enumerate(of.steps, start=1)}
        found = []
        for step in steps:
            ways = way_names(of, step, self.words)
            told = " · ".join(
                f"{name} {formats.number(counts.get((step.key, key), 0))}" for key, name in ways.items()
            )
            title = f"{number[step.key]} {self.words.step(step, of).title}"
            found.append((step.key, title, isinstance(step, rules.Split), told))
        return found

    @cached_property
    def staged(self) -> str:
        """A roll-out or a pilot that keeps some out of it, in words; '' without one."""
        if (rollout := self.playbook.rollouts.exclude(state=Rollout.State.DONE).first()) is not None:
            if rollout.state == Rollout.State.STOPPED:
                return _("Its roll-out was stopped at %(share)s%%.") % {"share": rollout.share}
            return _("It is let in step by step: %(share)s%% of the accounts now.") % {"share": rollout.share}
        if running_pilot(self.playbook) is not None:
            return _("A pilot runs: nobody else enters by a trigger.")
        return ""

    @property
    def is_by_hand(self) -> bool:
        """Whether somebody may put accounts in: it has a published version and is on."""
        return self.published is not None and self.playbook.is_on

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """What is asked at the door, on the way and at the end: (key of the line, words)."""
        of = self._read[0]
        if of is None:
            return []
        told = [("entry", self.words.condition(of.entry)), ("reentry", reentry_words(of))]
        told += [("holdout", f"{of.holdout}%")] if of.holdout else []
        told += [
            ("exit", self.words.condition(one.condition)) for one in of.exits if one.condition is not None
        ]
        told += [("alert", "")] if any(one.alert_closed for one in of.exits) else []
        told.append(("goal", self.words.condition(of.goal)))
        if of.quiet_from is not None and of.quiet_to is not None:
            told.append(
                ("quiet", f"{of.quiet_from:%H:%M}–{of.quiet_to:%H:%M}{' ' + of.zone if of.zone else ''}")
            )
        return [(key, text) for key, text in told if text or key == "alert"]

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Runs inside now, and what became of them in the last 90 days."""
        since = self.now - dt.timedelta(days=RECENT_DAYS)
        is_over = Q(ended_at__gte=since)
        return self._runs.aggregate(
            inside=Count("pk", filter=Q(ended_at=None)),
            stuck=Count("pk", filter=Q(ended_at=None, state=Enrolment.State.STUCK)),
            entered=Count("pk", filter=Q(entered_at__gte=since)),
            ended=Count("pk", filter=is_over),
            reached=Count("pk", filter=is_over & Q(reason="goal")),
        )

    @property
    def share(self) -> float | None:
        """Of the runs that ended in 90 days, those that reached the goal."""
        of, ended = self._read[0], self.figures["ended"]
        return self.figures["reached"] / ended if of is not None and of.goal is not None and ended else None

    @cached_property
    def _moving(self) -> Counter[str]:
        """Runs on older versions by a step that the published one has no more. Empty where it cannot be read."""
        if self.published is None:
            return Counter()
        try:
            _found, missing = actions.moving(self.playbook.enrolments.all(), self.published)
        except rules.PlaybookError:
            return Counter()
        return missing

    @property
    def behind_count(self) -> int:
        """Runs on versions older than the published one."""
        return sum(n for one, n in self.version_lines if one.state == State.RETIRED)

    @property
    def behind(self) -> bool:
        return bool(self.published and self.behind_count and self.version == self.published)

    @property
    def homeless(self) -> list[tuple[str, int]]:
        return sorted(self._moving.items())

    @cached_property
    def endings(self) -> list[tuple[str, int]]:
        """How runs ended in 90 days, the commonest first."""
        since = self.now - dt.timedelta(days=RECENT_DAYS)
        rows = self._runs.filter(ended_at__gte=since).order_by().values_list("reason").annotate(n=Count("pk"))
        return sorted(((str(REASONS.get(reason, reason)), n) for reason, n in rows), key=lambda row: -row[1])

    @cached_property
    def refusals(self) -> list[tuple[str, int]]:
        """Who was not let in within 90 days, by why."""
        since = self.now - dt.timedelta(days=RECENT_DAYS)
        visible = accounts_for(self.user).order_by()
        rows = Refusal.objects.filter(playbook=self.playbook, at__gte=since, account__in=visible).order_by()
        names = dict(Refusal.Reason.choices)
        return [
            (str(names[reason]), n)
            for reason, n in rows.values_list("reason").annotate(n=Count("pk")).order_by("-n")
        ]
