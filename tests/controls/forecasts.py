"""Faults in forecasts: measures, learning, training sets."""

from tests.controls import Control

_MEASURES = "tests/base/test_measures.py"
_LEARNING = "tests/foresight/test_learning.py"
_HISTORY = "tests/foresight/test_history.py"
_RISKS = "tests/foresight/test_risks.py"
_TABLES = "tests/foresight/test_tables.py"

CONTROLS = (
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
        "any_challenger_wins",
        "A new model takes the place of the one before only when it is no worse on weeks that one never saw.",
        "evergreen/foresight/risks/refitting.py",
        "return Duel(loss_new <= loss_old, reason, figures)",
        "return Duel(True, reason, figures)",
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
)
