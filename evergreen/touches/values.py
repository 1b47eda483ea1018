"""The values that templates may name: an allow-list, looked up for many people at once, as plain texts, numbers and dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.conditions import Kind
from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_day
from evergreen.customers.models import Account, Contact
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.newest import newest_values
from evergreen.touches.language import Value

ACCOUNT = "account."
_OWN: dict[str, tuple[str, str]] = {
    "contact.name": ("联系人姓名", "the contact's name"),
    "contact.title": ("联系人职务", "the contact's title"),
    "contact.email": ("联系人邮箱", "the contact's e-mail address"),
    "owner.name": ("客户负责人姓名", "the name of the account's owner"),
    "owner.email": ("客户负责人邮箱", "the e-mail address of the account's owner"),
    "vendor.name": ("厂商名称", "your company's name"),
    "vendor.currency": ("厂商币种", "your company's currency"),
    "today": ("今天", "today"),
}
# What only some causes have: an alert's name and reason, the task or step that writes.
_OF_CAUSE: dict[str, tuple[str, str]] = {
    "alert.name": ("预警名称（由预警进入时）", "the alert's name, where one is the cause"),
    "alert.reason": ("预警原因（由预警进入时）", "the alert's reason, where one is the cause"),
    "link.account": ("客户页面（只给员工）", "the account's page, for staff"),
    "group.name": ("群名（发到客户群时）", "the group's name, in a message to a group of customers"),
    "survey.link": ("问卷链接（由问卷发出时）", "where the survey is answered, where one asks"),
    "survey.question": ("问卷的问题（由问卷发出时）", "the survey's question, where one asks"),
}


@dataclass(frozen=True, slots=True)
class Named:
    """A value that a template may name, in words."""

    path: str
    name: str
    group: str
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message is about and for: an account, and a contact of it, a member of staff, or nobody (a webhook)."""

    account: int | None
    contact: int | None = None
    staff: int | None = None


def catalogued() -> list[Named]:
    """Every value there is, by group."""
    found = [
        Named(path, in_words(_both(words)), _("Message")) for path, words in {**_OWN, **_OF_CAUSE}.items()
    ]
    found += [
        Named(ACCOUNT + key, in_words(one.name), one.group, one.is_money)
        for key, one in catalogue.all_fields().items()
    ]
    return found


def of_cause() -> frozenset[str]:
    """The paths that only a cause of its own gives a value: an alert, a group, a survey."""
    return frozenset(_OF_CAUSE)


def known() -> frozenset[str]:
    """The paths that a template may name."""
    return frozenset((*_OWN, *_OF_CAUSE, *(ACCOUNT + key for key in catalogue.all_fields())))


def _both(words: tuple[str, str]) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]}


def values_for(
    people: Sequence[Person], asked: Collection[str], *, now: dt.datetime
) -> dict[Person, dict[str, Value]]:
    """The values asked for, of each of them. Choices (a tier, a stage) stand as their keys, so that conditions compare them; what
    is not known is None. At most six queries for any number of people."""
    fields = catalogue.all_fields()
    wanted = {path.removeprefix(ACCOUNT) for path in asked if path.startswith(ACCOUNT)} & fields.keys()
    accounts = {one.account for one in people if one.account is not None}
    told = newest_values(accounts, wanted, fields) if wanted and accounts else {}
    contacts = Contact.objects.in_bulk({one.contact for one in people if one.contact is not None})
    owners = _owners(accounts) if any(path.startswith("owner.") for path in asked) else {}
    general: dict[str, Value] = {
        "vendor.name": str(setting("vendor_name")) or None,
        "vendor.currency": str(setting("currency")),
        "today": vendor_day(now),
    }
    found: dict[Person, dict[str, Value]] = {}
    for one in people:
        values = dict(general)
        if one.account is not None:
            own = told.get(one.account, {})
            values |= {ACCOUNT + key: _plain(own.get(key), fields[key].kind) for key in wanted}
            owner = owners.get(one.account)
            values |= {
                "owner.name": str(owner) if owner else None,
                "owner.email": owner.email if owner else None,
            }
        if (contact := contacts.get(one.contact or 0)) is not None:
            values |= {
                "contact.name": contact.name,
                "contact.title": contact.title or None,
                "contact.email": contact.email or None,
            }
        found[one] = values
    return found


def _owners(accounts: Collection[int]) -> dict[int, User]:
    rows = Account.objects.filter(pk__in=accounts, owner__isnull=False).select_related("owner").order_by()
    return {row.pk: row.owner for row in rows if row.owner is not None}


def _plain(value: Any, kind: Kind) -> Value:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(value, str | int | float | bool | Decimal | dt.date) or value is None:
        return value
    return str(value)


def names(paths: Collection[str]) -> dict[str, str]:
    """Each path's name in the reader's language."""
    own: Mapping[str, tuple[str, str]] = {**_OWN, **_OF_CAUSE}
    found = {}
    for path in paths:
        if path in own:
            found[path] = in_words(_both(own[path]))
        else:
            field = catalogue.field(path.removeprefix(ACCOUNT))
            found[path] = in_words(field.name) if field is not None else path
    return found
