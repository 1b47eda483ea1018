"""Which ids an account or contact has, what was merged into it, and what a merge would move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.models import AuditEntry, User
from evergreen.customers import actions
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import contacts_of, mergers_of
from evergreen.web.forms.tasks import account_label

SYSTEMS = ("crm", "billing", "desk", "product")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet of one account or contact. ``other`` is the row that would be merged into it."""

    row: Account | Contact
    user: User
    typed: str = ""
    other: Account | Contact | None = None
    error: str = ""

    @property
    def kind(self) -> str:
        return "account" if isinstance(self.row, Account) else "contact"

    @property
    def title(self) -> str:
        return _("Ids and doubles of %(name)s") % {"name": self.row}

    @property
    def ids(self) -> list[tuple[str, str, str]]:
        """(system, value, where to take it away) of each further id."""
        rows = self.row.external_ids.order_by("system", "value")
        return [(one.system, one.value, reverse(f"{self.kind}-id-removal", args=[one.pk])) for one in rows]

    @property
    def systems(self) -> list[str]:
        return [*SYSTEMS, "domain"] if self.kind == "account" else list(SYSTEMS)

    @property
    def ids_target(self) -> str:
        return reverse(f"{self.kind}-ids", args=[self.row.pk])

    @property
    def merge_target(self) -> str:
        return reverse(f"{self.kind}-merger", args=[self.row.pk])

    @property
    def may_merge(self) -> bool:
        return self.kind == "contact" or self.user.may_assign

    @property
    def others(self) -> list[tuple[str, str]]:
        """(value, label) of the contacts that may be the same person; accounts are picked by typing."""
        if isinstance(self.row, Account):
            return []
        rows = contacts_of(self.row.account).exclude(pk=self.row.pk)
        return [(str(one.pk), " · ".join(filter(None, (one.name, one.title, one.email)))) for one in rows]

    @property
    def label(self) -> str:
        if isinstance(self.other, Account):
            return account_label(self.other)
        return str(self.other.pk) if self.other else self.typed

    @property
    def moving(self) -> list[tuple[str, int]]:
        """What a merge would move, in words, the most first."""
        found: dict[str, int] = {}
        for one in actions.preview(self.other) if self.other else []:
            name = _noun(one.model._meta.label_lower)
            found[name] = found.get(name, 0) + one.count
        return sorted(found.items(), key=lambda pair: -pair[1])

    @property
    def mergers(self) -> list[tuple[Account | Contact, AuditEntry | None]]:
        return mergers_of(self.row)


def _noun(label: str) -> Any:
    nouns = {
        "customers.contact": _("Contacts"),
        "customers.contract": _("Contracts"),
        "customers.receivable": _("Receivables"),
        "customers.tenant": _("Tenants"),
        "customers.externalid": _("Ids"),
        "customers.contactid": _("Ids"),
        "customers.note": _("Notes"),
        "customers.account": _("Accounts below it"),
        "desk.ticket": _("Tickets"),
        "work.task": _("Tasks"),
        "work.conversation": _("Conversations"),
        "work.conversation_contacts": _("Conversations"),
        "alerts.alert": _("Alerts"),
        "playbooks.enrolment": _("Playbook runs"),
        "events.enduser": _("End users with their events"),
        "touches.message": _("Messages"),
        "touches.customergroup_accounts": _("Customer groups"),
        "touches.groupmember": _("Customer groups"),
        "events.kpivalue": _("KPI values"),
        "events.kpitarget": _("KPI targets"),
    }
    return nouns.get(label, _("Other records"))
