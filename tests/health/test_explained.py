"""A change of a score explained: what is listed adds up to it, and one sentence says it in the reader's language."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.health import definitions, rules, words
from evergreen.health.actions import scoring
from evergreen.health.models import Standing

VALUES = st.one_of(st.none(), st.floats(-50, 150))
LINE = {"kind": "line", "points": [[0, 0], [100, 100]]}
KEYS = ("a", "b", "c", "d")
DAY = dt.date(2026, 10, 31)


@st.composite
def cards(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
    additive = draw(st.booleans())
    measures = [
        {
            "key": key,
            "metric": f"m_{key}",
            "weight": draw(st.sampled_from([1, 2.5, 4])),
            "scale": {"kind": "worth", "per": 3, "worth": draw(st.sampled_from([-4, 2, 9]))}
            if additive
            else LINE,
            "missing": draw(st.sampled_from(["leave_out", "zero", "neutral"])),
        }
        for key in chosen
    ]
    caps = [{"metric": "m_cap", "above": 50, "at_most": 30}] if draw(st.booleans()) else []
    return {"additive": additive, "measures": measures, "caps": caps, "coverage_floor": 0.2}


def row(
    definition: dict[str, Any], values: dict[str, float | None], version: int, verdict: float | None
) -> Any:
    """A row of scores as the night writes it."""
    card = definitions.card_from(definition)
    columns = {
        metric: np.array([np.nan if values.get(metric) is None else values[metric]], np.float64)
        for metric in card.metrics
    }
    said = rules.Overrides(np.array([np.nan if verdict is None else verdict]))
    found = rules.score(card, columns, overrides=said)
    (text,) = scoring._contributions(card, found, columns, DAY)
    score = None if np.isnan(found.score[0]) else float(found.score[0])
    return (1, "ours", version, score, str(found.band[0]), float(found.coverage[0]), DAY, text)


ASKED = st.tuples(cards(), st.dictionaries(st.sampled_from([*(f"m_{key}" for key in KEYS), "m_cap"]), VALUES))


@given(now=ASKED, before=ASKED, same=st.booleans(), verdict=st.one_of(st.none(), st.floats(0, 100)))
@settings(max_examples=500, deadline=None)
def test_the_listed_parts_add_up_to_the_change(
    now: Any, before: Any, same: bool, verdict: float | None
) -> None:
    """MET-09: over missing data, ceilings, bounds, verdicts, and another version with other measures."""
    definition = now[0] if same else before[0]
    newest = row(now[0], now[1], 2, verdict)
    former = row(definition, before[1], 2 if same else 1, None)
    past = {}
    if former[3] is not None:
        points = {entry["measure"]: entry["points"] for entry in msgspec.json.decode(former[7])}
        past = {(1, "ours"): (former[3], points, former[2])}
    made = scoring._standing(newest, DAY, 5, 5, {7: past, 30: past, 90: {}}, is_verdict=verdict is not None)
    standing = Standing(**made)
    assert standing.change_90d is None and "held_change_90d" not in standing.beyond
    if newest[3] is None or not past:
        assert standing.change_30d is None
        return
    assert standing.change_30d == pytest.approx(newest[3] - former[3])
    names = {key: {"zh": key, "en": key} for key in KEYS}
    for language in ("zh-hans", "en"):
        listed = [reason.change_30d or 0.0 for reason in reasons_of(standing, language, names)]
        others = [part.points for part in words.beyond(standing, language, 30)]
        assert sum(listed) + sum(others) == pytest.approx(standing.change_30d, abs=1e-6)
    total = sum(entry["points"] for entry in standing.contributions) + standing.beyond["held"]
    assert total == pytest.approx(newest[3])
    if same and verdict is None:
        assert standing.beyond["model_change_30d"] == pytest.approx(0, abs=1e-6)


def reasons_of(standing: Standing, language: str, names: Any) -> list[words.Reason]:
    # The measures of this test read no real metrics, so their values are not put in words.
    for entry in standing.contributions:
        entry["metric"] = "use_frequency"
    return words.reasons(standing, language, names=names)


def stand(**beyond: Any) -> Standing:
    entry = {
        "measure": "a",
        "metric": "use_frequency",
        "value": 0.3,
        "score": 50.0,
        "points": 50.0,
        "lost": 50.0,
    }
    entry |= {"weight": 100.0, "missing": None, "change_7d": -1.0, "change_30d": -4.0, "change_90d": 6.0}
    return Standing(
        version=2, score=40.0, band="red", coverage=1.0, change_7d=-1.0, change_30d=-14.0, change_90d=6.0,
        contributions=[entry], beyond=beyond,
    )  # fmt: skip


NAMES = {"a": {"zh": "使用频率", "en": "Use frequency"}}


@pytest.mark.parametrize(
    ("days", "zh", "en"),
    [
        (7, "7 天里基本持平", "Steady over 7 days"),
        (30, "30 天里下降 14 分：上限或下限 −10.0，使用频率 −4.0", "Down 14 points in 30 days: ceilings and bounds −10.0, Use frequency −4.0"),
        (90, "90 天里上升 6 分：使用频率 +6.0", "Up 6 points in 90 days: Use frequency +6.0"),
    ],
)  # fmt: skip
def test_the_sentence_tells_each_span_in_the_readers_language(days: int, zh: str, en: str) -> None:
    standing = stand(held=-10.0, why="rules", held_change_30d=-10.0)
    assert words.sentence(standing, "zh-hans", names=NAMES, days=days).startswith(zh)
    assert words.sentence(standing, "en", names=NAMES, days=days).startswith(en)


def test_another_version_and_a_verdict_are_told_as_such() -> None:
    version = stand(why="rules", model_change_30d=-10.0, former_version_30d=1)
    assert "模型改版 v1 → v2 −10.0" in words.sentence(version, "zh-hans", names=NAMES)
    verdict = stand(why="override", held_change_30d=-10.0)
    said = words.sentence(verdict, "en", names=NAMES)
    assert said.startswith("Set by a person. ") and "a person's verdict −10.0" in said


def test_a_measure_set_by_hand_says_so(cast: SimpleNamespace) -> None:
    standing = stand(why="rules")
    standing.contributions[0]["overridden"] = True
    (reason,) = words.reasons(standing, "en", names=NAMES)
    assert reason.is_overridden and reason.detail == "set to 50 by a person"
