"""Funnel, path and cohort pages over the default 90 days, and session transitions against retentioneering.

Arguments: events in two years (default 1,000,000; the issue speaks of 10,000,000 and 100,000,000) and accounts (default 1,000).
The peer runs in a throwaway environment over the same events of 90 days; without the package registry its lines are left out.
"""

from __future__ import annotations

import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import two_years
from bench.homes import home_of, line
from bench.night import apart
from bench.two_years import DAYS, LAST

if TYPE_CHECKING:
    from evergreen.metrics.analytics.questions import Kind

PEER = "retentioneering==5.2.4"
STEPS = "what=feature:feature-1&what=feature:feature-2&what=feature:feature-3&within=7d"

_PEER = """
import json, resource, sys, time
import pandas as pd
from retentioneering.eventstream import Eventstream

rows = pd.read_parquet(sys.argv[1])
started = time.perf_counter()
stream = Eventstream(rows)
split = stream.split_sessions(timeout="30m")
matrix = split.transition_graph_data(edge_weight="count", path_col="session_id")
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                  "rows": len(rows), "cells": int(matrix.size)}))
"""


def asked() -> list[tuple[str, float, float, int]]:
    """(page, first and best seconds of three whole requests of its figure, one in how many was counted)."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.cache import cache
    from django.test import Client

    from evergreen.base.models import User
    from evergreen.metrics.analytics import queries
    from evergreen.metrics.analytics.jobs import asked as question

    settings.ALLOWED_HOSTS = ["testserver"]
    user = User.objects.get(email="boss@bench.example")
    client = Client()
    client.force_login(user)
    # A server has its pages loaded before anybody asks; the figures' own libraries come with the first figure.
    if client.get("/analytics/").status_code != 200:
        raise SystemExit("The page of analytics did not answer.")
    span = f"from={LAST - dt.timedelta(days=89)}&to={LAST}"
    found: list[tuple[str, float, float, int]] = []
    questions: list[tuple[Kind, str]] = [
        ("funnel", f"{span}&{STEPS}"),
        ("paths", f"{span}&what=feature:feature-1"),
        ("retention", span),
        ("trend", f"{span}&window=28"),
        ("penetration", span),
    ]
    for kind, query in questions:
        seconds = []
        for _ in range(3):
            cache.clear()
            started = time.perf_counter()
            answer = client.get(f"/analytics/{kind}/figure/?{query}")
            seconds.append(time.perf_counter() - started)
            if answer.status_code != 200:
                raise SystemExit(f"{kind} answered {answer.status_code}")
        made = queries.found(question(kind, query), user, LAST + dt.timedelta(days=1))
        found.append((kind, seconds[0], min(seconds), made.answer["one_in"] if made.answer else 0))
    return found


def everybody() -> list[tuple[str, float, int]]:
    """(kind, seconds, moments) of a job that counts everybody over the two years."""
    import django

    django.setup()
    from evergreen.base import jobs
    from evergreen.base.models import User
    from evergreen.metrics.analytics import queries
    from evergreen.metrics.analytics.jobs import asked as question

    user = User.objects.get(email="boss@bench.example")
    now = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
    span = f"from={LAST - dt.timedelta(days=DAYS - 1)}&to={LAST}"
    found: list[tuple[str, float, int]] = []
    questions: list[tuple[Kind, str]] = [
        ("funnel", f"{span}&{STEPS}"),
        ("paths", f"{span}&what=feature:feature-1"),
    ]
    for kind, query in questions:
        asked_ = question(kind, query)
        jobs.start_job("analysis", {"user": user.pk, "kind": kind, "query": asked_.query()}, by=user, now=now)
        job = jobs.claim_job("bench", only=["analysis"], now=now)
        assert job is not None
        started = time.perf_counter()
        jobs.run_job(job, now=now)
        seconds = time.perf_counter() - started
        job.refresh_from_db()
        if job.state != job.State.DONE:
            raise SystemExit(f"{kind}: {job.error}")
        found.append((kind, seconds, queries.found(asked_, user, LAST + dt.timedelta(days=1)).expected))
    return found


def transitions() -> dict[str, float]:
    """Seconds, MB and counts of next events within sessions, over the 90 days, by the path's own expression."""
    import django

    django.setup()
    from bench.figures.ours import nodes_by_name
    from evergreen.events import store
    from evergreen.events.sessions import moments
    from evergreen.events.warehouses import vocabulary
    from evergreen.events.warehouses.embedded import EVENTS
    from evergreen.metrics.analytics import paths, tables

    con = store.reading()
    con.execute(vocabulary.OF_DUCKDB)
    started = time.perf_counter()
    rows: Any = moments(tables.on_days(EVENTS, LAST - dt.timedelta(days=89), LAST))
    rows = tables.with_subject(rows, "users").inner_join(nodes_by_name(rows), "name")
    found = con.execute(tables.compiled(paths.transitions(rows))).fetchall()
    return {
        "seconds": time.perf_counter() - started,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "pairs": len(found),
        "times": sum(row[-1] for row in found),
    }


