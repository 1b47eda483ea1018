"""A ticket at the service desk, opened for the account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.customers.models import Account
from evergreen.desk.actions.tickets import open_ticket
from evergreen.desk.models import Ticket
from evergreen.playbooks.kinds import Order, Wrong


class OpenTicket:
    """``subject`` and ``priority``. The ticket's id is made of the run, the step and the visit, so that it is opened once."""

    key = "ticket"
    keys: tuple[str, ...] = ("subject", "priority")
    is_message = False
    max_lateness_hours: int | None = None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        subject = str(given.get("subject") or "").strip()
        if not 1 <= len(subject) <= 300:
            wrong("subject", subject, "1–300")
        priority = given.get("priority", Ticket.Priority.MEDIUM.value)
        if priority not in Ticket.Priority.values:
            wrong("priority", priority, ", ".join(Ticket.Priority.values))
        return {"subject": subject, "priority": priority}

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        accounts = Account.objects.in_bulk([order.enrolment.account_id for order in orders])
        for order in orders:
            open_ticket(
                accounts[order.enrolment.account_id],
                subject=order.settings["subject"],
                priority=order.settings["priority"],
                external_id=f"playbook:{order.origin}",
                by=None,
                now=now,
            )
