"""Contracts and their lines. A renewal is a new contract that points at the one it renews."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers import rules
from evergreen.customers.models import Account, Contract, ContractLine

LINE_FIELDS = frozenset(
    """external_id kind edition tenant title seats start_on end_on mrr_cents amount_cents discount
    is_trial""".split()  # noqa: SIM905
)


@transaction.atomic
def add_contract(
    account: Account,
    *,
    external_id: str,
    currency: str,
    lines: Sequence[Mapping[str, Any]],
    by: User | None,
    now: dt.datetime,
    number: str = "",
    signed_on: dt.date | None = None,
    renews: Contract | None = None,
    auto_renews: bool = False,
    known_at: dt.datetime | None = None,
) -> Contract:
    """A contract with its lines (fields of ContractLine; ``end_on`` is the first day not covered).

    A subscription line without ``mrr_cents`` gets its amount spread over its months. Raises ValidationError,
    naming the line; then nothing is saved.
    """
    _check(account, currency, renews)
    contract = Contract(
        account=account,
        external_id=external_id.strip(),
        number=number.strip(),
        currency=currency,
        signed_on=signed_on,
        renews=renews,
        auto_renews=auto_renews,
        known_at=known_at or now,
    )
    contract.full_clean()
    contract.save()
    if not lines:
        raise ValidationError(_("Contract %(id)s has no lines: give at least one.") % {"id": external_id})
    for place, fields in enumerate(lines, start=1):
        _add_line(contract, fields, place)
    if not account.currency:
        account.currency = currency
        account.save(update_fields=["currency"])
    audit(
        "contract.added",
        "contract",
        [contract.pk],
        by=by,
        now=now,
        after={"account": account.pk, "lines": len(lines)},
    )
    return contract


@transaction.atomic
def end_line(line: ContractLine, end_on: dt.date, *, by: User | None, now: dt.datetime) -> ContractLine:
    """Let a line end: ``end_on`` becomes the first day that it does not cover."""
    if end_on < line.start_on:
        raise ValidationError(
            {
                "end_on": _(
                    "The line starts on %(start)s and cannot end on %(end)s. Give that day or a later one."
                )
                % {"start": line.start_on, "end": end_on}
            }
        )
    applied = rows.apply(line, {"end_on": end_on}, {"end_on"})
    if applied:
        audit(
            "contract.line_ended",
            "contractline",
            [line.pk],
            by=by,
            now=now,
            before=applied.before,
            after=applied.after,
        )
    return line


def _check(account: Account, currency: str, renews: Contract | None) -> None:
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise ValidationError(
            {
                "currency": _("%(found)s is no currency: write its three-letter ISO code, such as CNY.")
                % {"found": currency}
            }
        )
    other = account.contracts.exclude(currency=currency).values_list("currency", flat=True).first()
    if other:
        raise ValidationError(
            {
                "currency": _(
                    "The account's contracts are in %(other)s, this one is in %(found)s: its MRR would add "
                    "up two currencies. Convert the amounts to %(other)s, or put the contract under an "
                    "account of its own."
                )
                % {"other": other, "found": currency}
            }
        )
    if renews is not None and renews.account_id != account.pk:
        raise ValidationError({"renews": _("The contract that is renewed belongs to another account.")})


def _add_line(contract: Contract, fields: Mapping[str, Any], place: int) -> None:
    try:
        rows.check_fields(fields, LINE_FIELDS)
        line = ContractLine(contract=contract, **fields)
        if line.kind == ContractLine.Kind.ONE_OFF and line.mrr_cents:
            raise ValidationError({"mrr_cents": _("A one-off line has no monthly revenue: leave it at 0.")})
        line.full_clean()
        if line.kind == ContractLine.Kind.SUBSCRIPTION and "mrr_cents" not in fields and line.amount_cents:
            line.mrr_cents = _spread(line)
        line.save()
    except ValidationError as error:
        said = "; ".join(error.messages)
        raise ValidationError(_("Line %(place)s: %(said)s") % {"place": place, "said": said}) from error


def _spread(line: ContractLine) -> int:
    if line.end_on is None or line.end_on <= line.start_on:
        raise ValidationError(
            {
                "mrr_cents": _(
                    "Without an end after its start the line's amount has no months: "
                    "give its monthly revenue."
                )
            }
        )
    return rules.monthly_of(line.amount_cents, line.start_on, line.end_on)
