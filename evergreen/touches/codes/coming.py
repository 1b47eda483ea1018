"""Who came by a contact code: whose they are, and the words that welcome them.

Somebody is welcomed at once, in the request that tells of them: WeCom's word for it lives 20 seconds and is good for one message. The
message is written down as handed over before WeCom is asked, under a key made of that word: a second telling sends nothing, and a process
that dies in between leaves an *unknown* message.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.customers.actions import add_contact, add_contact_id
from evergreen.customers.models import Account, Contact, ContactId
from evergreen.events import journal
from evergreen.touches import composing, values
from evergreen.touches.addressing import SYSTEMS
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError, UncertainError
from evergreen.touches.channels.told import Tied
from evergreen.touches.language import MissingError
from evergreen.touches.models import Chat, ContactCode, Medium, Message, Tie, Topic
from evergreen.touches.queries import language_of

log = logging.getLogger(__name__)
ORIGIN = "welcome"
_SYSTEM = SYSTEMS[Medium.WECOM]
_LEASE = dt.timedelta(minutes=2)


def codes_of(ties: Iterable[Tie]) -> dict[str, ContactCode]:
    """The codes by which people came, by their state."""
    asked = {one.state for one in ties if one.state}
    rows = ContactCode.objects.filter(key__in=asked) if asked else ContactCode.objects.none()
    return {row.key: row for row in rows.select_related("account", "contact", "welcome", "channel")}


def attach(ties: Sequence[Tie], *, now: dt.datetime) -> int:
    """Give people who came by a code to whom they are, where that is certain: the contact whose code it is and who has no other person in
    WeCom, or a new contact where the code says so. Tells each coming as an event of the code's account. Returns how many are known now.
    """
    codes = codes_of(ties)
    told, known = [], 0
    for tie in ties:
        code = codes.get(tie.state)
        if code is None:
            continue
        if tie.contact_id is None:
            known += _attach(tie, code, now)
        if code.account_id is not None:
            told.append(_event(tie, code))
    if told:
        transaction.on_commit(lambda: journal.write_system_events(told))
    return known


def _attach(tie: Tie, code: ContactCode, now: dt.datetime) -> bool:
    contact = code.contact
    if contact is not None and not ContactId.objects.filter(contact=contact, system=_SYSTEM).exists():
        know(tie.key, contact, by=None, now=now)
        tie.contact = contact
    elif contact is None and code.makes_contacts and code.account is not None and tie.name:
        tie.contact = make_contact(tie.key, code.account, tie.name[:100], by=None, now=now)
    return tie.contact_id is not None


@transaction.atomic
def know(key: str, contact: Contact, *, by: User | None, now: dt.datetime) -> None:
    """Say which contact somebody in WeCom is: the id is kept with it, and so is every tie. Raises ValidationError where another contact
    has that id."""
    add_contact_id(contact, _SYSTEM, key, by=by, now=now)
    Tie.objects.filter(key=key, contact=None).update(contact=contact, is_aside=False)
    Chat.objects.filter(key=key, contact=None).update(contact=contact, is_aside=False)
    Message.objects.filter(origin_kind=ORIGIN, address=key, contact=None).update(contact=contact)


@transaction.atomic
def make_contact(key: str, account: Account, name: str, *, by: User | None, now: dt.datetime) -> Contact:
    """Make a new contact of somebody in WeCom. Raises ValidationError by field; then nothing is made."""
    made = add_contact(account, name=name, by=by, now=now)
    know(key, made, by=by, now=now)
    return made


@transaction.atomic
def set_aside(tie: Tie, *, by: User, now: dt.datetime) -> None:
    """Somebody who is no contact of any account: asked about no more."""
    if Tie.objects.filter(key=tie.key, contact=None).update(is_aside=True):
        audit("tie.set_aside", "tie", [tie.pk], by=by, now=now)


def named(tie: Tie, adapter: ChannelAdapter) -> None:
    """Ask WeCom what somebody is called, where it was not told yet. Nothing changes where it does not say."""
    if tie.name:
        return
    try:
        tie.name, tie.company = (text[:100] for text in adapter.person(tie.key))
    except ChannelError as error:
        log.warning("Who %s is: %s", tie.key, error)
        return
    Tie.objects.filter(pk=tie.pk).update(name=tie.name, company=tie.company)


def welcome(tie: Tie, told: Tied, adapter: ChannelAdapter, *, now: dt.datetime) -> Message | None:
    """Welcome somebody who just came by a code; None where nothing is to be said, or was."""
    if not told.welcome:
        return None
    code = codes_of([tie]).get(tie.state)
    if code is None or code.welcome is None or code.welcome.is_archived:
        return None
    row = _written(tie, code, told, now)
    if row is None or row.state != Message.State.HANDED_OVER:
        return row
    try:
        adapter.welcome(told.welcome, composing.plain(row.body))
    except UncertainError as error:
        return _ended(row, Message.State.UNKNOWN, "uncertain", str(error))
    except ChannelError as error:
        # It cannot be said later: the word for it is gone within seconds.
        return _ended(row, Message.State.REFUSED, "provider", str(error))
    return _ended(row, Message.State.ACCEPTED, "", "")


@transaction.atomic
def _written(tie: Tie, code: ContactCode, told: Tied, now: dt.datetime) -> Message | None:
    """The message as it is about to go; None where the same word was used before."""
    template = code.welcome
    if template is None:
        return None
    contact = tie.contact
    person = values.Person(code.account_id, contact=contact.pk if contact is not None else None)
    language = language_of(contact) if contact is not None else str(setting("language"))
    known = values.values_for([person], composing.paths_of(template), now=now)[person]
    fields: dict[str, Any] = {
        "origin_kind": ORIGIN, "origin_id": code.key, "account_id": code.account_id, "contact": contact, "channel": code.channel,
        "medium": Medium.WECOM, "topic": Topic.SERVICE, "template": template, "language": language, "address": tie.key,
        "state": Message.State.HANDED_OVER, "planned_at": now, "due_at": now, "expires_at": now, "claimed_at": now, "handed_at": now,
        "leased_until": now + _LEASE, "attempts": 1,
    }  # fmt: skip
    try:
        fields["body"] = composing.write(template, known, language).body
    except MissingError as error:
        said = _("No value: %(names)s") % {"names": ", ".join(values.names(error.paths).values())}
        fields |= {
            "state": Message.State.REFUSED, "reason": "missing", "detail": said[:300], "ended_at": now, "leased_until": None
        }  # fmt: skip
    key = hashlib.sha256(f"{ORIGIN}\0{told.welcome}".encode()).hexdigest()
    row, is_new = Message.objects.get_or_create(key=key, defaults=fields)
    return row if is_new else None


def _ended(row: Message, state: str, reason: str, detail: str) -> Message:
    changed = {
        "state": state, "reason": reason, "detail": detail[:300], "ended_at": clock.utc_now(), "leased_until": None, "is_told": False
    }  # fmt: skip
    Message.objects.filter(pk=row.pk, state=Message.State.HANDED_OVER).update(**changed)
    row.refresh_from_db()
    return row


def _event(tie: Tie, code: ContactCode) -> journal.SystemEvent:
    if code.account_id is None:
        raise ValueError(f"The code {code.key} is of no account.")
    return {
        "name": "wecom.added",
        "account_id": code.account_id,
        "occurred_at": tie.added_at,
        "message_id": f"wecom.added:{code.pk}:{tie.key}:{tie.member}:{int(tie.added_at.timestamp())}",
        "properties": {
            "code": code.name, "member": tie.member, "is_known": tie.contact_id is not None,
            **({"contact": tie.contact_id} if tie.contact_id is not None else {}),
        },
    }  # fmt: skip
