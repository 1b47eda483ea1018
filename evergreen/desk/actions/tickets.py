"""Tickets: open, answer, close, reopen. Each moment may lie in the past (``at``) where history is loaded."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.desk.models import Ticket


@transaction.atomic
def open_ticket(
    account: Account,
    *,
    subject: str,
    by: User | None,
    now: dt.datetime,
    external_id: str = "",
    priority: str = Ticket.Priority.MEDIUM,
    requester: Contact | None = None,
    assignee: User | None = None,
    is_complaint: bool = False,
    is_escalated: bool = False,
    known_at: dt.datetime | None = None,
) -> Ticket:
    """A customer's request for help, opened at ``now``. Without an external id the ticket gets a made one."""
    if requester is not None and requester.account_id != account.pk:
        raise ValidationError(
            {
                "requester": _(
                    "%(name)s is not of this account. Choose a contact of %(account)s. Nothing was saved."
                )
                % {"name": requester, "account": account}
            }
        )
    ticket = Ticket(
        account=account,
        external_id=external_id.strip() or f"T-{uuid.uuid4().hex[:12]}",
        subject=subject.strip(),
        priority=priority,
        requester=requester,
        assignee=assignee,
        opened_at=now,
        is_complaint=is_complaint,
        is_escalated=is_escalated,
        replies=0,
        known_at=known_at or now,
    )
    ticket.full_clean()
    ticket.save()
    audit(
        "ticket.opened",
        "ticket",
        [ticket.pk],
        by=by,
        now=now,
        after={"account": account.pk, "priority": priority},
    )
    return ticket


@transaction.atomic
def respond_to_ticket(ticket: Ticket, *, by: User | None, now: dt.datetime) -> Ticket:
    """Somebody answered: the first answer's time is kept, and the ticket waits for the customer."""
    stored = rows.locked(ticket)
    _refuse_closed(stored)
    changes: dict[str, Any] = {"state": Ticket.State.PENDING}
    if stored.replies is not None:
        changes["replies"] = stored.replies + 1
    if stored.first_response_at is None:
        changes["first_response_at"] = now
    _apply(ticket, changes, verb="ticket.responded", by=by, now=now)
    return ticket


@transaction.atomic
def close_ticket(
    ticket: Ticket, *, by: User | None, now: dt.datetime, satisfaction: Decimal | int | None = None
) -> Ticket:
    """The ticket is solved. ``satisfaction`` is the customer's mark, 1 to 5. A closed one stays as it is."""
    if satisfaction is not None and not 1 <= satisfaction <= 5:
        raise ValidationError(
            {
                "satisfaction": _("Satisfaction is %(found)s: it goes from 1 to 5. Nothing was saved.")
                % {"found": satisfaction}
            }
        )
    stored = rows.locked(ticket)
    if stored.state == Ticket.State.CLOSED:
        ticket.refresh_from_db()
        return ticket
    changes: dict[str, Any] = {"state": Ticket.State.CLOSED, "closed_at": now}
    if satisfaction is not None:
        changes["satisfaction"] = Decimal(satisfaction)
    _apply(ticket, changes, verb="ticket.closed", by=by, now=now)
    return ticket


@transaction.atomic
def reopen_ticket(ticket: Ticket, *, by: User | None, now: dt.datetime) -> Ticket:
    """The customer came back with a closed ticket; one that is open stays as it is."""
    reopened = Ticket.objects.filter(pk=ticket.pk, state=Ticket.State.CLOSED).update(
        state=Ticket.State.OPEN, closed_at=None, reopened_count=F("reopened_count") + 1
    )
    if reopened:
        audit("ticket.reopened", "ticket", [ticket.pk], by=by, now=now)
    ticket.refresh_from_db()
    return ticket


def _apply(ticket: Ticket, changes: dict[str, Any], *, verb: str, by: User | None, now: dt.datetime) -> None:
    applied = rows.apply(ticket, changes, set(changes))
    if applied:
        audit(verb, "ticket", [ticket.pk], by=by, now=now, before=applied.before, after=applied.after)


def _refuse_closed(ticket: Ticket) -> None:
    if ticket.state == Ticket.State.CLOSED:
        raise ValidationError(_("This ticket is closed. Reopen it to answer. Nothing was changed."))
