"""Contacts and their place in the decision chain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers import rules
from evergreen.customers.models import Account, Contact

EDITABLE = frozenset(
    """external_id name title email phone role influence attitude is_champion is_sponsor reports_to end_user
    left_on language time_zone""".split()  # noqa: SIM905
)


@transaction.atomic
def add_contact(
    account: Account,
    *,
    name: str,
    by: User | None,
    now: dt.datetime,
    known_at: dt.datetime | None = None,
    **fields: Any,
) -> Contact:
    """A person at an account. Raises ValidationError by field."""
    rows.check_fields(fields, EDITABLE)
    contact = Contact(account=account, name=name.strip(), known_at=known_at or now, **_tidy(fields))
    _check_superior(contact)
    _check_merged(contact.external_id)
    contact.full_clean()
    contact.save()
    audit("contact.added", "contact", [contact.pk], by=by, now=now, after={"account": account.pk})
    return contact


@transaction.atomic
def update_contact(
    contact: Contact, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime
) -> Contact:
    """Set fields of a contact. ``left_on`` says that the person left the account."""
    changes = _tidy(changes)
    _check_merged(changes.get("external_id"))
    if "reports_to" in changes:
        contact.reports_to = changes["reports_to"]
        _check_superior(contact)
    applied = rows.apply(contact, changes, EDITABLE)
    if applied:
        # Names, addresses and numbers are personal: the audit says that they changed, not what they were.
        shown = {"role", "influence", "attitude", "is_champion", "is_sponsor", "reports_to", "left_on"}
        audit(
            "contact.updated",
            "contact",
            [contact.pk],
            by=by,
            now=now,
            before={field: value if field in shown else "…" for field, value in applied.before.items()},
            after={field: value if field in shown else "…" for field, value in applied.after.items()},
        )
    return contact


def _tidy(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An empty external id is none: it is unique only where there is one."""
    return {name: None if name == "external_id" and not value else value for name, value in fields.items()}


def _check_merged(external_id: str | None) -> None:
    """An id of a contact that was merged names the other one: nobody else may have it."""
    merged = Contact.everything.filter(external_id=external_id, merged_into__isnull=False)
    found = merged.select_related("merged_into").first() if external_id else None
    if found is not None:
        raise ValidationError(
            {
                "external_id": _("%(key)s was merged into %(name)s, whose id it is now. Choose another id.")
                % {"key": external_id, "name": found.merged_into}
            }
        )


def _check_superior(contact: Contact) -> None:
    superior = contact.reports_to
    if superior is None:
        return
    if superior.account_id != contact.account_id:
        raise ValidationError(
            {
                "reports_to": _("%(name)s belongs to another account. Choose somebody of this account.")
                % {"name": superior}
            }
        )
    bosses = dict(Contact.objects.filter(account=contact.account_id).values_list("pk", "reports_to"))
    if contact.pk and rules.reports_in_a_circle(contact.pk, superior.pk, bosses):
        raise ValidationError(
            {
                "reports_to": _("%(name)s already reports to this person, directly or not.")
                % {"name": superior}
            }
        )
