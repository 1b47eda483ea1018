"""What contracts said of each account on a day, as they were known at its end. Days are numbers since 1970-01-01."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.clock import local_day
from evergreen.base.measures import Reals
from evergreen.customers.lines import NEVER, Flags, Ints, number
from evergreen.customers.models import Account, ContractLine, FieldChange

_BEFORE_DAYS = 91


@dataclass(frozen=True, slots=True)
class Known:
    """Subscription lines that are no trial, in order of account and start. ``known`` is the day from whose end on a line can be
    seen, ``end`` the first day not covered (NEVER without one), ``cents`` the month's amount in the vendor's currency.
    """

    account: Ints
    start: Ints
    end: Ints
    known: Ints
    cents: Reals
    discount: Reals
    seats: Reals
    edition: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.account)

    def chosen(self, mask: Flags | Ints) -> Known:
        return Known(*(getattr(self, one.name)[mask] for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Standing:
    """The accounts whose cover went on at the end of a day, and what their contracts said: one value an account in each."""

    account: Ints
    numbers: Mapping[str, Reals]
    edition: NDArray[np.object_]


def read() -> Known:
    """Every line that counts, amounts by the rates of the day on which the line began."""
    zone, vendor = base.vendor_zone(), base.setting("currency")
    rows = (
        ContractLine.objects.filter(kind=ContractLine.Kind.SUBSCRIPTION, is_trial=False)
        .order_by("contract__account_id", "start_on", "pk")
        .values_list(
            "contract__account_id", "contract__currency", "contract__known_at", "contract__account__known_at",
            "start_on", "end_on", "mrr_cents", "discount", "seats", "edition__key",
        )
    )  # fmt: skip
    found = []
    rates: dict[Any, Any] = {}
    for account, currency, known, met, start, end, cents, discount, seats, edition in rows.iterator(20_000):
        if currency == vendor:
            amount: int | None = cents
        else:
            told = rates.setdefault(start, None) or base.rates(start)
            rates[start] = told
            amount = money.converted(cents, currency, vendor, told)
        found.append(
            (
                account,
                number(start),
                NEVER if end is None else number(end),
                # A contract of an account that nobody knew yet could not be seen either.
                number(local_day(max(known, met), zone)),
                np.nan if amount is None else float(amount),
                np.nan if discount is None else float(discount),
                np.nan if seats is None else float(seats),
                edition or "",
            )
        )
    return known_lines(found)


def known_lines(rows: Iterable[tuple[int, int, int, int, float, float, float, str]]) -> Known:
    """Rows in the order of ``Known``'s fields as columns."""
    columns = list(zip(*rows, strict=True)) or [()] * 8
    kinds = [np.int64] * 4 + [np.float64] * 3 + [object]
    return Known(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


@dataclass(frozen=True, slots=True)
class Stages:
    """Changes of stage by account and moment: ``gone`` is whether the change was to *churned*."""

    account: Ints
    day: Ints
    gone: Flags

    def gone_on(self, day: int) -> Ints:
        """The accounts that were recorded as lost at the end of a day, by their newest change up to it."""
        seen = np.flatnonzero(self.day <= day)
        # Within an account the changes stand in order of time: the last one seen is the one before another account begins.
        last = seen[np.append(np.diff(self.account[seen]) != 0, True)] if seen.size else seen
        return self.account[last[self.gone[last]]]


def read_stages() -> Stages:
    """Every change of stage."""
    zone = base.vendor_zone()
    rows = [
        (account, number(local_day(at, zone)), new == Account.Stage.CHURNED)
        for account, new, at in FieldChange.objects.filter(field="stage")
        .order_by("account_id", "known_at", "pk")
        .values_list("account_id", "new", "known_at")
    ]
    account, day, gone = list(zip(*rows, strict=True)) or [()] * 3
    return Stages(np.array(account, np.int64), np.array(day, np.int64), np.array(gone, np.bool_))


def standing(lines: Known, day: int, horizon_days: int, grace_days: int, gone: Ints) -> Standing:
    """What could be read at the end of ``day`` of every account whose cover went on then, or had ended and the grace had not, and
    that was not recorded as lost.

    days_to_end: until nothing that is signed covers the account (missing without an end, negative within the grace). ends_within: whether that and the
    grace are over within the horizon. term_days: the longest term in force. term_at_stake: that if it ends within, else 0.
    tenure_days, term_age_days: since the first line, since the newest in force began. renewals: different starts before the
    newest. lines, mrr, discount (by amount), seats: of what is in force. mrr_change: against 91 days before, as it was then.
    """
    seen = lines.chosen(lines.known <= day)
    inside = (seen.start <= day) & (seen.end > day)
    inside |= _in_grace(seen, inside, day, grace_days)
    active = np.setdiff1d(np.unique(seen.account[inside]), gone)
    is_active = np.isin(seen.account, active)
    current = seen.chosen(inside & is_active)
    ahead = seen.chosen((inside | (seen.end > day)) & is_active)
    past = seen.chosen((seen.start <= day) & is_active)
    until = _by(active, ahead.account, ahead.end, np.maximum)
    newest = _by(active, current.account, current.start, np.maximum)
    first = _by(active, past.account, past.start, np.minimum)
    endless = until >= NEVER
    ends_within = ~endless & (until + grace_days <= day + horizon_days)
    term = _by(active, current.account, np.minimum(current.end, NEVER) - current.start, np.maximum)
    longest = np.where(endless, np.nan, term.astype(np.float64))
    cents = _sum(active, current.account, current.cents)
    before = seen.chosen(
        (seen.known <= day - _BEFORE_DAYS)
        & (seen.start <= day - _BEFORE_DAYS)
        & (seen.end > day - _BEFORE_DAYS)
    )
    earlier = _sum(active, before.account, before.cents)
    starts = (
        np.unique(np.column_stack([past.account, past.start]), axis=0)[:, 0] if len(past) else past.account
    )
    weight = np.where(np.isnan(current.discount), 0.0, current.cents)
    with np.errstate(invalid="ignore", divide="ignore"):
        discount = _sum(active, current.account, np.nan_to_num(current.discount) * weight) / _sum(
            active, current.account, weight
        )
        change = np.where(earlier > 0, cents / earlier - 1, np.nan)
    has_seats = _sum(active, current.account, (~np.isnan(current.seats)).astype(np.float64)) > 0
    seats = _sum(active, current.account, np.nan_to_num(current.seats))
    numbers: dict[str, Reals] = {
        "days_to_end": np.where(endless, np.nan, until - day),
        "ends_within": ends_within.astype(np.float64),
        "term_days": longest,
        "term_at_stake": np.where(ends_within, longest, 0.0),
        "tenure_days": (day - first).astype(np.float64),
        "term_age_days": (day - newest).astype(np.float64),
        "renewals": _sum(active, starts, np.ones(len(starts))) - 1,
        "lines": _sum(active, current.account, np.ones(len(current))),
        "mrr": cents,
        "mrr_change": change,
        "discount": discount,
        "seats": np.where(has_seats, seats, np.nan),
    }
    # The edition of the dearest line in force; lines of one account stand together.
    order = np.lexsort((-np.nan_to_num(current.cents), current.account))
    dearest = order[np.append(True, np.diff(current.account[order]) != 0)] if len(order) else order
    return Standing(active, numbers, current.edition[dearest])


def _in_grace(seen: Known, inside: Flags, day: int, grace_days: int) -> Flags:
    """Of accounts without a line in force those lines that ended last, while somebody may still sign."""
    if not grace_days:
        return np.zeros(len(seen), np.bool_)
    ended = (seen.end <= day) & (seen.end + grace_days > day) & ~np.isin(seen.account, seen.account[inside])
    accounts = np.unique(seen.account[ended])
    last = _by(accounts, seen.account[ended], seen.end[ended], np.maximum)
    place = np.minimum(np.searchsorted(accounts, seen.account), max(0, len(accounts) - 1))
    return ended & (seen.end == last[place]) if len(accounts) else ended


def _by(accounts: Ints, of: Ints, values: Any, least: Any) -> Ints:
    """The least or greatest value of each account; every account has one."""
    if not len(accounts):
        return np.zeros(0, np.int64)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], accounts)
    return np.asarray(least.reduceat(values[order], starts))


def _sum(accounts: Ints, of: Ints, values: Reals) -> Reals:
    places = np.searchsorted(accounts, of)
    inside = places < len(accounts)
    inside[inside] = accounts[places[inside]] == of[inside]
    return np.bincount(places[inside], np.nan_to_num(values[inside]), minlength=len(accounts)).astype(
        np.float64
    )
