"""What people did with what they were shown, and from where the script called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.clock import local_day
from evergreen.base.queries import vendor_zone
from evergreen.customers.models import Contact
from evergreen.touches.actions.consenting import refuse_by_link
from evergreen.touches.actions.receiving import receive
from evergreen.touches.models import Ask, Channel, Message, Receipt, Site
from evergreen.touches.outgoing import token_of
from evergreen.touches.surveys.answering import save_answer

Kind = Receipt.Kind
# What may be told of a message: that it was shown, clicked, closed, or that no more are wanted.
TOLD = (Kind.OPENED, Kind.CLICKED, Kind.DISMISSED, Kind.UNSUBSCRIBED)
_SELDOM = dt.timedelta(minutes=5)
_MOST_SITES = 50


def message_of(channel: Channel, contact: Contact, key: str) -> Message | None:
    """A message that was sent to this person by this channel; None where there is none."""
    mine = Message.objects.filter(channel=channel, contact=contact, state=Message.State.ACCEPTED)
    return mine.filter(key=key).first()


def hear(message: Message, kind: str, *, now: dt.datetime) -> None:
    """Write down what came of a message; told twice it comes to the same. Raises ValidationError for another kind."""
    if kind not in TOLD:
        raise ValidationError(
            _("Found “%(found)s”; allowed are %(allowed)s.") % {"found": kind, "allowed": ", ".join(TOLD)}
        )
    if kind == Kind.UNSUBSCRIBED:
        refuse_by_link(token_of(message), now=now)
        return
    # Shown counts once a day, the others once.
    key = local_day(now, vendor_zone()).isoformat() if kind == Kind.OPENED else ""
    receive(message, kind, at=now, key=key)


@transaction.atomic
def take_answer(message: Message, given: Mapping[str, Sequence[str]], *, now: dt.datetime) -> dict[str, str]:
    """Take the answer to the survey that a message asks. Returns what is wrong by field, {} where it was taken.

    Raises ValidationError where it asks none or takes no more answers.
    """
    ask = Ask.objects.filter(message=message, held="").first()
    if ask is None:
        raise ValidationError(_("This message asks nothing."))
    wrong = save_answer(ask, given, now=now)
    if not wrong:
        receive(message, Kind.REPLIED, at=now, key="answer")
    return wrong


def note_site(channel: Channel, origin: str, fault: str, *, now: dt.datetime) -> None:
    """Remember that the script called from a site, at most once in five minutes each; of strangers only the first fifty."""
    origin = origin[:200]
    known = Site.objects.filter(channel=channel, origin=origin).first()
    if known is None:
        if not fault or Site.objects.filter(channel=channel).count() < _MOST_SITES:
            Site.objects.get_or_create(
                channel=channel, origin=origin, defaults={"first_at": now, "last_at": now, "fault": fault}
            )
    elif known.fault != fault or now - known.last_at > _SELDOM:
        Site.objects.filter(pk=known.pk).update(last_at=now, fault=fault)
