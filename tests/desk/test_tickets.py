from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import AuditEntry
from evergreen.customers.actions import add_contact
from evergreen.desk import actions, queries, rules
from evergreen.desk.models import Ticket

HOUR = dt.timedelta(hours=1)


def ticket(cast: SimpleNamespace, now: dt.datetime, **fields: Any) -> Ticket:
    given: dict[str, Any] = {"subject": "Export fails", "by": None, "now": now}
    return actions.open_ticket(fields.pop("account", cast.well), **{**given, **fields})


def test_a_ticket_is_answered_and_closed_with_the_customers_mark(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    made = ticket(cast, now, priority="high", external_id="Z-1")
    actions.respond_to_ticket(made, by=cast.mate, now=now + HOUR)
    actions.respond_to_ticket(made, by=cast.mate, now=now + 2 * HOUR)
    actions.close_ticket(made, by=cast.mate, now=now + 5 * HOUR, satisfaction=4)
    made.refresh_from_db()
    assert (made.external_id, made.state, made.satisfaction) == ("Z-1", "closed", Decimal(4))
    assert rules.response_minutes(made.opened_at, made.first_response_at) == 60
    assert rules.resolution_hours(made.opened_at, made.closed_at) == 5
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["ticket.opened", "ticket.responded", "ticket.responded", "ticket.closed"]
    assert made.replies == 2, "each answer is counted, and is an entry of its own"


def test_a_ticket_without_an_external_id_gets_one_of_its_own(cast: SimpleNamespace, now: dt.datetime) -> None:
    assert len({ticket(cast, now).external_id for _n in range(3)}) == 3


def test_a_closed_ticket_stays_as_it_is_until_it_is_reopened(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = ticket(cast, now)
    actions.close_ticket(made, by=None, now=now)
    actions.close_ticket(made, by=None, now=now + HOUR, satisfaction=1)
    assert (made.closed_at, made.satisfaction) == (now, None)
    with pytest.raises(ValidationError):
        actions.respond_to_ticket(made, by=cast.mate, now=now)
    actions.reopen_ticket(made, by=None, now=now)
    actions.reopen_ticket(made, by=None, now=now)
    assert (made.state, made.closed_at, made.reopened_count) == ("open", None, 1)


def test_a_wrong_ticket_is_refused(cast: SimpleNamespace, now: dt.datetime) -> None:
    stranger = add_contact(cast.gone, name="外人", by=None, now=now)
    ticket(cast, now, external_id="Z-1")
    for fields in (
        {"requester": stranger},
        {"priority": "red"},
        {"external_id": "Z-1"},
        {"subject": "x" * 301},
    ):
        with pytest.raises(ValidationError):
            ticket(cast, now, **fields)
    with pytest.raises(ValidationError, match="6"):
        actions.close_ticket(Ticket.objects.get(), by=None, now=now, satisfaction=6)


def test_only_tickets_of_ones_accounts_are_seen(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = ticket(cast, now)
    for user in (cast.owner, cast.mate, cast.boss):
        assert queries.ticket_for(user, made.pk) == made
    assert not queries.tickets_for(cast.outsider).exists()
    with pytest.raises(Http404):
        queries.ticket_for(cast.outsider, made.pk)


def test_open_tickets_stand_before_closed_ones_and_take_one_query(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    person = add_contact(cast.well, name="王总", by=None, now=now)
    counts = []
    for n in (3, 30):
        for i in range(n):
            made = ticket(cast, now + i * HOUR, requester=person, assignee=cast.mate)
            if i % 2:
                actions.close_ticket(made, by=None, now=now + 99 * HOUR)
        with CaptureQueriesContext(connection) as taken:
            found = list(queries.tickets_of(cast.well))
            assert all(row.requester and row.assignee for row in found)
        counts.append(len(taken))
    assert counts == [1, 1]
    states = [row.state for row in found]
    assert states == sorted(states, key=lambda state: state == "closed")
    opened = [row.opened_at for row in found if row.state == "open"]
    assert opened == sorted(opened, reverse=True)


def test_the_worst_tickets_weigh_most() -> None:
    assert [rules.weight(priority) for priority in ("urgent", "high", "medium", "low")] == [8, 4, 2, 1]
    assert set(rules.WEIGHTS) == set(Ticket.Priority.values)
    assert rules.response_minutes(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None) is None
    assert rules.resolution_hours(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None) is None
