"""What is odd about a row that is loaded all the same, by kind."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

WARNINGS = {
    "usage_before_start": gettext_noop("Usage before its subscription starts: loaded on its day."),
    "usage_after_end": gettext_noop("Usage after its subscription ended: loaded on its day."),
    "count_is_zero": gettext_noop("Usage with a count of 0: loaded, counts as no use."),
    "used_on_no_day": gettext_noop(
        "A count on 0 active days: loaded, the count stands on the last day of its span."
    ),
    "in_the_future": gettext_noop("A time in the future: loaded, counts from then on."),
    "other_account": gettext_noop(
        "The row names two different accounts: the first of its references stands."
    ),
    "same_id_other_content": gettext_noop("A repeated id with other content: the first row stands."),
    "churned_but_active": gettext_noop(
        "Flagged as churned, but a subscription is in force: the contract decides."
    ),
    "no_day_covered": gettext_noop("A subscription that ends on the day it starts: it covers no day."),
    "mrr_and_arr_differ": gettext_noop("MRR × 12 is not the ARR: MRR stands."),
    "no_amount": gettext_noop("A paying subscription without an amount: loaded with 0."),
    "negative_amount": gettext_noop("An amount below 0: loaded as it is."),
    "mixed_currency": gettext_noop(
        "A contract in another currency than the account's: converted by the rate table."
    ),
    "paid_more_than_due": gettext_noop("More was paid than was due: loaded as it is."),
    "closed_before_opened": gettext_noop("A ticket closed before it was opened: loaded as it is."),
    "answered_before_opened": gettext_noop("A ticket answered before it was opened: loaded as it is."),
    "answered_after_closing": gettext_noop("A ticket first answered after it was closed: loaded as it is."),
    "open_but_closed": gettext_noop("A ticket that is open but has a closing time: loaded as it is."),
    "live_before_signed": gettext_noop("An account live before it signed: loaded as it is."),
    "unknown_owner": gettext_noop("No active member of staff has this e-mail: loaded without."),
    "unknown_team": gettext_noop("No team has this name: loaded without."),
    "unknown_edition": gettext_noop(
        "No edition has this name: loaded without (let the mapping create editions)."
    ),
    "unknown_tenant": gettext_noop("No tenant has this id: loaded without."),
    "unknown_contact": gettext_noop("No contact of the account has this id or e-mail: loaded without."),
    "unknown_contract": gettext_noop("No contract has this id: loaded without."),
    "unknown_parent": gettext_noop("No account has this id: loaded without a parent."),
    "parent_in_a_circle": gettext_noop("A parent that stands below its child: loaded without."),
    "unknown_superior": gettext_noop("No contact has this id: loaded without a superior."),
    "superior_not_allowed": gettext_noop("A superior of another account, or in a circle: loaded without."),
    "unknown_renewed": gettext_noop("No contract has the id of the renewed one: loaded without."),
    "renewed_not_allowed": gettext_noop(
        "The renewed contract is another account's, itself, or renewed already: loaded without."
    ),
    "tenant_taken": gettext_noop("A tenant that belongs to another account: left there."),
    "external_id_taken": gettext_noop("An external id that belongs to another account: left there."),
}


def sentence(kind: str) -> str:
    """A warning in the reader's language."""
    return _(WARNINGS[kind]) if kind in WARNINGS else kind
