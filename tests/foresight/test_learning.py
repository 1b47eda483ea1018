"""What is learned from a table: its columns, the matrices, calibration, choosing, and the figures."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm, rankdata

from evergreen.base import measures
from evergreen.foresight.learning import calibrating, choosing, columns, encoding, judging, members
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.foresight.learning.model import Model


@pytest.fixture
def dice() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def few_choices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same way with fewer sizes to choose from, for seconds count."""
    few = {
        members.Kind.LOGISTIC: {10.0: (1,)},
        members.Kind.LIGHTGBM: {3: (20, 40)},
        members.Kind.CATBOOST: {2: (20, 40)},
    }
    monkeypatch.setattr(choosing, "CHOICES", few)
    yield


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", " 2.5", "", "1,234", "-3e2"], Kind.NUMBER),
        (["12%", "7 %", " "], Kind.NUMBER),
        ([True, False, None], Kind.NUMBER),
        (["Yes", "No", "Yes"], Kind.WORDS),
        (["2026-01-05", "2026/2/7", ""], Kind.DAY),
        ([dt.date(2026, 1, 1), dt.datetime(2026, 1, 2, 8)], Kind.DAY),
        (["0012", "0450", "1300"], Kind.WORDS),
        (["基础版", "专业版", "无"], Kind.WORDS),
        ([1.5, None, math.nan, 2], Kind.NUMBER),
    ],
)
def test_a_column_is_taken_for_what_its_cells_are(cells: list[object], kind: Kind) -> None:
    assert columns.look_at({"x": cells}).kept == (Column("x", kind),)


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("x", ["", None, "n/a"], "empty"),
        ("x", ["a", "a"], "the same"),
        ("x", [3, 3.0, "3"], "the same"),
        ("x", [f"customer {n}" for n in range(200)], "nearly every row"),
        ("RowNumber", list(range(200)), "identifier"),
        ("customer_id", [n // 2 * 2 if n < 10 else n for n in range(200)], "identifier"),
    ],
)
def test_what_nothing_can_be_learned_from_is_left_out_and_said(
    name: str, cells: list[object], reason: str
) -> None:
    found = columns.look_at({name: cells})
    assert not found.kept and reason in found.left_out[name]


def test_blank_numbers_are_missing_and_never_zero() -> None:
    found = columns.numbers([" ", "0", None, "1.5"], Kind.NUMBER)
    assert np.isnan(found[[0, 2]]).all() and found[1] == 0 and found[3] == 1.5
    days = columns.numbers(["1970-01-03", ""], Kind.DAY)
    assert days[0] == 2 and np.isnan(days[1])


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3), st.floats(-1e6, 1e6)), min_size=3, max_size=40))
@settings(max_examples=80, deadline=None)
def test_a_number_becomes_the_normal_deviate_of_its_rank(cells: list[float | None]) -> None:
    given_ = {"x": np.array([math.nan if cell is None else cell for cell in cells])}
    encoder = encoding.Encoder.learn([Column("x", Kind.NUMBER)], given_)
    matrix = encoder.matrix(given_)
    filled = [float(cell) for cell in cells if cell is not None]
    if len(set(filled)) == 0 or (len(set(filled)) == 1 and len(filled) == len(cells)):
        assert matrix.ranked.shape[1] == 0
        return
    naive = iter(norm.ppf((rankdata(filled) - 0.5) / len(filled)))
    expected = [0.0 if cell is None else next(naive) for cell in cells]
    assert np.allclose(matrix.ranked[:, 0], expected)
    assert (matrix.ranked.shape[1] == 2) == (len(filled) < len(cells))


def test_words_have_a_column_each_and_rare_or_new_ones_have_none() -> None:
    said = np.array(["month"] * 60 + ["year"] * 30 + ["two years"] * 10 + ["odd"], dtype=object)
    encoder = encoding.Encoder.learn([Column("term", Kind.WORDS)], {"term": said})
    assert [source.word for source in encoder.tree_sources] == ["month", "year", "two years"]
    told = encoder.matrix({"term": np.array(["year", "odd", "never seen"], dtype=object)})
    assert told.trees.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_a_value_beyond_all_seen_counts_as_the_highest() -> None:
    encoder = encoding.Encoder.learn([Column("x", Kind.NUMBER)], {"x": np.arange(10.0)})
    told = encoder.matrix({"x": np.array([9.0, 1e9, np.nan])})
    assert told.ranked[0, 0] == told.ranked[1, 0] > 1 and told.ranked[2, 0] == 0


def test_calibration_is_the_likeliest_stretch_and_shift(dice: np.random.Generator) -> None:
    truths = dice.random(400) < 0.3
    said = np.clip(np.where(truths, 0.5, 0.2) + dice.normal(0, 0.1, 400), 0.01, 0.99)
    weights = dice.uniform(0.5, 3, 400)

    def loss(at: np.ndarray) -> float:
        line = at[0] * np.log(said / (1 - said)) + at[1]
        each = np.logaddexp(0, np.where(truths, -line, line))
        return float((weights * each).sum() + 10 * ((at[0] - 1) ** 2 + at[1] ** 2))

    naive = minimize(loss, [1.0, 0.0], tol=1e-10).x
    found = calibrating.calibrated(truths, said, weights)
    assert np.allclose([found.stretch, found.shift], naive, atol=1e-4)


