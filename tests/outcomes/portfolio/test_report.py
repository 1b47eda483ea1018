"""The figures of a whole book, computed by columns, are those of the naive calculation to the cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.customers import line_reading, lines
from evergreen.outcomes.portfolio import asking
from evergreen.outcomes.portfolio.asking import Asked, Dimension
from evergreen.outcomes.portfolio.report import Report
from evergreen.outcomes.revenue import Portfolio
from tests.outcomes.portfolio import naive
from tests.outcomes.portfolio.naive import Deal

FIRST, LAST = dt.date(2025, 11, 10), dt.date(2026, 4, 20)
SPAN = 420
ORIGIN = dt.date(2025, 6, 1)


@st.composite
def deals(draw: st.DrawFn) -> list[Deal]:
    """A few accounts whose terms follow each other with gaps, overlaps, links, late signatures and changes within."""
    found: list[Deal] = []
    contract = 0
    for account in range(1, draw(st.integers(1, 3)) + 1):
        start = ORIGIN + dt.timedelta(days=draw(st.integers(0, 200)))
        for _ in range(draw(st.integers(1, 4))):
            contract += 1
            length = draw(st.sampled_from([0, 1, 30, 59, 90, 181, None]))
            end = None if length is None else start + dt.timedelta(days=length)
            signed = draw(st.sampled_from([None, -20, 0, 1, 25, 70]))
            found.append(
                Deal(
                    account,
                    contract if draw(st.integers(0, 5)) else max(1, contract - 1),
                    start,
                    end,
                    None if signed is None else start + dt.timedelta(days=signed),
                    draw(st.sampled_from([0, 1, 100, 250, 999_99])),
                    draw(st.sampled_from([None, 1, 1, 2])),
                    contract + 1 if draw(st.integers(0, 3)) == 0 else None,
                )
            )
            start = (end or start) + dt.timedelta(
                days=draw(st.sampled_from([-40, -1, 0, 0, 0, 5, 30, 60, 61, 120]))
            )
    return found


def report(book: Sequence[Deal], asked: Asked, today: dt.date = LAST) -> Report:
    found = Report(None, asked, today)
    rows: list[lines.Row] = [
        (
            deal.account, deal.contract, lines.number(deal.start), None if deal.end is None else lines.number(deal.end),
            None if deal.signed is None else lines.number(deal.signed), deal.cents, deal.edition, deal.renewed_by,
        )
        for deal in book
    ]  # fmt: skip
    found.read = line_reading.Read(lines.columns(rows), "CNY", asked.last, {})
    return found


def told(figures: Portfolio) -> dict[str, tuple[int, int]]:
    return {
        name: (getattr(figures, f"{name}_accounts", 0), getattr(figures, f"{name}_mrr_cents"))
        for name in ("new", "reactivated", "expansion", "contraction", "churned")
    }


def summed(book: Sequence[Deal], first: dt.date, last: dt.date, grace: int) -> dict[str, tuple[int, int]]:
    sums = dict.fromkeys(("new", "reactivated", "expansion", "contraction", "churned"), (0, 0))
    for account in {deal.account for deal in book}:
        name, cents = naive.movement(book, account, first, last, grace)
        if name in sums:
            counted = name in {"new", "reactivated", "churned"}
            sums[name] = (sums[name][0] + counted, sums[name][1] + cents)
    return sums


def adds_up(figures: Portfolio) -> bool:
    came = figures.new_mrr_cents + figures.reactivated_mrr_cents + figures.expansion_mrr_cents
    went = figures.contraction_mrr_cents + figures.churned_mrr_cents
    return figures.start_mrr_cents + came - went == figures.end_mrr_cents


@given(book=deals(), grace=st.sampled_from([0, 1, 30, 60]), step=st.sampled_from(["month", "quarter"]))
@settings(max_examples=60)
def test_every_period_has_the_movements_of_the_naive_calculation(
    book: list[Deal], grace: int, step: str
) -> None:
    found = report(book, Asked(FIRST, LAST, step, grace))
    for graced, days in ((False, 0), (True, grace)):
        for period, (figures,) in zip(found.periods, found.cells(graced=graced), strict=True):
            assert told(figures) == summed(book, period.first, period.last, days)
            standing = [
                naive.stand(book, account, period.first, days) for account in {d.account for d in book}
            ]
            assert figures.start_accounts == sum(one.active for one in standing)
            assert figures.start_mrr_cents == sum(one.cents for one in standing)
            late = [
                naive.stand(book, account, period.last, days).late for account in {d.account for d in book}
            ]
            assert figures.overdue_mrr_cents == sum(late)
            assert adds_up(figures)
        (whole,) = found.span(graced=graced)
        assert told(whole) == summed(book, FIRST, LAST, days)


@given(
    book=deals(), grace=st.sampled_from([0, 45]), by=st.sampled_from([Dimension.COHORT, Dimension.EDITION])
)
@settings(max_examples=40)
def test_the_cells_of_a_dimension_add_up_to_the_total_in_every_period(
    book: list[Deal], grace: int, by: Dimension
) -> None:
    found = report(book, Asked(FIRST, LAST, grace_days=grace))
    for graced in (False, True):
        for row, (total,) in zip(found.cells(by, graced=graced), found.cells(graced=graced), strict=True):
            assert all(adds_up(cell) for cell in row)
            for name in Portfolio.__slots__:
                assert sum(getattr(cell, name) for cell in row) == getattr(total, name), name
    for due, (all_due,) in zip(found.renewals(by), found.renewals(), strict=True):
        assert sum(one.due_cents for one in due) == all_due.due_cents
        assert sum(one.late_renewed_cents for one in due) == all_due.late_renewed_cents


@given(book=deals())
@settings(max_examples=40)
def test_an_account_counts_in_the_edition_that_it_paid_most_for_at_the_start(book: list[Deal]) -> None:
    found = report(book, Asked(FIRST, LAST))
    keys = found.groups(Dimension.EDITION)
    for period, row in zip(found.periods, found.cells(Dimension.EDITION), strict=True):
        expected = dict.fromkeys(keys, 0)
        for account in {deal.account for deal in book}:
            before = naive.stand(book, account, period.first, 0)
            if before.active:
                edition = naive.edition_on(book, account, period.first)
                expected["" if edition is None else str(edition)] += before.cents
        assert {key: cell.start_mrr_cents for key, cell in zip(keys, row, strict=True)} == expected


@given(book=deals(), grace=st.sampled_from([0, 30, 60]), early=st.integers(0, 60))
@settings(max_examples=80)
def test_renewals_are_those_of_the_naive_calculation(book: list[Deal], grace: int, early: int) -> None:
    today = LAST - dt.timedelta(days=early)
    found = report(book, Asked(FIRST, LAST, grace_days=grace), today)
    for period, (figures,) in zip(found.periods, found.renewals(), strict=True):
        expected = [
            one
            for account in sorted({deal.account for deal in book})
            if (one := naive.due(book, account, period.first, period.last, grace, today))
        ]
        assert figures.due_accounts == len(expected)
        assert figures.due_cents == sum(one.due for one in expected)
        assert figures.renewed_cents == sum(one.renewed for one in expected)
        assert figures.renewed_accounts == sum(one.is_renewed for one in expected)
        assert figures.late_renewed_cents == sum(one.late_renewed for one in expected)
        assert figures.late_renewed_accounts == sum(one.is_late_renewed for one in expected)
        assert figures.overdue_accounts == sum(one.is_overdue for one in expected)
        assert figures.overdue_cents == sum(one.due for one in expected if one.is_overdue)
        assert figures.signed_late_accounts == sum(one.is_signed_late for one in expected)
        assert figures.restated_accounts == sum(one.was_open for one in expected)


@given(book=deals())
@settings(max_examples=40)
def test_a_month_as_told_at_its_close_knows_no_contract_that_was_signed_later(book: list[Deal]) -> None:
    found = report(book, Asked(FIRST, LAST))
    for period, figures in zip(found.periods, found.at_close, strict=True):
        known = naive.signed_by(book, period.last)
        start = [naive.stand(known, account, period.first, 0) for account in {d.account for d in book}]
        end = [naive.stand(known, account, period.last, 0) for account in {d.account for d in book}]
        assert figures.start_mrr_cents == sum(one.cents for one in start)
        assert figures.end_mrr_cents == sum(one.cents for one in end)
        assert figures.end_accounts == sum(one.active for one in end)
        lost = [a.active and not b.active for a, b in zip(start, end, strict=True)]
        assert figures.churned_accounts == sum(lost)


def test_without_any_line_nothing_is_told_and_no_rate_is_zero() -> None:
    found = report([], Asked(FIRST, LAST, grace_days=60))
    (figures,) = found.span()
    assert (figures.logo_churn, figures.grr, figures.nrr) == (None, None, None)
    (due,) = found.renewals()[0]
    assert (due.account_rate, due.amount_rate, due.late_account_rate, due.late_amount_rate) == (None,) * 4


def test_a_day_is_the_number_that_it_came_from() -> None:
    assert lines.day(lines.number(LAST)) == LAST
    assert np.all(
        report([], Asked(FIRST, LAST)).bounds[:2] == [lines.number(FIRST), lines.number(dt.date(2025, 12, 1))]
    )
    assert asking.divided_by("quarter, tier") == ("quarter", Dimension.TIER)
