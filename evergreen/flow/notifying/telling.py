"""Tell colleagues what is new for them, in working hours, and each working day what stands on Today.

What happens outside working hours is told in the morning with the rest. Nothing is told twice on a day, and never more than a few things
one by one: many at once are one message.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base import working_days
from evergreen.base.models import AuditEntry, User
from evergreen.base.queries import vendor_zone
from evergreen.base.wall import at_wall
from evergreen.flow.needs.queries import needs_of
from evergreen.flow.needs.rules import Need
from evergreen.flow.notifying import wording
from evergreen.flow.notifying.ways import Way, ways
from evergreen.touches.actions.planning import Draft, plan
from evergreen.touches.models import Message, Notification, Topic
from evergreen.touches.queries import language_of
from evergreen.touches.values import Person
from evergreen.work.models import Task

NEED, MORNING = "need", "today"
# More new things than these at one look are one message.
MOST_SINGLE = 5
# A summary that could not be written by then is not missed at noon.
_MORNING = dt.timedelta(hours=3)
_KEEPS = dt.timedelta(hours=4)
# Rows are looked at again for a while: one may carry an earlier moment than that at which it was committed.
_OVERLAP = dt.timedelta(minutes=5)
_GIVEN = ("work_order.assigned", "task.assigned")


def notify(*, now: dt.datetime) -> int:
    """Plan the messages that are due. Returns how many were planned. Safe to run twice."""
    zone = vendor_zone()
    local = now.astimezone(zone)
    days = working_days.for_vendor()
    opens, closes = (at_wall(local.date(), at, zone) for at in (days.hours.opens, days.hours.closes))
    worked, _known = days.working_or_weekday(local.date())
    if not worked or not opens <= now < closes:
        return 0
    told = 0
    people = ways(now=now)
    if now - opens < _MORNING:
        told += sum(_tell_morning(way, local.date(), now) for way in people)
    return told + _tell_new([way for way in people if way.row.at_once], opens, local.date(), now)


@transaction.atomic
def _tell_morning(way: Way, day: dt.date, now: dt.datetime) -> int:
    row = way.row
    if not row.each_morning or (row.morning_on is not None and row.morning_on >= day):
        return 0
    needs = needs_of(way.user, day)
    row.morning_on, row.looked_at = day, now
    row.save()
    return _tell_many(way, needs, (MORNING, day.isoformat()), now) if needs else 0


def _tell_new(people: Sequence[Way], opens: dt.datetime, day: dt.date, now: dt.datetime) -> int:
    """Tell each of what came to them since it was last looked at, today."""
    if not people:
        return 0
    marks = {way.user.pk: max(opens, (way.row.looked_at or now) - _OVERLAP) for way in people}
    fresh = _fresh(min(marks.values()), marks)
    told = 0
    for way in people:
        refs = fresh.get(way.user.pk)
        with transaction.atomic():
            if refs:
                needs = [one for one in needs_of(way.user, day) if one.ref in refs or _task_ref(one) in refs]
                told += _tell(way, needs, opens, now)
            if refs or way.row.pk is None or now - (way.row.looked_at or opens) > _OVERLAP:
                way.row.looked_at = now
                way.row.save()
    return told


def _fresh(since: dt.datetime, marks: dict[int, dt.datetime]) -> dict[int, set[str]]:
    """What became somebody's since their mark, as refs by person: work orders opened, late or handed to them, those that got another
    alert, tasks made for or given to them by somebody else. Four queries."""
    found: dict[int, set[str]] = defaultdict(set)

    def add(person: int | None, at: dt.datetime, ref: str) -> None:
        if person is not None and person in marks and at >= marks[person]:
            found[person].add(ref)

    orders = WorkOrder.objects.unresolved().filter(Q(clock_from__gte=since) | Q(escalated_at__gte=since))
    for order in orders.select_related("account"):
        holder = order.assignee_id if order.is_given else order.account.owner_id
        if order.clock_from is not None and order.clock_from >= since:
            add(holder, order.clock_from, f"order-{order.pk}")
        if order.escalated_at is not None:
            add(order.escalated_to_id, order.escalated_at, f"order-{order.pk}")
    alerts = Alert.objects.filter(opened_at__gte=since, state=Alert.State.OPEN)
    for alert in alerts.select_related("account", "order"):
        is_given = alert.order is not None and alert.order.is_given
        holder = alert.order.assignee_id if alert.order is not None and is_given else alert.account.owner_id
        add(holder, alert.opened_at, f"order-{alert.order_id}" if alert.order_id else f"alert-{alert.pk}")
    tasks = Task.objects.filter(created_at__gte=since, state=Task.State.OPEN, assignee__in=list(marks))
    for key, assignee, by, at in tasks.values_list("pk", "assignee_id", "created_by_id", "created_at"):
        if by != assignee:
            add(assignee, at, f"task-{key}")
    for entry in AuditEntry.objects.filter(at__gte=since, verb__in=_GIVEN, undone_at=None):
        person = _given_to(entry.after)
        if person is not None and person != entry.by_id:
            for key in entry.object_ids:
                add(person, entry.at, f"{'order' if entry.verb.startswith('work') else 'task'}-{key}")
    return found


def _given_to(after: dict[str, Any]) -> int | None:
    """The person in an entry of what was given."""
    value = after.get("assignee")
    return value if isinstance(value, int) else None


def _task_ref(need: Need) -> str:
    return f"task-{need.task_id}" if need.task_id else ""


def _tell(way: Way, needs: Sequence[Need], opens: dt.datetime, now: dt.datetime) -> int:
    """New things one by one, or together where they are many; what was told today already is left out."""
    known = Message.objects.filter(
        staff=way.user, origin_kind__in=(NEED, MORNING), planned_at__gte=opens
    ).values_list("data", flat=True)
    told = {ref for data in known for ref in data.get("refs", ())}
    left = [one for one in needs if one.ref not in told]
    if len(left) > MOST_SINGLE:
        return _tell_many(way, left, (NEED, now.isoformat()), now)
    language = language_of(way.user)
    drafts = []
    with override(language):
        for thing in wording.things(left):
            title, body = wording.title(thing, language), wording.text(thing, way.user, language)
            card = wording.card(thing, way.user, language).to_data()
            origin = (NEED, f"{thing.need.ref}:{now.isoformat()}")
            drafts.append(_draft(way, origin, title, body, {"refs": [thing.need.ref], "card": card}, now))
    return plan(drafts, now=now)


def _tell_many(way: Way, needs: Sequence[Need], origin: tuple[str, str], now: dt.datetime) -> int:
    language = language_of(way.user)
    with override(language):
        said = _("New for you") if origin[0] == NEED else _("Today")
        count = ngettext("%(n)s thing", "%(n)s things", len(needs)) % {"n": len(needs)}
        body = wording.summary(wording.things(needs[:MOST_SINGLE]), len(needs), way.user, language)
    refs = {"refs": [one.ref for one in needs]}
    return plan([_draft(way, origin, f"{said}: {count}", body, refs, now)], now=now)


def _draft(
    way: Way, origin: tuple[str, str], subject: str, body: str, data: dict[str, Any], now: dt.datetime
) -> Draft:
    return Draft(
        origin[0], origin[1], way.channel, way.medium, Person(None, staff=way.user.pk), now, now + _KEEPS, subject=subject, body=body,
        topic=Topic.SERVICE, data=data,
    )  # fmt: skip


def try_out(user: User, *, now: dt.datetime) -> str:
    """Send a person the summary of now, by the channel that is set. Returns the channel's name; '' where nothing reaches them."""
    way = next((one for one in ways(now=now) if one.user.pk == user.pk), None)
    if way is None:
        return ""
    with transaction.atomic():
        needs = needs_of(user, now.astimezone(vendor_zone()).date())
        _tell_many(way, needs, (MORNING, now.isoformat(timespec="seconds")), now)
    return way.channel.name


def settings_of(user: User) -> Notification:
    """What a person chose; not saved where nothing was."""
    return Notification.objects.filter(user=user).select_related("channel").first() or Notification(user=user)
