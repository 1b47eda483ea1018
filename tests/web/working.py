"""Rows of work for tests of pages: alerts and tasks of an account, many at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.alerts.actions import fold, install_shipped
from evergreen.alerts.models import Alert, Rule
from evergreen.customers.models import Account
from evergreen.work.actions import add_task
from evergreen.work.models import Task
from tests.conftest import NOW

FIGURES: dict[str, dict[str, Any]] = {
    "health_red": {"score": 50.0, "threshold": 60.0},
    "invoice_overdue": {"days": 9, "cents": 500_000, "invoices": 1, "currency": "CNY"},
    "no_activity": {"working_days": 12, "last_active_on": "2026-11-02"},
}


def raise_alert(account: Account, rule: str = "health_red", **fields: Any) -> Alert:
    """An open alert of a rule on an account, opened now."""
    install_shipped(now=NOW)
    now = dt.datetime.now(dt.UTC)
    alert = Alert.objects.create(
        rule=Rule.objects.get(key=rule),
        account=account,
        **{
            "opened_on": now.date(),
            "opened_at": now,
            "seen_on": now.date(),
            "figures": FIGURES[rule],
            **fields,
        },
    )
    fold(accounts=[account.pk], now=now)
    Account.objects.filter(pk=account.pk).update(open_alerts=account.alerts.filter(state="open").count())
    return alert


def write_task(person: Any, account: Account | None = None, title: str = "Call them", **fields: Any) -> Task:
    now = dt.datetime.now(dt.UTC)
    return add_task(account=account, title=title, assignee=person, by=person, now=now, **fields)


def many(owner: Any, count: int) -> list[Account]:
    """So many accounts of an owner, each with an alert and a due task."""
    now = dt.datetime.now(dt.UTC)
    made = Account.objects.bulk_create(
        Account(
            external_id=f"M{n}", name=f"Many {n}", owner=owner, created_at=now, known_at=now, arr_base_cents=n
        )
        for n in range(count)
    )
    for account in made:
        raise_alert(account)
        write_task(owner, account, due_on=now.date())
    return made
