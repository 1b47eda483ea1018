"""Everything comes back as an event: written beside the change it tells of, handed to the journal afterwards, once."""

from __future__ import annotations

import datetime as dt

from evergreen.events import journal
from evergreen.playbooks.models import Enrolment, Untold

_TOGETHER = 5_000


def told_of(run: Enrolment, name: str, at: dt.datetime, *, step: str = "") -> Untold:
    """What is to be told of a run; its message id makes a second telling nothing."""
    return Untold(
        name=name,
        message_id=f"{name}:{run.pk}:{run.fence}",
        account_id=run.account_id,
        at=at,
        properties={"playbook": run.playbook.key, "run": run.pk, **({"step": step} if step else {})},
    )


def tell() -> int:
    """Hand what waits to the journal, and forget it when that holds it. Killed in between, it is told again under the same
    message ids, which adds nothing. Returns how many were told."""
    told = 0
    while rows := list(Untold.objects.order_by("pk")[:_TOGETHER]):
        journal.write_system_events(
            [
                {
                    "name": row.name,
                    "account_id": row.account_id,
                    "occurred_at": row.at,
                    "known_at": row.at,
                    "message_id": row.message_id,
                    "properties": row.properties,
                }
                for row in rows
            ]
        )
        Untold.objects.filter(pk__in=[row.pk for row in rows]).delete()
        told += len(rows)
    return told
