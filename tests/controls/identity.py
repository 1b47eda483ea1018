"""Faults in who is whom: order of arrival, ids that name nobody, undone merges, names that only look equal."""

from tests.controls import Control

_ORDER = "tests/events/test_identity_order.py"
_MERGING = "tests/flow/test_merging.py"
_PAIRS = "tests/events/test_matching_pairs.py"
_MERGE = "evergreen/customers/actions/merging.py"

CONTROLS = (
    Control(
        "identity_by_order_of_arrival",
        "Of each id the link that happened first stands, not the one that arrived first.",
        "evergreen/events/identity/people.py",
        "if node.link is not None and node.link.stamp <= link.stamp:",
        "if node.link is not None:",
        (f"{_ORDER}::test_stored_events_have_the_same_account_in_every_order_once_they_were_settled",),
    ),
    Control(
        "identity_nobody_is_somebody",
        "Ids that name nobody join no people.",
        "evergreen/events/identity/told.py",
        " and names_somebody(event.previous):",
        ":",
        (f"{_ORDER}::test_ids_that_name_nobody_never_join_people",),
    ),
    Control(
        "identity_undo_forgets_what_was_filled",
        "An undone merge gives both back exactly.",
        _MERGE,
        '    _empty_again(into, merged, entry.before["filled"])\n',
        "",
        (f"{_MERGING}::test_an_undo_gives_both_accounts_back_exactly",),
    ),
    Control(
        "identity_undo_leaves_a_row_behind",
        "An undone merge gives back every row that moved.",
        _MERGE,
        "[[pk] for pk in ids if pk in held]",
        "[[pk] for pk in ids[1:] if pk in held]",
        (f"{_MERGING}::test_an_undo_gives_both_accounts_back_exactly",),
    ),
    Control(
        "identity_a_group_is_its_company",
        "A group or branch is not taken for the company of the same name.",
        "evergreen/customers/likeness.py",
        ", places, kin)",
        ", places, frozenset())",
        (f"{_PAIRS}::test_names_in_files_find_the_right_account",),
    ),
)
