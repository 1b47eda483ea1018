"""Conversations as known at the end of a day, and how well the tier's cadence was kept."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import pyarrow as pa

from evergreen.base import queries as base
from evergreen.base.option import numbers
from evergreen.customers.models import Account, Contact, FieldChange
from evergreen.metrics.rules import cadence_kept
from evergreen.work.models import Conversation

CADENCE_DAYS = 90

CONVERSATIONS = pa.schema(
    [
        ("account_id", pa.int64()),
        ("on_day", pa.date32()),
        ("with_decision_maker", pa.bool_()),
        ("is_meeting", pa.bool_()),
        ("kind", pa.string()),
        ("minutes", pa.int64()),
    ]
)
CADENCE = pa.schema([("account_id", pa.int64()), ("kept", pa.float64())])
_MEETINGS = (Conversation.Kind.MEETING, Conversation.Kind.VISIT)

Talk = tuple[int, dt.date, bool, bool, str, int | None]
"""account, day, whether a decision maker took part, whether it was a meeting or visit, kind, minutes."""


def conversations(end: dt.datetime, zone: ZoneInfo) -> list[Talk]:
    """One row a conversation that had been, and was known of, at an instant."""
    deciding = set(
        Conversation.contacts.through.objects.filter(
            contact__role=Contact.ChainRole.DECISION_MAKER, contact__known_at__lt=end
        ).values_list("conversation_id", flat=True)
    )
    rows = Conversation.objects.filter(at__lt=end, known_at__lt=end).values_list(
        "pk", "account_id", "at", "kind", "minutes"
    )
    return [
        (account, at.astimezone(zone).date(), pk in deciding, kind in _MEETINGS, kind, minutes)
        for pk, account, at, kind, minutes in rows.iterator(chunk_size=20_000)
    ]


def cadence(
    talks: Sequence[Talk], day: dt.date, end: dt.datetime, zone: ZoneInfo
) -> Iterator[tuple[int, float]]:
    """One row an account with the share of days on which its tier's cadence held; nothing while there is no
    conversation at all."""
    if not talks:
        return
    spoke: dict[int, list[dt.date]] = defaultdict(list)
    for account, on_day, *_more in talks:
        spoke[account].append(on_day)
    allowed = dict(zip(Account.Tier.values, numbers(base.setting("cadence_days")), strict=True))
    before = _tiers_before(end)
    accounts = Account.objects.filter(known_at__lt=end).values_list("pk", "tier", "known_at")
    for pk, tier, known_at in accounts.iterator(chunk_size=20_000):
        most = allowed.get(before.get(pk, tier) or Account.Tier.BASIC, allowed[Account.Tier.BASIC])
        since = known_at.astimezone(zone).date()
        yield pk, cadence_kept(spoke[pk], since, day, most, window=CADENCE_DAYS)


def _tiers_before(end: dt.datetime) -> dict[int, str]:
    """The tier at an instant of accounts whose tier changed since."""
    later = FieldChange.objects.filter(field="tier", known_at__gte=end).order_by("-known_at", "-pk")
    return dict(later.values_list("account_id", "old"))
