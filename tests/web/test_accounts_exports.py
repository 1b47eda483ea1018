"""Exports of accounts: the filtered list, no formula in any cell, nothing beyond the person's rights."""

from __future__ import annotations

import csv
import datetime as dt
import io
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from evergreen.base.models import AuditEntry, Job, User
from evergreen.base.roles import Role
from evergreen.base.spreadsheets import guarded, unguarded
from evergreen.customers.models import Account

pytestmark = pytest.mark.usefixtures("at_the_casts_time")

EVIL = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "＝1+1",
    "＠x",
    "－2",
    "=cmd|' /C calc'!A0",
    "'=1",
    '"=1',
    " =1",
]


@pytest.mark.parametrize("text", [*EVIL, "plain", "'quoted'", "a=b", "恒岳", "", "'", "''=1"])
def test_guarded_text_is_no_formula_and_comes_back_as_it_was(text: str) -> None:
    safe = guarded(text)
    assert unguarded(safe) == text
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@pytest.mark.postgres
def test_an_export_holds_the_filtered_list_and_no_formula(book: SimpleNamespace, as_person: Any) -> None:
    for account, name in zip((book.well, book.slipping, book.gone), EVIL[:3], strict=True):
        account.name = account.industry = name
        account.save()
    client = as_person(book.owner)
    answer = client.post("/accounts/exports/", {"kind": "csv", "query": "sort=-arr"})
    assert "attachment" in answer["Content-Disposition"]
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [unguarded(row["Account"]) for row in rows] == ["=1+1", "+1", "-1+2"]
    assert all(row["Account"].startswith("'") for row in rows)
    assert rows[0]["ARR (CNY)"] == "324000"
    assert rows[0]["Change in 30 days"] == "-3"
    assert AuditEntry.objects.filter(verb="accounts.exported").get().after["rows"] == 3


def test_a_workbook_holds_text_as_text_figures_as_figures_days_as_days(
    book: SimpleNamespace, as_person: Any
) -> None:
    book.well.name = '=HYPERLINK("http://evil")'
    book.well.save()
    answer = as_person(book.mate).post("/accounts/exports/", {"kind": "xlsx", "query": "stage=steady"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    head = [cell.value for cell in sheet[1]]
    row = dict(zip(head, sheet[2], strict=True))
    assert row["客户"].value == '=HYPERLINK("http://evil")'
    assert row["客户"].data_type == "s"
    assert row["ARR (CNY)"].value == 324000
    assert row["到期"].value == dt.datetime(2027, 6, 11)
    assert sheet.max_row == 2


def test_exports_show_nothing_beyond_the_persons_rights(book: SimpleNamespace, as_person: Any) -> None:
    outsider = as_person(book.outsider).post("/accounts/exports/", {"kind": "csv"}).content.decode()
    assert "恒岳" not in outsider
    trainer = User.objects.create_user("t@vendor.example", role=Role.TRAINER, scope="all", language="en")
    text = as_person(trainer).post("/accounts/exports/", {"kind": "csv"}).content.decode()
    assert "恒岳" in text
    assert "ARR" not in text
    assert as_person(book.owner).post("/accounts/exports/", {"kind": "exe"}).status_code == 404


def test_a_long_export_is_made_by_the_worker_and_fetched_by_its_owner_alone(
    book: SimpleNamespace, as_person: Any, now: dt.datetime, home: Any
) -> None:
    from evergreen.base import jobs
    from evergreen.base.actions import change_setting

    change_setting("direct_export_rows", 100, by=None, now=now)
    for n in range(120):
        Account.objects.create(
            external_id=f"B-{n}", name=f"B{n}", owner=book.owner, created_at=now, known_at=now
        )
    for kind in ("csv", "xlsx"):
        client = as_person(book.owner)
        assert client.post("/accounts/exports/", {"kind": kind, "query": ""}).status_code == 303
        job = jobs.claim_job("test", now=now)
        assert job is not None
        jobs.run_job(job, now=now)
        assert (job.state, job.result["rows"]) == (Job.State.DONE, 123), job.error
        answer = client.get(f"/jobs/{job.pk}/file/")
        assert len(b"".join(answer.streaming_content)) > 3_000
        assert as_person(book.mate).get(f"/jobs/{job.pk}/file/").status_code == 404
        assert "B119" not in as_person(book.outsider).get("/jobs/").content.decode()
