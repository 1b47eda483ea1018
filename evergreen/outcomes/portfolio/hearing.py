"""What customers answered and what the desk did in each period of a report, of the accounts that count."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from evergreen.base import queries as base
from evergreen.base.clock import day_start
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.desk.models import Ticket
from evergreen.events import queries as history
from evergreen.events.scales import CES_TOP, CSAT_TOP, Nps, Scale, nps, scale
from evergreen.outcomes.portfolio.periods import Period
from evergreen.outcomes.portfolio.report import Report

_CHUNK = 20_000
ANSWERED = "survey.answered"


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers of a period: of each contact its newest one."""

    nps: Nps
    csat: Scale
    ces: Scale


@dataclass(frozen=True, slots=True)
class Desk:
    """Tickets that came in during a period, and what became of them by today."""

    received: int
    solved: int
    reopened: int
    complaints: int
    response_minutes: float | None
    satisfaction: Scale

    @property
    def resolution_rate(self) -> float | None:
        """解决率: solved / received; None without a ticket."""
        return self.solved / self.received if self.received else None

    @property
    def reopen_rate(self) -> float | None:
        return self.reopened / self.solved if self.solved else None


def heard(report: Report) -> list[Heard]:
    """The answers of each period, and of the whole span at the end."""
    wanted = counted(report)
    newest: dict[tuple[Any, ...], float] = {}
    rows = history.answers_between(report.asked.first, report.asked.last)
    for place, (account, kind, contact, score, day) in enumerate(rows):
        if wanted is not None and account not in wanted:
            continue
        who = contact or place
        newest[_place(report.periods, day), kind, account, who] = score
        newest[len(report.periods), kind, account, who] = score
    scores: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    for (period, kind, _account, _who), score in newest.items():
        scores[period, kind].append(score)
    return [
        Heard(nps(scores[n, "nps"]), scale(scores[n, "csat"], CSAT_TOP), scale(scores[n, "ces"], CES_TOP))
        for n in range(len(report.periods) + 1)
    ]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a customer wrote: an answer to a survey, of ours or from a file (``kind`` nps, csat …), or the subject of a ticket (``kind`` ticket,
    ``ticket`` its key)."""

    account: int
    on: dt.date
    text: str
    kind: str
    score: float | None
    ticket: int | None = None


def remarks(
    first: dt.date, last: dt.date, accounts: set[int] | None, most: int, *, one: int | None = None
) -> list[Remark]:
    """What was written from a day up to before another by some accounts (None: all) or by ``one``, the newest first, at most so many. Of an
    answer that was changed only how it stands; who was erased has none."""
    zone = base.vendor_zone()
    span = day_start(first, zone), day_start(last, zone)
    newest: dict[tuple[int, Any], Remark] = {}
    for account, _name, message, at, said in history.answers_told(ANSWERED, first, last, one):
        text, score = said.get("comment"), said.get("score")
        if span[0] <= at < span[1] and (accounts is None or account in accounts) and isinstance(text, str):
            # Each change of an answer to a survey of ours is an event of its own.
            which = said.get("ask") or message
            known = score if isinstance(score, int | float) and not isinstance(score, bool) else None
            newest[account, which] = Remark(
                account, at.astimezone(zone).date(), text.strip(), str(said.get("kind") or ""), known
            )
    tickets = Ticket.objects.filter(opened_at__gte=span[0], opened_at__lt=span[1]).exclude(subject="")
    if one is not None:
        tickets = tickets.filter(account=one)
    rows = tickets.order_by("-opened_at").values_list("pk", "account_id", "opened_at", "subject")
    asked = [
        Remark(account, at.astimezone(zone).date(), subject, "ticket", None, pk)
        for pk, account, at, subject in rows.iterator(_CHUNK)
        if accounts is None or account in accounts
    ]
    found = [*(told for told in newest.values() if told.text), *asked]
    return sorted(found, key=lambda told: (told.on, told.account), reverse=True)[:most]


def desk(report: Report) -> list[Desk]:
    """The tickets of each period, and of the whole span at the end."""
    zone, wanted = base.vendor_zone(), counted(report)
    rows = Ticket.objects.filter(
        opened_at__gte=day_start(report.asked.first, zone), opened_at__lt=day_start(report.asked.last, zone)
    ).values_list(
        "account_id", "opened_at", "first_response_at", "state", "reopened_count", "is_complaint", "satisfaction"
    )  # fmt: skip
    count = len(report.periods)
    tickets: list[list[tuple[Any, ...]]] = [[] for _n in range(count + 1)]
    for account, opened, *rest in rows.order_by().iterator(_CHUNK):
        if wanted is None or account in wanted:
            row = (opened, *rest)
            tickets[_place(report.periods, opened.astimezone(zone).date())].append(row)
            tickets[count].append(row)
    return [_summed(part) for part in tickets]


def _summed(tickets: Sequence[tuple[Any, ...]]) -> Desk:
    minutes = [(answered - opened).total_seconds() / 60 for opened, answered, *_ in tickets if answered]
    solved = [one for one in tickets if one[2] == Ticket.State.CLOSED]
    return Desk(
        received=len(tickets),
        solved=len(solved),
        reopened=sum(1 for one in solved if one[3]),
        complaints=sum(1 for one in tickets if one[4]),
        response_minutes=median(minutes) if minutes else None,
        satisfaction=scale([float(one[5]) for one in tickets if one[5] is not None], CSAT_TOP),
    )


def counted(report: Report) -> set[int] | None:
    """The keys of the accounts that count, also of those without a contract; None for all of them."""
    if report.asked.chosen:
        mask = report.counting()
        assert mask is not None
        return set(report.lines.accounts[mask].tolist())
    if report.reader is None or sees_every_account(report.reader):
        return None
    visible: list[int] = list(accounts_for(report.reader).order_by().values_list("pk", flat=True))
    return set(visible)


def _place(periods: Sequence[Period], day: dt.date) -> int:
    return next(n for n, one in enumerate(periods) if one.first <= day < one.last)
