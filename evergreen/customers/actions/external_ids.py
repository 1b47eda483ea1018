"""Other names of an account or contact in some system: crm, billing, desk, a source of events, an e-mail domain."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers import likeness
from evergreen.customers.models import Account, Contact, ContactId, ExternalId

DOMAIN = "domain"


@transaction.atomic
def add_external_id(
    account: Account, system: str, value: str, *, by: User | None, now: dt.datetime
) -> ExternalId:
    """Give an account one more id. Raises ValidationError by field, naming the account that has it already."""
    system, value = _checked(system, value)
    held = ExternalId.objects.select_related("account").filter(system=system, value=value).first()
    if held is not None and held.account_id == account.pk:
        return held
    if held is not None:
        raise ValidationError(
            {
                "value": _(
                    "%(value)s in %(system)s is %(name)s already. An id names one account in a system: take it from there "
                    "first, or merge the two. Nothing was changed."
                )
                % {"value": value, "system": system, "name": held.account.name}
            }
        )
    row = ExternalId(account=account, system=system, value=value)
    row.full_clean()
    row.save()
    audit(
        "account.id_added",
        "account",
        [account.pk],
        by=by,
        now=now,
        after={"system": system, "value": value},
    )
    return row


@transaction.atomic
def remove_external_id(row: ExternalId, *, by: User | None, now: dt.datetime) -> None:
    """Take an id from its account. Whoever calls has events that carry it looked at again."""
    audit(
        "account.id_removed",
        "account",
        [row.account_id],
        by=by,
        now=now,
        before={"system": row.system, "value": row.value},
    )
    row.delete()


@transaction.atomic
def add_contact_id(
    contact: Contact, system: str, value: str, *, by: User | None, now: dt.datetime
) -> ContactId:
    """Give a contact one more id. Raises ValidationError by field, naming the contact that has it already."""
    system, value = _checked(system, value)
    held = ContactId.objects.select_related("contact__account").filter(system=system, value=value).first()
    if held is not None and held.contact_id == contact.pk:
        return held
    if held is not None:
        raise ValidationError(
            {
                "value": _(
                    "%(value)s in %(system)s is %(name)s of %(account)s already. Take it from there first, or merge the "
                    "two. Nothing was changed."
                )
                % {"value": value, "system": system, "name": held.contact, "account": held.contact.account}
            }
        )
    row = ContactId(contact=contact, system=system, value=value)
    row.full_clean()
    row.save()
    audit("contact.id_added", "contact", [contact.pk], by=by, now=now, after={"system": system})
    return row


@transaction.atomic
def remove_contact_id(row: ContactId, *, by: User | None, now: dt.datetime) -> None:
    """Take an id from its contact."""
    audit("contact.id_removed", "contact", [row.contact_id], by=by, now=now, before={"system": row.system})
    row.delete()


def _checked(system: str, value: str) -> tuple[str, str]:
    system, value = system.strip(), value.strip()
    if not system or not system.isprintable():
        raise ValidationError({"system": _("Name the system that the id is of, such as crm or billing.")})
    if not value:
        raise ValidationError({"value": _("Write the id that the account has there.")})
    if system != DOMAIN:
        return system, value
    domain = likeness.domain_of(value)
    if not domain or likeness.is_public_suffix(domain):
        raise ValidationError(
            {
                "value": _("%(found)s is no domain of a company: write one such as example.com.")
                % {"found": value}
            }
        )
    if likeness.is_free_mail(domain):
        raise ValidationError(
            {
                "value": _("Anybody gets a mailbox under %(found)s, so it says nothing about a company.")
                % {"found": domain}
            }
        )
    return system, domain
