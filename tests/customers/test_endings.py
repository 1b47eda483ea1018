"""Endings: what was due, who stayed and who was lost, and from when that was known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.customers.endings import Endings, endings
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import NEVER, columns
from evergreen.customers.models import Account, Contract, ContractLine, FieldChange

ZERO = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Deal:
    account: int
    contract: int
    start: int
    end: int | None
    signed: int
    cents: int = 100


def on(number: int) -> dt.date:
    return ZERO + dt.timedelta(days=number)


def found(deals: list[Deal], *, today: int, grace: int = 10, told: dict[int, int] | None = None) -> Endings:
    lines = columns((d.account, d.contract, d.start, d.end, d.signed, d.cents, None, None) for d in deals)
    told = told or {}
    return endings(
        lines,
        since=on(0),
        today=on(today),
        grace_days=grace,
        recorded={key: on(day) for key, day in told.items()},
        gone=frozenset(told),
    )


def rows(found: Endings) -> list[tuple[int, int, str, int, int]]:
    word = ["lost" if lost else "open" if is_open else "stayed" for lost, is_open in zip(found.is_lost, found.is_open, strict=True)]  # fmt: skip
    return list(zip(found.account.tolist(), found.on.tolist(), word, found.decided_on.tolist(), found.cents.tolist(), strict=True))  # fmt: skip


def naive(
    deals: list[Deal], today: int, grace: int, told: dict[int, int]
) -> list[tuple[int, int, str, int, int]]:
    """From the docstring alone, one account and one day after the other."""
    result = []
    for account in sorted({deal.account for deal in deals}):
        own = [deal for deal in deals if deal.account == account]
        for end in sorted({d.end for d in own if d.end is not None}):
            ending = [
                d
                for d in own
                if d.end == end
                and not any(
                    o.contract == d.contract and o.start <= end and (o.end or NEVER) > end for o in own
                )
            ]
            if not ending:
                continue
            cents = sum(d.cents * 12 for d in ending)
            after = [o for o in own if o.start <= end + grace and (o.end or NEVER) > end]
            if after:
                result.append((account, end, "stayed", min(o.signed for o in after), cents))
                continue
            record = told.get(account)
            begun = max(o.start for o in own if o.start < end)
            if record is not None and begun <= record <= end + grace:
                result.append((account, min(record, end), "lost", record, cents))
            elif end + grace <= today:
                result.append((account, end, "lost", end + grace, cents))
            else:
                result.append((account, end, "open", NEVER, cents))
    return sorted((row for row in result if 0 <= row[1] <= today), key=lambda row: (row[1], row[0]))


@st.composite
def books(draw: st.DrawFn) -> list[Deal]:
    deals = []
    for contract in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, 80))
        deals.append(
            Deal(
                draw(st.integers(1, 3)),
                draw(st.sampled_from([contract, max(0, contract - 1)])) + 100,
                start,
                start + draw(st.integers(1, 40)),
                start - draw(st.integers(-5, 20)),
            )
        )
    # A contract belongs to one account.
    owner = {deal.contract: deal.account for deal in reversed(deals)}
    return [Deal(owner[d.contract], d.contract, d.start, d.end, d.signed) for d in deals]


@given(
    deals=books(),
    today=st.integers(30, 130),
    grace=st.integers(0, 20),
    told=st.dictionaries(st.integers(1, 3), st.integers(0, 130), max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_random_books_equal_the_plain_calculation(
    deals: list[Deal], today: int, grace: int, told: dict[int, int]
) -> None:
    known = {key: day for key, day in told.items() if day <= today}
    assert rows(found(deals, today=today, grace=grace, told=known)) == naive(deals, today, grace, known)


def test_what_is_signed_late_within_the_grace_stayed() -> None:
    old, late = Deal(1, 1, 0, 100, 0), Deal(1, 2, 108, 200, 108)
    assert rows(found([old, late], today=150))[0] == (1, 100, "stayed", 108, 1200)
    assert rows(found([old], today=105)) == [(1, 100, "open", NEVER, 1200)]
    assert rows(found([old], today=150)) == [(1, 100, "lost", 110, 1200)]


def test_a_loss_that_was_recorded_first_counts_from_its_day() -> None:
    assert rows(found([Deal(1, 1, 0, 100, 0)], today=80, told={1: 70})) == [(1, 70, "lost", 70, 1200)]


def test_a_seat_that_ends_beside_others_is_no_loss_of_the_account() -> None:
    both = [Deal(1, 1, 0, 100, 0), Deal(1, 2, 50, 150, 50)]
    assert rows(found(both, today=120)) == [(1, 100, "stayed", 50, 1200)]


def test_a_contract_without_an_end_is_held_at_each_anniversary_until_its_loss() -> None:
    endless = [Deal(1, 1, 0, None, 0)]
    assert [row[1] for row in rows(found(endless, today=800))] == [365, 730]
    lost = rows(found(endless, today=800, told={1: 500}))
    assert [(row[1], row[2]) for row in lost] == [(365, "stayed"), (500, "lost")]


def test_a_negative_grace_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        found([], today=10, grace=-1)


@pytest.mark.postgres
def test_records_tell_endings_with_the_recorded_loss(cast: SimpleNamespace, now: dt.datetime) -> None:
    today = now.date()
    Contract.objects.all().delete()
    for account, ended in ((cast.well, 300), (cast.gone, 20)):
        contract = Contract.objects.create(
            account=account, external_id=f"E-{account.pk}", currency="CNY", known_at=now
        )
        start = today - dt.timedelta(days=ended + 365)
        ContractLine.objects.create(
            contract=contract,
            start_on=start,
            end_on=today - dt.timedelta(days=ended),
            mrr_cents=5_000,
        )
    Account.objects.filter(pk=cast.gone.pk).update(stage=Account.Stage.CHURNED)
    at = now - dt.timedelta(days=30)
    FieldChange.objects.create(account=cast.gone, field="stage", old="renewal", new="churned", known_at=at)
    told = read_endings(today - dt.timedelta(days=400), today, grace_days=60)
    assert told.account.tolist() == [cast.well.pk, cast.gone.pk]
    assert told.is_lost.tolist() == [True, True]
    assert on(int(told.on[1])) == today - dt.timedelta(days=30)
    assert told.cents.tolist() == [60_000, 60_000]
