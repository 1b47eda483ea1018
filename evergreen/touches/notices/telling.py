"""Tell notices, account after account: a task or messages; killed in between, it goes on where it stood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import transaction

from evergreen.base.queries import vendor_day
from evergreen.base.working_days import for_vendor
from evergreen.customers.models import Account
from evergreen.touches.actions.planning import Draft, plan
from evergreen.touches.channels import registry
from evergreen.touches.models import Message, Notice, Template, Topic
from evergreen.touches.notices.reaching import ORIGIN, accounts_of, gets_task, people_of
from evergreen.work.actions import NewTask, add_tasks

State = Notice.State
_TOGETHER = 200
# So many steps at a time, so that messages go out beside it.
_STEPS = 20
# A message that is held up for longer is of no use any more.
_LATE = {Notice.Kind.RELEASE: dt.timedelta(days=7), Notice.Kind.INCIDENT: dt.timedelta(days=1)}


def tell_notices(*, now: dt.datetime, stops: Callable[[], bool] = lambda: False) -> int:
    """Go on with the notices that are being told. Returns how many accounts were told."""
    told = 0
    for notice in Notice.objects.filter(state=State.RUNNING).order_by("pk"):
        concerned = accounts_of(notice)
        for _turn in range(_STEPS):
            part = 0 if stops() else _step(notice.pk, concerned, now)
            if not part:
                break
            told += part
    return told


@transaction.atomic
def _step(number: int, concerned: dict[int, frozenset[str]], now: dt.datetime) -> int:
    """Tell the next accounts. 0 where it is over."""
    notice = Notice.objects.select_for_update().filter(pk=number, state=State.RUNNING).first()
    if notice is None:
        return 0
    numbers = [pk for pk in concerned if pk > notice.after_account][:_TOGETHER]
    if not numbers:
        notice.state, notice.ended_at = State.DONE, now
        notice.save(update_fields=["state", "ended_at"])
        return 0
    accounts = Account.objects.select_related("owner").in_bulk(numbers)
    add_tasks([_task(notice, one, now) for one in accounts.values() if gets_task(one)], now=now)
    _write(notice, {one.pk: concerned[one.pk] for one in accounts.values() if not gets_task(one)}, now)
    notice.after_account, notice.done = numbers[-1], notice.done + len(numbers)
    notice.save(update_fields=["after_account", "done"])
    return len(numbers)


def _task(notice: Notice, account: Account, now: dt.datetime) -> NewTask:
    heads = {
        Notice.Kind.RELEASE: {"zh": "提前告诉客户：{}", "en": "Tell them beforehand: {}"},
        Notice.Kind.INCIDENT: {"zh": "联系客户，说明故障：{}", "en": "Call them about the incident: {}"},
    }[Notice.Kind(notice.kind)]
    spoken = notice.title or {"zh": "", "en": ""}
    title = {
        one: head.format(spoken.get(one) or next(iter(spoken.values()), ""))[:200]
        for one, head in heads.items()
    }
    is_incident = notice.kind == Notice.Kind.INCIDENT
    owner = account.owner if account.owner is not None and account.owner.is_active else None
    return NewTask(
        account.pk, title, owner.pk if owner else None, (ORIGIN, f"{notice.pk}:{account.pk}"), due_on=_due(notice, now),
        priority=1 if is_incident else 2, reason=dict(notice.points or notice.title),
    )  # fmt: skip


def _due(notice: Notice, now: dt.datetime) -> dt.date:
    """Of a release the working day before it, of an incident today; never in the past."""
    today = vendor_day(now)
    if notice.kind == Notice.Kind.INCIDENT:
        return today
    return max(today, for_vendor().previous(notice.happens_on).value)


def _write(notice: Notice, accounts: dict[int, frozenset[str]], now: dt.datetime) -> None:
    is_incident = notice.kind == Notice.Kind.INCIDENT
    topic = Topic.SERVICE if is_incident else Topic.GUIDANCE
    text = Template(subject=notice.title, body=notice.text, topic=topic)
    plan(
        [
            Draft(
                ORIGIN, str(notice.pk), one.channel, registry.adapter_class(one.channel.kind).medium, one.person, due_at=now,
                expires_at=now + _LATE[Notice.Kind(notice.kind)], template=text, origin_name=f"notice-{notice.pk}", copy_of=f"notice:{notice.pk}",
                priority=Message.Priority.HIGH if is_incident else Message.Priority.NORMAL, held=one.held,
            )
            for one in people_of(accounts, notice.by)
        ],
        now=now,
    )  # fmt: skip
