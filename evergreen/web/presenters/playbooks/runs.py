"""The list of runs as an address asks for it: who is where, why, since when; and one run with its way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import ALL, MINE, NOBODY
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Effect, Enrolment, Playbook
from evergreen.web import formats
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.playbooks.listing import RECENT_DAYS, runs_for
from evergreen.web.presenters.playbooks.words import KINDS, REASONS, Words
from evergreen.web.presenters.work_lists import WorkList, who_from

INSIDE, STUCK, ENDED = "inside", "stuck", "ended"
STATES = (INSIDE, STUCK, ENDED)
_MOST_OF_ACCOUNT = 8
_MOST_OVER = 2
SORTS: dict[str, tuple[str | OrderBy, ...]] = {
    "longest": ("step_since", "pk"),
    "newest": ("-entered_at", "-pk"),
    "next": (F("wake_at").asc(nulls_last=True), "pk"),
    "value": (F("account__arr_base_cents").desc(nulls_last=True), "pk"),
}
# Why a run waits, with the moment at which it goes on at the latest.
_UNTIL: dict[str, str | Promise] = {
    "wait": gettext_lazy("waits until %(when)s"),
    "wait_until": gettext_lazy("waits for it to be so, at most until %(when)s"),
    "working_hours": gettext_lazy("waits for working hours, %(when)s"),
    "answer": gettext_lazy("waits for the answer, at most until %(when)s"),
    "quiet": gettext_lazy("held back by quiet hours until %(when)s"),
}
# What a step came to in a run's trail.
_RESULTS: dict[str, str | Promise] = {
    "done": gettext_lazy("done"),
    "late": gettext_lazy("left out: too late"),
    "waited": gettext_lazy("waited"),
    "met": gettext_lazy("it became so"),
    "no task": gettext_lazy("there was no task to answer"),
    "timed out": gettext_lazy("the time was up"),
    "spared": gettext_lazy("took no part in the split"),
    "skipped": gettext_lazy("skipped by hand"),
    "moved": gettext_lazy("moved by hand"),
    "end": gettext_lazy("end reached"),
}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in words: at which step it stands and why."""

    run: Enrolment
    step: str
    why: str
    tone: str


class _Steps:
    """The words of steps by version; each version is read once."""

    def __init__(self, user: User, now: dt.datetime) -> None:
        self._book, self._words = Book(now), Words(hides_money=not user.sees_money)
        self._titles: dict[int, dict[str, str]] = {}

    def of(self, run: Enrolment) -> dict[str, str]:
        """Each step's title by its key, in the order of the run's version; none where the version cannot be read any more."""
        if run.version_id not in self._titles:
            try:
                of = self._book.definition(run.version)
                told = {step.key: self._words.step(step, of).title for step in of.steps}
            except rules.PlaybookError:
                told = {}
            self._titles[run.version_id] = told
        return self._titles[run.version_id]

    def line(self, run: Enrolment) -> RunLine:
        tone = {Enrolment.State.STUCK.value: "bad", Enrolment.State.DONE.value: "good"}.get(run.state, "none")
        return RunLine(run, self.of(run).get(run.step, run.step), why(run), tone)


def why(run: Enrolment) -> str:
    """Why a run stands where it stands, or how it ended."""
    if run.state == Enrolment.State.STUCK:
        return run.note or _("It could not go on.")
    if run.ended_at is None and run.wake_at is not None and run.reason in _UNTIL:
        return str(_UNTIL[run.reason]) % {"when": formats.moment(run.wake_at)}
    return str(REASONS.get(run.reason, run.reason)) or _("goes on within seconds")