def test_a_few_rows_hardly_move_a_calibration() -> None:
    found = calibrating.calibrated(np.array([True, False]), np.array([0.1, 0.9]), np.ones(2))
    assert abs(found.stretch - 1) < 0.5 and abs(found.shift) < 0.1


def test_thinned_rows_keep_the_rarer_kind_and_stand_for_the_rest(dice: np.random.Generator) -> None:
    truths = dice.random(5_000) < 0.04
    found = judging.thinned(truths, 1_000)
    assert found.rows.size == 1_000 and truths[found.rows].sum() == truths.sum()
    assert math.isclose(found.weights[~truths[found.rows]].sum(), (~truths).sum())
    assert (found.weights[truths[found.rows]] == 1).all() and (np.diff(found.rows) > 0).all()
    assert judging.thinned(truths, 10_000).rows.size == 5_000


def test_groups_never_stand_on_both_sides_of_a_fold(dice: np.random.Generator) -> None:
    truths = dice.random(300) < 0.3
    groups = np.arange(300) // 5
    for inside, outside in choosing.splits(truths, groups, 3):
        assert not set(groups[inside]) & set(groups[outside])


def _made(dice: np.random.Generator, n: int) -> tuple[encoding.Read, tuple[Column, ...], measures.Truths]:
    """A skewed count, a word, noise with gaps; the chance of a loss depends on the first two."""
    use = dice.lognormal(1, 1, n)
    plan = dice.choice(["month", "year"], n)
    noise = np.where(dice.random(n) < 0.2, np.nan, dice.normal(0, 1, n))
    chance = 1 / (1 + np.exp(0.8 + 1.2 * np.log(use) - 1.5 * (plan == "month")))
    read = {"use": use, "plan": plan.astype(object), "noise": noise}
    kept = (Column("use", Kind.NUMBER), Column("plan", Kind.WORDS), Column("noise", Kind.NUMBER))
    return read, kept, dice.random(n) < chance


def test_what_is_there_is_found_and_its_reasons_name_it(dice: np.random.Generator, few_choices: None) -> None:
    read, kept, truths = _made(dice, 1_500)
    inside, outside = np.arange(1_000), np.arange(1_000, 1_500)
    choice = choosing.choose(encoding.rows(read, inside), kept, truths[inside])
    model = Model.learn(encoding.rows(read, inside), kept, truths[inside], choice)
    held_out = encoding.rows(read, outside)
    figures = judging.judge(truths[outside], model.probabilities(held_out))
    assert figures.auc is not None and figures.auc > 0.7
    assert figures.ece is not None and figures.ece < 0.1
    pulls = {name: float(np.abs(each).mean()) for name, each in model.pulls(held_out).items()}
    assert pulls["noise"] < min(pulls["use"], pulls["plan"])
    low = read["use"][outside] < np.median(read["use"])
    assert model.pulls(held_out)["use"][low].mean() > 0 > model.pulls(held_out)["use"][~low].mean()
    again = Model.learn(encoding.rows(read, inside), kept, truths[inside], choice)
    assert (again.probabilities(held_out) == model.probabilities(held_out)).all()


def test_the_pulls_of_a_member_add_up_to_its_log_odds(dice: np.random.Generator) -> None:
    read, kept, truths = _made(dice, 400)
    matrix = encoding.Encoder.learn(kept, read).matrix(read)
    for kind, size, rounds in (
        (members.Kind.LOGISTIC, 10.0, 1),
        (members.Kind.LIGHTGBM, 3, 30),
        (members.Kind.CATBOOST, 2, 30),
    ):
        learned = members.learn(kind, size, 40, matrix, truths, np.ones(truths.size))
        assert np.allclose(
            learned.pulls(matrix, rounds).sum(axis=1), learned.log_odds(matrix, rounds), atol=1e-6
        )


def test_shuffled_labels_cannot_be_foretold(dice: np.random.Generator, few_choices: None) -> None:
    read, kept, truths = _made(dice, 800)
    figures = judging.cross_validate(read, kept, dice.permutation(truths), processes=1)
    mean = judging.mean(figures, 800, int(truths.sum()))
    assert len(figures) == 25 and mean.auc is not None and abs(mean.auc - 0.5) <= 0.05


def test_without_any_signal_the_logistic_alone_serves_and_says_the_share(
    dice: np.random.Generator, few_choices: None
) -> None:
    noise = {"x": dice.normal(0, 1, 300)}
    truths = dice.random(300) < 0.2
    choice = choosing.choose(noise, (Column("x", Kind.NUMBER),), truths)
    model = Model.learn(noise, (Column("x", Kind.NUMBER),), truths, choice)
    assert abs(float(model.probabilities(noise).mean()) - float(truths.mean())) < 0.05


def test_the_mean_over_folds_leaves_out_figures_without_meaning() -> None:
    one = judging.Figures(0.8, 0.5, 0.1, 0.02, 3.0, 10, 2)
    two = judging.Figures(None, None, 0.3, 0.04, None, 10, 0)
    mean = judging.mean([one, two], 20, 2)
    assert (mean.auc, mean.brier, mean.lift10, mean.n) == (0.8, 0.2, 3.0, 20)
