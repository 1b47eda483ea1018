"""Faults in forecasts: measures, learning, training sets."""

from tests.controls import Control

_MEASURES = "tests/base/test_measures.py"
_LEARNING = "tests/foresight/test_learning.py"
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
)
