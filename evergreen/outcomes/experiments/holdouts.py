"""What a playbook brought, against the accounts that were held out of it: outcomes some days after each entered, or would have."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from evergreen.base import clock
from evergreen.base.queries import vendor_zone
from evergreen.outcomes.experiments.comparing import Compared, compare
from evergreen.outcomes.experiments.following import Unit
from evergreen.playbooks.models import Enrolment, Playbook, Refusal

if TYPE_CHECKING:
    import duckdb

HELD_OUT, IN = "held_out", "in"


def compared(
    con: duckdb.DuckDBPyConnection,
    playbook: Playbook,
    share: float,
    days: int,
    since: dt.datetime | None = None,
) -> Compared:
    """Accounts that entered a playbook beside a holdout of ``share`` percent against those held out, ``days`` after; each counts
    once, from its first occasion. Strategic accounts, those in the red and those put in by hand are on neither side."""
    return compare(con, units(playbook, since), {HELD_OUT: share, IN: 100 - share}, days)


def units(playbook: Playbook, since: dt.datetime | None = None) -> list[Unit]:
    """Everybody who is compared, from the first occasion of each; with ``since`` only those whose first occasion came then or later:
    before, another share was held out."""
    zone, found = vendor_zone(), dict[int, tuple[dt.datetime, str]]()
    entered = Enrolment.objects.filter(playbook=playbook, is_compared=True).values_list(
        "account_id", "entered_at"
    )
    out = Refusal.objects.filter(playbook=playbook, reason=Refusal.Reason.HOLDOUT).values_list(
        "account_id", "at"
    )
    for arm, rows in ((IN, entered), (HELD_OUT, out)):
        for account, at in rows.order_by():
            if account not in found or at < found[account][0]:
                found[account] = (at, arm)
    return [
        Unit(account, clock.local_day(at, zone), arm)
        for account, (at, arm) in sorted(found.items())
        if since is None or at >= since
    ]
