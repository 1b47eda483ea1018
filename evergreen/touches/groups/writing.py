"""Write to groups: in WeCom a mass send that the group's owner confirms; of WeChat a task with the words for the owner, who pastes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_day
from evergreen.touches import composing, values
from evergreen.touches.actions.planning import Draft, plan
from evergreen.touches.language import MissingError, TemplateError, Value, parse
from evergreen.touches.models import Broadcast, Channel, CustomerGroup, Medium, Message, Template, Topic
from evergreen.work.actions import NewTask, add_tasks

ORIGIN = "broadcast"
TASK = "group_message"
_MOST_GROUPS = 2_000
_LATE = dt.timedelta(days=7)
TOPICS = (Topic.SERVICE, Topic.GUIDANCE, Topic.MARKETING)


@dataclass(frozen=True, slots=True)
class Origin:
    """What wants a group to be written to: its kind and id, and the playbook's key."""

    kind: str
    id: str
    name: str = ""
    copy_of: str = ""


@dataclass(slots=True)
class Written:
    """What became of a text: groups to confirm it, groups whose owner got a task, and groups it could not be written to with why."""

    planned: int = 0
    tasks: int = 0
    held: list[tuple[CustomerGroup, str]] = field(default_factory=list)


def account_of(group: CustomerGroup) -> int | None:
    """The account that a group stands for: the only one of it."""
    accounts = list(group.accounts.all())
    return accounts[0].pk if len(accounts) == 1 else None


def write_to(
    groups: Sequence[CustomerGroup], template: Template, origin: Origin, *, now: dt.datetime, added: dict[str, Value] | None = None
) -> Written:  # fmt: skip
    """Write a text to groups, once an origin and group. Must be called within the transaction of what wants it; ``groups`` come with their
    accounts and owners."""
    if not connection.in_atomic_block:
        raise RuntimeError("Groups are written to in the transaction of what wants it.")
    done, drafts, tasks = Written(), [], []
    channels = {one.pk: one for one in Channel.objects.filter(pk__in={one.channel_id for one in groups})}
    for group in groups:
        told: dict[str, Value] = {**(added or {}), "group.name": group.name}
        account = account_of(group)
        if group.ended_at is not None:
            done.held.append((group, "ended"))
        elif group.kind == CustomerGroup.Kind.WECHAT:
            task = _task(group, account, template, told, origin, now, done)
            tasks += [task] if task is not None else []
        elif (channel := channels.get(group.channel_id or 0)) is None:
            done.held.append((group, "no_channel"))
        else:
            drafts.append(
                Draft(
                    origin.kind, origin.id, channel, Medium.WECOM, values.Person(account), now, now + _LATE, template=template,
                    origin_name=origin.name, copy_of=origin.copy_of, values=told, group=group.pk,
                )
            )  # fmt: skip
    done.planned = plan(drafts, now=now)
    done.tasks = len(add_tasks(tasks, now=now))
    return done


def _task(
    group: CustomerGroup,
    account: int | None,
    template: Template,
    told: dict[str, Value],
    origin: Origin,
    now: dt.datetime,
    done: Written,
) -> NewTask | None:
    """A task with the words, for a group that nothing may write to by itself."""
    accounts = [one.pk for one in group.accounts.all()]
    if not accounts or group.owner is None or not group.owner.is_active:
        done.held.append((group, "no_owner" if accounts else "no_account"))
        return None
    language = str(setting("language"))
    person = values.Person(account)
    known = values.values_for([person], composing.paths_of(template), now=now)[person]
    try:
        written = composing.write(template, {**known, **told}, language)
    except (MissingError, TemplateError) as error:
        done.held.append((group, str(error)))
        return None
    words = composing.plain(written.body)
    return NewTask(
        accounts[0], {"zh": f"发到客户群「{group.name}」"[:200], "en": f"Post to the group “{group.name}”"[:200]}, group.owner.pk,
        (TASK, f"{origin.kind}:{origin.id}:{group.pk}"), due_on=vendor_day(now), reason={"zh": words, "en": words},
    )  # fmt: skip


def problems_of(given: dict[str, Any]) -> list[str]:
    """Every mistake in a broadcast as it was written: {subject, body, topic}."""
    found = []
    if not str(given.get("subject", "")).strip():
        found.append(_("Give it a name, by which you find it again."))
    if not str(given.get("body", "")).strip():
        found.append(_("A text is missing."))
    if given.get("topic") not in TOPICS:
        found.append(_("Choose what it is about."))
    try:
        parse(str(given.get("body", "")), values.known())
    except TemplateError as error:
        found += error.problems
    return found


def text_of(given: dict[str, Any]) -> Template:
    """A broadcast's text as one template."""
    body = str(given.get("body", ""))
    return Template(subject={}, body={"zh": body, "en": body}, topic=given.get("topic") or Topic.GUIDANCE)


@transaction.atomic
def broadcast(
    given: dict[str, Any], groups: Sequence[CustomerGroup], *, by: User, now: dt.datetime
) -> tuple[Broadcast, Written]:
    """Write to several groups. Raises ValidationError with every mistake; nothing is written then."""
    problems = problems_of(given)
    if not groups:
        problems.append(_("Choose at least one group."))
    if len(groups) > _MOST_GROUPS:
        problems.append(_("At most %(n)s groups at once.") % {"n": _MOST_GROUPS})
    if problems:
        raise ValidationError(problems)
    made = Broadcast.objects.create(
        subject=str(given["subject"]).strip()[:120], body=given["body"], topic=given["topic"], groups=len(groups), made_at=now, made_by=by
    )  # fmt: skip
    done = write_to(groups, text_of(given), Origin(ORIGIN, str(made.pk), f"broadcast-{made.pk}", f"broadcast:{made.pk}"), now=now)  # fmt: skip
    after = {"subject": made.subject, "groups": len(groups), "planned": done.planned, "tasks": done.tasks}
    audit("group.broadcast", "broadcast", [made.pk], by=by, now=now, after=after)
    return made, done


def messages_of(made: Broadcast) -> Any:
    """The messages of a broadcast."""
    return Message.objects.filter(origin_kind=ORIGIN, origin_id=str(made.pk))
