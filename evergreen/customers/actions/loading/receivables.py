"""Receivables in bulk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from evergreen.base.models import User
from evergreen.base.upserts import Loaded, in_batches, upsert
from evergreen.customers.actions.loading import entries
from evergreen.customers.models import Receivable


def load_receivables(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write receivables by ``external_id``; a new one needs ``account_id``, ``currency``, ``amount_cents``,
    ``due_on``.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            written = upsert(
                Receivable,
                [{"known_at": now, **row} for row in batch],
                at_creation={"known_at"},
                dry_run=dry_run,
            )
            loaded.extend(written)
            if not dry_run:
                entries.write("receivable.loaded", Receivable, written, by=by, now=now, origin=origin)
    return loaded
