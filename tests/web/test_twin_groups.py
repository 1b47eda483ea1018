"""A segment twelve months ahead: asked of the worker, shown with the reader's rights, exported; what levers cost."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base import jobs
from evergreen.base.models import AuditEntry, Job
from evergreen.base.roles import Role, Scope
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.foresight.models import LeverCost, Outlook
from evergreen.foresight.twin import outlooks
from evergreen.metrics.models import Segment
from tests.foresight.twin.test_asking import NOW, planted

AsPerson = Callable[..., Client]


def done() -> Job:
    job = jobs.claim_job("test", now=NOW)
    assert job is not None
    jobs.run_job(job, now=NOW)
    job.refresh_from_db()
    return job


def segment_of(accounts: list[Account], key: str = "some") -> Segment:
    made = Segment.objects.create(
        key=key, name={"zh": "一些", "en": "Some"}, condition={}, created_at=NOW, changed_at=NOW
    )
    for one in accounts:
        SegmentMember.objects.create(segment=key, account=one, since=NOW.date())
    return made


def test_without_history_the_job_says_what_is_missing(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    client = as_person(cast.boss)
    assert "Not computed yet" in client.get("/ahead/").content.decode()
    assert (
        client.post("/ahead/asking/", {"segment": "", "query": "lever=users"})
        .headers["Location"]
        .endswith("?lever=users")
    )
    client.post("/ahead/asking/", {"segment": ""})
    assert Job.objects.count() == 1
    assert "waiting" in client.get("/ahead/").content.decode()
    assert done().state == Job.State.FAILED
    text = client.get("/ahead/").content.decode()
    assert "evergreen night" in text and "Not computed yet" in text
    assert client.post("/ahead/asking/", {"segment": "nothing-such"}).status_code == 404


def test_the_worker_answers_for_the_accounts_that_the_asker_may_see(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    accounts = planted()
    cast.outsider.scope = Scope.OWN
    cast.outsider.save()
    Account.objects.filter(pk__in=[one.pk for one in accounts[:50]]).update(owner=cast.outsider)
    segment_of(accounts[20:80])
    for person, size in ((cast.boss, 60), (cast.outsider, 30)):
        client = as_person(person)
        client.post("/ahead/asking/", {"segment": "some"})
        assert done().state == Job.State.DONE
        kept = outlooks.kept("some", person)
        assert kept is not None and kept.report["asked"] == size
        assert kept.asker == (None if person == cast.boss else person)
        text = client.get("/ahead/?segment=some").content.decode()
        assert f"{kept.report['accounts']} " in text and "Silent for" in text
        assert ("of your accounts" in text) == (person == cast.outsider)
    # Nobody sees another's answer, and a new answer takes the place of the old.
    assert "尚未计算" in as_person(cast.mate).get("/ahead/?segment=some").content.decode()
    outlooks.make("some", cast.boss, now=NOW)
    assert Outlook.objects.count() == 2
    # Whose accounts pay nothing gets a reason in the place of zeros.
    segment_of([accounts[4]], "gone")
    client = as_person(cast.boss)
    client.post("/ahead/asking/", {"segment": "gone"})
    failed = done()
    assert (failed.state, failed.error[:50]) == (
        Job.State.FAILED,
        "None of its accounts can be simulated: on the day ",
    )
    assert "None of its accounts can be simulated" in client.get("/ahead/?segment=gone").content.decode()
    assert 'href="/ahead/?segment=some"' in as_person(cast.boss).get("/segments/some/").content.decode()


def answer(cast: SimpleNamespace) -> Outlook:
    """A kept answer of known figures."""
    steps = np.arange(13.0)

    def told(gain: float) -> dict[str, object]:
        spans = [[90.0 - one + gain, 95.0 - one + gain, 99.0 - one + gain] for one in steps]
        money = [[100_000 * each for each in span] for span in spans]
        return {"usage": spans, "health": spans, "accounts": spans, "arr": money, "accounts_mean": 83.0 + gain, "arr_mean": 8_300_000.0,
                "due": 70, "renewed": [60.0, 63.0, 66.0], "renewed_mean": 63.0}  # fmt: skip

    silent = {
        "told": 0,
        "silent": 96,
        "alike": [3, 9],
        "rests_on": "correlation",
        "experiment_accounts": None,
        "use": None,
        "clear": False,
    }
    spoken = {**silent, "told": 90, "silent": 6, "alike": [40, 60], "use": [0.1, 0.05, 0.15], "clear": True,
              "gain": [100_000.0, 300_000.0, 600_000.0], "gain_mean": 310_000.0, **told(3.0)}  # fmt: skip
    report = {
        "on": "2026-11-16", "asked": 100, "drawn": 100, "accounts": 96, "absent": 4, "arr_cents": 9_600_000, "events": 95.0, "health": 80.0,
        "scale": 1.0, "paths": 1000, "days": [str(NOW.date() + dt.timedelta(days=28 * int(one + 1))) for one in steps],
        "nothing": told(0.0), "levers": {"features": spoken, "users": silent, "training": silent, "touches": silent},
    }  # fmt: skip
    return Outlook.objects.create(segment="", asker=None, day=NOW.date(), made_at=NOW, report=report)


def test_costs_make_the_return_and_none_are_invented(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    answer(cast)
    client = as_person(cast.boss)
    assert "ROI" not in client.get("/ahead/").content.decode().split("<tbody>")[0]
    assert client.post("/ahead/costs/", {"features": "many"}).status_code == 422
    assert not LeverCost.objects.exists()
    client.post("/ahead/costs/", {"features": "20", "training": ""})
    row = LeverCost.objects.get()
    assert (row.lever, row.cost_cents, row.currency, row.changed_by) == ("features", 2_000, "CNY", cast.boss)
    entries = AuditEntry.objects.filter(kind="lever_cost")
    assert entries.count() == 1
    client.post("/ahead/costs/", {"features": "20"})
    assert entries.count() == 1
    text = client.get("/ahead/").content.decode()
    # Kept 3,000 (1,000 to 6,000) for 20 × 90 accounts = 1,800: (3,000 − 1,800) ÷ 1,800 = 67 %.
    assert "ROI 67% (−44% to 233%)" in text and "¥1,800" in text
    client.post("/ahead/costs/", {"features": ""})
    assert not LeverCost.objects.exists()
    assert as_person(cast.owner).post("/ahead/costs/", {"features": "5"}).status_code == 403


def test_who_sees_no_money_is_told_accounts_only(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    answer(cast)
    LeverCost.objects.create(lever="features", cost_cents=2_000, currency="CNY", changed_at=NOW)
    cast.mate.role, cast.mate.scope, cast.mate.language = Role.TRAINER, Scope.ALL, "en"
    cast.mate.save()
    client = as_person(cast.mate)
    assert not cast.mate.sees_money
    for address in ("/ahead/", "/ahead/file/"):
        text = client.get(address).content.decode()
        assert "ARR" not in text.replace("ARR × (chance", "") and "¥" not in text and "3,000" not in text
    assert "+3 accounts kept" in client.get("/ahead/").content.decode()
    assert client.get("/ahead/costs/").status_code == 403


def test_levers_in_the_address_choose_rows_and_the_file(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    answer(cast)
    client = as_person(cast.boss)
    text = client.get("/ahead/?lever=users").content.decode().split("<tbody>")[1].split("</tbody>")[0]
    assert "A fifth more active users" in text and "One more training" not in text
    rows = list(
        csv.reader(
            io.StringIO(client.get("/ahead/file/?lever=features&lever=users").content.decode("utf-8-sig"))
        )
    )
    assert len(rows) == 1 + 13 * 2
    assert [rows[14][2], rows[14][3], rows[14][4]] == ["One more feature in use", "90", "6"]
    assert float(rows[14][7]) == 98.0
    assert AuditEntry.objects.filter(verb="ahead.exported").count() == 1


def test_the_page_costs_as_many_queries_for_three_segments_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    answer(cast)
    client, counts = as_person(cast.boss), []
    for size in (3, 30):
        Segment.objects.all().delete()
        for place in range(size):
            segment_of([], f"s-{place}")
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/ahead/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
