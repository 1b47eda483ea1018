"""The service review of a quarter: for each playbook, step, channel and alert rule its volume, what it cost in staff minutes, what came
of it, and what that proposes. Proposals name their reason; people decide.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q

from evergreen.alerts.models import Alert, Rule
from evergreen.base.clock import day_end, day_start
from evergreen.base.queries import setting, vendor_zone
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from evergreen.playbooks.shipped import ALERT_STEP
from evergreen.playbooks.steps.tasks import ALERT
from evergreen.touches.models import Channel, Message, Receipt
from evergreen.work.models import Task

PLAYBOOK, STEP, CHANNEL, RULE = "playbook", "step", "channel", "rule"
KINDS = (PLAYBOOK, STEP, CHANNEL, RULE)
# So many cases before a share is taken for more than chance.
LEAST = 10
# Below, respectively above which a proposal is made.
_LOW_GOAL, _LOW_DONE, _LOW_USEFUL, _MOST_FAILED, _MOST_REFUSED = 0.1, 0.3, 0.3, 0.2, 0.02
_USEFUL = (Alert.Outcome.SAVED, Alert.Outcome.LOST, Alert.Outcome.HANDLED)
_ORIGIN = "playbook"
_ALERT_TASK = ("alert-task", str(ALERT_STEP["key"]))


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the service does: ``key`` names it (a step's is ``playbook:step``), ``volume`` is what it counts (runs entered,
    tasks and messages, messages, alerts), ``minutes`` what finished tasks cost, ``good`` of ``judged`` what came of it, ``proposal`` retire,
    change or '' with the reason's key.
    """

    kind: str
    key: str
    volume: int
    minutes: int
    good: int
    judged: int
    proposal: str = ""
    why: str = ""

    @property
    def share(self) -> float | None:
        """What came of it well ÷ what was judged."""
        return self.good / self.judged if self.judged else None


def quarter_days(key: str) -> tuple[dt.date, dt.date]:
    """The first and last day of a quarter (2026-Q4). Raises ValueError for anything else."""
    year, _dash, quarter = key.partition("-Q")
    if not (year.isdecimal() and len(year) == 4 and quarter in {"1", "2", "3", "4"}):
        raise ValueError(f"{key!r} is no quarter: write it as 2026-Q4.")
    first = dt.date(int(year), 3 * int(quarter) - 2, 1)
    after = dt.date(first.year + first.month // 10, (first.month + 2) % 12 + 1, 1)
    return first, after - dt.timedelta(days=1)


def lines(quarter: str) -> list[Line]:
    """Everything that the service did in a quarter, by the vendor's days."""
    first, last = quarter_days(quarter)
    zone = vendor_zone()
    span = (day_start(first, zone), day_end(last, zone))
    minutes = int(setting("task_minutes"))
    tasks = _tasks(span)
    return [*_playbooks(span, tasks, minutes), *_steps(span, tasks, minutes), *_channels(span), *_rules(span)]


Span = tuple[dt.datetime, dt.datetime]
# (playbook, step): tasks made, finished, dropped.
Tasks = dict[tuple[str, str], Counter[str]]


def _within(field: str, span: Span) -> Q:
    return Q(**{f"{field}__gte": span[0], f"{field}__lt": span[1]})


def _tasks(span: Span) -> Tasks:
    """Tasks of playbooks made in the span, by playbook and step."""
    rows = Task.objects.filter(_within("created_at", span), origin_kind=_ORIGIN).values_list(
        "origin_id", "state"
    )
    found: Tasks = defaultdict(Counter)
    for (playbook, step), state in _placed(rows):
        found[playbook, step]["made"] += 1
        found[playbook, step][state] += 1
    # A task that stands for an alert names the alert; whichever way it was made, it is that playbook's work.
    of_alerts = Task.objects.filter(_within("created_at", span), origin_kind=ALERT)
    for state, count in of_alerts.values_list("state").annotate(n=Count("pk")).order_by():
        found[_ALERT_TASK]["made"] += count
        found[_ALERT_TASK][state] += count
    return found


def _placed(rows: Iterable[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], str]]:
    """(playbook, step) instead of an origin's run, step and visit."""
    listed = [(origin.split(":"), told) for origin, told in rows]
    runs = {int(parts[0]) for parts, _told in listed if len(parts) == 3 and parts[0].isdecimal()}
    keys = dict(Enrolment.objects.filter(pk__in=runs).values_list("pk", "playbook__key"))
    for parts, told in listed:
        if len(parts) == 3 and parts[0].isdecimal() and (key := keys.get(int(parts[0]))) is not None:
            yield (key, parts[1]), told


