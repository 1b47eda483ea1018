"""Playbooks with how many are inside, what came of those who left, and what waits for somebody."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book, published
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from evergreen.web import formats
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.playbooks.words import Words, joined

RECENT_DAYS = 90
State = PlaybookVersion.State


@dataclass(frozen=True, slots=True)
class PlaybookLine:
    """``inside``, ``stuck``: now; ``entered``, ``ended``, ``reached``: in the last 90 days, of accounts that the reader may see."""

    playbook: Playbook
    name: str
    starts: str
    problem: str
    has_published: bool
    has_draft: bool
    inside: int
    stuck: int
    entered: int
    ended: int
    reached: int
    has_goal: bool

    @property
    def share(self) -> float | None:
        """Of the runs that ended, those that reached the goal; None where there is no goal or none ended."""
        return self.reached / self.ended if self.has_goal and self.ended else None


def runs_for(user: User) -> QuerySet[Enrolment]:
    """Runs of the accounts that the person may see."""
    return Enrolment.objects.filter(account__in=accounts_for(user).order_by())


def playbook_lines(user: User, now: dt.datetime) -> list[PlaybookLine]:
    """Every playbook, those that are on first; six queries however many there are."""
    since = now - dt.timedelta(days=RECENT_DAYS)
    rows = runs_for(user).order_by().values_list("playbook").annotate(
        inside=Count("pk", filter=Q(ended_at=None)),
        stuck=Count("pk", filter=Q(state=Enrolment.State.STUCK, ended_at=None)),
        entered=Count("pk", filter=Q(entered_at__gte=since)),
        ended=Count("pk", filter=Q(ended_at__gte=since)),
        reached=Count("pk", filter=Q(ended_at__gte=since, reason="goal")),
    )  # fmt: skip
    figures = {key: counted for key, *counted in rows}
    versions: dict[int, dict[str, PlaybookVersion]] = {}
    for one in PlaybookVersion.objects.exclude(state=State.RETIRED):
        versions.setdefault(one.playbook_id, {})[one.state] = one
    book, words = Book(now), Words(hides_money=not user.sees_money)
    return [
        _line(playbook, versions.get(playbook.pk, {}), figures.get(playbook.pk, [0] * 5), book, words)
        for playbook in Playbook.objects.order_by("-is_on", "key")
    ]


def _line(
    playbook: Playbook,
    versions: dict[str, PlaybookVersion],
    counted: list[int],
    book: Book,
    words: Words,
) -> PlaybookLine:
    published = versions.get(State.PUBLISHED)
    starts, problem, has_goal = "", "", False
    if published is not None:
        try:
            of = book.definition(published)
        except rules.PlaybookError as error:
            problem = " ".join(error.problems)
        else:
            starts, has_goal = joined(words.trigger(one) for one in of.triggers), of.goal is not None
    return PlaybookLine(
        playbook=playbook, name=formats.named(playbook.name), starts=starts, problem=problem,
        has_published=published is not None, has_draft=State.DRAFT in versions, has_goal=has_goal,
        inside=counted[0], stuck=counted[1], entered=counted[2], ended=counted[3], reached=counted[4],
    )  # fmt: skip


def enterable(user: User, account: Account | None = None) -> list[tuple[str, str]]:
    """The playbooks into which the person may put accounts: published and on; of one account, where it is not inside already."""
    if not may_edit(user):
        return []
    rows = Playbook.objects.filter(is_on=True, versions__state=State.PUBLISHED)
    if account is not None:
        rows = rows.exclude(
            pk__in=Enrolment.objects.filter(account=account, ended_at=None).values("playbook")
        )
    # Of a playbook that is about an alert there is nothing to do without one.
    about = [one.pk for one, version in published() if _is_about_alerts(version)]
    return [(one.key, formats.named(one.name)) for one in rows.exclude(pk__in=about).order_by("key")]


def _is_about_alerts(version: PlaybookVersion) -> bool:
    triggers = version.definition.get("triggers", [])
    return bool(triggers) and all(one.get("kind") == "alert" for one in triggers)
