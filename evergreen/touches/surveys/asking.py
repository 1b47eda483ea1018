"""Ask people: write down whom, and the message with the link; who was asked not long ago is left out, visibly."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from evergreen.base.languages import in_words
from evergreen.base.queries import setting
from evergreen.base.upserts import in_batches
from evergreen.customers.models import Contact
from evergreen.touches.actions.planning import Draft, plan
from evergreen.touches.channels import registry
from evergreen.touches.models import Ask, Channel, Message, Survey, Wave
from evergreen.touches.queries import language_of
from evergreen.touches.values import Person

# An invitation that caps and quiet hours hold up for longer than this is not sent.
_LATE = dt.timedelta(days=7)
_NOT_SENT = (Message.State.REFUSED, Message.State.HELD_BACK, Message.State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person to ask: by which channel, why not ('' where nothing speaks against it), and what asks."""

    person: Person
    channel: Channel
    held: str
    origin_id: str


def link(token: str) -> str:
    """Where a survey is answered. Raises LookupError where the public address of this installation is not set."""
    base = str(setting("public_url")).rstrip("/")
    if not base:
        raise LookupError(
            _("The public address of this installation is not set, so nobody could answer a survey.")
        )
    return f"{base}/answers/{token}/"


def ask(
    survey: Survey,
    wanted: Sequence[Wanted],
    *,
    origin_kind: str,
    origin_name: str = "",
    wave: Wave | None = None,
    now: dt.datetime,
) -> int:
    """Write down the people and their invitations; the same survey, origin and contact again adds nothing. Returns how many are asked.

    Must be called within the transaction of what asks. Raises LookupError without a public address.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("People are asked in the transaction of what asks.")
    link("")
    contacts = {one.person.contact for one in wanted if one.person.contact is not None}
    # Two surveys that want the same person wait for each other here, so that one of them finds the other.
    people = {
        one.pk: one for one in Contact.objects.select_for_update().filter(pk__in=contacts).order_by("pk")
    }
    recent = asked_lately(contacts, now)
    rows: dict[str, tuple[Ask, Wanted]] = {}
    for one in wanted:
        contact = one.person.contact
        key = _key(survey, origin_kind, one)
        held = "" if contact in people else Ask.Held.NO_CONTACT
        if not survey.is_on:
            held = Ask.Held.OFF
        elif not held and contact in recent:
            held = Ask.Held.THROTTLED
        if key in rows or one.person.account is None:
            continue
        asked = Ask(
            key=key, token=secrets.token_urlsafe(18), survey=survey, wave=wave, account_id=one.person.account, contact_id=contact,
            asked_at=now, held=held,
        )  # fmt: skip
        rows[key] = (asked, one)
        if contact is not None and not held:
            recent = recent | {contact}
    for known in Ask.objects.filter(key__in=list(rows)).values_list("key", flat=True):
        del rows[known]
    for chunk in in_batches([asked for asked, _one in rows.values()]):
        Ask.objects.bulk_create(chunk, ignore_conflicts=True)
    drafts = {
        key: _draft(asked, one, people[asked.contact_id], origin_kind, origin_name, now)
        for key, (asked, one) in rows.items()
        if not asked.held and asked.contact_id is not None
    }
    plan(list(drafts.values()), now=now)
    _join(drafts)
    return len(drafts)


def asked_lately(contacts: set[int], now: dt.datetime) -> set[int]:
    """Those of the contacts who were asked, by whichever survey, within ``survey_every_days``."""
    days = int(setting("survey_every_days"))
    if not days:
        return set()
    rows = Ask.objects.filter(contact__in=contacts, held="", asked_at__gt=now - dt.timedelta(days=days))
    # A left join: an invitation that was deleted by erasure still counts as asked.
    rows = rows.exclude(message__state__in=_NOT_SENT)
    return {one for one in rows.values_list("contact_id", flat=True) if one is not None}


def _key(survey: Survey, origin_kind: str, one: Wanted) -> str:
    whom = f"c{one.person.contact}" if one.person.contact else f"a{one.person.account}"
    return hashlib.sha256("\0".join((str(survey.pk), origin_kind, one.origin_id, whom)).encode()).hexdigest()


def _draft(
    asked: Ask, one: Wanted, contact: Contact, origin_kind: str, origin_name: str, now: dt.datetime
) -> Draft:
    survey = asked.survey
    where = link(asked.token)
    values = {
        "survey.link": where,
        "survey.question": in_words(survey.question, language_of(contact)) or None,
    }
    return Draft(
        origin_kind=origin_kind,
        origin_id=one.origin_id,
        origin_name=origin_name,
        channel=one.channel,
        medium=registry.adapter_class(one.channel.kind).medium,
        person=one.person,
        template=survey.template,
        priority=Message.Priority.LOW,
        due_at=now,
        expires_at=now + _LATE,
        copy_of=f"survey:{survey.pk}",
        values=values,
        data={"scale": {"kind": survey.kind, "link": where}} if survey.kind != Survey.Kind.FORM else {},
        held=one.held,
    )


def _join(drafts: Mapping[str, Draft]) -> None:
    """Each ask gets its message."""
    keys = {draft.key: key for key, draft in drafts.items()}
    numbers = dict(Message.objects.filter(key__in=list(keys)).values_list("key", "pk"))
    rows = {row.key: row for row in Ask.objects.filter(key__in=list(drafts))}
    for message_key, number in numbers.items():
        rows[keys[message_key]].message_id = number
    Ask.objects.bulk_update(rows.values(), ["message"], batch_size=500)
