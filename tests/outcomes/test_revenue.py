"""Movements of recurring revenue against a plain calculation that looks at every account day by day."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction

import pytest

from evergreen.outcomes.revenue import Kind, Line, Portfolio, movements, summed

FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 4, 1)


def on(month: int, day: int = 1, year: int = 2026) -> dt.date:
    return dt.date(year, month, day)


def line(account: int, start: dt.date, end: dt.date | None, cents: int, **more: int | None) -> Line:
    return Line(account, more.pop("contract", None) or 1, start, end, cents, **more)


def figures(*lines: Line, grace_days: int = 0) -> Portfolio:
    return summed(movements(lines, FIRST, LAST, grace_days=grace_days))


def naive_mrr(lines: list[Line], account: int, day: dt.date) -> int | None:
    """What an account pays a month on a day, None when nothing covers it."""
    own = [
        one.mrr_cents
        for one in lines
        if one.account == account and one.start_on <= day and (one.end_on is None or day < one.end_on)
    ]
    return sum(own) if own else None


def test_the_published_vector_of_churn_contraction_and_expansion() -> None:
    """Of 100 at the start 10 churn, 10 contract and 10 expand: gross churn 20%, net churn 10%."""
    found = figures(
        line(1, on(1), None, 70),
        line(2, on(1), on(3, 15), 10),
        line(3, on(1), on(3, 15), 20),
        line(3, on(3, 15), None, 10),
        line(1, on(3, 20), None, 10),
    )
    assert (found.start_mrr_cents, found.churned_mrr_cents) == (100, 10)
    assert (found.contraction_mrr_cents, found.expansion_mrr_cents) == (10, 10)
    assert (found.grr, found.nrr) == (0.8, 0.9)


@pytest.mark.parametrize("seed", range(40))
def test_random_books_equal_the_plain_calculation_to_the_cent(seed: int) -> None:
    chance = random.Random(seed)
    lines = []
    for account in range(30):
        for _ in range(chance.randrange(5)):
            begin = on(1) + dt.timedelta(days=chance.randrange(120))
            end = chance.choice([None, begin + dt.timedelta(days=chance.choice([0, 1, 28, 31, 90]))])
            lines.append(line(account, begin, end, chance.choice([0, 100, 250, 999, 12_345])))
    chance.shuffle(lines)
    found = figures(*lines)
    pairs = [(naive_mrr(lines, account, FIRST), naive_mrr(lines, account, LAST)) for account in range(30)]
    at_start = [(before, after) for before, after in pairs if before is not None]
    start: int = sum(before for before, _ in at_start)
    assert found.start_accounts == len(at_start)
    assert found.start_mrr_cents == start
    assert found.churned_accounts == sum(after is None for _, after in at_start)
    assert found.end_accounts == sum(after is not None for _, after in pairs)
    assert found.end_mrr_cents == sum(after or 0 for _, after in pairs)
    kept = sum(min(before, after or 0) for before, after in at_start)
    stayed = sum(after or 0 for _, after in at_start)
    if start:
        assert found.grr == float(Fraction(kept, start))
        assert found.nrr == float(Fraction(stayed, start))
    adds_up = found.start_mrr_cents + found.new_mrr_cents + found.reactivated_mrr_cents
    adds_up += found.expansion_mrr_cents - found.contraction_mrr_cents - found.churned_mrr_cents
    assert adds_up == found.end_mrr_cents


def test_the_published_example_of_a_hundred_with_ten_lost_ten_less_and_ten_more() -> None:
    before, after = on(1), on(12)
    found = figures(
        line(1, before, on(3, 15), 10),
        line(2, before, on(3, 15), 30), line(2, on(3, 15), after, 20),
        line(3, before, on(3, 15), 60), line(3, on(3, 15), after, 70),
    )  # fmt: skip
    assert (found.churned_mrr_cents, found.contraction_mrr_cents, found.expansion_mrr_cents) == (10, 10, 10)
    assert (found.grr, found.nrr) == (0.8, 0.9)


def test_who_comes_is_new_and_who_comes_back_is_reactivated() -> None:
    found = movements(
        [line(1, on(3, 2), None, 5), line(2, on(1), on(2), 7), line(2, on(3, 20), None, 9), line(3, on(1), on(2), 3)],
        FIRST,
        LAST,
    )  # fmt: skip
    assert [(one.account, one.kind, one.start_cents, one.end_cents) for one in found] == [
        (1, Kind.NEW, 0, 5),
        (2, Kind.REACTIVATED, 0, 9),
    ]


def test_a_lapsed_contract_is_overdue_for_the_grace_and_churned_strictly() -> None:
    lapsed = line(1, on(1, year=2025), on(3, 10), 100)
    assert figures(lapsed).churned_accounts == 1
    graced = figures(lapsed, grace_days=60)
    assert (graced.churned_accounts, graced.overdue_accounts, graced.overdue_mrr_cents) == (0, 1, 100)
    assert graced.grr == 1.0
    assert figures(lapsed, grace_days=22).churned_accounts == 1, "the 22nd day after 10 March is 1 April"
    assert figures(lapsed, grace_days=23).churned_accounts == 0


def test_monthly_lines_that_follow_each_other_are_counted_once_under_a_grace() -> None:
    months = [line(1, on(month), on(month + 1), 100, contract=month) for month in range(1, 8)]
    graced = figures(*months, grace_days=60)
    assert (graced.start_mrr_cents, graced.end_mrr_cents, graced.overdue_mrr_cents) == (100, 100, 0)


def test_a_lapsed_line_beside_another_edition_is_overdue_and_not_a_contraction() -> None:
    lines = [
        line(1, on(1), on(3, 20), 100, contract=1, edition=1),
        line(1, on(2), None, 40, contract=2, edition=2),
    ]
    assert figures(*lines).contraction_mrr_cents == 100
    graced = figures(*lines, grace_days=60)
    assert (graced.contraction_mrr_cents, graced.overdue_mrr_cents) == (0, 100)


def test_a_contract_signed_late_ends_its_being_overdue_from_its_start_on() -> None:
    old = line(1, on(1, year=2025), on(3), 100, contract=1, renewed_by=2)
    new = line(1, on(3, 25), on(3, 25, 2027), 80, contract=2)
    graced = figures(old, new, grace_days=60)
    assert (graced.start_mrr_cents, graced.end_mrr_cents, graced.overdue_accounts) == (100, 80, 0)
    assert graced.contraction_mrr_cents == 20
    assert figures(old, new).start_accounts == 0, "strictly nothing covers 1 March"


def test_nobody_at_the_start_gives_no_rates() -> None:
    found = figures(line(1, on(3, 2), None, 5))
    assert (found.logo_churn, found.grr, found.nrr) == (None, None, None)


def test_the_last_day_must_come_after_the_first() -> None:
    with pytest.raises(ValueError, match="must come after"):
        movements([], LAST, LAST)
