"""Faults in forecasts: measures, learning, training sets."""

from tests.controls import Control

_MEASURES = "tests/base/test_measures.py"
_LEARNING = "tests/foresight/test_learning.py"
_EXPANSION = "tests/foresight/expansion/test_suggestions.py"
_HISTORY = "tests/foresight/test_history.py"
_RISKS = "tests/foresight/test_risks.py"
_ROWS = "tests/foresight/test_rows.py"
_WATCHING = "tests/foresight/test_watching.py"
_FORECAST = "tests/web/test_forecast.py"
_TABLES = "tests/foresight/test_tables.py"

CONTROLS = (
    Control(
        "held_out_are_asked_in",
        "A playbook that was shown to help is never recommended to an account that is held out of it.",
        "evergreen/playbooks/queries.py",
        "not is_out",
        "(not is_out or is_out)",
        (
            "tests/outcomes/test_proofs.py::test_a_playbook_shown_to_help_is_named_to_whom_it_is_open_and_to_nobody_held_out",
        ),
    ),
    Control(
        "looked_at_every_night_and_believed",
        "What is looked at every night is told only when it is clear to whoever looks every night.",
        "evergreen/foresight/recommendations/models.py",
        "self.always_low > 0 or self.always_high < 0",
        "self.low > 0 or self.high < 0",
        ("tests/outcomes/test_proofs.py::test_what_is_not_clear_to_whoever_looks_every_night_is_not_named",),
    ),
    Control(
        "ties_count_as_right",
        "Two equal scores are half a pair in the right order.",
        "evergreen/base/measures.py",
        "(last - (counts - 1) / 2)[place]",
        "last[place]",
        (_MEASURES,),
    ),
    Control(
        "blank_is_zero",
        "A blank number is missing, never 0.",
        "evergreen/foresight/learning/columns.py",
        "math.nan if (number := read(cell)) is None",
        "0.0 if (number := read(cell)) is None",
        (_LEARNING, _TABLES),
    ),
    Control(
        "folds_split_groups",
        "Rows of one account are never on both sides of a fold.",
        "evergreen/foresight/learning/choosing.py",
        "    if groups is None:",
        "    if groups is None or truths.size:",
        (_LEARNING,),
    ),
    Control(
        "thinned_rows_weigh_one",
        "A row stands for those that were left out.",
        "evergreen/foresight/learning/judging.py",
        "weights.append(np.full(count, of_kind.size / max(1, count)))",
        "weights.append(np.ones(count))",
        (_LEARNING,),
    ),
    Control(
        "contracts_of_tomorrow",
        "Features of a day know nothing that became known after it.",
        "evergreen/foresight/history/contracts.py",
        "seen = lines.chosen(lines.known <= day)",
        "seen = lines.chosen(lines.known <= day + 30)",
        (_HISTORY,),
    ),
    Control(
        "use_of_tomorrow",
        "Features of a day know nothing that became known after it.",
        "evergreen/foresight/history/use.py",
        'greatest({_WEEK.format(day="usage.day")}, {_WEEK.format(day="known_on")}) AS since',
        '{_WEEK.format(day="usage.day")} AS since',
        (_HISTORY,),
    ),
    Control(
        "no_gap_between_teaching_and_judging",
        "No outcome is taught that a judged row was still waiting for.",
        "evergreen/foresight/history/timing.py",
        "if day > teaching[-1] + dt.timedelta(days=gap_days)",
        "if day > teaching[-1]",
        (_HISTORY,),
    ),
    Control(
        "grace_forgotten",
        "A loss is the earlier of a recorded loss and the end with its grace.",
        "evergreen/foresight/history/sets.py",
        "(lost.account << 24) + lost.decided_on",
        "(lost.account << 24) + lost.on",
        (_HISTORY,),
    ),
    Control(
        "an_events_column_hides_a_figure",
        "What the night reads of an account is what was taught.",
        "evergreen/foresight/history/use.py",
        '_EVENT = "event:"',
        '_EVENT = "use:"',
        (_ROWS,),
    ),
    Control(
        "every_night_of_a_week_counts",
        "What was foretold is held against what came once a week.",
        "evergreen/foresight/risks/watching.py",
        "date_trunc('week', day)",
        "day",
        (_WATCHING,),
    ),
    Control(
        "chance_is_drift",
        "A column has moved only where that is more than two samples of one population differ by.",
        "evergreen/foresight/risks/watching.py",
        "if value < max(MOVED, chance):",
        "if value < 0.0:",
        (_WATCHING,),
    ),
    Control(
        "everybodys_risks",
        "A list of risks holds the accounts that its reader may see.",
        "evergreen/foresight/risks/telling.py",
        "Risk.objects.filter(horizon_days=horizon_days, account__in=accounts.order_by())",
        "Risk.objects.filter(horizon_days=horizon_days)",
        (_FORECAST,),
    ),
    Control(
        "any_challenger_wins",
        "A new model takes the place of the one before only when it is no worse on weeks that one never saw.",
        "evergreen/foresight/risks/refitting.py",
        "return Duel(loss_new <= loss_old, why, figures)",
        "return Duel(True, why, figures)",
        (_RISKS,),
    ),
    Control(
        "judged_on_what_it_knew",
        "A new model takes the place of the one before only when it is no worse on weeks that one never saw.",
        "evergreen/foresight/risks/refitting.py",
        "newest = judging.day > number(champion.known_until)",
        "newest = judging.day > 0",
        (_RISKS,),
    ),
    Control(
        "risk_after_the_end",
        "Whose cover is over has no risk any more.",
        "evergreen/foresight/history/contracts.py",
        "inside = (seen.start <= day) & (seen.end > day)\n    inside |=",
        "inside = (seen.start <= day) & (seen.end >= day)\n    inside |=",
        (_RISKS, _HISTORY),
    ),
    Control(
        "look_alikes_of_tomorrow",
        "Look-alikes are counted by purchases known at the end of the day only.",
        "evergreen/foresight/expansion/cases.py",
        "told = np.flatnonzero(same & (day + HORIZON_DAYS <= on))",
        "told = np.flatnonzero(same)",
        (_EXPANSION,),
    ),
    Control(
        "steps_signed_ahead",
        "What was held on a day is what was known of it then.",
        "evergreen/foresight/expansion/buying.py",
        "(self.start <= day) & (self.end > day) & (self.known <= day)",
        "(self.start <= day + 200) & (self.end > day)",
        (_EXPANSION,),
    ),
    Control(
        "overlap_is_evidence",
        "The interval of a growth counts months, for windows of four weeks overlap.",
        "evergreen/foresight/expansion/growth.py",
        "months = np.maximum(known[places] / APART_WEEKS, 2.0)",
        "months = known[places].astype(np.float64) * 4",
        ("tests/foresight/expansion/test_rules.py",),
    ),
    Control(
        "effects_of_growing",
        "What the state of an account explains is not credited to what it took up.",
        "evergreen/foresight/recommendations/helped.py",
        "rest = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]",
        "rest = change - change.mean()",
        ("tests/foresight/recommendations/test_rules.py",),
    ),
    Control(
        "held_back_and_shown",
        "An account of the holdout is shown nothing by the API.",
        "evergreen/web/api/recommendations.py",
        '"items": [] if found.is_held else [',
        '"items": [] if not items else [',
        ("tests/web/test_recommendations.py",),
    ),
    Control(
        "use_of_last_night",
        "What somebody did a minute ago counts in what is recommended.",
        "evergreen/foresight/recommendations/fresh.py",
        "for feature, n in _fresh(account_id, begin, since, who, asked).items():",
        "for feature, n in dict[str, int]().items():",
        ("tests/foresight/recommendations/test_recommending.py",),
    ),
)
