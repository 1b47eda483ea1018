"""Metrics of one's own in the browser: made with a preview, changed, filled in, retired; who may, and how many queries."""

from __future__ import annotations

import csv
import datetime as dt
import io
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base import jobs
from evergreen.base.models import Job
from evergreen.customers.models import Account
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.flow import filling  # noqa: F401  the worker finds its job
from evergreen.metrics import actions, registry
from evergreen.metrics.declared.actions import save_metric
from evergreen.metrics.declared.filling import JOB
from evergreen.metrics.library import METRICS
from evergreen.metrics.models import DeclaredMetric, Newest
from evergreen.metrics.segments.actions import save_segment
from evergreen.web.api.keys import create_api_key

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 11, 18)
ASKED = {
    "key_end": "urgent", "name_zh": "紧急工单", "name_en": "Urgent tickets", "kind": "count", "source": "tickets",
    "aggregation": "count", "date": "opened_on", "window_days": "28", "filter": "priority in (urgent, high)",
}  # fmt: skip


@pytest.fixture
def book(
    home: Any, cast: SimpleNamespace, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    """The cast with tickets and figures of two days, by a library of the metrics that lists show."""
    listed = {field.name for field in Newest._meta.fields} | {"arr_cents"}
    library = {key: metric for key, metric in METRICS.items() if key in listed}
    monkeypatch.setattr(registry, "METRICS", library)
    monkeypatch.setattr(registry, "_BUILT_IN", registry.Registry(library))
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    for number, account in enumerate([cast.well, cast.well, cast.slipping]):
        opened = dt.datetime(2026, 11, 10 + number, 4, tzinfo=dt.UTC)
        Ticket.objects.create(
            account=account, external_id=f"T{number}", priority="urgent", opened_at=opened, known_at=opened
        )
    with store.session() as con:
        for day in (DAY - dt.timedelta(days=1), DAY):
            actions.take_snapshot(con, day, now=now)
        actions.write_newest(con, DAY)
    return cast


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def worked(now: dt.datetime) -> Job:
    """The job that waits, done as the worker does it."""
    job = jobs.claim_job("test", only=[JOB], now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    return job


@pytest.mark.postgres
def test_a_metric_is_made_with_a_preview_filled_in_and_stands_everywhere(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    client = signed_in(book.boss)
    assert "Number of end users who used the product" in client.get("/metrics/new/").content.decode()
    preview = client.post("/metrics/preview/", ASKED).content.decode()
    assert "Number of tickets, whose opened on lies in the last 28 days" in preview
    assert "100% have a value: 2 of 2 accounts." in preview
    assert preview.index(book.well.name) < preview.index(book.slipping.name)
    assert not DeclaredMetric.objects.exists()
    answer = client.post("/metrics/new/", {**ASKED, "since": "2026-11-17"})
    assert answer["Location"] == "/metrics/own_urgent/"
    waiting = client.get("/metrics/own_urgent/").content.decode()
    assert "No values yet" in waiting
    assert "0 / 2" in waiting
    job = worked(now)
    assert (job.state, job.done, job.total) == (Job.State.DONE, 2, 2)
    page = client.get("/metrics/own_urgent/").content.decode()
    assert "tickets: count(*) with opened_on in 28 days where priority in (urgent, high)" in page
    assert "100% have a value: 2 of 2 accounts." in page
    assert "from 2026-11-17 on" in page
    history = client.get("/metrics/own_urgent/history/").content.decode()
    assert "as of" in history
    rows = list(
        csv.reader(io.StringIO(client.get("/metrics/own_urgent/values/").content.decode("utf-8-sig")))
    )
    assert [(row[0], row[-1]) for row in rows[1:]] == [("A-slipping", "1"), ("A-well", "2")]
    assert "own_urgent" in client.get("/metrics/?whose=own").content.decode()
    assert "own_urgent" not in client.get("/metrics/?whose=built-in").content.decode()
    assert "own_urgent" in client.get("/segments/new/").content.decode()
    account = client.get(f"/accounts/{book.well.pk}/").content.decode()
    assert "Urgent tickets" in account
    assert f"/accounts/{book.well.pk}/trends/own_urgent/" in account
    assert client.get(f"/accounts/{book.well.pk}/trends/own_urgent/").status_code == 200
    key = create_api_key("bi", ["metrics.read"], staff=book.boss, by=book.boss, now=now)
    bearer = {"Authorization": f"Bearer {key}"}
    told = client.get("/api/v1/metrics", headers=bearer).json()
    assert [one["definition"] for one in told if one["is_own"]] == [
        registry.metric("own_urgent").formula_text()
    ]
    figures = client.get("/api/v1/metrics/values?account=A-well&metric=own_urgent", headers=bearer).json()
    assert figures == {
        "account": "A-well",
        "day": "2026-11-18",
        "currency": "CNY",
        "values": {"own_urgent": 2},
    }


def test_what_cannot_be_used_is_told_beside_what_was_written(book: SimpleNamespace) -> None:
    client = signed_in(book.boss)
    wrong = {**ASKED, "filter": "priority = urgnt", "window_days": "91"}
    for address, status in (("/metrics/new/", 422), ("/metrics/preview/", 200)):
        answer = client.post(address, wrong)
        page = answer.content.decode()
        assert answer.status_code == status
        assert "priority: found urgnt; allowed: urgent, high, medium, low" in page
        assert "window_days: found 91; allowed: a whole number from 0 to 90" in page
    assert "priority = urgnt" in client.post("/metrics/new/", wrong).content.decode()
    assert (
        "begins with own_" in client.post("/metrics/new/", {**ASKED, "key_end": "Ur gent"}).content.decode()
    )
    shape = client.post("/metrics/shape/", {**ASKED, "source": "formula"}).content.decode()
    assert "active_users_28d" in shape
    assert 'name="filter"' not in shape
    assert not DeclaredMetric.objects.exists()


def test_a_used_metric_is_not_retired_and_one_kept_in_files_is_not_changed(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    of = {"kind": "count", "source": "tickets", "aggregation": "count"}
    metric = save_metric("own_all", name={"en": "All tickets"}, of=of, by=book.boss, now=now)
    segment = save_segment("busy", name={"en": "Busy ones"}, condition="own_all > 1", by=None, now=now)
    client = signed_in(book.boss)
    refused = client.post("/metrics/own_all/retirement/", follow=True).content.decode()
    assert "own_all is used by segment Busy ones" in refused
    assert "/segments/busy/" in refused
    segment.delete()
    metric.origin = DeclaredMetric.Origin.FILE
    metric.save()
    kept = client.get("/metrics/own_all/definition/", follow=True).content.decode()
    assert "is kept in files: change it there, or detach it first" in kept
    assert client.post("/metrics/own_all/detachment/")["Location"] == "/metrics/own_all/definition/"
    form = client.get("/metrics/own_all/definition/").content.decode()
    assert "All tickets" in form
    changed = {**ASKED, "aggregation": "count", "filter": "is_open = true"}
    assert "saving makes version 2" in client.post("/metrics/preview/?of=own_all", changed).content.decode()
    client.post("/metrics/own_all/definition/", changed)
    assert metric.versions.count() == 2


def test_only_those_who_configure_declare_and_everybody_sees_own_accounts(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    of = {"kind": "count", "source": "tickets", "aggregation": "count"}
    save_metric("own_all", name={"en": "All tickets"}, of=of, by=book.boss, now=now)
    with store.session() as con:
        actions.take_snapshot(con, DAY + dt.timedelta(days=1), now=now)
        actions.write_newest(con, DAY + dt.timedelta(days=1))
    outsider = signed_in(book.outsider)
    page = outsider.get("/metrics/own_all/").content.decode()
    assert book.well.name not in page
    assert outsider.get("/metrics/own_all/values/").content.decode().count("\n") == 1
    assert book.well.name in signed_in(book.mate).get("/metrics/own_all/").content.decode()
    for address in ("/metrics/new/", "/metrics/own_all/definition/"):
        assert outsider.get(address).status_code == 404
    for name in ("preview", "shape", "own_all/past-days", "own_all/retirement", "own_all/detachment"):
        assert outsider.post(f"/metrics/{name}/", ASKED).status_code == 404


def test_the_list_costs_as_many_queries_for_three_own_metrics_as_for_thirty(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    client = signed_in(cast.boss)

    def cost() -> int:
        client.get("/metrics/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/metrics/")
        return len(queries)

    def declare(numbers: range) -> None:
        for n in numbers:
            row = DeclaredMetric.objects.create(
                key=f"own_{n}", name={"en": f"M {n}"}, group="own", created_at=now, changed_at=now
            )
            row.versions.create(
                number=1,
                definition={"kind": "count", "source": "contacts", "aggregation": "count"},
                counts_from=DAY,
                made_at=now,
            )

    declare(range(3))
    few = cost()
    declare(range(3, 30))
    assert cost() == few
