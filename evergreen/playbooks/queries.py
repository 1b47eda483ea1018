"""Reads of the playbooks room."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from evergreen.base.conditions import fields_of, holds
from evergreen.customers.models import Account
from evergreen.metrics.segments.newest import newest_values
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book, published
from evergreen.playbooks.models import Enrolment
from evergreen.playbooks.staged import door


def open_to(account: Account, among: Collection[str], *, now: dt.datetime) -> list[str]:
    """The keys, of some, of the playbooks into which an account might be put: on, its entry condition holds, it is not inside nor was too lately,
    and no lot holds it out (a holdout, a roll-out that has not come to it, a pilot)."""
    if not among:
        return []
    book = Book(now)
    past: dict[int, list[rules.Past]] = {}
    runs = Enrolment.objects.filter(account=account).values_list("playbook_id", "entered_at", "ended_at")
    for playbook_id, began, ended in runs:
        past.setdefault(playbook_id, []).append(rules.Past(began, ended))
    found = []
    for playbook, version in published():
        if playbook.key not in among:
            continue
        try:
            at = door(playbook, book.definition(version))
        except rules.PlaybookError:
            continue
        asked = frozenset(rules.NEVER_COMPARED) | (fields_of(at.of.entry) if at.of.entry else frozenset())
        values = newest_values({account.pk}, asked, book.fields).get(account.pk, {})
        is_out = rules.may_be_held_out(values) and rules.is_held_out(
            playbook.key, str(account.pk), at.of.holdout
        )
        if (
            not is_out
            and not at.keeps_out(account.pk, is_by_hand=True)
            and not rules.refused(at.of, past.get(playbook.pk, ()), now)
            and (at.of.entry is None or holds(at.of.entry, values, book.today))
        ):
            found.append(playbook.key)
    return found
