"""A tick with many live runs of playbooks of which a twentieth is due: claimed, advanced, their effects written (issue 6).

Arguments: live runs (default 1,000,000). On SQLite and on PostgreSQL, each in a process of its own. A due run makes a task and comes
to a wait, or comes out of a wait by a branch to the next: half of each. Every write is as durable as in a home.
"""

from __future__ import annotations

import datetime as dt
import resource
import subprocess
import sys
import time
from typing import Any

from bench.homes import line, scratch_home

NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
PLAYBOOKS = 10
DUE = 20
LEAST_A_SECOND = 2_000
MOST_GROWTH_MB = 100.0
_STEPS: list[dict[str, Any]] = [
    {"key": "call", "kind": "task", "title": {"zh": "致电", "en": "Call"}},
    {"key": "pause", "kind": "wait", "days": 3, "at": "09:00"},
    {
        "key": "ask",
        "kind": "branch",
        "ways": [{"when": "tier = strategic", "to": "call"}],
        "otherwise": "rest",
    },
    {"key": "rest", "kind": "wait", "working_days": 5},
    {"key": "over", "kind": "end"},
]


def build(runs: int) -> None:
    """Accounts, playbooks and so many runs that wait, a twentieth of them due."""
    from django.db import connection

    from evergreen.base.models import User
    from evergreen.customers.models import Account
    from evergreen.playbooks import actions
    from evergreen.playbooks.models import Enrolment, PlaybookVersion

    owner = User.objects.create_user("owner@vendor.example", "pw", name="owner")
    for start in range(0, runs // PLAYBOOKS, 10_000):
        Account.objects.bulk_create(
            Account(external_id=f"B-{n}", name=f"B {n}", owner=owner, created_at=NOW, known_at=NOW)
            for n in range(start, min(start + 10_000, runs // PLAYBOOKS))
        )
    for n in range(PLAYBOOKS):
        data = {"triggers": [{"kind": "by_hand"}], "reentry": "never", "steps": _STEPS}
        draft = actions.save_draft(f"bench{n}", name={"en": f"Bench {n}"}, definition=data, by=None, now=NOW)
        actions.switch(actions.publish(draft, by=None, now=NOW).playbook, True, by=None, now=NOW)
    empty = {"lane": "", "origin_kind": "", "origin_id": "", "claimed_by": "", "reason": "", "note": ""}
    fixed: dict[str, Any] = {
        **empty, "occasion": "bench", "state": "waiting", "visit": 2, "rule": "{}", "trail": "[]", "fence": 0, "attempts": 0,
    }  # fmt: skip
    moments = {"step_since": NOW - dt.timedelta(days=3), "entered_at": NOW - dt.timedelta(days=9)}
    wakes = [connection.ops.adapt_datetimefield_value(NOW + dt.timedelta(hours=n)) for n in (-1, 700)]
    columns = [*fixed, *moments, "account_id", "playbook_id", "version_id", "wake_at", "step"]
    values = [*fixed.values(), *map(connection.ops.adapt_datetimefield_value, moments.values())]
    marks = ", ".join(
        "CAST(%s AS jsonb)" if key in {"rule", "trail"} and connection.vendor == "postgresql" else "%s"
        for key in fixed
    )
    moment = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    sql = (
        f"INSERT INTO {Enrolment._meta.db_table} ({', '.join(columns)}) SELECT {marks}, {moment}, {moment}, a.id, v.playbook_id, v.id,"
        f" CASE WHEN a.id %% {DUE} = 0 THEN {moment} ELSE {moment} END,"
        f" CASE WHEN a.id %% {2 * DUE} = 0 THEN 'call' ELSE 'pause' END"
        f" FROM {Account._meta.db_table} a CROSS JOIN {PlaybookVersion._meta.db_table} v WHERE a.external_id LIKE %s AND v.playbook_id IN"
        " (SELECT id FROM playbooks_playbook WHERE key LIKE %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *wakes, "B-%", "bench%"])
    # What waits stands there with the moment at which it was reached, as the engine leaves it.
    Enrolment.objects.filter(step="pause").update(rule={"since": (NOW - dt.timedelta(days=9)).isoformat()})


def measured(runs: int) -> tuple[int, float, float]:
    """Runs that went on, seconds, and by how much the process grew (MB) after the first thousand."""
    from evergreen.playbooks import actions

    done = actions.advance(now=NOW, most=1_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    began = time.perf_counter()
    done = actions.advance(now=NOW, most=runs)
    seconds = time.perf_counter() - began
    return done, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before


def on(name: str, database: str, runs: int) -> bool:
    """One database; whether the bars are met."""
    with scratch_home(database):
        build(runs)
        done, seconds, grown = measured(runs)
    line(
        f"{name}: runs a second, {done + 1_000:,} due of {runs:,}",
        f"{done / seconds:,.0f}",
        f"at least {LEAST_A_SECOND:,}",
    )
    line(f"{name}: memory while they are taken", f"+{grown:,.0f} MB", f"at most {MOST_GROWTH_MB:,.0f} MB")
    return done / seconds >= LEAST_A_SECOND and grown <= MOST_GROWTH_MB


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        return 0 if on("PostgreSQL", sys.argv[2], runs) else 1
    is_met = on("SQLite", "", runs)
    from tests.torture.postgresql import NoServerError, Server

    try:
        server = Server()
    except NoServerError as error:
        line("PostgreSQL", "skipped", str(error))
        return 0 if is_met else 1
    try:
        asked = [sys.executable, "-m", "bench.journeys", str(runs), server.url]
        return subprocess.run(asked, check=False).returncode or (0 if is_met else 1)
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
