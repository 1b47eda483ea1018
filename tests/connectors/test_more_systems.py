"""Jira, Mixpanel's export and PostHog: everything arrives exactly once, whatever happens."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from evergreen.customers.actions import create_account
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.connections import actions, running
from tests.connectors import fake as faults
from tests.connectors.systems import Jira, Mixpanel, Posthog

pytestmark = pytest.mark.django_db

SCRIPTS = {
    "well": {},
    "ill": {1: faults.FAIL, 3: faults.CUT, 4: faults.THROTTLE, 6: faults.HALF, 8: faults.FAIL, 9: faults.CUT},
    "throttled": {2: faults.THROTTLE, 4: faults.THROTTLE_DATELESS},
}
each_script = pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))


def events_here() -> int:
    with store.session() as con:
        return int(store.scalar(con, "SELECT count(*) FROM lake.events WHERE kind = 'track'") or 0)


@each_script
@pytest.mark.postgres
def test_jiras_issues_become_tickets(script: dict[int, str], serving: Any, run_it: Any, now: Any) -> None:
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Jira(dict(script)))
    connection = actions.add_connection("jira", "jira", source.config(), by=None, now=now)
    adapter = running.adapter_of(connection)
    assert adapter.test(running.wired(adapter)) if not script else True
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert set(Ticket.objects.values_list("external_id", flat=True)) == {one["key"] for one in source.issues}
    assert set(Ticket.objects.values_list("state", "priority")) == {("open", "urgent"), ("closed", "urgent")}
    source.issues[0]["fields"] |= {"summary": "改了", "updated": "2026-11-20T09:00:00.000+0800"}
    again = run_it(connection)
    assert (again.total("created"), again.total("updated")) == (0, 1)


@each_script
def test_mixpanels_events_arrive(script: dict[int, str], serving: Any, run_it: Any, now: Any) -> None:
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Mixpanel(dict(script)))
    connection = actions.add_connection("mixpanel", "mixpanel", source.config(), by=None, now=now)
    run = run_it(connection, why="history", since=now - dt.timedelta(days=30))
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert events_here() == len(source.events)
    again = run_it(connection)
    assert (again.state, again.total("created")) == ("done", 0)
    assert events_here() == len(source.events)


@each_script
def test_posthogs_events_arrive(
    script: dict[int, str], serving: Any, run_it: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.events.sources.posthog import adapter

    monkeypatch.setattr(adapter, "_PAGE", 3)  # fewer than happen in one moment
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Posthog(dict(script)))
    connection = actions.add_connection("posthog", "posthog", source.config(), by=None, now=now)
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert events_here() == len(source.events)
    source.events.append(
        ["0000-9999", "report.opened", "2026-11-07 20:00:00.000000", "u9", '{"$group_0": "s1"}']
    )
    again = run_it(connection)
    assert (again.state, again.total("created")) == ("done", 1), "what arrived late is caught"
