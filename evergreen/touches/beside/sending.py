"""What somebody sent into a chat from the page beside it: a touch as any other."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.db import transaction

from evergreen.base.models import User
from evergreen.customers.models import Contact
from evergreen.touches import composing, values
from evergreen.touches.addressing import medium_ids
from evergreen.touches.models import Channel, Medium, Message, Template, Topic
from evergreen.touches.queries import language_of

ORIGIN = "chat"


def material(contact: Contact, *, now: dt.datetime) -> list[tuple[Template, str]]:
    """(template, its text for this contact) of what may be sent by hand, by name; those whose values are not known are left out."""
    language = language_of(contact)
    person = values.Person(contact.account_id, contact=contact.pk)
    rows = Template.objects.filter(is_archived=False).exclude(topic=Topic.SURVEY).order_by("key")
    own = values.of_cause()
    templates = [one for one in rows if one.body and not composing.paths_of(one) & own]
    asked = frozenset().union(*(composing.paths_of(one) for one in templates))
    known = values.values_for([person], asked, now=now)[person]
    found = []
    for one in templates:
        try:
            text = composing.plain(composing.write(one, known, language).body)
        except LookupError:
            continue
        if text:
            found.append((one, text))
    return found


@transaction.atomic
def sent(
    channel: Channel, contact: Contact, template: Template, text: str, *, by: User, now: dt.datetime
) -> Message:
    """Write down what WeCom said went into the chat."""
    address = medium_ids(Medium.WECOM, [contact.pk]).get(contact.pk, "")
    return Message.objects.create(
        key=hashlib.sha256(f"{ORIGIN}\0{secrets.token_hex(16)}".encode()).hexdigest(), origin_kind=ORIGIN, origin_id=str(by.pk),
        account=contact.account, contact=contact, channel=channel, medium=Medium.WECOM, topic=template.topic, template=template,
        language=language_of(contact), body=text, address=address, state=Message.State.ACCEPTED, planned_at=now, due_at=now, expires_at=now,
        claimed_at=now, handed_at=now, ended_at=now, attempts=1, outcome="delivered",
    )  # fmt: skip
