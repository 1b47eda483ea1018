"""A person's box: who it is, what waits there now, as the script draws it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from evergreen.base.clock import local_day
from evergreen.base.languages import in_words, spoken
from evergreen.base.queries import vendor_zone
from evergreen.customers.models import Contact
from evergreen.touches import addressing, ledger
from evergreen.touches import rules as touch_rules
from evergreen.touches.channels.in_app import InAppConfig
from evergreen.touches.in_app import rules
from evergreen.touches.models import Ask, Channel, Medium, Message, Receipt, Survey, Topic
from evergreen.touches.queries import language_of, setting_of
from evergreen.touches.surveys import answering, defaults
from evergreen.touches.surveys.rules import MANY, TEXT

Kind = Receipt.Kind
_OVER = {Kind.CLICKED, Kind.DISMISSED, Kind.REPLIED, Kind.UNSUBSCRIBED}


class UnclearError(LookupError):
    """More than one contact has this id, at different accounts."""


def contact_of(user: str, account: str = "") -> Contact | None:
    """The contact whose id in the product this is, of an account's id where one is given; None where nobody is known by it.

    Raises UnclearError where the id is known at several accounts and none was given.
    """
    rows = Contact.objects.filter(end_user=user, left_on=None)
    if account:
        rows = rows.filter(account__external_id=account)
    found = list(rows.order_by("pk")[:2])
    if len(found) > 1 and found[0].account_id != found[1].account_id:
        raise UnclearError
    return found[0] if found else None


def messages_of(
    channel: Channel, contact: Contact, *, config: InAppConfig, now: dt.datetime
) -> list[tuple[Message, Ask | None]]:
    """What to show a person now, best first, each with the question that it asks. What was refused since it was sent is not shown.
    Five queries."""
    mine = Message.objects.filter(channel=channel, contact=contact, state=Message.State.ACCEPTED)
    pace = rules.Pace(
        dt.timedelta(minutes=config.pause_minutes), config.days_shown, dt.timedelta(days=config.keep_days)
    )
    # A message that is over still says when something was last shown.
    since = now - pace.keep - pace.pause
    rows = {one.pk: one for one in mine.filter(ended_at__gt=since).select_related("template")}
    if not rows:
        return []
    asked = {
        one.message_id: one
        for one in Ask.objects.filter(message__in=rows).select_related("survey", "contact")
    }
    waiting = _waiting(list(rows.values()), asked, now)
    due = rules.due(waiting, pace, now, local_day(now, vendor_zone()))
    if not due:
        return []
    key = touch_rules.address_key(Medium.IN_APP, addressing.reach(contact, Medium.IN_APP, {}))
    lines = ledger.lines_of([contact.pk], [key])
    told = [*lines.get(contact.pk, ()), *lines.get(key, ())]
    needs = bool(setting_of(channel, "marketing_needs_consent"))
    return [
        (rows[number], asked.get(number))
        for number in due
        if not touch_rules.refusal(told, Medium.IN_APP, rows[number].topic, marketing_needs_consent=needs)
    ]


def _waiting(rows: Sequence[Message], asked: dict[int | None, Ask], now: dt.datetime) -> list[rules.Waiting]:
    heard: dict[int, list[Receipt]] = defaultdict(list)
    for receipt in Receipt.objects.filter(message__in=rows):
        heard[receipt.message_id].append(receipt)
    zone = vendor_zone()
    found = []
    for row in rows:
        shown = [one.at for one in heard[row.pk] if one.kind == Kind.OPENED]
        ask = asked.get(row.pk)
        is_over = any(one.kind in _OVER for one in heard[row.pk])
        if ask is not None:
            is_over |= ask.answered_at is not None or bool(answering.closed(ask, now))
        found.append(
            rules.Waiting(
                number=row.pk,
                is_urgent=row.priority == Message.Priority.HIGH,
                sent_at=row.ended_at or row.planned_at,
                days=frozenset(local_day(at, zone) for at in shown),
                first_shown=min(shown, default=None),
                is_over=is_over,
            )
        )
    return found


def drawn(message: Message, ask: Ask | None) -> dict[str, Any]:
    """A message as the script draws it: texts only, no HTML."""
    told = message.data.get("in_app", {})
    found: dict[str, Any] = {
        "id": message.key,
        "look": told.get("look", rules.CARD),
        "pages": told.get("pages", []),
        "title": message.subject,
        "text": [] if ask is not None else rules.drawn(message.body),
        "may_refuse": message.topic != Topic.SERVICE,
    }
    if told.get("link") and told.get("button"):
        found["button"] = {"text": told["button"], "to": told["link"]}
    if ask is not None:
        found["survey"] = survey_of(ask.survey, language_of(ask.contact) if ask.contact else message.language)
    return found


def drawn_survey(survey: Survey, language: str) -> dict[str, Any]:
    """A survey as a card that belongs to nobody's message."""
    shown = {"id": "", "look": rules.CARD, "pages": [], "title": "", "text": [], "may_refuse": True}
    return {**shown, "survey": survey_of(survey, language)}


def survey_of(survey: Survey, language: str) -> dict[str, Any]:
    """A survey's questions in a language, as the script draws them."""
    low, high = defaults.ENDS.get(survey.kind, ({"": ""}, {"": ""}))
    return {
        "question": in_words(survey.question, language),
        "marks": answering.scale_of(survey.kind),
        "low": in_words(low, language),
        "high": in_words(high, language),
        "why": in_words(survey.why, language),
        "thanks": in_words(survey.thanks or defaults.THANKS, language),
        "asked": [
            {
                "name": f"q-{one['key']}",
                "label": in_words(one["label"], language),
                "kind": one["kind"],
                "required": bool(one.get("required")),
                "options": [] if one["kind"] == TEXT else [
                    [option["key"], option.get(spoken(language)) or option.get("zh") or option.get("en", "")]
                    for option in one["options"]
                ],
                "many": one["kind"] == MANY,
            }
            for one in survey.questions
        ],
    }  # fmt: skip


def words(language: str) -> dict[str, str]:
    """What the script itself says, in a person's language."""
    with override(language):
        return {
            "close": _("Close"),
            "send": pgettext("answer", "Send"),
            "refuse": _("No more of these"),
            "refused": _("You will get no more of these."),
            "missing": _("Something is missing below; nothing is lost."),
            "failed": _("It was not sent. Please try again."),
        }


# Before a channel is set up.
DEFAULT_LOOK = {"side": "right", "theme": "light", "colour": "#1f6b4a"}


def look_of(config: InAppConfig) -> dict[str, str]:
    """How everything of a channel looks."""
    return {"side": config.side, "theme": config.theme, "colour": config.colour}