def exported(target: str) -> int:
    """Write the same moments for the peer; returns how many."""
    import django

    django.setup()
    from evergreen.events import store

    con = store.reading()
    con.execute(
        "COPY (SELECT account_id || '|' || end_user AS user_id, name AS event, occurred_at AS timestamp FROM lake.events"
        f" WHERE day > DATE '{LAST}' - 90) TO '{target}' (FORMAT parquet)"
    )
    return int(store.scalar(con, f"SELECT count(*) FROM '{target}'"))


def peer(folder: Path, rows: Path) -> dict[str, float] | str:
    """What retentioneering needs for the same events, or why it could not be tried."""
    env = folder / "peer"
    venv.create(env, with_pip=True)
    python = env / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", PEER, "pyarrow"], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        return (
            installed.stderr.strip().splitlines()[-1][:200] if installed.stderr.strip() else "not installed"
        )
    ran = subprocess.run(
        [python, "-c", _PEER, str(rows)],
        capture_output=True,
        text=True,
        check=False,
        env={"RETENTIONEERING_NO_TRACK": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    if ran.returncode:
        return ran.stderr.strip().splitlines()[-1][:200] if ran.stderr.strip() else "failed"
    found: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    accounts = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    with (
        home_of(two_years.name(events, accounts)),
        tempfile.TemporaryDirectory(prefix="evergreen-peer-") as folder,
    ):
        apart(two_years.build, events, accounts)
        line("events in two years", f"{events:,}")
        for kind, first, best, one_in in apart(asked):
            how = "all counted" if one_in == 1 else f"one in {one_in} counted"
            line(f"figure of {kind}, 90 days: first (s); {how}", f"{first:.2f}", "under 2")
            line(f"figure of {kind}, 90 days: best of three (s)", f"{best:.2f}", "under 2")
        for kind, seconds, moments in apart(everybody):
            line(f"{kind} over two years by a job, {moments:,} moments (s)", f"{seconds:.2f}", "at most 30")
        ours = apart(transitions)
        line("session transitions over 90 days (s)", f"{ours['seconds']:.2f}")
        line("session transitions over 90 days: peak memory (MB)", f"{ours['mb']:.0f}")
        rows = Path(folder) / "rows.parquet"
        line("moments of the 90 days", f"{apart(exported, str(rows)):,}")
        theirs = peer(Path(folder), rows)
        if isinstance(theirs, str):
            line(f"{PEER} could not be tried", theirs)
            return
        line(f"{PEER}: stream, sessions, transitions (s)", f"{theirs['seconds']:.2f}")
        line(f"{PEER}: peak memory (MB)", f"{theirs['mb']:.0f}")
        line("times as fast", f"{theirs['seconds'] / ours['seconds']:.1f}", "at least 20")
        line("share of its memory", f"{ours['mb'] / theirs['mb']:.2f}", "at most 0.10")


if __name__ == "__main__":
    main()
