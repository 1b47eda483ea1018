"""Contracts and payments of an account as its page shows them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.customers import rules
from evergreen.customers.models import Account, Contract, ContractLine, Receivable
from evergreen.customers.queries import contracts_of, receivables_of
from evergreen.web import formats

RECEIVABLES = 200


@dataclass(frozen=True, slots=True)
class LineShown:
    line: ContractLine
    what: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class ContractShown:
    """A contract with its lines; ``mrr_cents`` is what its lines in force bring in today."""

    contract: Contract
    lines: list[LineShown]
    mrr_cents: int
    in_force: bool


@dataclass(frozen=True, slots=True)
class ReceivableShown:
    receivable: Receivable
    open_cents: int
    state: str
    tone: str


def contracts(account: Account, today: dt.date) -> list[ContractShown]:
    """Every contract, newest first; two queries."""
    return [_contract(contract, today) for contract in contracts_of(account)]


def _contract(contract: Contract, today: dt.date) -> ContractShown:
    lines = list(contract.lines.all())
    counted = [rules.Term(line.start_on, line.end_on, line.mrr_cents, _counts(line)) for line in lines]
    return ContractShown(
        contract=contract,
        lines=[_line(line, today) for line in lines],
        mrr_cents=rules.mrr_on(counted, today),
        in_force=any(rules.in_force(line.start_on, line.end_on, today) for line in lines),
    )


def _counts(line: ContractLine) -> bool:
    return line.kind == ContractLine.Kind.SUBSCRIPTION and not line.is_trial


def _line(line: ContractLine, today: dt.date) -> LineShown:
    edition = formats.named(line.edition.name) if line.edition else ""
    what = line.title or edition or str(line.get_kind_display())
    if line.is_trial:
        what = _("%(what)s (trial)") % {"what": what}
    if line.start_on > today:
        return LineShown(
            line, what, _("begins %(when)s") % {"when": formats.days_until(line.start_on, today)}, "info"
        )
    if not rules.in_force(line.start_on, line.end_on, today):
        return LineShown(line, what, _("ended"), "none")
    if line.end_on and (line.end_on - today).days <= 90:
        return LineShown(
            line, what, _("ends %(when)s") % {"when": formats.days_until(line.end_on, today)}, "warn"
        )
    return LineShown(line, what, _("in force"), "good")


def receivables(account: Account, today: dt.date) -> tuple[list[ReceivableShown], int]:
    """The latest receivables, and how many there are in all."""
    rows = receivables_of(account)
    return [_receivable(row, today) for row in rows[:RECEIVABLES]], rows.count()


def _receivable(row: Receivable, today: dt.date) -> ReceivableShown:
    left = row.amount_cents - row.paid_cents
    if left <= 0:
        late = (row.paid_on - row.due_on).days if row.paid_on else 0
        words = _("paid, %(days)s late") % {"days": formats.days(late)} if late > 0 else _("paid")
        return ReceivableShown(row, 0, words, "good")
    if row.due_on < today:
        late_days = formats.days((today - row.due_on).days)
        return ReceivableShown(row, left, _("overdue by %(days)s") % {"days": late_days}, "bad")
    return ReceivableShown(row, left, _("due %(when)s") % {"when": formats.days_until(row.due_on, today)}, "")
