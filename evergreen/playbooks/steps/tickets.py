"""A ticket at the service desk, opened for the account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.base import queries as base
from evergreen.base.languages import in_words
from evergreen.customers.models import Account
from evergreen.desk.actions.tickets import open_ticket
from evergreen.desk.models import Ticket
from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.steps.words import texts


class OpenTicket:
    """``subject`` (a text, or {zh, en} of which the vendor's language is taken) and ``priority``. The ticket's id is made of the
    run, the step and the visit, so that it is opened once."""

    key = "ticket"
    keys: tuple[str, ...] = ("subject", "priority")
    is_message = False
    max_lateness_hours: int | None = None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        subject: Any = given.get("subject") or ""
        if isinstance(subject, Mapping):
            subject = texts(dict(subject), "subject", wrong)
        elif not 1 <= len(subject := str(subject).strip()) <= 300:
            wrong("subject", subject, "1–300")
        priority = given.get("priority", Ticket.Priority.MEDIUM.value)
        if priority not in Ticket.Priority.values:
            wrong("priority", priority, ", ".join(Ticket.Priority.values))
        return {"subject": subject, "priority": priority}

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        accounts = Account.objects.in_bulk([order.enrolment.account_id for order in orders])
        language = str(base.setting("language"))
        for order in orders:
            open_ticket(
                accounts[order.enrolment.account_id],
                subject=_subject(order.settings["subject"], language),
                priority=order.settings["priority"],
                external_id=f"playbook:{order.origin}",
                by=None,
                now=now,
            )


def _subject(kept: str | Mapping[str, str], language: str) -> str:
    return kept if isinstance(kept, str) else in_words(kept, language)
