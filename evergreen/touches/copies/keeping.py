"""Keep mails between colleagues and contacts: each once, at the account of the contact; strangers' mails are not kept.

A thread is a conversation when both sides wrote: when a mail of the contact came in too, or a colleague's mail quotes one. Each day of such a
thread is one. A mail that nobody answered is none.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from evergreen.base.clock import local_day
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_zone
from evergreen.customers.models import Contact
from evergreen.touches.channels.told import Copied
from evergreen.touches.models import Channel, MailCopy
from evergreen.touches.transcripts import MOST_LETTERS, transcript
from evergreen.work.actions.loading import load_conversations
from evergreen.work.models import Conversation

ORIGIN = "mail"
_KEPT = dt.timedelta(days=90)
# So much of a Message-ID marks what was heard.
MARK = 120


@dataclass(frozen=True, slots=True)
class Kept:
    """How many mails were new, and the keys of those that one of us wrote."""

    kept: int
    by_us: frozenset[str]


@transaction.atomic
def keep_copies(channel: Channel, told: Sequence[Copied], *, now: dt.datetime) -> Kept:
    """Write down the mails between our people and contacts, and make conversations of their threads."""
    if not told:
        return Kept(0, frozenset())
    people = {one.casefold() for mail in told for one in (mail.sender, *mail.to)}
    staff = {user.email.casefold(): user for user in User.objects.all() if user.email.casefold() in people}
    contacts = _contacts(people - staff.keys())
    fresh: list[MailCopy] = []
    for mail in told:
        fresh += _rows(channel, mail, staff, contacts)
    known = set(MailCopy.objects.filter(key__in=[row.key for row in fresh]).values_list("key", "account_id"))
    fresh = [row for row in fresh if (row.key, row.account_id) not in known]
    MailCopy.objects.bulk_create(fresh, ignore_conflicts=True)
    for account, thread in {(row.account_id, row.thread) for row in fresh}:
        _tell(account, thread, now)
    MailCopy.objects.filter(at__lt=now - _KEPT).delete()
    return Kept(len(fresh), frozenset(mail.key[:MARK] for mail in told if mail.sender in staff))


def _contacts(addresses: Collection[str]) -> dict[str, list[Contact]]:
    """Contacts by their addresses; one address may be known at several accounts."""
    found: dict[str, list[Contact]] = defaultdict(list)
    if addresses:
        asked = reduce(or_, (Q(email__iexact=one) for one in addresses))
        for contact in Contact.objects.filter(asked).select_related("account").order_by("pk"):
            found[contact.email.casefold()].append(contact)
    return found


def _rows(
    channel: Channel, mail: Copied, staff: dict[str, User], contacts: dict[str, list[Contact]]
) -> Iterable[MailCopy]:
    """A row for each account that a mail is about: from one of us to its contacts, or from a contact."""
    writer = staff.get(mail.sender)
    named = [mail.sender] if writer is None else list(mail.to)
    people: dict[int, list[Contact]] = defaultdict(list)
    for address in named:
        for contact in contacts.get(address, ()):
            people[contact.account_id].append(contact)
    if writer is not None and len(people) > 1:
        # Who is known at several accounts is written to by whose account it is.
        own = {pk: rows for pk, rows in people.items() if rows[0].account.owner_id == writer.pk}
        people = own or people
    for account, rows in people.items():
        addresses = [one.email.casefold() for one in rows]
        quoted = mail.quoted.casefold()
        yield MailCopy(
            channel=channel, key=mail.key, thread=mail.thread, account_id=account, contact=rows[0], others=[one.pk for one in rows[1:]],
            staff=writer, is_theirs=writer is None, answers=writer is not None and any(one in quoted for one in addresses), at=mail.at,
            subject=mail.subject, text=mail.text,
        )  # fmt: skip


def _tell(account: int, thread: str, now: dt.datetime) -> None:
    """Write the conversations of a thread, a day each, if both sides wrote."""
    rows = list(MailCopy.objects.filter(account=account, thread=thread).select_related("staff"))
    has_ours, has_theirs = (
        any(not one.is_theirs for one in rows),
        any(one.is_theirs or one.answers for one in rows),
    )
    if not has_ours or not has_theirs:
        return
    zone = vendor_zone()
    days: dict[dt.date, list[MailCopy]] = defaultdict(list)
    for row in rows:
        days[local_day(row.at, zone)].append(row)
    mark = hashlib.sha256(thread.encode()).hexdigest()[:32]
    load_conversations(
        [
            {
                "external_id": f"{ORIGIN}:{account}:{mark}:{day:%Y%m%d}", "account_id": account, "kind": Conversation.Kind.MAIL,
                "at": mails[-1].at, "summary": _text(mails, zone),
                "by_id": next((one.staff_id for one in reversed(mails) if one.staff_id), None),
                "contact_ids": sorted({pk for one in mails for pk in (one.contact_id, *one.others)}),
            }
            for day, mails in sorted(days.items())
        ],
        by=None, now=now, origin=ORIGIN,
    )  # fmt: skip


def _text(mails: Sequence[MailCopy], zone: ZoneInfo) -> str:
    """The subject and the mails of a day; the beginning of a very long one."""
    spoken = transcript(((one.at, one.is_theirs, one.text) for one in mails), zone, str(setting("language")))
    text = f"{mails[0].subject}\n{spoken}".lstrip("\n")
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
