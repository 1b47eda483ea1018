"""Writes of settings, staff, audit entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction

from evergreen.base import clock, queries
from evergreen.base.models import AuditEntry, ExchangeRate, Setting, Team, User
from evergreen.base.options import OPTIONS, check_together
from evergreen.base.roles import Role

BATCH = 5_000


def audit(
    verb: str,
    kind: str,
    ids: Iterable[int | str],
    *,
    by: User | None,
    now: dt.datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write one audit entry for a batch of objects (at most ``BATCH`` of them)."""
    listed = list(ids)
    if len(listed) > BATCH:
        raise ValueError(
            f"An audit entry holds at most {BATCH} objects, {len(listed)} given: split the batch."
        )
    return AuditEntry.objects.create(
        at=now,
        by=by,
        verb=verb,
        kind=kind,
        objects_count=len(listed),
        object_ids=listed,
        before=before or {},
        after=after or {},
    )


@transaction.atomic
def change_setting(key: str, value: Any, *, by: User | None, now: dt.datetime) -> None:
    """Set one setting. Raises KeyError for an unknown key and ValueError for a value that is not allowed."""
    clean = OPTIONS[key].clean(value)
    old = Setting.objects.filter(key=key).values_list("value", flat=True).first()
    if old == clean:
        return
    check_together({**queries.all_settings(), key: clean})
    Setting.objects.update_or_create(key=key, defaults={"value": clean, "changed_by": by})
    audit("setting.changed", "setting", [key], by=by, now=now, before={key: old}, after={key: clean})


@transaction.atomic
def add_staff(
    email: str,
    *,
    name: str = "",
    role: str = Role.CSM,
    teams: Iterable[str] = (),
    password: str | None = None,
    by: User | None = None,
    now: dt.datetime | None = None,
    **fields: Any,
) -> User:
    """Create a member of staff. Raises django's ValidationError when the e-mail or role is not allowed."""
    user = User.objects.create_user(email, password, name=name, role=role, **fields)
    user.teams.set([Team.objects.get_or_create(name=team)[0] for team in teams])
    audit(
        "staff.added",
        "user",
        [user.pk],
        by=by,
        now=now or clock.utc_now(),
        after={"email": user.email, "role": role},
    )
    return user


@transaction.atomic
def set_rate(currency: str, rate: Decimal, valid_from: dt.date, *, by: User | None, now: dt.datetime) -> None:
    """Keep an exchange rate to the vendor's currency from a day on."""
    if rate <= 0:
        raise ValueError(f"The rate of {currency} is {rate}: it must be above 0.")
    ExchangeRate.objects.update_or_create(currency=currency, valid_from=valid_from, defaults={"rate": rate})
    audit("rate.set", "rate", [f"{currency}@{valid_from}"], by=by, now=now, after={"rate": str(rate)})


@transaction.atomic
def remove_rate(rate: ExchangeRate, *, by: User | None, now: dt.datetime) -> None:
    """Forget an exchange rate; days from its first one on go by the one before it."""
    key = f"{rate.currency}@{rate.valid_from}"
    audit("rate.removed", "rate", [key], by=by, now=now, before={"rate": str(rate.rate)})
    rate.delete()
