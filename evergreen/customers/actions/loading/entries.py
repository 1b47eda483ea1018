"""The audit entry of a loaded batch: which rows were created or changed, and where they came from."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from evergreen.base import changes
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import Outcome, Written


def write(
    verb: str,
    model: type[Model],
    written: Sequence[Written[Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str,
) -> None:
    """One entry for the rows that were created or changed; none when there are none.

    Only the names of changed fields are kept: values may be personal, and the file that brought them has
    them.
    """
    changed = [one for one in written if one.outcome in {Outcome.CREATED, Outcome.UPDATED}]
    if not changed:
        return
    counts = Counter(one.outcome.value for one in changed)
    fields = Counter(name for one in changed for name in one.after)
    audit(
        verb,
        changes.kind_of(model),
        [one.object.pk for one in changed],
        by=by,
        now=now,
        after={"origin": origin, "counts": dict(counts), "fields": dict(fields)},
    )
