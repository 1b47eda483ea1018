"""Faults of product analytics: a session cut too early, a funnel out of order, somebody else's accounts."""

from tests.controls import Control

_HERE = "evergreen/metrics/analytics"
_TESTS = "tests/metrics/analytics"
_SESSIONS = f"{_TESTS}/test_sessions.py"
_FUNNEL = f"{_TESTS}/test_funnels.py"

CONTROLS = (
    Control(
        "session_cut_at_the_gap",
        "A pause of exactly 30 minutes does not end a session.",
        "evergreen/events/sessions.py",
        "now - before > gap",
        "now - before >= gap",
        (
            f"{_SESSIONS}::test_a_pause_of_exactly_thirty_minutes_is_one_session",
            "tests/events/test_firsts.py::test_half_an_hour_of_silence_goes_on_and_a_microsecond_more_begins_a_session",
        ),
    ),
    Control(
        "online_over_midnight",
        "Time online is counted by day and by what became known on it.",
        "evergreen/events/sessions.py",
        'person=(*PERSON, "day", "known_on")',
        "person=PERSON",
        (f"{_SESSIONS}::test_time_online_is_the_sum_of_the_pauses_within_a_days_sessions",),
    ),
    Control(
        "funnel_keeps_its_first_beginning",
        "Every first step begins a funnel anew.",
        f"{_HERE}/funnels.py",
        ".max().over(ibis.rows_window(**frame))",
        ".min().over(ibis.rows_window(**frame))",
        (f"{_FUNNEL}::test_order_window_and_beginning_anew",),
    ),
    Control(
        "funnel_window_excludes_its_end",
        "Exactly the window counts.",
        f"{_HERE}/funnels.py",
        "(rows.us - before <= most)",
        "(rows.us - before < most)",
        (f"{_FUNNEL}::test_order_window_and_beginning_anew",),
    ),
    Control(
        "one_event_fills_two_steps",
        "One event fills one step of a funnel only.",
        f"{_HERE}/funnels.py",
        "ibis.ifelse(rows.several, 2 * last - rows.step, rows.step)",
        "rows.step",
        (f"{_FUNNEL}::test_one_event_fills_one_step_only",),
    ),
    Control(
        "analytics_of_everybody",
        "Nobody is told of accounts that are not theirs.",
        f"{_HERE}/population.py",
        '            rows = rows.semi_join(ASKED, "account_id")\n',
        "            pass\n",
        (
            f"{_TESTS}/test_answers.py::test_nobody_is_told_of_accounts_that_are_not_theirs",
            "tests/web/test_analytics.py::test_nobody_sees_figures_or_accounts_outside_their_own",
        ),
    ),
    Control(
        "window_of_actives_a_day_long",
        "Whoever was active on a day is active in each window of n days that holds it, and no longer.",
        f"{_HERE}/trends.py",
        "ibis.interval(days=window)",
        "ibis.interval(days=window + 1)",
        (f"{_TESTS}/test_answers.py::test_figures_of_the_roll_up_are_what_slow_calculations_say",),
    ),
    Control(
        "paths_run_over_their_session",
        "What comes after more than 30 minutes follows nothing.",
        f"{_HERE}/paths.py",
        "inside = inside & (bound",
        "inside = inside | (bound",
        (f"{_TESTS}/test_paths.py::test_what_comes_after_more_than_thirty_minutes_follows_nothing",),
    ),
)
