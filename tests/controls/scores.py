"""Faults in scores: the backtest, suggested weights, verdicts, what a change is made of."""

from tests.controls import Control

_RUNNING = "tests/health/backtest/test_running.py"
_JUDGING = "tests/health/backtest/test_judging.py"
_WEIGHTS = "tests/health/backtest/test_weights.py"
_ENDINGS = "tests/customers/test_endings.py"
_CARDS = "tests/health/test_cards.py"
_EXPLAINED = "tests/health/test_explained.py"

CONTROLS = (
    Control(
        "endings_seen_by_a_later_score",
        "An ending is seen by the score of so many days before, never by a later one.",
        "evergreen/health/backtest/running.py",
        "endings.on[None, :] - np.array(ahead, np.int64)[:, None]",
        "endings.on[None, :] - np.array(ahead, np.int64)[:, None] + 7",
        (_RUNNING,),
    ),
    Control(
        "losers_counted_back_from_the_end_of_their_grace",
        "Who left and who stayed are counted back from the same day, the end of cover.",
        "evergreen/customers/endings.py",
        "        on=np.where(is_told, np.minimum(known, on), on),",
        "        on=np.where(is_told, np.minimum(known, on), np.where(is_lost, on + grace_days, on)),",
        (_ENDINGS,),
    ),
    Control(
        "weights_learn_from_what_came_later",
        "Suggested weights learn nothing that was not known when the later time was first looked at.",
        "evergreen/health/backtest/weights.py",
        "seen.chosen(seen.decided_on < looked)",
        "seen.chosen(seen.on < cut + 400)",
        (_WEIGHTS,),
    ),
    Control(
        "rows_of_one_account_taken_as_many_witnesses",
        "Several endings of one account make an interval no narrower.",
        "evergreen/base/rankings.py",
        "    found = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)",
        "    found = np.arange(np.asarray(groups).size, dtype=np.int64)",
        ("tests/base/test_rankings.py",),
    ),
    Control(
        "false_greens_among_those_who_stayed",
        "A false green is an account that left.",
        "evergreen/health/backtest/judging.py",
        'seen.chosen((seen.band == "green") & seen.is_lost)',
        'seen.chosen(seen.band == "green")',
        (_JUDGING,),
    ),
    Control(
        "a_verdict_outlives_its_last_day",
        "A person's verdict counts until its last day and no longer.",
        "evergreen/health/queries.py",
        "starts_on__lte=day, expires_on__gte=day",
        "starts_on__lte=day",
        (_CARDS,),
    ),
    Control(
        "another_versions_part_not_told",
        "The listed parts of a change add up to it, also over a change of the scorecard.",
        "evergreen/health/actions/scoring.py",
        'f"model_change_{days}d": model if abs(model) > 1e-9 else 0.0,',
        'f"model_change_{days}d": 0.0,',
        (_EXPLAINED,),
    ),
    Control(
        "a_taken_back_version_still_counts",
        "A version that was taken back counts on no day.",
        "evergreen/health/queries.py",
        "if not one.is_withdrawn]\n    begun",
        "]\n    begun",
        (_CARDS,),
    ),
)
