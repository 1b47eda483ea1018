"""Tickets in bulk: what file imports and the demo write them with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from evergreen.base.models import User
from evergreen.base.upserts import Loaded, in_batches, upsert
from evergreen.customers.actions.loading import entries
from evergreen.desk.models import Ticket


def load_tickets(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write tickets by ``external_id``, {attribute: value} a row, 5,000 a transaction and audit entry.

    A new one needs ``account_id`` and ``opened_at``; ``known_at`` is by default ``now``.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            written = upsert(
                Ticket,
                [{"known_at": now, **row} for row in batch],
                at_creation={"known_at"},
                dry_run=dry_run,
            )
            loaded.extend(written)
            if not dry_run:
                entries.write("ticket.loaded", Ticket, written, by=by, now=now, origin=origin)
    return loaded
