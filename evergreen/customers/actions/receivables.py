"""Receivables: amounts due and what is paid of them."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base import money
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contract, Receivable


@transaction.atomic
def add_receivable(
    account: Account,
    *,
    external_id: str,
    currency: str,
    amount_cents: int,
    due_on: dt.date,
    by: User | None,
    now: dt.datetime,
    contract: Contract | None = None,
    tax_invoice: str = "",
    known_at: dt.datetime | None = None,
) -> Receivable:
    """An amount that falls due on a day; minor units of ``currency``."""
    if amount_cents <= 0:
        raise ValidationError(
            {
                "amount_cents": _("The amount is %(found)s: it must be above 0.")
                % {"found": money.full(amount_cents, currency)}
            }
        )
    if contract is not None and contract.account_id != account.pk:
        raise ValidationError({"contract": _("This contract belongs to another account.")})
    receivable = Receivable(
        account=account,
        contract=contract,
        external_id=external_id.strip(),
        currency=currency,
        amount_cents=amount_cents,
        due_on=due_on,
        tax_invoice=tax_invoice.strip(),
        known_at=known_at or now,
    )
    receivable.full_clean()
    receivable.save()
    audit(
        "receivable.added",
        "receivable",
        [receivable.pk],
        by=by,
        now=now,
        after={"account": account.pk, "amount_cents": amount_cents, "currency": currency},
    )
    return receivable


@transaction.atomic
def record_payment(
    receivable: Receivable, cents: int, paid_on: dt.date, *, by: User | None, now: dt.datetime
) -> Receivable:
    """Add a part that was paid on a day. Raises ValidationError when it is more than what is open."""
    stored = rows.locked(receivable)
    still_open = stored.amount_cents - stored.paid_cents
    if not 0 < cents <= still_open:
        raise ValidationError(
            _(
                "%(found)s cannot be booked: %(open)s of this receivable is open. "
                "Give an amount above 0 and up to that."
            )
            % {"found": money.full(cents, stored.currency), "open": money.full(still_open, stored.currency)}
        )
    last = max(paid_on, stored.paid_on) if stored.paid_on else paid_on
    applied = rows.apply(
        receivable, {"paid_cents": stored.paid_cents + cents, "paid_on": last}, {"paid_cents", "paid_on"}
    )
    audit(
        "receivable.paid",
        "receivable",
        [receivable.pk],
        by=by,
        now=now,
        before=applied.before,
        after=applied.after,
    )
    return receivable