class RunList(WorkList):
    """What the page of runs shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], now: dt.datetime) -> None:
        self.user, self.vendor, self.now = user, vendor, now
        self.who = who_from(user, query.get("who", ""), default=ALL)
        self.state = query.get("state", "") if query.get("state", "") in STATES else INSIDE
        self.playbook = query.get("playbook", "")[:40]
        self.step = query.get("step", "")[:40]
        self.version = query.get("version", "") if query.get("version", "").isdecimal() else ""
        self.sort = query.get("sort", "") if query.get("sort", "") in SORTS else ""
        if self.sort == "value" and not user.sees_money:
            self.sort = ""
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    def _owned(self) -> QuerySet[Enrolment]:
        rows = runs_for(self.user)
        if self.who == NOBODY:
            rows = rows.filter(account__owner=None)
        elif self.who != ALL:
            rows = rows.filter(account__owner=self.user.pk if self.who == MINE else int(self.who))
        if self.playbook:
            rows = rows.filter(playbook__key=self.playbook)
        if self.version:
            rows = rows.filter(version__number=int(self.version[:9]))
        return rows.filter(account__name__icontains=self.text) if self.text else rows

    @cached_property
    def rows(self) -> QuerySet[Enrolment]:
        """The runs of the address in its order."""
        rows = self._owned().select_related("playbook", "version", "account__owner")
        if self.step:
            rows = rows.filter(step=self.step)
        if self.state == ENDED:
            return rows.exclude(ended_at=None).order_by(
                *(SORTS[self.sort] if self.sort else ("-ended_at", "-pk"))
            )
        rows = rows.filter(ended_at=None)
        rows = rows.filter(state=Enrolment.State.STUCK) if self.state == STUCK else rows
        return rows.order_by(*SORTS[self.sort or "longest"])

    @cached_property
    def page(self) -> Page[Enrolment]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def _steps(self) -> _Steps:
        return _Steps(self.user, self.now)

    @cached_property
    def lines(self) -> list[RunLine]:
        return [self._steps.line(run) for run in self.page.object_list]

    @cached_property
    def counts(self) -> dict[str, int]:
        is_open = Q(ended_at=None)
        return self._owned().aggregate(
            inside=Count("pk", filter=is_open),
            stuck=Count("pk", filter=is_open & Q(state=Enrolment.State.STUCK)),
            ended=Count("pk", filter=~is_open),
        )

    @property
    def states(self) -> list[tuple[str, str, int]]:
        words = {INSIDE: _("Inside"), STUCK: _("Need attention"), ENDED: pgettext("runs", "Over")}
        return [(state, words[state], self.counts[state]) for state in STATES]

    @cached_property
    def playbooks(self) -> list[tuple[str, str]]:
        return [(one.key, formats.named(one.name)) for one in Playbook.objects.order_by("key")]

    @cached_property
    def step_choices(self) -> list[tuple[str, str]]:
        """The steps to which the rows shown may be moved, or narrowed: those of the playbook asked for."""
        if not self.playbook:
            return []
        newest = (
            runs_for(self.user)
            .filter(playbook__key=self.playbook)
            .select_related("version")
            .order_by("-version__number")
        )
        run = (newest.filter(version__number=int(self.version[:9])) if self.version else newest).first()
        return list(self._steps.of(run).items()) if run is not None else []

    @property
    def sorts(self) -> list[tuple[str, str]]:
        names = {
            "longest": _("Longest at its step"),
            "next": _("Next to go on"),
            "newest": _("Newest first"),
            "value": "ARR",
        }
        return [(key, name) for key, name in names.items() if key != "value" or self.user.sees_money]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.playbook or self.step or self.text or self.version)


def file_rows(rows: QuerySet[Enrolment], user: User, now: dt.datetime) -> Iterator[list[object]]:
    """Runs as the rows of a file, headings first."""
    yield [
        _("Account"), _("Account id"), _("Owner"), _("Playbook"), _("Version"), _("State"), _("Step"), _("Why"), _("At its step since"),
        _("Entered"), _("Ended"),
    ]  # fmt: skip
    steps = _Steps(user, now)
    for run in rows.iterator(chunk_size=2_000):
        line = steps.line(run)
        yield [
            run.account.name, run.account.external_id, run.account.owner, formats.named(run.playbook.name), run.version.number,
            run.get_state_display(), line.step, line.why, run.step_since, run.entered_at, run.ended_at,
        ]  # fmt: skip


def runs_of(account: Account, user: User, now: dt.datetime) -> list[RunLine]:
    """The runs that an account is in, and the newest few of the last 90 days that are over. What was done about single occasions (a task for
    an alert) is left out once it is over: that stands elsewhere on the page."""
    rows = Enrolment.objects.filter(account=account).select_related("playbook", "version").order_by("-pk")
    inside = list(rows.filter(ended_at=None)[:_MOST_OF_ACCOUNT])
    over = rows.filter(ended_at__gte=now - dt.timedelta(days=RECENT_DAYS), lane="").order_by(
        "-ended_at", "-pk"
    )
    steps = _Steps(user, now)
    return [steps.line(run) for run in [*inside, *over[:_MOST_OVER]]]


@dataclass(frozen=True, slots=True)
class Passage:
    """A step that a run has gone through: when, what came of it, what it left."""

    step: str
    result: str
    at: dt.datetime | None
    effects: tuple[str, ...]


class RunPage:
    """One run: its way so far and where it stands."""

    def __init__(self, user: User, run: Enrolment, now: dt.datetime) -> None:
        self.user, self.run, self.now = user, run, now
        self._steps = _Steps(user, now)

    @cached_property
    def line(self) -> RunLine:
        return self._steps.line(self.run)

    @property
    def name(self) -> str:
        return formats.named(self.run.playbook.name)

    @cached_property
    def steps(self) -> list[tuple[str, str]]:
        """Where it may be moved."""
        return list(self._steps.of(self.run).items())

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def guessed(self) -> str:
        """The years that a wait had to guess because nobody has published their working days."""
        return ", ".join(str(year) for year in self.run.rule.get("guessed_years", ()))

    @cached_property
    def way(self) -> list[Passage]:
        """The steps gone through, the newest first (at most the sixty that are kept)."""
        left: dict[tuple[str, int], list[str]] = {}
        for effect in Effect.objects.filter(enrolment=self.run).order_by("pk"):
            told = str(KINDS.get(effect.kind, effect.kind))
            to = effect.recipient or effect.channel
            left.setdefault((effect.step, effect.visit), []).append(f"{told} → {to}" if to else told)
        titles = self._steps.of(self.run)
        return [
            Passage(
                titles.get(step, step),
                self._result(result, titles),
                _moment(at),
                tuple(left.get((step, visit), ())),
            )
            for step, visit, result, at in reversed(_whole(self.run.trail))
        ]

    def _result(self, result: str, titles: Mapping[str, str]) -> str:
        if result.startswith("to "):
            to = result.removeprefix("to ")
            return _("went on to “%(step)s”") % {"step": titles.get(to, to)}
        if result.startswith("answered"):
            return _("answered: %(answer)s") % {"answer": result.removeprefix("answered").strip() or "–"}
        return str(_RESULTS.get(result, result))


def _whole(trail: Sequence[Any]) -> list[tuple[str, int, str, str]]:
    return [(str(step), int(visit), str(result), str(at)) for step, visit, result, at in trail]


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None
