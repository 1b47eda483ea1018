"""Take out of touches what a contact wrote and what was written to it. What was agreed to stays: it is the proof of why something was sent."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Contact
from evergreen.touches.chats import keeping as chats
from evergreen.touches.copies import keeping as copies
from evergreen.touches.models import Ask, Chat, ContactCode, MailCopy, Message, Receipt, Tie
from evergreen.work.models import Conversation


@transaction.atomic
def forget_contact(contact: Contact, *, by: User | None, now: dt.datetime) -> dict[str, int]:
    """Empty the texts and addresses of a contact's messages, of what it answered to them, and its answers to surveys; what is planned is withdrawn,
    who has it in WeCom is deleted, its chats are and what they say as conversations, its contact codes end without its name.
    That something was sent, when and by what stays. Returns how many rows by kind.
    """
    state = Message.State
    mine = Message.objects.filter(contact=contact)
    mine.filter(state=state.PLANNED).update(state=state.WITHDRAWN, ended_at=now)
    codes = ContactCode.objects.filter(contact=contact)
    counts = {
        "answers": Ask.objects.filter(contact=contact).exclude(answered_at=None).update(comment="", answers={}, score=None),
        "replies": Receipt.objects.filter(message__contact=contact).exclude(detail="").update(detail=""),
        "codes": codes.count(),
        # Chats and mails are kept as conversations in the person's own words.
        "conversations": Conversation.objects.filter(contacts=contact, external_id__regex=rf"^({chats.ORIGIN}|{copies.ORIGIN}):").exclude(summary="").update(summary=""),
        "mails": MailCopy.objects.filter(contact=contact).delete()[0],
        "chats": Chat.objects.filter(contact=contact).delete()[0],
        "ties": Tie.objects.filter(contact=contact).delete()[0],
        "messages": mine.exclude(state__in=(state.CLAIMED, state.HANDED_OVER)).update(subject="", body="", data={}, address="", detail=""),
    }  # fmt: skip
    codes.filter(ended_at=None).update(ended_at=now, checked_at=None)
    codes.update(name="–")
    audit("contact.forgotten", "contact", [contact.pk], by=by, now=now, after=counts)
    return counts
