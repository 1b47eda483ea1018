"""Reads of tickets, within the accounts that the user may see."""

from __future__ import annotations

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import Http404

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.desk.models import Ticket


def tickets_for(user: User) -> QuerySet[Ticket]:
    """Tickets of the accounts that the user may see."""
    return Ticket.objects.filter(account__in=accounts_for(user)).select_related(
        "account", "requester", "assignee"
    )


def ticket_for(user: User, ticket_id: int) -> Ticket:
    """One ticket that the user may see; Http404 otherwise."""
    ticket = tickets_for(user).filter(pk=ticket_id).first()
    if ticket is None:
        raise Http404("There is no such ticket among those you may see.")
    return ticket


def tickets_of(account: Account) -> QuerySet[Ticket]:
    """An account's tickets: those not closed first, then the newest."""
    is_closed = Case(
        When(state=Ticket.State.CLOSED, then=Value(1)), default=Value(0), output_field=IntegerField()
    )
    return (
        account.tickets.select_related("requester", "assignee")
        .annotate(is_closed=is_closed)
        .order_by("is_closed", "-opened_at", "-pk")
    )
