"""Conversations: what relations are measured by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.work.models import Conversation


@transaction.atomic
def record_conversation(
    account: Account,
    *,
    kind: str,
    at: dt.datetime,
    contacts: Iterable[Contact],
    by: User | None,
    now: dt.datetime,
    summary: str = "",
    minutes: int | None = None,
    external_id: str | None = None,
    known_at: dt.datetime | None = None,
) -> Conversation:
    """A two-way exchange that happened at ``at``. One with a known ``external_id`` is returned as it stands.

    Raises ValidationError for a conversation in the future and for contacts of another account.
    """
    if external_id and (known := Conversation.objects.filter(external_id=external_id).first()):
        return known
    people = list(contacts)
    strangers = [person.name for person in people if person.account_id != account.pk]
    if strangers:
        raise ValidationError(
            {
                "contacts": _(
                    "%(names)s: not of this account. Choose contacts of %(account)s. Nothing was saved."
                )
                % {"names": ", ".join(strangers), "account": account}
            }
        )
    if at > now:
        raise ValidationError(
            {
                "at": _(
                    "The conversation lies in the future. Write down what has happened, or add a task. "
                    "Nothing was saved."
                )
            }
        )
    conversation = Conversation(
        account=account,
        kind=kind,
        at=at,
        minutes=minutes,
        summary=summary.strip(),
        by=by,
        external_id=external_id or None,
        known_at=known_at or now,
    )
    conversation.full_clean(exclude=["by"])
    conversation.save()
    conversation.contacts.set(people)
    audit(
        "conversation.recorded",
        "conversation",
        [conversation.pk],
        by=by,
        now=now,
        after={"account": account.pk, "kind": kind, "contacts": [person.pk for person in people]},
    )
    return conversation
