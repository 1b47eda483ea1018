from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.customers import rules
from evergreen.customers.rules import Person, Term

DAY = dt.date(2026, 11, 20)
NEXT = dt.timedelta(days=1)


def test_a_line_covers_its_first_day_and_not_its_end() -> None:
    assert rules.in_force(DAY, DAY + NEXT, DAY)
    assert not rules.in_force(DAY - NEXT, DAY, DAY)
    assert not rules.in_force(DAY + NEXT, None, DAY)
    assert rules.in_force(DAY, None, dt.date(2099, 1, 1))


def test_mrr_adds_up_the_lines_in_force_and_leaves_out_trials() -> None:
    terms = [
        Term(dt.date(2026, 1, 1), dt.date(2027, 1, 1), 1_000),
        Term(dt.date(2026, 6, 1), None, 300),
        Term(dt.date(2025, 1, 1), DAY, 5_000),
        Term(dt.date(2026, 1, 1), None, 700, counts=False),
    ]
    assert rules.mrr_on(terms, DAY) == 1_300
    assert rules.mrr_on(terms, DAY - NEXT) == 6_300


def test_the_renewal_is_the_earliest_end_among_lines_in_force() -> None:
    terms = [Term(DAY, DAY + 40 * NEXT, 1), Term(DAY, DAY + 9 * NEXT, 1), Term(DAY - 9 * NEXT, DAY, 1)]
    assert rules.days_to_renewal(terms, DAY) == 9
    assert rules.days_to_renewal([Term(DAY, None, 1)], DAY) is None
    assert rules.days_to_renewal([Term(DAY, DAY + NEXT, 1, counts=False)], DAY) is None


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-01-01", "2027-01-01", "12"),
        ("2026-01-31", "2026-02-28", "1"),
        ("2026-01-15", "2026-02-01", str(Decimal(17) / 31)),
        ("2024-02-29", "2025-02-28", "12"),
        ("2026-03-10", "2026-03-10", "0"),
    ],
)
def test_months_are_whole_months_and_a_part_of_the_last(start: str, end: str, months: str) -> None:
    assert rules.months_between(dt.date.fromisoformat(start), dt.date.fromisoformat(end)) == Decimal(months)


@given(st.dates(dt.date(2000, 1, 1), dt.date(2040, 1, 1)), st.integers(1, 4_000))
def test_more_days_are_more_months(start: dt.date, length: int) -> None:
    end = start + length * NEXT
    months = rules.months_between(start, end)
    assert 0 < months <= rules.months_between(start, end + NEXT)
    assert length / 31 - 0.2 < months < length / 28 + 0.2


def test_a_years_amount_is_a_twelfth_a_month() -> None:
    assert rules.monthly_of(120_000, dt.date(2026, 1, 1), dt.date(2027, 1, 1)) == 10_000
    assert rules.monthly_of(100, dt.date(2026, 1, 1), dt.date(2026, 4, 1)) == 33
    assert rules.monthly_of(101, dt.date(2026, 1, 1), dt.date(2026, 3, 1)) == 51  # half up
    with pytest.raises(ValueError, match="no days"):
        rules.monthly_of(100, DAY, DAY)


def test_an_amount_is_overdue_from_the_day_after_it_was_due() -> None:
    assert rules.overdue_cents(100, 40, DAY, DAY) == 0
    assert rules.overdue_cents(100, 40, DAY, DAY + NEXT) == 60
    assert rules.overdue_cents(100, 140, DAY, DAY + NEXT) == 0


PEOPLE = [
    (1, "王芳", "wang.fang@vendor.example"),
    (2, "王芳芳", "wff@vendor.example"),
    (3, "Ann", "ann@vendor.example"),
    (4, "Anna Lee", "anna@vendor.example"),
    (5, "王芳", "other@vendor.example"),
    (6, "", "nameless@vendor.example"),
    (7, "C. (ops)", "c@vendor.example"),
]


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("请@王芳芳看一下", {2}),
        ("请@王芳看一下", {1, 5}),
        ("@ann and @Anna Lee, please", {3, 4}),
        ("@Annabel is somebody else", set()),
        ("mail ann@vendor.example about it", set()),
        ("@ann@vendor.example please", {3}),
        ("@wang.fang@vendor.example 请看", {1}),
        ("@nameless@vendor.example", {6}),
        ("(@C. (ops))", {7}),
        ("@ Ann", set()),
        ("@@Ann", {3}),
        ("", set()),
    ],
)
def test_an_at_sign_means_the_longest_name_that_fits(body: str, meant: set[int]) -> None:
    assert rules.mentioned(body, PEOPLE) == meant


def test_nobody_is_meant_where_there_is_no_staff() -> None:
    assert rules.mentioned("@Ann", []) == set()


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\合同.pdf", "合同.pdf"),
        ('a"b<c>.txt', "a_b_c_.txt"),
        ("a\r\nSet-Cookie: x.pdf", "a_Set-Cookie_ x.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("...", "file"),
        ("", "file"),
        ("x" * 300 + ".xlsx", "x" * 195 + ".xlsx"),
    ],
)
def test_a_files_name_keeps_nothing_that_could_do_harm(given_name: str, kept: str) -> None:
    assert rules.safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_every_name_becomes_one_that_fits(name: str) -> None:
    kept = rules.safe_name(name)
    assert 0 < len(kept) <= 200 and "/" not in kept and "\\" not in kept and "\x00" not in kept


def person(
    key: int, role: str = "", *, champion: bool = False, left: int | None = None, spoke: int | None = 1
) -> Person:
    return Person(
        key,
        role,
        champion,
        DAY - left * NEXT if left is not None else None,
        DAY - spoke * NEXT if spoke is not None else None,
    )


@pytest.mark.parametrize(
    ("people", "gaps"),
    [
        ([], ["no_contact"]),
        ([person(1, left=3)], ["no_contact"]),
        ([person(1, "decision_maker"), person(2)], []),
        ([person(1), person(2)], ["no_decision_maker"]),
        ([person(1, "decision_maker", spoke=90), person(2)], []),
        ([person(1, "decision_maker", spoke=91), person(2)], ["decision_maker_silent"]),
        ([person(1, "decision_maker", spoke=None)], ["decision_maker_silent", "single_threaded"]),
        ([person(1, "decision_maker", spoke=200), person(3, "decision_maker"), person(2)], []),
        ([person(1, "decision_maker"), person(2), person(3, champion=True, left=1)], ["champion_left"]),
        ([person(1, "decision_maker", champion=True), person(2), person(3, champion=True, left=1)], []),
    ],
)
def test_the_chain_says_what_it_lacks(people: list[Person], gaps: list[str]) -> None:
    assert rules.chain_gaps(people, DAY) == gaps


def test_nobody_reports_to_oneself_by_way_of_others() -> None:
    bosses = {1: 2, 2: 3, 3: None, 4: 4}
    assert rules.reports_in_a_circle(3, 1, bosses)
    assert rules.reports_in_a_circle(1, 1, bosses)
    assert not rules.reports_in_a_circle(1, 3, bosses)
    assert not rules.reports_in_a_circle(1, 4, bosses)
