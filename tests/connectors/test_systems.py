"""Salesforce, HubSpot, Zendesk and Stripe: their defaults load everything, exactly once, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.base import jobs
from evergreen.customers.models import Account, Contact, ContractLine, Receivable
from evergreen.desk.models import Ticket
from evergreen.events.connections import actions, running
from evergreen.events.connections.models import Connection
from evergreen.work.models import Conversation
from tests.connectors import fake as faults
from tests.connectors.systems import SYSTEMS, System, Truth

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.kind)]

MODELS: dict[str, Any] = {
    "accounts": Account,
    "contacts": Contact,
    "tickets": Ticket,
    "conversations": Conversation,
    "lines": ContractLine,
    "receivables": Receivable,
}


def connect(source: System, now: Any) -> Connection:
    return actions.add_connection(source.kind, "the source", source.config(), by=None, now=now)


def standing(wanted: Truth) -> dict[str, set[str]]:
    return {name: set(MODELS[name].objects.values_list("external_id", flat=True)) for name in wanted}


def ids(wanted: Truth) -> dict[str, set[str]]:
    return {name: set(rows) for name, rows in wanted.items()}


def test_everything_arrives_exactly_once(system: type[System], serving: Any, run_it: Any, now: Any) -> None:
    source = serving(system())
    connection = connect(source, now)
    run = run_it(connection)
    assert (run.state, run.error) == ("done", "")
    assert (
        run.total("rejected"),
        [one["examples"] for one in run.streams.values() if one.get("examples")],
    ) == (0, [])
    assert standing(source.truth()) == ids(source.here())
    assert run.total("created") == sum(map(len, standing(source.truth()).values()))
    again = run_it(connection)
    assert (again.state, again.total("created"), again.total("updated")) == ("done", 0, 0)


@pytest.mark.postgres
def test_a_change_at_the_source_arrives_and_little_else_is_read(
    system: type[System], serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(system())
    connection = connect(source, now)
    first = run_it(connection)
    key = source.touch()
    run = run_it(connection)
    assert (run.state, run.total("created"), run.total("updated")) == ("done", 0, 1)
    assert Account.objects.get(external_id=key).name == "改了名"
    assert run.total("rows") < first.total("rows")


def test_a_change_while_pages_are_read_is_not_lost(
    system: type[System], serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(system())
    source.before_each = lambda number: source.touch() if number == 3 else None
    connection = connect(source, now)
    run_it(connection)
    source.before_each = lambda number: None
    run_it(connection)
    assert standing(source.truth()) == ids(source.here())
    assert Account.objects.filter(name="改了名").count() == 1


def test_a_source_that_wants_an_hour_gets_it(
    system: type[System], serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(system({4: faults.LONG}))
    connection = connect(source, now)
    run = run_it(connection)
    assert run.state == "paused" and run.wake_at is not None
    source.now += 3_600
    actions.start_due(now=run.wake_at)
    job = jobs.claim_job("later", now=run.wake_at)
    assert job is not None
    jobs.run_job(job, now=run.wake_at)
    run.refresh_from_db()
    assert (run.state, run.error, source.too_early) == ("done", "", 0)
    assert standing(source.truth()) == ids(source.here())


def test_the_test_button_says_what_is_there(system: type[System], serving: Any, now: Any) -> None:
    source = serving(system())
    adapter = running.adapter_of(connect(source, now))
    assert adapter.test(running.wired(adapter))


def test_wrong_credentials_are_told_in_words(
    system: type[System], serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(system())
    source.unsigned = lambda asked: True
    run = run_it(connect(source, now))
    assert run.state == "failed"
    assert "401" in run.error and "canary" not in run.error


def test_the_default_mappings_have_no_mistakes(system: type[System], serving: Any, now: Any) -> None:
    from evergreen.events.connections.feeding import feed_of

    source = serving(system())
    adapter = running.adapter_of(connect(source, now))
    for stream in adapter.streams:
        assert feed_of(adapter, stream, None, "x").columns
