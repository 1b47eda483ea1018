"""Scores by hand: published vectors and the laws of section 5.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.health import definitions, rules
from evergreen.health.shipped import STANDARD, STARTER, VALUE


def _columns(**values: float | None) -> dict[str, rules.Column]:
    return {key: np.array([np.nan if value is None else value]) for key, value in values.items()}


def _starter(**values: float | None) -> rules.Scored:
    given = {"active_days_7d": None, "feature_adoption": None, "tickets_opened_28d": None, **values}
    return rules.score(definitions.card_from(STARTER), _columns(**given))


def _standard(**values: float | None) -> rules.Scored:
    names = definitions.card_from(STANDARD).metrics
    return rules.score(definitions.card_from(STANDARD), _columns(**{**dict.fromkeys(names), **values}))


def test_the_seed_formula_gives_its_published_value() -> None:
    # peers.md 7.3 T11: 5 active days, half of the features, 2 issues.
    assert _starter(active_days_7d=5, feature_adoption=0.5, tickets_opened_28d=2).score[0] == pytest.approx(
        5 / 7 * 40 + 15 - 10
    )


def test_starter_reaches_70_at_most_and_its_bands_follow() -> None:
    best = _starter(active_days_7d=7, feature_adoption=1, tickets_opened_28d=0)
    assert best.score[0] == 70 and best.band[0] == "green"
    assert _starter(active_days_7d=7, feature_adoption=0.1, tickets_opened_28d=0).band[0] == "yellow"
    assert _starter(active_days_7d=7, feature_adoption=0, tickets_opened_28d=0).band[0] == "red"


def test_starter_is_clamped_at_nought() -> None:
    assert _starter(active_days_7d=0, feature_adoption=0.1, tickets_opened_28d=9).score[0] == 0


def test_missing_measures_are_left_out_and_the_rest_is_weighted_anew() -> None:
    scored = _standard(use_frequency=0.6, core_depth=5, ticket_load=0, overdue_days=0)
    expected = (25 * 100 + 20 * 50 + 15 * 100 + 15 * 100) / (25 + 20 + 15 + 15)
    assert scored.score[0] == pytest.approx(expected)
    assert scored.coverage[0] == pytest.approx(0.75)


def test_below_the_coverage_floor_there_is_no_score() -> None:
    scored = _standard(overdue_days=0, ticket_load=0)
    assert np.isnan(scored.score[0]) and scored.band[0] == "insufficient_data"


def test_points_and_lost_points_add_up_to_a_hundred() -> None:
    scored = _standard(
        use_frequency=0.3, core_depth=3, data_growth=-0.2, ticket_load=40, overdue_days=10, nps=20
    )
    assert sum(p[0] for p in scored.points) == pytest.approx(scored.score[0])
    assert sum(p[0] + q[0] for p, q in zip(scored.points, scored.lost, strict=True)) == pytest.approx(100)


@pytest.mark.parametrize(("days", "mark"), [(0, 100), (15, 75), (30, 50), (45, 25), (60, 0), (400, 0)])
def test_payment_falls_from_100_over_50_at_30_days_to_0_at_60(days: int, mark: float) -> None:
    payment = next(m for m in definitions.card_from(STANDARD).measures if m.key == "payment")
    assert payment.scale.scores(np.array([float(days)]))[0] == pytest.approx(mark)


def test_flat_data_growth_is_worth_70() -> None:
    growth = next(m for m in definitions.card_from(STANDARD).measures if m.key == "data_growth")
    assert growth.scale.scores(np.array([0.0]))[0] == 70


def test_an_invoice_overdue_for_more_than_30_days_caps_the_score_at_50() -> None:
    great = {"use_frequency": 0.6, "core_depth": 10, "data_growth": 0.3, "ticket_load": 0, "nps": 100}
    assert _standard(**great, overdue_days=31).score[0] == 50
    assert _standard(**great, overdue_days=30).score[0] > 50


def test_an_old_answer_counts_as_missing() -> None:
    card = definitions.card_from(STANDARD)
    columns = _columns(**{**dict.fromkeys(card.metrics), "use_frequency": 0.6, "core_depth": 10, "nps": -100})
    columns["overdue_days"] = np.array([0.0])
    fresh = rules.score(card, columns, {"nps": np.array([10.0])})
    stale = rules.score(card, columns, {"nps": np.array([181.0])})
    assert fresh.score[0] < stale.score[0] == 100


@pytest.mark.parametrize(("policy", "expected"), [("leave_out", 100.0), ("zero", 50.0), ("neutral", 75.0)])
def test_the_missing_policy_decides_what_absence_means(policy: str, expected: float) -> None:
    line: dict[str, Any] = {"kind": "line", "points": [[0, 0], [1, 100]]}
    card = definitions.card_from(
        {
            "measures": [
                {"key": "a", "metric": "a", "weight": 1, "scale": line},
                {"key": "b", "metric": "b", "weight": 1, "scale": line, "missing": policy},
            ]
        }
    )
    assert rules.score(card, _columns(a=1, b=None)).score[0] == pytest.approx(expected)


def test_steps_use_the_highest_threshold_reached() -> None:
    # peers.md 7.3 T12 in spirit: licence use of 60% stands between its thresholds.
    steps = rules.Scale("steps", ((0, 0), (0.5, 50), (0.75, 100)))
    assert steps.scores(np.array([0.6, 0.75, 0.1])).tolist() == [50, 100, 0]


LINE: dict[str, Any] = {"kind": "line", "points": [[0, 0], [100, 100]]}


def _weighed(*marks: tuple[float, float]) -> rules.Scored:
    """A card whose measures have these (mark, weight)."""
    measures = [
        {"key": f"m{n}", "metric": f"m{n}", "weight": weight, "scale": LINE}
        for n, (_mark, weight) in enumerate(marks)
    ]
    card = definitions.card_from({"measures": measures})
    return rules.score(card, _columns(**{f"m{n}": mark for n, (mark, _weight) in enumerate(marks)}))


def test_three_flags_two_of_them_on_give_two_thirds() -> None:
    # peers.md 7.3 T2: 10, 10 and 0 of 10.
    assert _weighed((100, 1), (100, 1), (0, 1)).score[0] / 10 == pytest.approx(6.67, abs=0.005)


def test_components_of_several_metrics_give_the_published_overall_score() -> None:
    # peers.md 7.3 T3: 80 (w2), 76 and 65 together (w3), 90 (w3), 54 (w2).
    assert _weighed((76, 1), (65, 1)).score[0] == 70.5
    whole = _weighed((80, 2), (76, 1.5), (65, 1.5), (90, 3), (54, 2))
    assert whole.score[0] == pytest.approx(74.95)


def test_value_weighs_depth_kpis_and_satisfaction() -> None:
    card = definitions.card_from(VALUE)
    scored = rules.score(card, _columns(core_depth=5, kpi_attainment=0.75, csat=4))
    assert scored.score[0] == pytest.approx(67.5) and scored.band[0] == "yellow"
    assert [measure.weight for measure in card.measures] == [30, 40, 30]


def test_licence_use_counts_by_the_age_of_the_contract() -> None:
    # peers.md 7.3 T12 (GitLab): 60% of the seats at 4, 7 and 10 months is green, yellow, red; under 10% is red at any age.
    months = [60 / 30, 210 / 30, 300 / 30]
    young, middle, old = (
        [[0, 0], [0.1, 70], [0.5, 100]],
        [[0, 0], [0.5, 70], [0.75, 100]],
        [[0, 0], [0.75, 100]],
    )
    choices = [[month * 30, {"kind": "steps", "points": points}] for month, points in zip(months, (young, middle, old), strict=True)]  # fmt: skip
    scale = {"kind": "by", "metric": "contract_age_days", "choices": choices}
    card = definitions.card_from(
        {"measures": [{"key": "seats", "metric": "seat_utilisation", "weight": 1, "scale": scale}]}
    )

    def band(use: float | None, age: float | None) -> str:
        return str(rules.score(card, _columns(seat_utilisation=use, contract_age_days=age)).band[0])

    assert [band(0.6, age * 30) for age in (4, 7, 10)] == ["green", "yellow", "red"]
    assert [band(0.05, age * 30) for age in (4, 7, 10)] == ["red", "red", "red"]
    assert [band(0.8, age * 30) for age in (4, 7, 10)] == ["green", "green", "green"]
    assert band(0.6, 20) == band(None, 200) == band(0.6, None) == "insufficient_data"


def test_a_ceiling_may_stand_on_either_side() -> None:
    measures = [{"key": "a", "metric": "a", "weight": 1, "scale": LINE}]
    card = definitions.card_from(
        {"measures": measures, "caps": [{"metric": "fit", "below": 0.3, "at_most": 60}]}
    )
    given = [rules.score(card, _columns(a=90, fit=fit)).score[0] for fit in (0.29, 0.3, None)]
    assert given == [60, 90, 90]


MARKS = st.one_of(st.none(), st.floats(-20, 120))


@given(
    rows=st.lists(st.tuples(MARKS, st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from(["leave_out", "zero", "neutral"]), MARKS), min_size=1, max_size=5),
    cap=MARKS,
    verdict=st.one_of(st.none(), st.floats(0, 100)),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_vectorised_score_is_what_plain_arithmetic_gives(
    rows: list[tuple[float | None, float, str, float | None]], cap: float | None, verdict: float | None
) -> None:
    """From the words of product.md 5.1; the last of a row is a person's verdict on its measure, where it is on the scale."""
    measures = [
        {"key": f"m{n}", "metric": f"m{n}", "weight": weight, "scale": LINE, "missing": policy}
        for n, (_value, weight, policy, _said) in enumerate(rows)
    ]
    card = definitions.card_from(
        {"measures": measures, "caps": [{"metric": "c", "above": 50, "at_most": 40}]}
    )
    columns = _columns(**{f"m{n}": row[0] for n, row in enumerate(rows)}, c=cap)
    said = {n: row[3] for n, row in enumerate(rows) if row[3] is not None and 0 <= row[3] <= 100}
    verdicts = rules.Overrides(
        np.array([np.nan if verdict is None else verdict]),
        {},
        {f"m{n}": np.array([value]) for n, value in said.items()},
    )
    found = rules.score(card, columns, overrides=verdicts)
    total = weight = known = 0.0
    for n, (value, each, policy, _said) in enumerate(rows):
        mark = said.get(n)
        if mark is None and value is not None:
            mark = min(100.0, max(0.0, value))
        known += each if mark is not None else 0
        if mark is None:
            mark = {"leave_out": None, "zero": 0.0, "neutral": 50.0}[policy]
        if mark is not None:
            total, weight = total + each * mark, weight + each
    score = total / weight if weight else None
    if score is not None and cap is not None and cap > 50:
        score = min(score, 40)
    coverage = known / sum(row[1] for row in rows)
    score = None if coverage < 0.5 else score
    score = score if verdict is None else verdict
    assert found.coverage[0] == pytest.approx(coverage)
    if score is None:
        assert np.isnan(found.score[0]) and found.band[0] == "insufficient_data"
    else:
        assert found.score[0] == pytest.approx(score, abs=1e-9)
        assert found.band[0] == (
            "green" if found.score[0] >= 80 else "yellow" if found.score[0] >= 60 else "red"
        )


def test_percentiles_rank_the_accounts_that_have_a_value() -> None:
    marks = rules.Scale("percentile").scores(np.array([1.0, np.nan, 3.0, 2.0]))
    assert marks[0] == 0 and marks[2] == 100 and marks[3] == 50 and np.isnan(marks[1])


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"measures": []}, "1 to 30 measures"),
        ({"measures": [{"key": "a", "metric": "a", "weight": 0, "scale": {"kind": "percentile"}}]}, "above 0"),
        ({"measures": [{"key": "a", "metric": "a", "weight": 1, "scale": {"kind": "guess"}}]}, "line, steps, target"),
        (
            {"measures": [{"key": "a", "metric": "a", "weight": 1, "scale": {"kind": "line", "points": [[1, 0], [0, 9]]}}]},
            "rising values",
        ),
        ({"bands": {"green": 50, "yellow": 60}, "measures": [{"key": "a", "metric": "a", "weight": 1, "scale": {"kind": "percentile"}}]}, "yellow < green"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_scored_is_refused_with_what_is_allowed(
    definition: Any, said: str
) -> None:
    with translation.override("en"), pytest.raises(definitions.ScorecardError, match=said):
        definitions.card_from(definition)