def _playbooks(span: Span, tasks: Tasks, minutes: int) -> list[Line]:
    ended = _within("enrolments__ended_at", span)
    rows = Playbook.objects.annotate(
        entered=Count("enrolments", filter=_within("enrolments__entered_at", span)),
        ended=Count("enrolments", filter=ended),
        reached=Count("enrolments", filter=ended & Q(enrolments__reason="goal")),
    )
    published = PlaybookVersion.objects.filter(state=PlaybookVersion.State.PUBLISHED)
    goals = {version.playbook_id for version in published if version.definition.get("goal")}
    found = []
    for one in rows.order_by("key"):
        done = sum(counts[Task.State.DONE] for (key, _step), counts in tasks.items() if key == one.key)
        judged = one.ended if one.pk in goals else 0
        proposal, why = "", ""
        # One that was switched on within the quarter had no whole quarter yet.
        if one.is_on and not one.entered and one.changed_at <= span[0]:
            proposal, why = "retire", "nobody"
        elif judged >= LEAST and one.reached / judged < _LOW_GOAL:
            proposal, why = "change", "goal"
        if (one.is_on and one.created_at < span[1]) or one.entered or one.ended:
            found.append(
                Line(
                    PLAYBOOK,
                    one.key,
                    one.entered,
                    done * minutes,
                    one.reached if judged else 0,
                    judged,
                    proposal,
                    why,
                )
            )
    return found


def _steps(span: Span, tasks: Tasks, minutes: int) -> list[Line]:
    """Steps that made tasks: judged by those that ended, well where they were finished. Steps that wrote: messages sent, well
    where nobody refused further ones.
    """
    found = []
    for (playbook, step), counts in sorted(tasks.items()):
        done, dropped = counts[Task.State.DONE], counts[Task.State.DROPPED]
        judged = done + dropped
        is_idle = judged >= LEAST and done / judged < _LOW_DONE
        found.append(
            Line(
                STEP,
                f"{playbook}:{step}",
                counts["made"],
                done * minutes,
                done,
                judged,
                "change" if is_idle else "",
                "dropped" if is_idle else "",
            )
        )
    sent = Message.objects.filter(
        _within("ended_at", span), origin_kind=_ORIGIN, state=Message.State.ACCEPTED
    )
    told: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for place, outcome in _placed(sent.values_list("origin_id", "outcome")):
        told[place]["sent"] += 1
        told[place][outcome] += 1
    for (playbook, step), counts in sorted(told.items()):
        refused = counts[Receipt.Kind.UNSUBSCRIBED] + counts[Receipt.Kind.COMPLAINED]
        is_unwanted = counts["sent"] >= LEAST and refused / counts["sent"] > _MOST_REFUSED
        good = counts["sent"] - refused
        found.append(
            Line(
                STEP,
                f"{playbook}:{step}",
                counts["sent"],
                0,
                good,
                counts["sent"],
                "retire" if is_unwanted else "",
                "refused" if is_unwanted else "",
            )
        )
    return found


def _channels(span: Span) -> list[Line]:
    """Messages that left or failed, well where the provider took them and they did not bounce."""
    state, mine = Message.State, _within("messages__ended_at", span)
    bounced = Q(messages__outcome=Receipt.Kind.BOUNCED)
    rows = Channel.objects.annotate(
        all=Count(
            "messages", filter=mine & Q(messages__state__in=(state.ACCEPTED, state.REFUSED, state.UNKNOWN))
        ),
        good=Count("messages", filter=mine & Q(messages__state=state.ACCEPTED) & ~bounced),
    )
    found = []
    for one in rows.order_by("key"):
        fails = one.all >= LEAST and (one.all - one.good) / one.all > _MOST_FAILED
        is_idle = one.is_on and not one.all and one.created_at <= span[0]
        proposal, why = ("change", "failed") if fails else ("retire", "nobody") if is_idle else ("", "")
        if (one.is_on and one.created_at < span[1]) or one.all:
            found.append(Line(CHANNEL, one.key, one.all, 0, one.good, one.all, proposal, why))
    return found


def _rules(span: Span) -> list[Line]:
    """Alerts opened; of those that people closed with an outcome in the span, useful are all but false alarms."""
    closed = _within("alerts__closed_at", span)
    rows = Rule.objects.annotate(
        opened=Count("alerts", filter=_within("alerts__opened_at", span)),
        useful=Count("alerts", filter=closed & Q(alerts__outcome__in=_USEFUL)),
        false=Count("alerts", filter=closed & Q(alerts__outcome=Alert.Outcome.FALSE_ALARM)),
    )
    found = []
    for one in rows.order_by("key"):
        judged = one.useful + one.false
        is_noise = judged >= LEAST and one.useful / judged < _LOW_USEFUL
        if one.opened or judged:
            found.append(
                Line(
                    RULE,
                    one.key,
                    one.opened,
                    0,
                    one.useful,
                    judged,
                    "retire" if is_noise else "",
                    "noise" if is_noise else "",
                )
            )
    return found
