"""The pure parts against naive calculations: co-use, what followed, the holdout, take-up."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.foresight.recommendations import helped, holdout, measuring
from evergreen.foresight.recommendations.helped import Tried
from evergreen.foresight.recommendations.together import STRENGTH, Together, role_of


def _tried(item: str, effect: float, seed: int, accounts: int = 200) -> Tried:
    """Growing accounts try more; only ``effect`` comes of trying."""
    dice = np.random.default_rng(seed)
    trend = dice.normal(0, 1, accounts)
    took = dice.random(accounts) < 1 / (1 + np.exp(1 - trend))
    change = 0.2 * trend + effect * took + dice.normal(0, 0.1, accounts)
    return Tried(item, np.arange(accounts), trend[:, None], took, change)


def test_what_the_state_explains_is_not_credited_to_the_item() -> None:
    tried = [_tried(f"null:{n}", 0.0, n) for n in range(6)] + [_tried("real", 0.25, 50)]
    found = {one.item: one for one in helped.helped(tried)}
    naive = tried[0].change[tried[0].took].mean() - tried[0].change[~tried[0].took].mean()
    assert naive > 0.1
    for place in range(6):
        one = found[f"null:{place}"]
        assert abs(one.change) < 0.05 and not one.is_clear
    assert found["real"].is_clear and found["real"].change == pytest.approx(np.expm1(0.25), abs=0.06)


def test_few_takers_are_left_out_and_repeated_rows_of_an_account_are_one() -> None:
    few = _tried("few", 0.5, 1, accounts=12)
    assert helped.helped([few]) == []
    one = _tried("x", 0.2, 2)
    twice = Tried(
        "x", np.tile(one.account, 3), np.tile(one.state, (3, 1)), np.tile(one.took, 3), np.tile(one.change, 3)
    )
    once, thrice = helped.helped([one]), helped.helped([twice])
    assert (once[0].took, once[0].others) == (thrice[0].took, thrice[0].others)
    assert thrice[0].low == pytest.approx(once[0].low, abs=1e-6)


def test_a_value_so_many_days_later_is_of_the_same_account() -> None:
    account, day = np.array([1, 2, 1, 1]), np.array([0, 0, 28, 84])
    found = helped.later(account, day, np.array([1.0, 2.0, 3.0, 4.0]), 28)
    assert found[0] == 3.0 and np.isnan(found[1:]).all()


def test_relevance_is_the_mean_of_shrunk_shares_weighted_by_rarity() -> None:
    model = Together(
        {"f": (100, 40), "g": (100, 50)}, {"g": {"f": (50, 45), "g": (50, 50)}, "@role:boss": {"f": (4, 0)}}
    )
    base = 40.5 / 101
    shares = [(45 + STRENGTH * base) / (50 + STRENGTH), (0 + STRENGTH * base) / (4 + STRENGTH)]
    rare = [np.log(1 + 100 / 50), np.log(1 + 100 / 4)]
    value, speaks, counts = model.relevance("f", {"g", "@role:boss", "never seen"})
    assert value == pytest.approx(np.average(shares, weights=rare))
    assert (speaks, counts) == ("g", (50, 45))
    alone = model.relevance("f", set())
    assert alone[0] == pytest.approx(base) and alone[1:] == ("", (0, 0))
    assert Together.of_json(model.as_json()).relevance("f", {"g"}) == model.relevance("f", {"g"})


@pytest.mark.parametrize(
    ("traits", "role"),
    [({"role": " Boss "}, "boss"), ({"title": "会计"}, "会计"), ({"role": 3}, ""), ({}, "")],
)
def test_a_role_is_what_the_traits_tell(traits: dict[str, object], role: str) -> None:
    assert role_of(traits) == role


def test_the_holdout_is_stable_near_its_share_and_grows_without_dealing_anew() -> None:
    tenth = {one for one in range(20_000) if holdout.is_held(one, 10)}
    assert 0.09 < len(tenth) / 20_000 < 0.11
    assert tenth <= {one for one in range(20_000) if holdout.is_held(one, 20)}
    assert not any(holdout.is_held(one, 0) for one in range(500))
    # Nobody may be dealt anew by a change of code: these were held back in the first version.
    assert [one for one in range(60) if holdout.is_held(one, 10)] == [7, 32, 33, 48, 50]


def test_the_difference_of_take_up_counts_accounts() -> None:
    dice = np.random.default_rng(4)
    shown, held = (dice.random(200) < 0.4).astype(float), (dice.random(60) < 0.1).astype(float)
    more, interval = measuring._difference(shown, held)
    assert more == pytest.approx(shown.mean() - held.mean()) and interval is not None
    error = np.sqrt(shown.var(ddof=1) / 200 + held.var(ddof=1) / 60)
    assert interval.low == pytest.approx(more - 1.96 * error, abs=1e-4) and interval.low > 0
    assert measuring._difference(shown, held[:9]) == (None, None)
