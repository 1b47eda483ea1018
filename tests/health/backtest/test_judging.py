"""The record of a scorecard on made-up endings, against calculations written out row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.health.backtest import judging
from evergreen.health.backtest.judging import Seen

Row = tuple[int, int, bool, float | None, int]
"""(account, day, is lost, score or None, days from the score to the decision)."""
ROWS = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.integers(0, 900),
        st.booleans(),
        st.one_of(st.none(), st.sampled_from([5.0, 30.0, 59.9, 60.0, 79.0, 80.0, 95.0])),
        st.integers(-5, 60),
    ),
    max_size=30,
)


def band_of(score: float) -> str:
    return "green" if score >= 80 else "yellow" if score >= 60 else "red"


def seen(rows: list[Row], **more: Any) -> Seen:
    scores = np.array([np.nan if r[3] is None else r[3] for r in rows], np.float64)
    on = 1000 + np.array([r[1] for r in rows], np.int64)
    given: dict[str, Any] = {
        "lead_days": 30,
        "account": np.array([r[0] for r in rows], np.int64),
        "on": on,
        "is_lost": np.array([r[2] for r in rows], np.bool_),
        "decided_on": on - 30 + np.array([r[4] for r in rows], np.int64),
        "cents": np.array([100 * (place + 1) for place in range(len(rows))], np.int64),
        "seen_on": on - 30,
        "score": scores,
        "band": np.array(
            ["insufficient_data" if r[3] is None else band_of(r[3]) for r in rows], dtype=np.str_
        ),
        "coverage": np.full(len(rows), 0.75),
        "marks": np.zeros((2, len(rows))),
        "costs": np.zeros((2, len(rows))),
    }
    return Seen(**{**given, **more})


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_the_record_is_what_counting_row_by_row_gives(rows: list[Row]) -> None:
    found = judging.figures(seen(rows))
    scored = [row for row in rows if row[3] is not None]
    gone = [row for row in scored if row[2]]
    assert (found.endings, found.scored, found.insufficient, found.without_snapshot) == (
        len(rows),
        len(scored),
        len(rows) - len(scored),
        0,
    )
    assert (found.lost, found.accounts) == (len(gone), len({row[0] for row in scored}))
    assert found.decided == sum(row[4] <= 0 for row in scored)
    assert (found.base_rate.n, found.base_rate.of) == (len(gone), len(scored))
    for band in found.bands:
        mine = [row for row in scored if band_of(row[3] or 0) == band.band]
        assert (band.lost.n, band.lost.of) == (sum(row[2] for row in mine), len(mine))
        assert band.lost.value == (sum(row[2] for row in mine) / len(mine) if mine else None)
        worth = {place: 100 * (place + 1) for place, row in enumerate(rows) if row in mine}
        assert band.cents == sum(worth.values())
    assert found.false_greens.n == sum((row[3] or 0) >= 80 for row in gone)
    assert found.caught.n == sum((row[3] or 0) < 60 for row in gone)
    stayed = [row for row in scored if not row[2]]
    if not gone or not stayed:
        assert found.area is None
        return
    # Healthy is high: a loss should score lower than what stayed.
    pairs = [(g[3] or 0, s[3] or 0) for g in gone for s in stayed]
    wins = [
        1.0 if of_gone < of_stayed else 0.5 if of_gone == of_stayed else 0.0 for of_gone, of_stayed in pairs
    ]
    assert found.area is not None and found.area.value == pytest.approx(sum(wins) / len(wins))
    assert (found.area.positives, found.area.negatives) == (len(gone), len(stayed))


def test_the_lowest_tenth_is_held_against_all() -> None:
    rows: list[Row] = [(n, n, n < 3, float(n), 40) for n in range(20)]
    found = judging.figures(seen(rows))
    # 2 of 20 rows are the lowest tenth, both lost, where 3 of 20 were in all.
    assert found.lowest == 2
    assert found.lift == pytest.approx(1 / (3 / 20))


def test_without_rows_nothing_is_claimed() -> None:
    found = judging.figures(seen([]))
    assert (found.area, found.lift, found.coverage, found.base_rate.value) == (None, None, None, None)
    assert judging.warnings(seen([])) == ["few_endings", "few_losses", "short_history"]


def test_what_was_decided_before_the_score_is_told_apart() -> None:
    rows: list[Row] = [(1, 10, True, 10.0, 0), (2, 20, False, 90.0, -5), (3, 30, True, 70.0, 9), (4, 40, False, 65.0, 9)]  # fmt: skip
    found = judging.figures(seen(rows))
    assert found.decided == 2
    assert found.area and found.area.value == 0.75
    assert found.area_undecided and found.area_undecided.value == 0


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263 and 0 of 20.
    found = judging.rate(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (judging.rate(0, 20).low, judging.rate(0, 20).high) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(n, n * 40, n % 3 == 0, 50.0, 40) for n in range(29)], "few_endings"),
        ([(n, n * 20, n < 9, 50.0, 40) for n in range(60)], "few_losses"),
        ([(n, n, n % 2 == 0, 50.0, 40) for n in range(60)], "short_history"),
        ([(n, n * 20, True, 50.0, 40) for n in range(60)], "unranked"),
        ([(n, n * 20, n % 2 == 0, 50.0 if n < 29 else None, 40) for n in range(60)], "little_scored"),
    ],
)
def test_a_thin_record_is_said_to_be_thin(rows: list[Row], said: str) -> None:
    assert said in judging.warnings(seen(rows))
    plenty: list[Row] = [(n, n * 20, n % 3 == 0, 50.0, 40) for n in range(60)]
    assert judging.warnings(seen(plenty)) == []


def test_lead_time_is_the_unbroken_run_up_to_the_loss() -> None:
    bands = np.array(
        [
            ["red", "red", "yellow", "red"],  # red for 14 days, below green for 28
            ["yellow", "green", "red", "red"],  # below green for 7
            ["", "red", "insufficient_data", "red"],  # red for 28: days without a score break nothing
            ["green", "red", "red", "red"],  # stood in green to the end
            ["", "", "insufficient_data", ""],  # never scored: no loss to learn from
        ]
    )
    found = judging.lead_time((7, 14, 21, 28), bands)
    assert (found.losses, found.below_green, found.in_red) == (4, 3, 2)
    assert (found.red_days, found.below_green_days, found.quarter_days) == (21, 28, 17.5)
    assert judging.lead_time((7,), np.empty((0, 1), dtype=np.str_)).red_days is None


def test_false_greens_come_by_what_they_cost_with_their_weakest_measures() -> None:
    rows: list[Row] = [(1, 10, True, 90.0, 40), (2, 20, True, 85.0, 40), (3, 30, False, 95.0, 40), (4, 40, True, 70.0, 40)]  # fmt: skip
    costs = np.array([[0.1, 4.0, 0, 0], [9.9, 11.0, 0, 0]])
    found = judging.false_greens(seen(rows, costs=costs), ("use", "nps"))
    assert [(one.account, one.cents, one.weakest) for one in found] == [
        (2, 200, (("nps", 11.0), ("use", 4.0))),
        (1, 100, (("nps", 9.9),)),
    ]


def test_each_group_has_its_own_record() -> None:
    rows: list[Row] = [
        (1, 1, True, 10.0, 40),
        (2, 2, False, 90.0, 40),
        (3, 3, True, 95.0, 40),
        (4, 4, False, None, 40),
    ]
    found = judging.by_group(seen(rows), np.array(["a", "a", "b", "b"]))
    assert [(row.group, row.lost.n, row.lost.of, row.false_greens) for row in found] == [
        ("a", 1, 2, 0),
        ("b", 1, 1, 1),
    ]
    assert found[0].area and found[0].area.value == 1 and found[1].area is None


def test_two_cards_are_compared_on_what_both_scored() -> None:
    rows: list[Row] = [(n, n, n % 2 == 0, 20.0 if n % 2 == 0 else 80.0, 40) for n in range(20)]
    first = seen([(a, d, lost, None if a == 0 else 50.0 + a % 3, known) for a, d, lost, _s, known in rows])
    found = judging.compared(first, seen(rows))
    assert (found.endings, found.lost) == (19, 9)
    assert found.second and found.second.value == 1
    assert found.gain and found.first and found.gain.value == pytest.approx(1 - found.first.value)
    assert found.gain.is_sure
