"""Pages are asked for as a signed-in person; counts kept from another test must not show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def as_person(db: None) -> Callable[[Any], Client]:
    """A client signed in as a member of the cast."""

    def sign_in(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def at_the_casts_time(now: dt.datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def book(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """The cast's three accounts with figures, as after a night."""
    from evergreen.flow.lists import refresh_lists
    from evergreen.health.models import Scorecard, Standing
    from evergreen.metrics.models import Newest

    card = Scorecard.objects.create(key="standard", name={"zh": "标准模型", "en": "Standard"})
    day = dt.date(2026, 11, 19)
    for account, arr, score, band, renewal in (
        (cast.well, 32_400_000, 88.4, "green", dt.date(2027, 6, 11)),
        (cast.slipping, 28_600_000, 53.0, "red", dt.date(2027, 2, 15)),
        (cast.gone, None, None, "insufficient_data", None),
    ):
        Newest.objects.create(
            account=account, day=day, arr_base_cents=arr, renewal_on=renewal, currency="CNY"
        )
        Standing.objects.create(
            account=account, scorecard=card, version=1, is_own=True, day=day, score=score, band=band,
            coverage=0.9, change_30d=None if score is None else -3.0,
        )  # fmt: skip
    refresh_lists()
    for account in (cast.well, cast.slipping, cast.gone):
        account.refresh_from_db()
    return cast


@pytest.fixture
def told(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """The slipping account with everything that its page shows."""
    from evergreen.alerts.models import Alert, Rule
    from evergreen.customers import actions as customers
    from evergreen.desk.actions import close_ticket, open_ticket
    from evergreen.health.actions import install_shipped
    from evergreen.health.models import Scorecard, Standing
    from evergreen.metrics.models import Newest
    from evergreen.work import actions as work

    install_shipped(now=now)
    day = dt.date(2026, 11, 19)
    account = cast.slipping
    card = Scorecard.objects.get(key="standard")
    version = card.versions.get()
    contributions = [
        {
            "measure": measure["key"], "metric": measure["metric"], "value": 8.0, "score": 40.0, "points": 6.0,
            "lost": 9.0, "weight": 15.0, "missing": None, "as_of": "2026-11-19", "change_30d": -4.5,
        }
        for measure in version.definition["measures"]
    ]  # fmt: skip
    Standing.objects.create(
        account=account, scorecard=card, version=1, is_own=True, day=day, score=53.2, band="red", coverage=0.92,
        oldest_input_on=dt.date(2026, 11, 17), change_30d=-14.0, contributions=contributions,
    )  # fmt: skip
    Newest.objects.create(
        account=account, day=day, currency="CNY", mrr_cents=2_383_333, arr_base_cents=28_600_000,
        renewal_on=dt.date(2027, 2, 15), active_users_28d=39, overdue_cents=7_200_000, overdue_days=19,
        tickets_open=2, values={"active_users_prev_28d": 52, "nps": 12.0, "tickets_opened_28d": 5},
    )  # fmt: skip
    rule = Rule.objects.create(
        key="health_red",
        name={"zh": "健康度进入红区", "en": "Health in the red"},
        severity=3,
        created_at=now,
        changed_at=now,
    )
    Alert.objects.create(
        rule=rule, account=account, opened_on=day, opened_at=now - dt.timedelta(hours=4), seen_on=day,
        figures={"score": 53.2, "threshold": 60.0},
    )  # fmt: skip
    cast.contact = customers.add_contact(
        account, name="林淑敏", title="财务负责人", role="decision_maker", influence=5, by=cast.owner, now=now
    )
    work.record_conversation(
        account, kind="call", at=now - dt.timedelta(days=94), contacts=[cast.contact], by=cast.owner, now=now
    )
    customers.add_contract(
        account, external_id="K-1", number="CQ-1", currency="CNY", signed_on=dt.date(2026, 2, 10),
        lines=[{"kind": "subscription", "start_on": dt.date(2026, 2, 15), "end_on": dt.date(2027, 2, 15),
                "mrr_cents": 2_383_333, "seats": 80}], by=cast.owner, now=now,
    )  # fmt: skip
    customers.add_receivable(
        account, external_id="R-1", currency="CNY", amount_cents=7_200_000, due_on=dt.date(2026, 11, 1),
        by=cast.owner, now=now,
    )  # fmt: skip
    ticket = open_ticket(
        account, subject="Export fails", external_id="3182", by=None, now=now - dt.timedelta(days=3)
    )
    close_ticket(ticket, by=cast.mate, now=now - dt.timedelta(days=2))
    cast.note = customers.add_note(
        account, "**Budget** in December <script>alert(1)</script>", by=cast.owner, now=now
    )
    cast.task = work.add_task(
        account=account,
        title="Call 林淑敏",
        assignee=cast.owner,
        by=cast.owner,
        now=now,
        due_on=dt.date(2026, 11, 24),
    )
    return cast
