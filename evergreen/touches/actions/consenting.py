"""Write into the ledger of consents, refuse by a link, take addresses off the list of dead ones."""

from __future__ import annotations

import datetime as dt
import re

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Contact
from evergreen.touches import addressing, outgoing, rules
from evergreen.touches.actions.receiving import hold, receive
from evergreen.touches.channels import registry
from evergreen.touches.models import Channel, Consent, DeadAddress, Medium, Message, Receipt, Topic

State, Source = Consent.State, Consent.Source

# A whole answer that refuses further messages, in Chinese and English (退订 T, TD, N are what operators tell people to send).
_REFUSALS = re.compile(
    r"\s*(?:回复)?(?:退订|取消订阅|拒收|不要再发(?:了)?|TD|T|N|R|stop|unsubscribe|opt[ -]?out|cancel|remove me)\s*[.!。！]*\s*",
    re.IGNORECASE,
)


@transaction.atomic
def record_consent(
    contact: Contact,
    *,
    medium: str,
    topic: str,
    is_given: bool,
    source: str,
    proof: str = "",
    by: User | None,
    now: dt.datetime,
) -> Consent:
    """Add a line to the ledger. Raises ValidationError for a consent to SMS without the proof of it, and for a withdrawal of
    service messages, which the contract needs."""
    if medium and medium not in Medium.values:
        raise ValidationError(_("There is no medium “%(name)s”.") % {"name": medium})
    if topic and topic not in Topic.values:
        raise ValidationError(_("There is no topic “%(name)s”.") % {"name": topic})
    hold(contact.pk)
    if is_given and medium in {"", Medium.SMS} and not proof.strip():
        raise ValidationError(
            _(
                "SMS needs the proof of the consent: where it can be looked up, such as the number of a form or a contract."
            )
        )
    line = Consent.objects.create(
        contact=contact,
        address=_address(contact, medium),
        medium=medium,
        topic=topic,
        state=State.GIVEN if is_given else State.WITHDRAWN,
        source=source,
        proof=proof.strip()[:500],
        at=now,
        by=by,
    )
    told = {"medium": medium, "topic": topic, "state": line.state, "source": source}
    audit("consent.recorded", "contact", [contact.pk], by=by, now=now, after=told)
    return line


def _address(contact: Contact, medium: str) -> str:
    """The address a line holds for beside its contact: where one medium is meant that the contact has."""
    if not medium:
        return ""
    return rules.address_key(
        medium, addressing.reach(contact, medium, addressing.medium_ids(medium, [contact.pk]))
    )


@transaction.atomic
def refuse_by_link(token: str, *, now: dt.datetime, everything: bool = False) -> Message | None:
    """Withdraw what a message's link refuses: its topic, or everything but service messages. Again it changes nothing. None for
    a forged link."""
    message = outgoing.message_of(token)
    if message is None:
        return None
    topic = "" if everything else message.topic
    key = rules.address_key(message.medium, message.address)
    withdraw(
        message,
        medium="" if everything else message.medium,
        topic=topic,
        address=key,
        source=Source.LINK,
        now=now,
    )
    receive(message, Receipt.Kind.UNSUBSCRIBED, at=now, key=topic or "everything")
    return message


def withdraw(
    message: Message, *, medium: str, topic: str, address: str, source: str, now: dt.datetime
) -> None:
    """A withdrawal that a message brought about, for its contact and for its address. Again it adds nothing."""
    hold(message.contact_id)
    fitting = Consent.objects.filter(medium=medium, topic=topic, contact=message.contact, address=address)
    newest = fitting.order_by("-at", "-pk").first()
    if newest is None or newest.state == State.GIVEN:
        Consent.objects.create(
            contact=message.contact,
            address=address,
            medium=medium,
            topic=topic,
            state=State.WITHDRAWN,
            source=source,
            proof=f"message {message.pk}",
            at=now,
        )


@transaction.atomic
def refused_there(message: Message, *, now: dt.datetime) -> None:
    """What somebody refused at the provider, which sends them nothing any more: the medium is withdrawn here too."""
    address = rules.address_key(message.medium, message.address)
    withdraw(message, medium=message.medium, topic="", address=address, source=Source.LINK, now=now)


def take_back(message: Message, *, now: dt.datetime) -> None:
    """What somebody refused by a message's link a moment ago, by mistake: the topic is wanted again."""
    Consent.objects.create(
        contact=message.contact,
        address=rules.address_key(message.medium, message.address),
        medium=message.medium,
        topic=message.topic,
        state=State.GIVEN,
        source=Source.LINK,
        proof=f"message {message.pk}",
        at=now,
    )


def answered(message: Message, text: str, *, at: dt.datetime, key: str, now: dt.datetime) -> Receipt | None:
    """An answer to a message. A whole answer of refusal (退订, T, STOP) withdraws the medium for good. None for one told before."""
    with transaction.atomic():
        receipt = receive(message, Receipt.Kind.REPLIED, at=at, key=key, detail=" ".join(text.split())[:300])
        if receipt is not None and is_refusal(text):
            address = rules.address_key(message.medium, message.address)
            withdraw(message, medium=message.medium, topic="", address=address, source=Source.REPLY, now=now)
    return receipt


@transaction.atomic
def refused_by_word(channel: Channel, address: str, text: str, *, now: dt.datetime) -> bool:
    """A word of refusal from an address to which no message of ours is known: it holds for the address. Returns whether it is one."""
    medium = registry.adapter_class(channel.kind).medium
    key = rules.address_key(medium, address)
    if not key or not is_refusal(text):
        return False
    newest = Consent.objects.filter(address=key, medium=medium, topic="").order_by("-at", "-pk").first()
    if newest is None or newest.state == State.GIVEN:
        Consent.objects.create(
            address=key,
            medium=medium,
            state=State.WITHDRAWN,
            source=Source.REPLY,
            proof=f"{channel.name}: {text.strip()[:60]}",
            at=now,
        )
    return True


def is_refusal(text: str) -> bool:
    """Whether an answer is nothing but a word of refusal."""
    return bool(_REFUSALS.fullmatch(text))


@transaction.atomic
def revive(address: DeadAddress, *, by: User, now: dt.datetime) -> None:
    """Take an address off the list of dead ones: it is written to again."""
    told = {"medium": address.medium, "address": address.address, "reason": address.reason}
    audit("address.revived", "address", [address.pk], by=by, now=now, before=told)
    address.delete()
