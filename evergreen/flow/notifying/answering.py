"""Somebody pressed a button on a card: do it with their rights, say on the card what came of it."""

from __future__ import annotations

import datetime as dt
import logging

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from evergreen.base import working_days
from evergreen.base.models import User
from evergreen.base.queries import vendor_day
from evergreen.flow.needs import actions, choosing
from evergreen.flow.needs.queries import ALL, needs_of
from evergreen.flow.notifying import wording
from evergreen.flow.notifying.telling import NEED
from evergreen.touches.channels.contract import PEOPLE, Card, ChannelError
from evergreen.touches.channels.told import Pressed
from evergreen.touches.models import Channel, Message, Receipt
from evergreen.touches.queries import language_of
from evergreen.touches.ways import adapter_of

log = logging.getLogger(__name__)


def press(channel: Channel, pressed: Pressed, *, now: dt.datetime) -> bool:
    """Do what a button says, once, and draw the card anew. False for a press that is not of ours, not of the person to whom the card
    went, or was told before."""
    message = Message.objects.filter(channel=channel, key=pressed.key, origin_kind=NEED).first()
    if message is None or message.staff_id is None or "card" not in message.data:
        return False
    user = User.objects.filter(pk=message.staff_id, is_active=True).first()
    if user is None:
        return False
    adapter = adapter_of(channel)
    if adapter.address_of(user.email) != pressed.member:
        return False
    with override(language_of(user)):
        with transaction.atomic():
            _row, is_new = Receipt.objects.get_or_create(
                message=message,
                kind=Receipt.Kind.CLICKED,
                key=(pressed.handle or pressed.at.isoformat())[:120],
                defaults={"at": pressed.at, "detail": pressed.button[:300], "is_told": True},
            )
            if not is_new:
                return False
            card = _done(message, pressed, user, now)
        try:
            adapter.redraw(pressed, card)
        except ChannelError as error:
            # What was done is done; pressing again says so.
            log.warning("The card %s could not be drawn anew: %s", message.key, error)
    return True


def _done(message: Message, pressed: Pressed, user: User, now: dt.datetime) -> Card:
    """Do it; the card as it stands then. What is wrong stands on the card, which keeps its buttons."""
    shown = Card.from_data(message.data["card"])
    ref = message.origin_id.partition(":")[0]
    try:
        chosen = choosing.chosen(user, [ref])
    except LookupError:
        return wording.over(shown, _("no longer there"))
    today = vendor_day(now)
    try:
        match pressed.button:
            case wording.TAKE:
                actions.take_up(chosen, by=user, now=now)
                return _again(user, ref, today, shown, _("✓ You have it."))
            case wording.DONE:
                done = actions.complete(chosen, by=user, now=now)
                return wording.over(shown, _("done") if done else _("was done before"))
            case wording.LATER:
                until = working_days.for_vendor().next(today).value
                actions.postpone(chosen, until, by=user, now=now, today=today)
                return wording.over(shown, _("again on %(day)s") % {"day": f"{until:%m-%d}"})
            case wording.GIVE:
                person = User.objects.filter(
                    pk=_number(pressed.chosen.get(PEOPLE, "")), is_active=True
                ).first()
                if person is None:
                    return _again(user, ref, today, shown, _("⚠ Choose to whom first, then press again."))
                actions.hand_over(chosen, person, by=user, now=now)
                return wording.over(shown, _("with %(name)s") % {"name": person})
    except ValidationError as error:
        return _again(user, ref, today, shown, f"⚠ {' '.join(error.messages)}")
    return _again(user, ref, today, shown, "")


def _again(user: User, ref: str, today: dt.date, shown: Card, note: str) -> Card:
    """The card with what may be done now, and a note; over where nothing needs anybody any more."""
    need = next((one for one in needs_of(user, today, ALL) if one.ref == ref), None)
    if need is None:
        return wording.over(shown, _("nothing left to do"))
    (thing,) = wording.things([need])
    return wording.card(thing, user, language_of(user), note)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
