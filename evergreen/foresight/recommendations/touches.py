"""Touches that may be recommended: a talk, a meeting, a talk with the decision maker. Counted from conversations."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import numpy as np

from evergreen.base import queries as base
from evergreen.base.clock import day_end, local_day
from evergreen.customers.lines import Ints, number
from evergreen.customers.models import Contact
from evergreen.work.models import Conversation

TALK, MEETING, DECISION = "talk", "meeting", "decision_maker"
NAMES = {
    TALK: {"zh": "联系一次", "en": "Talk with them"},
    MEETING: {"zh": "开一次会或拜访", "en": "Meet them"},
    DECISION: {"zh": "与决策者沟通", "en": "Talk with the decision maker"},
}
KEYS = (DECISION, MEETING, TALK)
# After so many days without one it may be time.
QUIET_DAYS = {TALK: 30, MEETING: 60, DECISION: 90}
_MEETINGS = (Conversation.Kind.MEETING, Conversation.Kind.VISIT)


def held() -> dict[str, tuple[Ints, Ints]]:
    """Of each touch (account, day) of every time it was made."""
    zone = base.vendor_zone()
    deciding = set(
        Conversation.contacts.through.objects.filter(
            contact__role=Contact.ChainRole.DECISION_MAKER
        ).values_list("conversation_id", flat=True)
    )
    rows: dict[str, list[tuple[int, int]]] = {key: [] for key in KEYS}
    for pk, account, kind, at in Conversation.objects.order_by().values_list(
        "pk", "account_id", "kind", "at"
    ):
        row = (account, number(local_day(at, zone)))
        rows[TALK].append(row)
        if kind in _MEETINGS:
            rows[MEETING].append(row)
        if pk in deciding:
            rows[DECISION].append(row)
    return {
        key: (
            np.array([account for account, _day in found], np.int64),
            np.array([day for _account, day in found], np.int64),
        )
        for key, found in rows.items()
    }


def last_of(account_id: int, until: dt.date) -> dict[str, dt.date | None]:
    """The newest day of each touch with an account, up to a day."""
    zone = base.vendor_zone()
    found: dict[str, dt.date | None] = dict.fromkeys(KEYS)
    rows = Conversation.objects.filter(account=account_id, at__lt=day_end(until, zone)).order_by("-at")
    for one in rows.prefetch_related("contacts")[:200]:
        on = local_day(one.at, zone)
        found[TALK] = found[TALK] or on
        if one.kind in _MEETINGS:
            found[MEETING] = found[MEETING] or on
        if any(contact.role == Contact.ChainRole.DECISION_MAKER for contact in one.contacts.all()):
            found[DECISION] = found[DECISION] or on
    return found


def counts(today: dt.date) -> dict[str, Any]:
    """How many accounts had each touch within its days."""
    found = {}
    for key, (account, on) in held().items():
        recent = Counter(account[on > number(today) - QUIET_DAYS[key]].tolist())
        found[key] = len(recent)
    return found
