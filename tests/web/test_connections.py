"""Connections in the browser: made, tested, tried, read; what was rejected comes back out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

import evergreen.events.jobs  # noqa: F401  the worker's kinds of jobs
from evergreen.base import jobs
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account
from evergreen.events.connections import actions
from evergreen.events.connections.models import Connection, ConnectionRun, SourceRow
from evergreen.events.sources import registry, wire
from tests.connectors.fake import Fake
from tests.connectors.test_rest import DECLARATION, Customers, rows

AsPerson = Callable[..., Client]


@pytest.fixture
def boss(cast: SimpleNamespace, as_person: AsPerson, home: Any) -> Client:
    return as_person(cast.boss)


@pytest.fixture
def source(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customers]:
    with Customers(rows(12)) as made:
        assert isinstance(made, Customers)
        monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", made.netloc)
        monkeypatch.setattr(wire, "pause", made.pause)
        yield made


def given(source: Fake, **changed: Any) -> dict[str, Any]:
    return {
        "name": "ERP", "every_minutes": 60, "declaration": DECLARATION.format(url=source.url),
        "secrets": "app_key: s3cret-canary", **changed,
    }  # fmt: skip


def work() -> None:
    now = dt.datetime.now(dt.UTC)
    job = jobs.claim_job("test", now=now)
    assert job is not None
    jobs.run_job(job, now=now)


PEOPLE = """  - name: people
    record: contacts
    path: /customers
    rows: items
    key: id
    order: ascending
    incremental: {field: updated_at, param: since, format: iso_seconds}
    mapping: {columns: {id: id, account: id, name: name}}
