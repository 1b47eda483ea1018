"""What an installation starts with: shipped scorecards, alert rules, templates, surveys and playbooks, and the lake's metric columns."""

from __future__ import annotations

import datetime as dt

from evergreen.alerts import actions as alerts
from evergreen.base import clock
from evergreen.events import store
from evergreen.health import actions as health
from evergreen.metrics import actions as metrics
from evergreen.playbooks import actions as playbooks


def install(*, now: dt.datetime | None = None) -> dict[str, int]:
    """Add whatever shipped thing is absent; changed ones are left alone. Safe to repeat. Returns counts of additions."""
    now = now or clock.utc_now()
    with store.session() as con:
        metrics.ensure_columns(con)
    return {
        "scorecards": health.install_shipped(now=now),
        "rules": alerts.install_shipped(now=now),
        # Alerts from before there were work orders.
        "work_orders": len(alerts.fold(now=now).opened),
        "playbooks": playbooks.install_shipped(now=now),
    }
