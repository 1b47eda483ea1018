"""A playbook held against 90 nights before it is published (issue 6): who would have entered, what would have been done.

Arguments: accounts (default 10,000). Every account has a night for each of the 90 days, enters by the end of its contract, by a segment or
by the month, waits for conditions that are looked at every night, and branches. The bar is 30 s.
"""

from __future__ import annotations

import datetime as dt
import resource
import sys
import time
from typing import Any

from bench.homes import line, scratch_home

NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
LAST = dt.date(2026, 11, 19)
DAYS = 90
MOST_SECONDS = 30.0
CARE: dict[str, Any] = {
    "triggers": [
        {"kind": "lifecycle", "day": -90, "counts_from": "renewal_on"},
        {"kind": "segment", "segment": "cooling"},
        {"kind": "schedule", "every": "month", "on": 5},
    ],
    "entry": "active_users_28d >= 3",
    "reentry": "after_days",
    "reentry_days": 14,
    "steps": [
        {"key": "call", "kind": "task", "title": {"zh": "致电", "en": "Call"}},
        {"key": "rest", "kind": "wait", "working_days": 3, "at": "09:00"},
        {"key": "look", "kind": "branch", "ways": [{"when": "events_28d >= 800", "to": "more"}], "otherwise": "again"},
        {"key": "more", "kind": "task", "title": {"zh": "增购", "en": "More"}, "next": "over"},
        {
            "key": "again", "kind": "wait_until", "condition": "active_days_28d >= 27", "timeout": {"days": 21},
            "on_timeout": "help", "next": "over",
        },
        {"key": "help", "kind": "ticket", "subject": "Help", "priority": "high"},
        {"key": "over", "kind": "end"},
    ],
    "exits": [{"when": "stage = churned"}],
    "goal": "days_to_renewal > 360",
}  # fmt: skip


def build(accounts: int) -> None:
    """Accounts with 90 nights of figures that go up and down by a hash."""
    from evergreen.customers.models import Account
    from evergreen.events import store
    from evergreen.metrics.segments.actions import save_segment

    began = NOW - dt.timedelta(days=400)
    Account.objects.bulk_create(
        (
            Account(external_id=f"B-{n}", name=f"B {n}", created_at=NOW, known_at=began)
            for n in range(accounts)
        ),
        batch_size=2_000,
    )
    save_segment("cooling", name={"en": "Cooling"}, condition="active_days_28d < 8", by=None, now=NOW)
    keys = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    first = LAST - dt.timedelta(days=DAYS - 1)
    with store.session() as con:
        con.execute(
            "INSERT INTO lake.snapshots BY NAME SELECT day, account_id, '' AS tenant, TIMESTAMP '2026-11-20' AS computed_at, false AS restated,"
            " (2 + hash(account_id, 1) % 40)::BIGINT AS active_users_28d, (hash(account_id, day, 2) % 1000)::BIGINT AS events_28d,"
            " (hash(account_id, (day - DATE '2026-01-01') // 9) % 29)::BIGINT AS active_days_28d,"
            " DATE '2026-09-01' + (hash(account_id, 4) % 365)::INTEGER AS renewal_on,"
            " (DATE '2026-09-01' + (hash(account_id, 4) % 365)::INTEGER - day)::BIGINT AS days_to_renewal"
            " FROM (SELECT unnest(?) AS account_id) CROSS JOIN (SELECT CAST(unnest(range(CAST(? AS DATE), CAST(? AS DATE), INTERVAL 1 DAY)) AS DATE) AS day)",
            [keys, first, LAST + dt.timedelta(days=1)],
        )


def main() -> int:
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with scratch_home():
        build(accounts)
        from evergreen.events import store
        from evergreen.playbooks.actions import read
        from evergreen.playbooks.trying import trial

        of = read(CARE)
        began = time.perf_counter()
        found = trial(store.reading(), "care", of)
        seconds = time.perf_counter() - began
    if found is None or not found.runs:
        line("dry run", "nobody entered", "some")
        return 1
    line(
        f"dry run of {found.nights} nights, {accounts:,} accounts",
        f"{seconds:,.1f} s",
        f"at most {MOST_SECONDS:,.0f} s",
    )
    line("runs and steps gone through", f"{len(found.runs):,} / {sum(found.done.values()):,}")
    line("memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")
    return 0 if seconds <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
