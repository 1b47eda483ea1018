"""Ties as pages show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from evergreen.touches.models import Tie


def ties_of(contacts: Sequence[int]) -> dict[int, list[Tie]]:
    """The ties of contacts, oldest first, those that ended too. One query for any number."""
    found: dict[int, list[Tie]] = defaultdict(list)
    for row in Tie.objects.filter(contact__in=contacts).select_related("staff"):
        found[row.contact_id or 0].append(row)
    return found
