"""Product analytics in the browser: asked, drawn, saved, shared, exported, led back to accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import AuditEntry, Job
from evergreen.customers.models import Account, Feature, Product
from evergreen.events import arrivals, rollup, store
from evergreen.metrics.analytics.models import Analysis

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_the_casts_time")]

FUNNEL = "within=1d&what=feature%3Aledger&what=event%3Areport"
AsPerson = Callable[[Any], Client]


@pytest.fixture
def used(home: Any, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """A day on which four people post, three of them open a report, and one posts again; the outsider owns one account."""
    product = Product.objects.create(key="suite")
    Feature.objects.create(
        product=product,
        key="ledger",
        name={"en": "Ledger", "zh": "总账"},
        is_core=True,
        matchers=[{"event": "posted"}],
    )
    Account.objects.filter(pk=cast.gone.pk).update(owner=cast.outsider, team=cast.south)
    begins = dt.datetime(2026, 11, 18, 2)
    told = [(cast.well, "u1"), (cast.well, "u2"), (cast.slipping, "u1"), (cast.gone, "u1")]
    rows = [(account, user, 0, "posted") for account, user in told]
    rows += [(account, user, 10, "report") for account, user in told[:3]] + [(cast.well, "u1", 20, "posted")]
    events = [
        {
            "source": "app", "kind": "track", "name": name, "account_id": account.pk, "tenant": "", "account_key": None,
            "end_user": user, "occurred_at": (at := begins + dt.timedelta(minutes=minutes)), "sent_at": None,
            "received_at": at, "known_at": at, "count": 1, "seconds": None, "feature": None, "properties": None,
            "message_id": f"m{number}", "flag": None, "backfilled": False,
        }
        for number, (account, user, minutes, name) in enumerate(rows)
    ]  # fmt: skip
    table = pa.Table.from_pylist(events, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(), store.session() as con, store.transaction(con):
        arrivals.append(con, table, origin="test", until=1, zone="Asia/Shanghai", now=now)
    with store.session() as con:
        rollup.roll_up(con, dt.date(2026, 11, 19))
    return cast


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return answer.content.decode()


@pytest.mark.postgres
def test_every_kind_opens_and_its_figure_says_what_was_counted(
    used: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(used.boss)
    assert "Nothing saved yet" in page(client, "/analytics/")
    for kind, query, said in (
        # Eight uses on one of the twenty working days.
        (
            "trend",
            "measure=uses",
            "0.4 uses a day, mean of the working days of the last 4 weeks; 0 in the first 4",
        ),
        ("trend", "window=7", "Nov 18"),
        ("stickiness", "", "Mean daily end users"),
        ("penetration", "", "Ledger reaches the most: 100% of 4 active end users."),
        ("funnel", FUNNEL, "75% of 4 end users reach the last step within 1 day"),
        ("retention", "", "4 end users began in the range."),
        (
            "paths",
            "what=event%3Aposted&nodes=events",
            "posted was used 5 times; what most often came next (60%): report.",
        ),
    ):
        whole = page(client, f"/analytics/{kind}/?{query}")
        assert f"/analytics/{kind}/figure/" in whole
        assert said in page(client, f"/analytics/{kind}/figure/?{query}"), kind
        assert said in page(client, f"/analytics/{kind}/figure/?{query}&tile=1") or kind in {
            "trend",
            "stickiness",
        }
    assert "Choose at least two steps" in page(client, "/analytics/funnel/figure/")
    assert "Choose a feature or event" in page(client, "/analytics/paths/figure/")
    page(client, "/analytics/nothing/", 404)
    wrong = page(client, "/analytics/funnel/?within=3y", 422)
    assert "within: 3y. Allowed: 30m, 1h" in wrong


def test_nobody_sees_figures_or_accounts_outside_their_own(
    used: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(used.outsider)
    assert "0% of 1 end user reach" in page(client, f"/analytics/funnel/figure/?{FUNNEL}")
    behind = page(client, f"/analytics/funnel/accounts/?{FUNNEL}&place=step:0")
    assert used.gone.name in behind
    assert used.well.name not in behind
    other = f"/analytics/trend/?account={used.well.pk}"
    assert "no such account among those you may see" in page(client, other)
    assert used.well.name not in page(client, other)
    assert "Nothing to count" in page(client, f"/analytics/trend/figure/?account={used.well.pk}")
    assert "industry" in page(client, "/analytics/trend/")
    assert "制造" not in page(client, "/analytics/trend/"), "an industry of others' accounts is no choice"


@pytest.mark.postgres
def test_a_figure_leads_to_its_accounts_and_to_a_file(used: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(used.boss)
    figure = page(client, f"/analytics/funnel/figure/?{FUNNEL}")
    assert "place=lost:1" in figure
    lost = page(client, f"/analytics/funnel/accounts/?{FUNNEL}&place=lost:1")
    assert used.gone.name in lost
    assert used.well.name not in lost
    page(client, f"/analytics/funnel/accounts/?{FUNNEL}&place=step:9", 404)
    file = client.post("/analytics/funnel/file/", {"query": FUNNEL})
    assert file["Content-Disposition"] == 'attachment; filename="funnel-2026-11-20.csv"'
    lines = file.content.decode("utf-8-sig").splitlines()
    assert lines[1:] == [
        '"","Ledger",4,1.000000,1.000000,""',
        '"","report",3,0.750000,0.750000,600.000000',
    ]
    assert AuditEntry.objects.get(verb="analysis.exported").after["query"] == FUNNEL
    assert client.get("/analytics/funnel/file/").status_code == 405


def test_an_analysis_is_saved_shared_and_stands_on_the_board(
    used: SimpleNamespace, as_person: AsPerson
) -> None:
    owner, mate, boss = (as_person(one) for one in (used.owner, used.mate, used.boss))
    said = {"kind": "funnel", "query": FUNNEL, "name": "First report"}
    answer = owner.post("/analytics/saved/", said)
    row = Analysis.objects.get()
    assert answer["Location"] == f"/analytics/funnel/?{FUNNEL}&saved={row.pk}"
    assert "First report" in page(owner, answer["Location"])
    assert "First report" not in page(mate, "/analytics/")
    page(mate, f"/analytics/saved/{row.pk}/", 404)
    owner.post(
        "/analytics/saved/",
        {**said, "saved": row.pk, "shared": "on", "board": "on", "query": FUNNEL + "&by=tier"},
    )
    row.refresh_from_db()
    assert (row.is_shared, row.is_on_board, Analysis.objects.count()) == (True, True, 1)
    assert "by=tier" in row.query
    assert "First report" in page(mate, "/analytics/")
    assert "tile=1" in page(mate, "/analytics/")
    assert mate.get(f"/analytics/saved/{row.pk}/").status_code == 302
    # Who may look at it may not change it, unless they configure.
    assert mate.post("/analytics/saved/", {**said, "saved": row.pk}).status_code == 403
    assert mate.post(f"/analytics/saved/{row.pk}/removal/").status_code == 403
    assert Analysis.objects.get().name == "First report"
    assert boss.post(f"/analytics/saved/{row.pk}/removal/").status_code == 302
    assert not Analysis.objects.exists()
    verbs = AuditEntry.objects.filter(kind="analysis").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["analysis.saved", "analysis.changed", "analysis.removed"]
    owner.post("/analytics/saved/", {**said, "name": " "})
    assert not Analysis.objects.exists()


def test_a_long_range_is_left_to_a_job(
    used: SimpleNamespace, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, now: dt.datetime
) -> None:
    from evergreen.base import jobs
    from evergreen.metrics.analytics import reading

    monkeypatch.setattr(reading, "AT_ONCE_MOMENTS", 1)
    client = as_person(used.owner)
    query = f"{FUNNEL}&days=365"
    shown = page(client, f"/analytics/funnel/figure/?{query}")
    assert "A worker counts them all" in shown
    answer = client.post("/analytics/funnel/exact/", {"query": query})
    assert answer.status_code == 302
    assert Job.objects.get().params["kind"] == "funnel"
    client.post("/analytics/funnel/exact/", {"query": query})
    assert Job.objects.count() == 1, "one under way is enough"
    assert 'class="job"' in page(client, f"/analytics/funnel/figure/?{query}")
    job = jobs.claim_job("w", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    shown = page(client, f"/analytics/funnel/figure/?{query}")
    assert "100% of 3 end users reach" in shown
    assert "Counted Nov 20" in shown


def test_more_saved_analyses_need_no_more_queries(
    used: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    client = as_person(used.owner)

    def asked() -> int:
        with CaptureQueriesContext(connection) as caught:
            page(client, "/analytics/")
        return len(caught)

    def make(count: int) -> None:
        Analysis.objects.bulk_create(
            Analysis(name=f"A {n}", kind="trend", query="", owner=used.mate, is_shared=True, is_on_board=n < 2, created_at=now, changed_at=now)
            for n in range(count)
        )  # fmt: skip

    make(3)
    page(client, "/analytics/")
    few = asked()
    make(27)
    assert asked() == few