"""


def test_a_list_left_out_for_the_accounts_that_are_here_is_said_where_its_rows_are_missed(
    boss: Client, source: Customers
) -> None:
    boss.post(
        "/connections/new/rest/", given(source, declaration=DECLARATION.format(url=source.url) + PEOPLE)
    )
    found = Connection.objects.get()
    told = "would make accounts and is not read"
    assert told in boss.get(f"/connections/{found.pk}/").content.decode()
    run = boss.post(f"/connections/{found.pk}/runs/", {"why": "person"}).headers["Location"]
    work()
    page = boss.get(run).content.decode()
    assert "was not read: rows whose account only that list brings are rejected" in page
    assert "every row rejected" in boss.get("/connections/").content.decode()
    mapping = boss.get(f"/connections/{found.pk}/feeds/customers/text/").context["form"].initial["mapping"]
    boss.post(f"/connections/{found.pk}/feeds/customers/text/", {"is_on": "on", "mapping": mapping})
    run = boss.post(f"/connections/{found.pk}/runs/", {"why": "person"}).headers["Location"]
    work()
    assert "was not read" not in boss.get(run).content.decode()
    assert told not in boss.get(f"/connections/{found.pk}/").content.decode()
    assert "every row rejected" not in boss.get("/connections/").content.decode()


@pytest.mark.postgres
def test_a_system_is_connected_tested_tried_and_read(boss: Client, source: Customers) -> None:
    made = boss.post("/connections/new/rest/", given(source))
    found = Connection.objects.get()
    assert made.headers["Location"] == f"/connections/{found.pk}/"
    # The cast has accounts already: making others of them beside them is for a person to say.
    assert found.feeds["customers"]["on"] is False
    mapping = boss.get(f"/connections/{found.pk}/feeds/customers/text/").context["form"].initial["mapping"]
    boss.post(f"/connections/{found.pk}/feeds/customers/text/", {"is_on": "on", "mapping": mapping})
    boss.post(f"/connections/{found.pk}/test/")
    assert "updated_at" in boss.get(f"/connections/{found.pk}/").content.decode()
    before = Account.objects.count()
    trial = boss.post(f"/connections/{found.pk}/runs/", {"why": "trial"})
    work()
    assert "12" in boss.get(trial.headers["Location"]).content.decode()
    assert Account.objects.count() == before
    read = boss.post(f"/connections/{found.pk}/runs/", {"why": "person"})
    work()
    page = boss.get(read.headers["Location"])
    assert page.status_code == 200 and ConnectionRun.objects.first().state == "done"  # type: ignore[union-attr]
    assert Account.objects.count() == before + 12
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"connection.added", "connection.mapped", "job.started"} <= verbs


def test_a_secret_is_never_shown_again(boss: Client, source: Customers) -> None:
    boss.post("/connections/new/rest/", given(source))
    found = Connection.objects.get()
    addresses = ["", "settings/", "feeds/customers/", "feeds/customers/text/"]
    shown = "".join(boss.get(f"/connections/{found.pk}/{one}").content.decode() for one in addresses)
    shown += boss.get("/settings/audit/").content.decode()
    assert "canary" not in shown
    wrong = boss.post(f"/connections/{found.pk}/settings/", given(source, secrets="app_key: new-canary", every_minutes=7))  # fmt: skip
    assert wrong.status_code == 422
    kept = boss.post(f"/connections/{found.pk}/settings/", given(source, secrets="", name="ERP 2"))
    assert kept.status_code == 302
    found.refresh_from_db()
    assert found.name == "ERP 2" and "canary" not in found.credentials


def test_a_mistake_in_the_form_is_told_and_nothing_is_kept(boss: Client, source: Customers) -> None:
    answer = boss.post("/connections/new/rest/", given(source, declaration="base_url: 1"))
    assert answer.status_code == 422
    assert Connection.objects.count() == 0


def test_rejected_rows_are_downloaded(boss: Client, source: Customers) -> None:
    source.rows[3]["name"] = ""
    boss.post("/connections/new/rest/", given(source))
    found = Connection.objects.get()
    Connection.objects.update(feeds={})
    read = boss.post(f"/connections/{found.pk}/runs/")
    work()
    address = f"{read.headers['Location']}rejects/customers/"
    assert address in boss.get(read.headers["Location"]).content.decode()
    assert b"c003" in b"".join(boss.get(address).streaming_content)  # type: ignore[attr-defined]
    assert boss.get(f"{read.headers['Location']}rejects/other/").status_code == 404


def test_a_run_is_cancelled_a_schedule_switched_off_and_a_connection_deleted(
    boss: Client, source: Customers
) -> None:
    boss.post("/connections/new/rest/", given(source))
    found = Connection.objects.get()
    run = boss.post(f"/connections/{found.pk}/runs/", {"why": "history", "since": "2026-01-01"})
    boss.post(f"{run.headers['Location']}cancellation/")
    assert ConnectionRun.objects.get().state == "cancelled"
    boss.post(f"/connections/{found.pk}/pause/")
    found.refresh_from_db()
    assert found.is_paused
    boss.post(f"/connections/{found.pk}/removal/")
    assert Connection.objects.count() == 0


def test_those_who_may_not_configure_find_no_connections(
    cast: SimpleNamespace, as_person: AsPerson, source: Customers, now: dt.datetime
) -> None:
    made = actions.add_connection("rest", "ERP", given(source), by=None, now=now)
    client = as_person(cast.owner)
    for address in ("/connections/", "/connections/new/rest/", f"/connections/{made.pk}/", f"/connections/{made.pk}/settings/"):  # fmt: skip
        assert client.get(address).status_code == 404
    for address in ("test/", "runs/", "pause/", "removal/"):
        assert client.post(f"/connections/{made.pk}/{address}").status_code == 404
    assert Connection.objects.count() == 1


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_kind_has_its_form(kind: str, boss: Client) -> None:
    page = boss.get(f"/connections/new/{kind}/")
    assert page.status_code == 200
    for one in registry.fields(kind):
        assert f'name="{one.name}"' in page.content.decode()


def test_the_list_asks_as_much_for_thirty_connections_as_for_three(boss: Client, now: dt.datetime) -> None:
    def asked(n: int) -> int:
        for k in range(Connection.objects.count(), n):
            made = Connection.objects.create(kind="stripe", name=f"s{k}", created_at=now)
            ConnectionRun.objects.create(connection=made, why="schedule", state="done", started_at=now)
        boss.get("/connections/")
        with CaptureQueriesContext(database) as queries:
            assert boss.get("/connections/").status_code == 200
        return len(queries)

    assert asked(3) == asked(30)


def posted(page: Any) -> dict[str, str]:
    """What a browser sends of a list's mapping as it stands."""
    form = page.context["form"]
    sent = {f"column-{one.column.place}": one.column.target for one in form.ruled}
    return {
        **sent,
        **{f"rule-{one.column.place}": one.rule for one in form.ruled},
        "is_on": "on",
        "do": "save",
    }


