"""Changes of accounts that the list offers: what was asked, whether the person may, and making it so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from evergreen.base.models import AuditEntry, User
from evergreen.customers import actions
from evergreen.customers.models import Account
from evergreen.web.presenters.accounts.columns import may_reassign

CHOICES = {"stage": Account.Stage, "tier": Account.Tier}
FIELDS = ("owner", "stage", "tier", "tag", "untag")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field with its new value: a member of staff or None, a word of the choices, or a tag."""

    field: str
    value: Any


def wanted(user: User, field: str, value: str) -> Wanted:
    """The change as a form asks for it. Raises ValidationError or PermissionDenied; nothing is written."""
    if field == "owner":
        if not user.may_assign:
            raise PermissionDenied(_("Your role may not assign accounts of others."))
        return Wanted(field, owner_from(value))
    if field in CHOICES:
        return Wanted(field, choice_from(field, value))
    if field in {"tag", "untag"} and value.strip():
        return Wanted(field, value.strip())
    raise ValidationError(_("Choose what to change and a value. Nothing was changed."))


def make(change: Wanted, ids: Sequence[int], *, by: User, now: dt.datetime) -> list[AuditEntry]:
    """Change the accounts; the ids are of accounts that ``by`` may see."""
    match change.field:
        case "owner":
            return actions.assign_owner(ids, change.value, by=by, now=now)
        case "tag":
            return actions.tag_accounts(ids, add=[change.value], by=by, now=now)
        case "untag":
            return actions.tag_accounts(ids, remove=[change.value], by=by, now=now)
    return actions.change_accounts(ids, {change.field: change.value}, by=by, now=now)


def change_one(account: Account, field: str, value: str, *, by: User, now: dt.datetime) -> Account:
    """Change one field of one account from the table."""
    if field == "owner":
        if not may_reassign(by, account):
            raise PermissionDenied(
                _("Only the owner or those who assign accounts can give it to somebody else.")
            )
        return actions.update_account(account, {"owner": owner_from(value)}, by=by, now=now)
    return actions.update_account(account, {field: choice_from(field, value)}, by=by, now=now)


def owner_from(value: str) -> User | None:
    if value == "none":
        return None
    owner = User.objects.filter(pk=int(value), is_active=True).first() if value.isdigit() else None
    if owner is None:
        raise ValidationError(_("Choose an active member of staff. Nothing was changed."))
    return owner


def choice_from(field: str, value: str) -> str:
    if field == "tier" and value == "none":
        return ""
    if value not in CHOICES[field].values:
        raise ValidationError(
            _("“%(found)s” is not allowed here; allowed are %(allowed)s. Nothing was changed.")
            % {"found": value, "allowed": ", ".join(str(label) for label in CHOICES[field].labels)}
        )
    return value
