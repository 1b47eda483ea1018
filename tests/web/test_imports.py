"""Imports in the browser: a file comes in, is looked at, mapped, tried, loaded; rejected rows come back out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

import evergreen.events.jobs  # noqa: F401  # the worker's kinds of jobs
from evergreen.base import jobs
from evergreen.base.actions import change_setting
from evergreen.base.models import Job
from evergreen.customers.models import Account
from evergreen.web.models import Upload

AsPerson = Callable[..., Client]
ACCOUNTS = "客户编号,公司名称,行业,签约日期,备注\nN1,新一,教育,2025/01/10,展会\nN2,新二,教育,2025/02/30,\nN3,新三,零售,2025/03/12,\n"


@pytest.fixture
def boss(cast: SimpleNamespace, as_person: AsPerson, home: Any) -> Client:
    return as_person(cast.boss)


def bring(client: Client, content: bytes | str, name: str = "accounts.csv", record: str = "") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post("/imports/", {"file": SimpleUploadedFile(name, data), "record": record})


def mapped(upload: Upload, *targets: str, **more: str) -> dict[str, str]:
    return {**{f"column-{place}": target for place, target in enumerate(targets)}, **more}


def work() -> Job:
    """Do the job that waits."""
    now = dt.datetime.now(dt.UTC)
    job = jobs.claim_job("test", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "导入"), ("en", "Imports")])
def test_the_pages_open_in_both_languages(
    cast: SimpleNamespace, boss: Client, language: str, word: str
) -> None:
    cast.boss.language = language
    cast.boss.save()
    where = bring(boss, ACCOUNTS)["Location"]
    assert word in boss.get("/imports/").content.decode()
    for address in (where, "/imports/history/"):
        assert boss.get(address).status_code == 200


def test_those_who_may_not_configure_find_no_imports(
    cast: SimpleNamespace, boss: Client, as_person: AsPerson
) -> None:
    where = bring(boss, ACCOUNTS)["Location"]
    client = as_person(cast.owner)
    for address in ("/imports/", where, "/imports/history/", "/imports/runs/1/"):
        assert client.get(address).status_code == 404
    assert bring(client, ACCOUNTS).status_code == 404
    assert "/imports/" not in client.get("/").content.decode()


def test_a_file_lands_in_the_homes_files_and_says_what_it_seems_to_hold(boss: Client, home: Any) -> None:
    where = bring(boss, ACCOUNTS.encode("gb18030"))["Location"]
    upload = Upload.objects.get()
    assert (home.files / upload.stored_as).stat().st_mode & 0o077 == 0
    page = boss.get(where).content.decode()
    assert "gb18030" in page
    assert "展会" in page
    upload.refresh_from_db()
    assert upload.record == "accounts"


def test_a_form_without_its_token_brings_nothing_in(cast: SimpleNamespace, home: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.boss)
    assert bring(client, ACCOUNTS).status_code == 403
    assert not list(home.files.glob("*")) if home.files.exists() else True


@pytest.mark.postgres
def test_a_dry_run_counts_and_writes_nothing_then_the_load_does(boss: Client) -> None:
    where = bring(boss, ACCOUNTS)["Location"]
    boss.get(where)
    fields = mapped(Upload.objects.get(), "id", "name", "industry", "signed", "+custom")
    run = boss.post(where, {**fields, "do": "try"})["Location"]
    job = work()
    assert (job.state, job.result["created"], job.result["rejected"]) == ("done", 2, 1)
    assert not Account.objects.filter(external_id="N1").exists()
    page = boss.get(run).content.decode()
    assert "This was a dry run" in page
    again = boss.post(f"{run}loading/")["Location"]
    assert work().result["created"] == 2
    account = Account.objects.get(external_id="N1")
    assert (account.name, account.custom) == ("新一", {"备注": "展会"})
    rejected = boss.get(f"{again}rejects/")
    lines = rejected.getvalue().decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("N2,")


def test_the_mapping_is_remembered_for_the_next_file_with_these_columns(boss: Client) -> None:
    where = bring(boss, ACCOUNTS)["Location"]
    boss.get(where)
    fields = mapped(Upload.objects.get(), "id", "name", "region", "signed", "")
    boss.post(where, {**fields, "do": "load"})
    work()
    page = boss.get(bring(boss, ACCOUNTS, record="accounts")["Location"]).content.decode()
    assert "mapped as last time" in page
    assert '<option value="region" selected>' in page


@pytest.mark.parametrize(
    ("targets", "more", "said"),
    [
        (("id", "", "", "", ""), {}, "name"),
        (("id", "name", "name", "", ""), {}, "choose one column"),
        (("id", "name", "", "", ""), {"currency": "rmb"}, "format.currency"),
        (("id", "name", "", "signed", ""), {"dates": "day-month"}, "format.dates"),
        (("id", "name", "", "", ""), {"timezone": "Mars"}, "format.timezone"),
    ],
)
def test_a_wrong_mapping_is_said_and_what_was_chosen_stays(
    boss: Client, targets: tuple[str, ...], more: dict[str, str], said: str
) -> None:
    where = bring(boss, ACCOUNTS, record="accounts")["Location"]
    boss.get(where)
    answer = boss.post(where, {**mapped(Upload.objects.get(), *targets, **more), "do": "load"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert '<option value="id" selected>' in page
    assert not Job.objects.exists()


def test_a_fixed_value_serves_a_field_without_a_column(boss: Client) -> None:
    where = bring(boss, ACCOUNTS, record="accounts")["Location"]
    boss.get(where)
    fields = {**mapped(Upload.objects.get(), "id", "name", "", "", ""), "constant-region": "华东"}
    boss.post(where, {**fields, "do": "load"})
    assert work().result["created"] == 3
    assert Account.objects.get(external_id="N3").region == "华东"


def test_reading_the_file_another_way_shows_its_other_columns(boss: Client) -> None:
    where = bring(boss, "a|b,id\n1|2,3\n", record="accounts")["Location"]
    boss.get(where)
    boss.post(where, {"delimiter": "|", "do": "look"})
    assert "b,id" in boss.get(where).content.decode()


@pytest.mark.parametrize(
    ("content", "said"), [(b"%PDF-1.4", "PDF"), (b"", "file"), (b"\x00\x01\x02\x03" * 50, "file")]
)
def test_a_file_that_is_no_table_says_so_and_what_to_do(boss: Client, content: bytes, said: str) -> None:
    answer = bring(boss, content, "talk.pdf")
    page = boss.get(answer["Location"])
    if content:
        assert page.status_code == 422
        assert "talk.pdf" in page.content.decode()
    assert said in page.content.decode()


def test_a_file_over_the_limit_is_stopped_and_leaves_nothing(
    cast: SimpleNamespace, boss: Client, home: Any, now: dt.datetime
) -> None:
    change_setting("import_mb", 1, by=cast.boss, now=now)
    answer = bring(boss, b"a,b\n" + b"1,2\n" * 300_000)
    assert "larger than 1 MB" in boss.get(answer["Location"]).content.decode()
    assert not Upload.objects.exists()
    assert not list(home.files.glob("upload-*"))


def test_a_failed_load_says_why_and_is_started_again(boss: Client, home: Any) -> None:
    where = bring(boss, ACCOUNTS, record="accounts")["Location"]
    boss.get(where)
    run = boss.post(where, {**mapped(Upload.objects.get(), "id", "name"), "do": "load"})["Location"]
    kept = home.files / Upload.objects.get().stored_as
    hidden = kept.rename(kept.with_name("gone"))
    assert work().state == "failed"
    assert "Nothing was loaded" in boss.get(run).content.decode()
    hidden.rename(kept)
    boss.post(f"{run}loading/")
    assert work().state == "done"


def test_a_load_is_cancelled_before_it_begins(boss: Client) -> None:
    where = bring(boss, ACCOUNTS, record="accounts")["Location"]
    boss.get(where)
    run = boss.post(where, {**mapped(Upload.objects.get(), "id", "name"), "do": "load"})["Location"]
    boss.post(f"{run}cancellation/")
    assert Job.objects.get().state == "cancelled"
    assert "It was cancelled" in boss.get(run).content.decode()


def test_a_deleted_file_is_gone_from_the_disk_and_old_ones_go_by_themselves(boss: Client, home: Any) -> None:
    bring(boss, ACCOUNTS)
    first = Upload.objects.get()
    boss.post(f"/imports/{first.pk}/removal/")
    bring(boss, ACCOUNTS)
    Upload.objects.update(at=dt.datetime.now(dt.UTC) - dt.timedelta(days=31))
    bring(boss, ACCOUNTS)
    assert Upload.objects.count() == 1


@pytest.mark.postgres
def test_history_is_built_by_a_job_for_ended_days_only(boss: Client) -> None:
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
    first = yesterday - dt.timedelta(days=2)
    answer = boss.post("/imports/history/", {"from": first.isoformat(), "to": yesterday.isoformat()})
    assert answer.status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.params, job.total) == ("nights", {"from": str(first), "to": str(yesterday)}, 3)
    assert boss.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-02-01", "2026-01-01", "exchange them"),
        ("2026-01-01", "2999-01-01", "has not ended yet"),
        ("soon", "2026-01-01", "“soon” is no day"),
        ("2000-01-01", "2026-01-01", "days go at once"),
    ],
)
def test_a_span_that_cannot_be_computed_is_said(boss: Client, first: str, last: str, said: str) -> None:
    answer = boss.post("/imports/history/", {"from": first, "to": last})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Job.objects.exists()
