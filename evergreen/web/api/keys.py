"""Keys of the API: made, revoked, and what they reach."""

from __future__ import annotations

import datetime as dt
import secrets
import string
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.events.imports import references
from evergreen.events.ingest.keys import key_hash
from evergreen.web.api.errors import ApiError
from evergreen.web.api.models import ApiKey

RIGHTS: dict[str, Promise] = {
    "kpis.read": gettext_lazy("Read KPIs, their values and targets"),
    "kpis.write": gettext_lazy("Write KPI values and targets"),
    "metrics.read": gettext_lazy("Read metrics and their newest figures"),
    "segments.read": gettext_lazy("Read segments and their accounts"),
    "portfolio.read": gettext_lazy("Read portfolio figures"),
    "risks.read": gettext_lazy("Read who may be lost"),
    "recommendations.read": gettext_lazy("Ask for recommendations to show in the product"),
    "recommendations.write": gettext_lazy("Say what came of recommendations"),
    "in_app.read": gettext_lazy("Read what waits for a person in the product"),
    "in_app.write": gettext_lazy("Say what came of in-app messages, answer surveys"),
}
PREFIX = "ega_"
_HINT = 8
_LETTERS = string.ascii_letters + string.digits


@transaction.atomic
def create_api_key(
    name: str, rights: Sequence[str], *, staff: User | None = None, by: User | None, now: dt.datetime
) -> str:
    """A new key, in clear this once. With ``staff`` it reaches what that person may. ValidationError by field."""
    name = name.strip()
    if not name or len(name) > 60 or not name.isprintable():
        raise ValidationError({"name": _("A key's name has 1 to 60 printable characters. No key was made.")})
    unknown = sorted(set(rights) - set(RIGHTS))
    if unknown or not rights:
        raise ValidationError(
            {
                "rights": _("Found: %(found)s. Allowed: one or several of %(allowed)s. No key was made.")
                % {"found": ", ".join(unknown) or "-", "allowed": ", ".join(RIGHTS)}
            }
        )
    text = PREFIX + "".join(secrets.choice(_LETTERS) for _n in range(40))
    key = ApiKey.objects.create(
        name=name,
        hash=key_hash(text),
        hint=text[:_HINT],
        rights=sorted(set(rights)),
        staff=staff,
        created_at=now,
        created_by=by,
    )
    after = {"name": name, "hint": key.hint, "rights": key.rights, "staff": staff.email if staff else None}
    audit("apikey.created", "apikey", [key.pk], by=by, now=now, after=after)
    return text


@transaction.atomic
def revoke_api_key(key: ApiKey, *, by: User | None, now: dt.datetime) -> None:
    """Take a key back; from then on it is refused like one that never was."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        after = {"name": key.name, "hint": key.hint}
        audit("apikey.revoked", "apikey", [key.pk], by=by, now=now, after=after)


def reachable(key: ApiKey) -> QuerySet[Account]:
    """The accounts that a key reaches: all of them, or those of its member of staff."""
    return Account.objects.all() if key.staff is None else accounts_for(key.staff)


def account_reached(key: ApiKey, named: str, asked: str) -> Account:
    """The account of an id, also of one that was merged into it. Raises ApiError 404 where the key reaches none."""
    lookup = references.accounts()
    lookup.learn([named])
    found = lookup.get(named)
    account = reachable(key).filter(pk=found.pk).first() if found else None
    if account is None:
        raise ApiError(
            404,
            "no_such_account",
            asked=asked,
            found=named[:200],
            allowed=_("the id of an account that the key reaches"),
            saved=_("Nothing was changed."),
            next=_("Correct the id."),
        )
    return account
