"""Scores by hand: published vectors and the laws of section 5.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evergreen.health import definitions, rules
from evergreen.health.shipped import STANDARD, STARTER


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
    with pytest.raises(definitions.ScorecardError, match=said):
        definitions.card_from(definition)
