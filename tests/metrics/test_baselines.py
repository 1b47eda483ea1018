"""The robust seasonal baseline against vectors worked out by hand and against a calculation that takes no short cuts."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.metrics.baselines import RHYTHMS, Baseline, TooShort, baseline


def months(first: dt.date, values: list[float]) -> list[tuple[dt.date, float]]:
    """Values of successive months."""
    start = first.year * 12 + first.month - 1
    return [(dt.date(n // 12, n % 12 + 1, 1), value) for n, value in enumerate(values, start)]


def naive(rhythm: str, start: dt.date, history: list[tuple[dt.date, float]]) -> tuple[float, float] | None:
    """(expected, spread) by the formula as it is written, element by element."""

    def season(day: dt.date) -> int:
        if rhythm == "day":
            return day.isoweekday()
        if rhythm == "week":
            return min(int(day.strftime("%V")), 52)
        return day.month if rhythm == "month" else (day.month - 1) // 3

    way = RHYTHMS[rhythm]
    rows = [(d, v) for d, v in history if d < start and (start - d).days <= way.window_days]
    if len(rows) < way.least:
        return None

    def expected(day: dt.date) -> float:
        own = [v for d, v in rows if season(d) == season(day)]
        overall = float(np.median([v for _d, v in rows]))
        if not own:
            return overall
        weight = len(own) / (len(own) + 2)
        return weight * float(np.median(own)) + (1 - weight) * overall

    strays = [abs(v - expected(d)) for d, v in rows]
    return expected(start), 1.4826 * float(np.median(strays)) or 1.2533 * float(np.mean(strays))


def test_six_months_give_the_band_worked_out_by_hand() -> None:
    # Median 10.5; each month seen once: expected = x/3 + 2/3 · 10.5, strays = 2/3 · |x − 10.5|:
    # |10|→1/3, |12|→1, |8|→5/3, |11|→1/3, |10|→1/3, |14|→7/3; their median (1/3 + 1) / 2 = 2/3.
    history = months(dt.date(2026, 1, 1), [10, 12, 8, 11, 10, 14])
    found = baseline("month", dt.date(2026, 7, 1), history)
    assert isinstance(found, Baseline)
    assert (found.middle, found.n, found.n_season) == (10.5, 6, 0)
    assert found.spread == pytest.approx(1.4826 * 2 / 3)
    assert found.low == pytest.approx(10.5 - 2.5 * 1.4826 * 2 / 3)
    assert found.high == pytest.approx(10.5 + 2.5 * 1.4826 * 2 / 3)
    assert found.deviation(10.5 + 2 * found.spread) == pytest.approx(2.0)
    assert found.holds(12.9)
    assert not found.holds(13.0)


def test_a_season_leans_on_all_months_until_it_has_been_seen_often() -> None:
    # February is 40 where all others are 100: once seen it counts a third, twice a half, three times three fifths.
    year = [100.0, 40.0, *[100.0] * 10]
    for years, expected in ((1, 100 - 60 / 3), (2, 100 - 60 / 2), (3, 100 - 60 * 3 / 5)):
        history = months(dt.date(2026 - years, 1, 1), year * years)
        found = baseline("month", dt.date(2026, 2, 1), [*history, (dt.date(2026, 1, 1), 100.0)])
        assert isinstance(found, Baseline)
        assert found.middle == pytest.approx(expected)
        assert found.n_season == years


def test_one_wild_month_moves_neither_the_expected_value_nor_the_band() -> None:
    calm = months(dt.date(2024, 1, 1), [50.0, 52.0, 48.0, 51.0, 49.0, 50.0] * 4)
    wild = [(day, 5_000.0 if day == dt.date(2024, 9, 1) else value) for day, value in calm]
    before, after = (baseline("month", dt.date(2026, 1, 1), rows) for rows in (calm, wild))
    assert isinstance(before, Baseline)
    assert isinstance(after, Baseline)
    assert after.middle == pytest.approx(before.middle, rel=0.02)
    assert after.high - after.low == pytest.approx(before.high - before.low, rel=0.5)


@pytest.mark.parametrize(
    ("rhythm", "step", "needed"), [("day", 1, 14), ("week", 7, 12), ("month", 31, 6), ("quarter", 92, 4)]
)
def test_it_says_how_many_values_are_missing(rhythm: str, step: int, needed: int) -> None:
    start = dt.date(2026, 10, 1)
    history = [(start - dt.timedelta(days=step * n), float(n)) for n in range(1, needed)]
    assert baseline(rhythm, start, history) == TooShort(needed - 1, needed)
    assert isinstance(baseline(rhythm, start, [*history, (start - dt.timedelta(days=5), 1.0)]), Baseline)


def test_the_period_itself_what_comes_later_and_what_is_long_past_are_left_out() -> None:
    start = dt.date(2026, 7, 1)
    history = months(dt.date(2026, 1, 1), [10, 12, 8, 11, 10, 14])
    others = [(start, 900.0), (dt.date(2026, 9, 1), -900.0), (dt.date(2019, 7, 1), 900.0)]
    assert baseline("month", start, [*others, *history]) == baseline("month", start, history)


def test_a_number_that_never_varied_has_a_band_of_no_width_and_no_deviation() -> None:
    found = baseline("month", dt.date(2026, 7, 1), months(dt.date(2026, 1, 1), [7.0] * 6))
    assert isinstance(found, Baseline)
    assert (found.low, found.middle, found.high) == (7.0, 7.0, 7.0)
    assert found.deviation(8.0) is None


def test_where_more_than_half_is_as_expected_the_mean_stray_makes_the_band() -> None:
    history = [(dt.date(2026, 1, 1) + dt.timedelta(days=n), 100.0) for n in range(28)]
    history[3] = (history[3][0], 128.0)
    found = baseline("day", dt.date(2026, 2, 2), history)
    assert isinstance(found, Baseline)
    assert found.spread == pytest.approx(1.2533 * 28 / 28)


@given(
    rhythm=st.sampled_from(sorted(RHYTHMS)),
    start=st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
    rows=st.dictionaries(
        st.integers(-30, 1_300), st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), max_size=60
    ),
)
def test_any_history_gives_what_the_formula_says(rhythm: str, start: dt.date, rows: dict[int, float]) -> None:
    history = [(start - dt.timedelta(days=ago), value) for ago, value in rows.items()]
    found, wanted = baseline(rhythm, start, history), naive(rhythm, start, history)
    if wanted is None:
        assert isinstance(found, TooShort)
    else:
        assert isinstance(found, Baseline)
        assert found.middle == pytest.approx(wanted[0], abs=1e-6)
        assert found.spread == pytest.approx(wanted[1], abs=1e-6)
        assert found.low <= found.middle <= found.high
