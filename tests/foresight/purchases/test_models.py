"""The closed forms against what they stand for: averages over rates that nobody sees, by summing up and by simulation."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import beta as beta_
from scipy.stats import gamma

from evergreen.foresight.purchases.fitting import NotFoundError
from evergreen.foresight.purchases.forecasting import forecast, tried
from evergreen.foresight.purchases.histories import Histories, Purchases
from evergreen.foresight.purchases.models import BgNbd, Model, ParetoNbd
from evergreen.foresight.purchases.spend import GammaGamma

_BG = BgNbd(0.8, 4.0, 1.6, 2.4)
_PARETOS = (ParetoNbd(1.4, 9.0, 1.7, 6.0), ParetoNbd(1.3, 5.0, 1.6, 8.0))
_HISTORIES = ((0.0, 0.0, 12.0), (1.0, 3.0, 30.0), (4.0, 20.0, 21.0), (3.0, 2.0, 38.0))
_WEEKS = 20.0


def _one(again: float, last: float, age: float) -> Histories:
    row = (np.array([number]) for number in (again, last, age, 0.0))
    return Histories(np.array(["c"], dtype=object), *row)


# On the scale of logarithms the trapezium rule of a smooth hill gains a digit with every few steps.
_LOGS = np.linspace(-30.0, 12.0, 900)
_STEP = _LOGS[1] - _LOGS[0]
Grid = NDArray[np.float64]


def _rates(shape: float, scale: float) -> tuple[Grid, Grid]:
    """Rates, and how much of a gamma distribution each stands for."""
    rate = np.exp(_LOGS)
    return rate, gamma.pdf(rate, shape, scale=1 / scale) * rate * _STEP


def _chances(a: float, b: float) -> tuple[Grid, Grid]:
    """Chances, and how much of a beta distribution each stands for."""
    chance = expit(_LOGS)
    return chance, beta_.pdf(chance, a, b) * chance * expit(-_LOGS) * _STEP


@pytest.mark.parametrize("history", _HISTORIES)
def test_bgnbd_is_the_average_over_rates_and_chances_of_going(history: tuple[float, float, float]) -> None:
    again, last, age = history
    rate, of_rate = _rates(_BG.r, _BG.alpha)
    p, of_p = (one[:, None] for one in _chances(_BG.a, _BG.b))
    stayed = (1 - p) ** again * rate**again * np.exp(-rate * age) * of_rate * of_p
    went = p * (1 - p) ** (again - 1) * rate**again * np.exp(-rate * last) * of_rate * of_p if again else 0.0
    to_come = stayed * -np.expm1(-rate * p * _WEEKS) / p
    _is_told(_BG, _one(*history), stayed, went, to_come)


@pytest.mark.parametrize("model", _PARETOS)
@pytest.mark.parametrize("history", _HISTORIES)
def test_paretonbd_is_the_average_over_both_rates(
    model: ParetoNbd, history: tuple[float, float, float]
) -> None:
    again, last, age = history
    rate, of_rate = _rates(model.r, model.alpha)
    going, of_going = (one[:, None] for one in _rates(model.s, model.beta))
    both = rate + going
    stayed = rate**again * np.exp(-both * age) * of_rate * of_going
    went = rate**again * going / both * (np.exp(-both * last) - np.exp(-both * age)) * of_rate * of_going
    to_come = stayed * -np.expm1(-going * _WEEKS) * rate / going
    _is_told(model, _one(*history), stayed, went, to_come)


def _is_told(model: Model, known: Histories, stayed: Grid, went: Grid | float, to_come: Grid) -> None:
    total = stayed.sum() + np.sum(went)
    assert np.exp(model.log_likelihoods(known.again, known.last, known.age)[0]) == pytest.approx(
        total, rel=1e-7
    )
    assert model.alive(known)[0] == pytest.approx(stayed.sum() / total, rel=1e-7)
    assert model.expected(known, _WEEKS)[0] == pytest.approx(to_come.sum() / total, rel=1e-7)


def test_where_a_formula_divides_by_zero_its_neighbours_agree() -> None:
    known = _one(3.0, 10.0, 20.0)
    at, beside = BgNbd(0.8, 4.0, 1.0, 2.4), BgNbd(0.8, 4.0, 1.001, 2.4)
    assert at.expected(known, 10)[0] == pytest.approx(beside.expected(known, 10)[0], rel=1e-2)
    one, near = ParetoNbd(1.4, 9.0, 1.0, 6.0), ParetoNbd(1.4, 9.0, 1.001, 6.0)
    assert one.expected(known, 10)[0] == pytest.approx(near.expected(known, 10)[0], rel=1e-2)


def test_the_worth_of_a_purchase_lies_between_the_customers_own_and_everybodys() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    everybody = model.p * model.v / (model.q - 1)
    few, many = _spender(1.0, 100.0), _spender(200.0, 100.0)
    assert everybody < model.expected(few)[0] < model.expected(many)[0] < 100.0
    assert model.expected(_spender(0.0, 0.0))[0] == pytest.approx(everybody)


def _spender(again: float, spend: float) -> Histories:
    return Histories(
        np.array(["c"], dtype=object), np.array([again]), np.zeros(1), np.ones(1), np.array([spend])
    )


_ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.integers(-300, 900)), min_size=1, max_size=40
)


@given(_ROWS, st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_histories_are_what_counting_by_hand_says(rows: list[tuple[str, int, int]], end: int) -> None:
    begin = dt.date(2026, 1, 1)
    until = begin + dt.timedelta(days=end)
    by_hand: dict[str, dict[int, int]] = {}
    for who, day, amount in rows:
        of_days = by_hand.setdefault(who, {})
        of_days[day] = of_days.get(day, 0) + amount
    known = {
        who: {day: amount for day, amount in sorted(days.items()) if amount >= 0 and day <= end}
        for who, days in sorted(by_hand.items())
    }
    known = {who: days for who, days in known.items() if days}
    bought = Purchases.of_rows(
        [who for who, _, _ in rows],
        [begin + dt.timedelta(days=day) for _, day, _ in rows],
        [float(amount) for _, _, amount in rows],
    )
    if not known:
        with pytest.raises(ValueError, match="choose a later day"):
            bought.known(until)
        return
    found = bought.known(until)
    assert found.customers.tolist() == list(known)
    after = bought.bought(found, until, until + dt.timedelta(days=10))
    for place, (who, days) in enumerate(known.items()):
        first, *again = days
        assert found.again[place] == len(again)
        assert found.last[place] == pytest.approx((max(days) - first) / 7)
        assert found.age[place] == pytest.approx((end - first) / 7)
        assert found.spend[place] == pytest.approx(sum(days[day] for day in again) / max(len(again), 1))
        assert after[place] == sum(
            end < day <= end + 10 and amount >= 0 for day, amount in by_hand[who].items()
        )


def _simulated(customers: int, weeks: int, seed: int) -> Purchases:
    """A shop whose customers buy and go as Pareto/NBD says."""
    chance = np.random.default_rng(seed)
    begin = dt.date(2025, 1, 1)
    rows: list[tuple[str, dt.date, float]] = []
    for number in range(customers):
        rate, going = chance.gamma(1.2, 1 / 6.0), chance.gamma(0.9, 1 / 20.0)
        mean = chance.gamma(4.0, 25.0)
        day = float(chance.integers(0, 60))
        end = min(day + chance.exponential(1 / going) * 7, weeks * 7)
        while day < end:
            amount = float(chance.gamma(3.0, mean / 3.0))
            rows.append((f"c{number:05d}", begin + dt.timedelta(days=int(day)), amount))
            day += chance.exponential(1 / rate) * 7
    return Purchases.of_rows(*zip(*rows, strict=True))


def test_a_shop_that_is_as_the_model_says_is_foretold_better_than_by_carrying_on() -> None:
    shop = _simulated(1_500, 80, seed=5)
    trial = tried(shop, dt.date(2025, 12, 1), dt.date(2026, 7, 1))
    assert trial.best is ParetoNbd
    pareto = trial.found[1]
    assert pareto.bias is not None and abs(pareto.bias) < 0.1
    assert pareto.mae < trial.naive.mae
    fitted = trial.models[1]
    assert isinstance(fitted, ParetoNbd)
    assert fitted.r / fitted.alpha == pytest.approx(0.2, rel=0.15)
    ahead = forecast(shop, trial.best, dt.date(2026, 7, 1), 26)
    assert ahead.worth is not None
    assert np.all((ahead.alive >= 0) & (ahead.alive <= 1)) and np.all(ahead.purchases >= 0)
    assert ahead.worth.sum() == pytest.approx(ahead.purchases.sum() * 100, rel=0.15)


def test_too_few_who_came_back_and_a_split_without_a_rest_are_refused() -> None:
    few = Purchases.of_rows(["a", "b", "a"], [dt.date(2026, 1, 1), dt.date(2026, 1, 1), dt.date(2026, 2, 1)])
    with pytest.raises(NotFoundError, match="1 of 2 customers came back; at least 30"):
        forecast(few, BgNbd, dt.date(2026, 3, 1), 4)
    with pytest.raises(ValueError, match="leaves no day"):
        tried(few, dt.date(2026, 3, 1), dt.date(2026, 3, 1))
    with pytest.raises(ValueError, match="above 0"):
        forecast(few, BgNbd, dt.date(2026, 3, 1), 0)