def test_a_list_is_mapped_column_by_column_with_its_first_rows_beside(
    boss: Client, source: Customers
) -> None:
    boss.post("/connections/new/rest/", given(source))
    found = Connection.objects.get()
    address = f"/connections/{found.pk}/feeds/customers/"
    empty = boss.get(address)
    assert [one.column.name for one in empty.context["form"].ruled if one.is_read]
    boss.post(f"{address}sample/")
    page = boss.get(address)
    names = {one.column.name: one.column for one in page.context["form"].ruled}
    assert names["id"].samples and names["updated_at"].target == ""
    labels, rows = page.context["form"].arrivals
    assert labels and len(rows) == 10
    boss.post(address, posted(page))
    found.refresh_from_db()
    assert found.feeds["customers"] == {"on": True, "mapping": None}, "saved as it stands it is the default"
    sent = posted(boss.get(address))
    sent[f"rule-{names['id'].place}"] = "erp:{id}"
    sent[f"column-{names['updated_at'].place}"] = "+custom"
    assert boss.post(address, sent).status_code == 302
    found.refresh_from_db()
    mapping = found.feeds["customers"]["mapping"]
    assert mapping["columns"]["id"] == {"template": "erp:{id}"}
    assert mapping["custom"] == {"updated_at": "updated_at"}
    again = boss.get(address)
    assert again.context["form"].arrivals[1][0][0][0].startswith("erp:")
    boss.post(address, posted(again))
    found.refresh_from_db()
    assert found.feeds["customers"]["mapping"] == mapping, "what the form shows is what it saves"
    sent[f"rule-{names['name'].place}"] = "no rule"
    refused = boss.post(address, sent)
    assert refused.status_code == 422 and "no rule" in refused.content.decode()
    assert Account.objects.filter(external_id__startswith="erp:").count() == 0, "nothing was loaded"


@pytest.mark.parametrize(
    "kind", ["salesforce", "hubspot", "zendesk", "stripe", "jira", "wecom", "mixpanel", "posthog"]
)
def test_saving_a_default_mapping_as_it_stands_changes_nothing(boss: Client, kind: str) -> None:
    """The table shows every default whole: what it saves means the same."""
    from django.http import QueryDict

    from evergreen.events.imports.mapping import read_mapping
    from evergreen.events.sources.registry import adapter_class
    from evergreen.web.presenters.feeds import FeedMapping

    module = __import__(f"evergreen.events.sources.{kind}.adapter", fromlist=["STREAMS"])
    assert adapter_class(kind).kind == kind
    for stream in module.STREAMS:
        form = FeedMapping(stream, Path("/nowhere"), stream.mapping)
        sent = QueryDict(mutable=True)
        for one in form.ruled:
            sent[f"column-{one.column.place}"], sent[f"rule-{one.column.place}"] = one.column.target, one.rule
        for constant in form.constants:
            sent[f"constant-{constant.field.name}"] = constant.value
        sent["money"] = "on" if form.format.get("money") else ""
        definition, problems = form.changed(sent)
        assert problems == []
        meant, saved = read_mapping(stream.mapping, stream.record), read_mapping(definition, stream.record)
        for group in ("cells", "custom", "external_ids", "all_properties", "is_minor"):
            assert getattr(saved, group) == getattr(meant, group), (stream.name, group)


def test_what_is_gone_at_its_source_is_said_on_the_page_of_the_account(
    boss: Client, source: Customers, cast: Any
) -> None:
    boss.post("/connections/new/rest/", given(source))
    row = {"connection": Connection.objects.get(), "stream": "customers", "key": "1"}
    SourceRow.objects.create(**row, record="accounts", external_id="A-well", gone_at=dt.datetime.now(dt.UTC))
    assert "ERP" in str(
        [mark.text for mark in boss.get(f"/accounts/{cast.well.pk}/").context["heading"].marks]
    )
    assert "ERP" not in str(
        [mark.text for mark in boss.get(f"/accounts/{cast.slipping.pk}/").context["heading"].marks]
    )
