"""What became of messages comes back as events, once: told under the message's key, marked when the journal holds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evergreen.events import journal
from evergreen.touches.models import Ask, Message, Receipt
from evergreen.touches.surveys.answering import contact_of

_TOGETHER = 2_000
_NAMES = {
    Message.State.ACCEPTED: "touch.sent",
    Message.State.REFUSED: "touch.refused",
    Message.State.UNKNOWN: "touch.unknown",
    Message.State.HELD_BACK: "touch.held_back",
}


def tell() -> int:
    """Hand the ends of messages and their receipts to the journal. Killed in between, they are told again under the same message
    ids, which adds nothing. Returns how many were told."""
    told = 0
    ended = Message.objects.filter(is_told=False, state__in=_NAMES)
    ended = ended.select_related("channel", "template", "ask__survey", "ask__contact").order_by("pk")
    while rows := list(ended[:_TOGETHER]):
        journal.write_system_events(
            [one for row in rows if row.account_id is not None for one in _of_message(row)]
        )
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(is_told=True)
        told += len(rows)
    heard = Receipt.objects.filter(is_told=False).select_related("message__channel", "message__template")
    while receipts := list(heard.order_by("pk")[:_TOGETHER]):
        journal.write_system_events(
            [_of_receipt(row) for row in receipts if row.message.account_id is not None]
        )
        Receipt.objects.filter(pk__in=[row.pk for row in receipts]).update(is_told=True)
        told += len(receipts)
    return told


def _of_message(message: Message) -> Iterator[journal.SystemEvent]:
    at = message.ended_at or message.planned_at
    # An unknown one that a person settles is told anew, under its new state.
    name = _NAMES[Message.State(message.state)]
    yield {
        "name": name,
        "account_id": message.account_id,
        "occurred_at": at,
        "known_at": at,
        "message_id": f"{name}:{message.pk}",
        "properties": {**_said(message), **({"reason": message.reason} if message.reason else {})},
    }
    asked: Ask | None = getattr(message, "ask", None)
    if asked is not None and message.state == Message.State.ACCEPTED:
        yield {
            "name": "survey.sent",
            "account_id": message.account_id,
            "occurred_at": at,
            "known_at": at,
            "message_id": f"survey.sent:{asked.pk}",
            "properties": {
                "kind": asked.survey.kind,
                "survey": asked.survey.key,
                "contact": contact_of(asked),
            },
        }


def _of_receipt(receipt: Receipt) -> journal.SystemEvent:
    name = f"touch.{receipt.kind}"
    return {
        "name": name,
        "account_id": receipt.message.account_id,
        "occurred_at": receipt.at,
        "known_at": receipt.at,
        "message_id": f"{name}:{receipt.pk}",
        "properties": {**_said(receipt.message), **({"is_machine": True} if receipt.is_machine else {})},
    }


def _said(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {
        "message": message.pk,
        "channel": message.channel.key,
        "medium": message.medium,
        "topic": message.topic,
    }
    if message.contact_id is not None:
        found["contact"] = message.contact_id
    if message.template is not None:
        found["template"] = message.template.key
    if message.origin_kind == "playbook":
        found["playbook"] = message.origin_name
    return found
