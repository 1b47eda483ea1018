"""IMP-01: every fault at every kind of connector; afterwards the mirror is the source's truth."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from evergreen.base.actions import add_staff
from evergreen.customers.actions import create_account
from evergreen.events.connections import actions
from evergreen.events.connections.models import ConnectionRun
from tests.connectors.fake import Fake
from tests.connectors.faults import FAULTS, Fault, Stage
from tests.connectors.systems import ALL, System

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a year or 5,000 rows a page is a few here."""
    from evergreen.events.sources.mixpanel import adapter as mixpanel
    from evergreen.events.sources.posthog import adapter as posthog

    monkeypatch.setattr(mixpanel, "_DAYS", 6)
    monkeypatch.setattr(posthog, "_PAGE", 5)


# What is kept of a run is the same for every kind; one of them tries it on PostgreSQL too.
EACH = [
    pytest.param(one, id=one.kind, marks=[pytest.mark.postgres] if one.kind == "hubspot" else [])
    for one in ALL
]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("system", EACH)
def test_after_a_fault_the_mirror_is_the_sources_truth(
    system: type[System], fault: Fault, serving: Any, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = serving(system())
    with Fake() as elsewhere:
        source.elsewhere = elsewhere.url
        if "accounts" not in source.truth():
            create_account(external_id="s1", name="一号店", by=None, now=now)
        add_staff("lu.heng@example.com")
        connection = actions.add_connection(
            source.kind, f"the {source.kind}", source.config(), by=None, now=now
        )
        connection.feeds = {}
        connection.save(update_fields=["feeds"])
        stage = Stage(source, connection, now, monkeypatch.setattr)
        fault(stage)
        assert stage.live() == []
        assert elsewhere.asked == [], "nothing goes to an address that only an answer named"
    assert all(not run.is_open for run in ConnectionRun.objects.all())
