"""The rows of Today in words: whose account, why, what it is worth, the next step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from evergreen.alerts import words as alert_words
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import RENEWAL_RULE
from evergreen.flow.needs.rules import Need
from evergreen.health import words as health_words
from evergreen.health.definitions import card_from
from evergreen.health.models import ScorecardVersion, Standing
from evergreen.web import formats
from evergreen.web.presenters.work_orders.lines import SEVERITY_TONES, OrderLine, lines
from evergreen.work.models import Task

_HEALTH_RULES = {"health_red", "health_drop"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what it is about, the cause in a pill, why, the step to take, and what may be done with it."""

    need: Need
    title: str
    cause: str
    cause_tone: str
    reason: str
    step: str
    account: Account | None
    alert: Alert | None
    task: Task | None
    person: User | None
    line: OrderLine | None = None

    @property
    def done_ref(self) -> str:
        """What *Done* finishes: of a work order only its next task."""
        return f"task-{self.task.pk}" if self.task else self.need.ref

    @property
    def is_waiting(self) -> bool:
        """Whether it is a work order that nobody took up."""
        return self.line is not None and self.line.order.state == WorkOrder.State.OPEN

    @property
    def tone(self) -> str:
        urgency = self.need.urgency
        return "bad" if urgency >= 3 else "warn" if urgency >= 2 else "info"

    @property
    def renewal(self) -> str:
        days = self.need.days_to_renewal
        said_already = self.alert is not None and self.alert.rule.key == RENEWAL_RULE
        if days is None or not 0 <= days <= 365 or said_already:
            return ""
        return _("ends today") if not days else _("ends in %(days)s") % {"days": formats.days(days)}

    @property
    def due(self) -> str:
        """By when: of a work order its own due time where it has no task."""
        if self.line is not None and self.task is None:
            return self.line.due
        late = self._late
        if late is None:
            return ""
        if late > 0:
            return _("overdue by %(days)s") % {"days": formats.days(late)}
        return _("due today") if late == 0 else _("due %(day)s") % {"day": formats.day(_due_on(self.task))}

    @property
    def is_late(self) -> bool:
        if self.line is not None and self.task is None:
            return self.line.is_late
        return (self._late or 0) > 0

    @property
    def _late(self) -> int | None:
        """Days since the due day of its task; of what is no work order, since its own."""
        if self.line is None:
            return self.need.days_late
        due = _due_on(self.task)
        return (timezone.localtime(self.line.now).date() - due).days if due else None


def entries(needs: Sequence[Need], language: str, *, user: User, now: dt.datetime) -> list[Entry]:
    """Needs with their rows and words; nine queries whatever their number."""
    sees_money = user.sees_money
    told = {need.order_id for need in needs if need.order_id}
    orders = WorkOrder.objects.filter(pk__in=told).select_related(
        "account__owner", "assignee", "escalated_to"
    )
    lines_ = {line.order.pk: line for line in lines(list(orders), user, now)} if told else {}
    accounts = _by_key(Account.objects.select_related("owner"), {need.account_id for need in needs})
    alerts = _by_key(Alert.objects.select_related("rule"), {need.alert_id for need in needs})
    tasks = _by_key(Task.objects.select_related("assignee"), {need.task_id for need in needs})
    healthy = {alert.account_id for alert in alerts.values() if alert.rule.key in _HEALTH_RULES}
    standings = {row.account_id: row for row in Standing.objects.filter(account__in=healthy, is_own=True)}
    names = measure_names() if needs else {}
    made = []
    for need in needs:
        account, alert = accounts.get(need.account_id), alerts.get(need.alert_id)
        task, line = tasks.get(need.task_id), lines_.get(need.order_id or 0)
        made.append(
            Entry(
                need=need,
                title=account.name if account else formats.named(task.title) if task else "",
                account=account,
                alert=alert,
                task=task,
                person=line.order.person
                if line
                else task.assignee
                if task
                else account.owner
                if account
                else None,
                line=line,
                step=formats.named(task.title) if task and account else "",
                reason=formats.for_reader(
                    _reason(need, account, alert, task, standings, names, language), sees_money
                ),
                **_cause(need, account, alert, task, language),
            )
        )
    return made


def measure_names() -> dict[tuple[int, int], dict[str, Mapping[str, str]]]:
    """(scorecard, version) → measure → {zh, en}, of every version there is."""
    return {
        (version.scorecard_id, version.number): {
            m.key: m.name for m in card_from(version.definition).measures
        }
        for version in ScorecardVersion.objects.all()
    }


def _by_key(rows: Any, keys: Iterable[int | None]) -> dict[int | None, Any]:
    return dict(rows.in_bulk([key for key in keys if key]))


def _cause(
    need: Need, account: Account | None, alert: Alert | None, task: Task | None, language: str
) -> dict[str, str]:
    if alert is not None:
        if alert.rule.key in _HEALTH_RULES and account is not None and account.score is not None:
            text = _("Health %(score)s") % {"score": formats.points(account.score)}
            return {"cause": text, "cause_tone": formats.band_tone(account.band)}
        tone = SEVERITY_TONES.get(alert.rule.severity, "info")
        return {"cause": alert_words.headline(alert, language), "cause_tone": tone}
    if need.kind == "renewal":
        return {"cause": _("Renewal"), "cause_tone": "info"}
    words = {Task.Priority.URGENT: _("urgent"), Task.Priority.HIGH: _("high priority")}
    return {"cause": words.get(Task.Priority(task.priority), "") if task else "", "cause_tone": "warn"}


def _reason(
    need: Need,
    account: Account | None,
    alert: Alert | None,
    task: Task | None,
    standings: Mapping[int, Standing],
    names: Mapping[tuple[int, int], dict[str, Mapping[str, str]]],
    language: str,
) -> str:
    """Why it stands here, in figures."""
    if alert is not None:
        standing = standings.get(alert.account_id) if alert.rule.key in _HEALTH_RULES else None
        if standing is None:
            return alert_words.reason(alert, language)
        named = names.get((standing.scorecard_id, standing.version), {})
        currency = account.currency if account else ""
        if alert.rule.key == "health_red":
            return health_words.sentence(standing, language, names=named, currency=currency)
        return alert_words.reason(alert, language) + _fell_most(standing, named, currency, language)
    if task is not None and (said := formats.named(task.reason)):
        return said
    if task is not None:
        return task.body
    if account is not None and account.renewal_on:
        said = _("The subscription ends on %(day)s and nobody has started the renewal.")
        return said % {"day": formats.day(account.renewal_on)}
    return ""


def _fell_most(
    standing: Standing, names: Mapping[str, Mapping[str, str]], currency: str, language: str
) -> str:
    """The measure that took most points in 7 days, as a sentence of its own; nothing when none stands out."""
    found = health_words.reasons(standing, language, names=names, currency=currency)
    known = [reason for reason in found if reason.missing is None]
    worst = min(known, key=lambda reason: reason.change_7d or 0, default=None)
    if worst is None or (worst.change_7d or 0) > -0.5:
        return ""
    said = _(" Mostly %(measure)s %(points)s, now %(detail)s.")
    points = formats.signed(worst.change_7d, 1)
    return said % {"measure": worst.label, "points": points, "detail": worst.detail}


def _due_on(task: Task | None) -> dt.date | None:
    return task.due_on if task else None
