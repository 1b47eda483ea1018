"""Builds a small demo vendor in a home of its own and prints what it holds: ``python -m tests.flow.demo_builder HOME``."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from evergreen.base import env
from evergreen.flow.demo import mark
from evergreen.flow.demo.extent import Extent
from tests.launch.installation import made

NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
SMALL = Extent(dt.date(2026, 11, 19), accounts=48, months=5, dense_days=14)


def build(home: Path) -> dict[str, Any]:
    """Build SMALL in the home in a process of its own; returns what ``main`` prints."""
    # On SQLite whatever database the tests themselves use: the demo empties no PostgreSQL.
    surroundings = {
        key: value for key, value in os.environ.items() if not key.startswith("EVERGREEN_DATABASE")
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.flow.demo_builder", str(home)],
        env={**surroundings, "EVERGREEN_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(root: str) -> None:
    os.environ["EVERGREEN_HOME"] = root
    os.environ.pop("EVERGREEN_SECRET_KEY", None)
    home = env.home()
    asked = mark.make_room(home)
    made(home.root)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()
    from evergreen.flow.demo import command

    built = command.run(home, tell=lambda *_: None, extent=SMALL, now=NOW)
    print(json.dumps({"asked": asked, "mark": [built.state, built.last, built.events], **_figures()}))


def _figures() -> dict[str, Any]:
    from django.db.models import Count

    from evergreen.alerts.models import Alert
    from evergreen.base.models import User
    from evergreen.customers.models import Account, ContractLine
    from evergreen.events import rollup, store
    from evergreen.flow.needs.queries import needs_of
    from evergreen.health.models import Standing
    from evergreen.metrics.models import Segment
    from evergreen.metrics.registry import metrics
    from evergreen.touches.models import CustomerGroup, GroupMember
    from evergreen.work.models import Conversation, Task

    con = store.reading()

    def lake(sql: str) -> list[Any]:
        return con.execute(sql).fetchall()

    newest = "FROM lake.snapshots WHERE day = (SELECT max(day) FROM lake.snapshots)"
    told = lake(f"SELECT {', '.join(f'count({key})' for key in metrics())} {newest}")[0]
    standings = Standing.objects.filter(is_own=True).exclude(account__stage="churned")
    today = SMALL.last + dt.timedelta(days=1)
    return {
        "silent_metrics": sorted(key for key, count in zip(metrics(), told, strict=True) if not count),
        "scores": dict(standings.values_list("account__external_id", "score")),
        "stages": dict(Account.objects.values_list("stage").annotate(n=Count("pk"))),
        "needs": {user.email: len(needs_of(user, today)) for user in User.objects.all()},
        "tasks": dict(Task.objects.values_list("state").annotate(n=Count("pk"))),
        "alerts": dict(Alert.objects.values_list("rule__key").annotate(n=Count("pk"))),
        "alerts_without_task": Alert.objects.filter(account__owner__isnull=False).count()
        - Task.objects.filter(origin_kind="alert", account__owner__isnull=False).count(),
        "conversations": Conversation.objects.count(),
        "overlaps": ContractLine.objects.filter(end_on__isnull=True).count(),
        "events": lake("SELECT count(*) FROM lake.events")[0][0],
        "kinds": dict(lake("SELECT kind, count(*) FROM lake.events GROUP BY kind")),
        "own": dict(lake("SELECT name, count(*) FROM lake.events WHERE kind = 'system' GROUP BY name")),
        "unknown_when_it_happened": lake("SELECT count(*) FROM lake.events WHERE known_at <> occurred_at")[0][
            0
        ],
        "features": lake("SELECT count(DISTINCT feature) FROM lake.usage")[0][0],
        "reports": dict(
            lake(
                "SELECT feature, sum(count)::BIGINT FROM lake.usage WHERE event = 'Report Viewed' GROUP BY feature"
            )
        ),
        "segments": {
            segment.key: [segment.days.count(), segment.moves.count(), segment.days.latest("day").accounts]
            for segment in Segment.objects.all()
        },
        "due_soon": Account.objects.exclude(stage="churned")
        .filter(renewal_on__range=(SMALL.last, SMALL.last + dt.timedelta(days=90)))
        .count(),
        "stale": [str(entry.day) for entry in rollup.stale_days(con, SMALL.last)],
        "groups": [CustomerGroup.objects.count(), GroupMember.objects.filter(left_at=None).count()],
        "score_days": lake("SELECT count(DISTINCT day) FROM lake.scores")[0][0],
    }


if __name__ == "__main__":
    main(sys.argv[1])
