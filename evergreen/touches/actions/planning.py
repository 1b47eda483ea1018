"""Write down messages that are wanted, in the transaction of whatever wants them. Nothing leaves here."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.base.upserts import in_batches
from evergreen.customers.models import Contact
from evergreen.touches import composing, values
from evergreen.touches.language import MissingError, TemplateError, Value
from evergreen.touches.models import Channel, Message, Template, Topic
from evergreen.touches.queries import language_of

State = Message.State


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is wanted. The same origin, person and channel is the same message for ever.

    ``values`` are those that only its cause has; ``data`` goes to the channel as it is; ``copy_of`` makes a second one to the same
    address a copy. ``group`` is a group of customers that it goes to. The template may be one that is not saved. One with a reason in ``held`` is written down as held back for it. Without a template ``subject`` and ``body`` (Markdown) are taken as they are.
    """

    origin_kind: str
    origin_id: str
    channel: Channel
    medium: str
    person: values.Person
    due_at: dt.datetime
    expires_at: dt.datetime
    template: Template | None = None
    subject: str = ""
    body: str = ""
    topic: str = Topic.SERVICE
    priority: int = Message.Priority.NORMAL
    origin_name: str = ""
    copy_of: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    held: str = ""
    group: int | None = None

    @property
    def key(self) -> str:
        person = self.person
        named = (("g", self.group), ("c", person.contact), ("s", person.staff), ("a", person.account))
        whom = next((f"{mark}{number}" for mark, number in named if number), "aNone")
        parts = (self.origin_kind, self.origin_id, whom, self.channel.key)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def plan(drafts: Sequence[Draft], *, now: dt.datetime) -> int:
    """Write messages down as planned; one whose text lacks a value is refused, visibly. Returns how many are new.

    Must be called within the transaction that wants them; the same draft again adds nothing.
    """
    if not drafts:
        return 0
    if not connection.in_atomic_block:
        raise RuntimeError("Messages are planned in the transaction of what wants them.")
    asked = frozenset().union(
        *(composing.paths_of(one.template) for one in drafts if one.template is not None)
    )
    told = values.values_for([one.person for one in drafts], asked, now=now)
    languages = _languages(drafts)
    rows = [_row(one, told[one.person], languages.get(one.person, ""), now) for one in drafts]
    before = Message.objects.filter(key__in=[row.key for row in rows]).count()
    for chunk in in_batches(rows):
        Message.objects.bulk_create(chunk, ignore_conflicts=True)
    return len({row.key for row in rows}) - before


def _row(draft: Draft, told: Mapping[str, Value], language: str, now: dt.datetime) -> Message:
    language = language or str(setting("language"))
    row = Message(
        key=draft.key,
        origin_kind=draft.origin_kind,
        origin_id=draft.origin_id,
        origin_name=draft.origin_name,
        account_id=draft.person.account,
        contact_id=draft.person.contact,
        staff_id=draft.person.staff,
        group_id=draft.group,
        channel=draft.channel,
        medium=draft.medium,
        topic=draft.template.topic if draft.template else draft.topic,
        priority=draft.priority,
        template=draft.template if draft.template is not None and draft.template.pk else None,
        language=language,
        subject=draft.subject[:300],
        body=draft.body,
        data=dict(draft.data),
        copy_of=draft.copy_of,
        planned_at=now,
        due_at=draft.due_at,
        expires_at=draft.expires_at,
    )
    if draft.held:
        row.state, row.reason, row.ended_at = State.HELD_BACK, draft.held, now
    elif draft.template is not None:
        try:
            _write(row, draft.template, {**told, **draft.values}, language)
        except MissingError as error:
            named = values.names(error.paths)
            row.state, row.reason, row.ended_at = State.REFUSED, "missing", now
            row.detail = _("No value: %(names)s") % {
                "names": ", ".join(named[path] for path in error.paths)[:280]
            }
        except TemplateError as error:
            row.state, row.reason, row.ended_at, row.detail = State.REFUSED, "template", now, str(error)[:300]
    return row


def _write(row: Message, template: Template, told: Mapping[str, Value], language: str) -> None:
    if row.medium == "sms" and (registered := template.sms.get(row.channel.key)):
        texts = {
            name: composing.write_text(text, told, language)
            for name, text in registered.get("values", {}).items()
        }
        row.data = {**row.data, "code": registered["code"], "values": texts}
    if row.medium == "in_app":
        row.data = {**row.data, "in_app": composing.in_product(template, told, language)}
    written = composing.write(template, told, language)
    row.subject, row.body = written.subject, written.body


def _languages(drafts: Sequence[Draft]) -> dict[values.Person, str]:
    """The language of each person who chose one."""
    contacts = Contact.objects.in_bulk({one.person.contact for one in drafts if one.person.contact})
    staff = User.objects.in_bulk({one.person.staff for one in drafts if one.person.staff})
    found = {}
    for draft in drafts:
        one: Contact | User | None = contacts.get(draft.person.contact or 0) or staff.get(
            draft.person.staff or 0
        )
        found[draft.person] = language_of(one) if one is not None else ""
    return found
