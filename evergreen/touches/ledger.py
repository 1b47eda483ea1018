"""The ledger of consents as rules read it, for some people and addresses at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from evergreen.touches import rules
from evergreen.touches.models import Consent

# By a contact's number and by an address as ``rules.address_key`` writes it.
Lines = Mapping[int | str | None, list[rules.Line]]


def line_of(row: Consent) -> rules.Line:
    """A row of the ledger as rules read it."""
    is_given = row.state == Consent.State.GIVEN
    return rules.Line(row.medium, row.topic, is_given, row.source, row.at, row.pk, bool(row.proof))


def lines_of(contacts: Collection[int], addresses: Collection[str]) -> Lines:
    """The lines of people and of addresses. Two queries."""
    found: dict[int | str | None, list[rules.Line]] = defaultdict(list)
    for row in Consent.objects.filter(contact__in=contacts):
        found[row.contact_id].append(line_of(row))
    for row in Consent.objects.filter(address__in=[one for one in addresses if one]):
        found[row.address].append(line_of(row))
    return found
