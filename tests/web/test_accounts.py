"""The accounts page: who sees what, filters, order, changes of one and many with undo, views, exports."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import AuditEntry, Job, User
from evergreen.base.roles import Role
from evergreen.base.spreadsheets import guarded, unguarded
from evergreen.customers.models import Account, FieldChange
from evergreen.health.models import Scorecard, Standing
from evergreen.metrics.models import Newest
from evergreen.web.models import SavedView


@pytest.fixture(autouse=True)
def _at_the_casts_time(now: dt.datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def book(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """The cast's three accounts with figures, as after a night."""
    from evergreen.flow.lists import refresh_lists

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


def names(answer: Any) -> list[str]:
    """Names of the rows in order."""
    return re.findall(r'<a class="name" href="[^"]+">([^<]+)</a>', answer.content.decode())


@pytest.mark.parametrize(("who", "title"), [("owner", "Accounts"), ("mate", "客户")])
def test_the_page_opens_in_both_languages(
    book: SimpleNamespace, as_person: Any, who: str, title: str
) -> None:
    answer = as_person(getattr(book, who)).get("/accounts/")
    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in answer.content.decode()
    assert set(names(answer)) == {"恒岳机械", "澄明财税科技", "云杉物业"}


def test_an_outsider_sees_no_row_and_no_sum(book: SimpleNamespace, as_person: Any) -> None:
    answer = as_person(book.outsider).get("/accounts/")
    assert names(answer) == []
    assert "0 accounts" in answer.content.decode()


def test_the_head_sums_the_list_in_words(book: SimpleNamespace, as_person: Any) -> None:
    page = as_person(book.owner).get("/accounts/").content.decode()
    assert "3 accounts" in page
    assert "¥610k" in page
    assert "green 33% red 33% insufficient data 33%" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stage=adoption", {"澄明财税科技"}),
        ("stage=adoption&stage=steady", {"澄明财税科技", "恒岳机械"}),
        ("band=red", {"澄明财税科技"}),
        ("band=insufficient_data", {"云杉物业"}),
        ("score_max=60", {"澄明财税科技"}),
        ("renewal_max=90", {"澄明财税科技"}),
        ("renewal_min=0&renewal_max=400", {"澄明财税科技", "恒岳机械"}),
        ("arr_min=300000", {"恒岳机械"}),
        ("arr_max=300000", {"澄明财税科技"}),
        ("industry=财税", {"澄明财税科技"}),
        ("q=恒岳", {"恒岳机械"}),
        ("q=A-sl", {"澄明财税科技"}),
        ("owner=none", set()),
        ("tag=灯塔", {"恒岳机械"}),
        ("tag=灯", set()),
        ("tier=none", {"澄明财税科技", "云杉物业"}),
        ("tier=strategic", {"恒岳机械"}),
        ("alerts=yes", set()),
        ("stage=nonsense&score_min=x", {"恒岳机械", "澄明财税科技", "云杉物业"}),
    ],
)
def test_filters_stand_in_the_address(
    book: SimpleNamespace, as_person: Any, query: str, expected: set[str]
) -> None:
    Account.objects.filter(pk=book.well.pk).update(tags=["灯塔", "KA"], tier="strategic")
    assert set(names(as_person(book.boss).get(f"/accounts/?{query}"))) == expected


def test_my_accounts_and_those_of_colleagues(book: SimpleNamespace, as_person: Any) -> None:
    book.gone.owner = book.mate
    book.gone.save()
    client = as_person(book.mate)
    assert names(client.get("/accounts/?owner=me")) == ["云杉物业"]
    assert len(names(client.get(f"/accounts/?owner=me&owner={book.owner.pk}"))) == 3


def test_the_tier_filter_counts_open_alerts(book: SimpleNamespace, as_person: Any) -> None:
    Account.objects.filter(pk=book.slipping.pk).update(open_alerts=2)
    client = as_person(book.boss)
    assert names(client.get("/accounts/?alerts=yes")) == ["澄明财税科技"]
    assert len(names(client.get("/accounts/?alerts=no"))) == 2


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("-arr", "恒岳机械", "云杉物业"),
        ("arr", "澄明财税科技", "云杉物业"),
        ("health", "澄明财税科技", "云杉物业"),
        ("-health", "恒岳机械", "云杉物业"),
        ("renewal", "澄明财税科技", "云杉物业"),
        ("name", "澄明财税科技", "云杉物业"),
        ("stage", "澄明财税科技", "云杉物业"),
    ],
)
@pytest.mark.parametrize("narrowed", ["", "&stage=steady&stage=adoption&stage=churned"])
def test_each_order_puts_unknown_values_last_and_names_by_pinyin(
    book: SimpleNamespace, as_person: Any, sort: str, first: str, last: str, narrowed: str
) -> None:
    found = names(as_person(book.boss).get(f"/accounts/?sort={sort}{narrowed}"))
    assert (found[0], found[-1]) == (first, last)


def test_every_column_sorts_and_an_unknown_order_is_the_default(
    book: SimpleNamespace, as_person: Any
) -> None:
    from evergreen.customers.listing import SORTS

    client = as_person(book.boss)
    for key in SORTS:
        for sort in (key, f"-{key}"):
            assert len(names(client.get(f"/accounts/?sort={sort}"))) == 3, sort
    assert names(client.get("/accounts/?sort=password")) == names(client.get("/accounts/?sort=-arr"))


def test_chosen_columns_stand_in_the_address(book: SimpleNamespace, as_person: Any) -> None:
    page = as_person(book.owner).get("/accounts/?cols=industry&cols=external_id").content.decode()
    assert "A-slipping" in page
    assert 'class="arr' not in page


def test_who_sees_no_money_neither_reads_sorts_nor_filters_by_it(
    book: SimpleNamespace, as_person: Any
) -> None:
    trainer = User.objects.create_user("t@vendor.example", role=Role.TRAINER, scope="all", language="en")
    client = as_person(trainer)
    page = client.get("/accounts/?cols=arr&cols=tier").content.decode()
    assert "ARR" not in page
    assert "286k" not in page
    assert len(names(client.get("/accounts/?arr_min=300000"))) == 3
    assert names(client.get("/accounts/?sort=-arr")) == names(client.get("/accounts/?sort=name"))
    filters = client.get("/accounts/filters/").content.decode()
    assert "arr_min" not in filters


@pytest.mark.parametrize(
    "query", ["", "?stage=steady&sort=health&owner=me&cols=owner&cols=team&cols=edition"]
)
def test_the_page_asks_as_often_for_thirty_rows_as_for_three(
    book: SimpleNamespace, as_person: Any, now: dt.datetime, query: str
) -> None:
    client = as_person(book.owner)

    def asked() -> int:
        from django.core.cache import cache

        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/accounts/{query}").status_code == 200
        return len(queries)

    few = asked()
    for n in range(30):
        Account.objects.create(
            external_id=f"B-{n}", name=f"B{n}", owner=book.owner, team=book.north, stage="steady",
            created_at=now, known_at=now, score=50, band="red",
        )  # fmt: skip
    assert asked() == few


def test_pages_follow_each_other_without_gaps(
    book: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    for n in range(120):
        Account.objects.create(
            external_id=f"B-{n:03}", name=f"B{n:03}", owner=book.owner, created_at=now, known_at=now
        )
    client = as_person(book.boss)
    found = [name for page in (1, 2, 3) for name in names(client.get(f"/accounts/?sort=name&page={page}"))]
    assert len(found) == len(set(found)) == 123
    assert names(client.get("/accounts/?sort=name&page=99")) == names(
        client.get("/accounts/?sort=name&page=3")
    )


# ---- changes of one and of many ----


def test_a_stage_is_changed_in_its_cell_and_leaves_a_change_row(
    book: SimpleNamespace, as_person: Any
) -> None:
    address = f"/accounts/{book.slipping.pk}/fields/stage/"
    client = as_person(book.owner)
    assert '<option value="adoption" selected>' in client.get(address).content.decode()
    answer = client.post(address, {"value": "steady"}, headers={"HX-Request": "true"})
    assert "Steady" in answer.content.decode()
    book.slipping.refresh_from_db()
    assert book.slipping.stage == "steady"
    assert FieldChange.objects.filter(account=book.slipping, field="stage", new="steady").count() == 1


def test_an_outsider_can_neither_read_nor_change_a_cell(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.outsider)
    address = f"/accounts/{book.slipping.pk}/fields/stage/"
    assert client.get(address).status_code == 404
    assert client.post(address, {"value": "steady"}).status_code == 404
    assert client.get(f"/accounts/{book.slipping.pk}/fields/external_id/").status_code == 404


def test_only_the_owner_or_who_assigns_gives_an_account_away(book: SimpleNamespace, as_person: Any) -> None:
    address = f"/accounts/{book.well.pk}/fields/owner/"
    refused = as_person(book.mate).post(address, {"value": book.mate.pk}, headers={"HX-Request": "true"})
    assert '"tone": "error"' in refused["HX-Trigger"]
    as_person(book.owner).post(address, {"value": book.mate.pk})
    book.well.refresh_from_db()
    assert book.well.owner == book.mate


def test_many_get_an_owner_at_once_and_undo_gives_them_back(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.boss)
    ids = [book.well.pk, book.slipping.pk]
    form = {"field": "owner", "value": str(book.mate.pk), "ids": ids}
    answer = client.post("/accounts/changes/", form, headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert Account.objects.filter(owner=book.mate).count() == 2
    page = client.get("/accounts/").content.decode()
    undo = re.search(r'data-undo-url="([^"]+)"', page)
    assert undo and "2 accounts changed" in page
    client.post(undo[1], headers={"HX-Request": "true"})
    assert Account.objects.filter(owner=book.mate).count() == 0
    assert AuditEntry.objects.filter(verb="account.owner_assigned").get().objects_count == 2


def test_stage_tier_and_tags_of_many_change_with_undo(book: SimpleNamespace, as_person: Any) -> None:
    Account.objects.filter(pk=book.well.pk).update(tags=["KA"])
    client = as_person(book.owner)
    ids = [book.well.pk, book.slipping.pk]
    for field, value in (("tier", "strategic"), ("stage", "renewal"), ("tag", "灯塔")):
        client.post("/accounts/changes/", {"field": field, "value": value, "ids": ids})
    rows = {a.pk: a for a in Account.objects.filter(pk__in=ids)}
    assert {a.tier for a in rows.values()} == {"strategic"}
    assert {a.stage for a in rows.values()} == {"renewal"}
    assert rows[book.well.pk].tags == ["KA", "灯塔"]
    assert rows[book.slipping.pk].tags == ["灯塔"]
    entries = AuditEntry.objects.filter(verb="account.tags_set").values_list("pk", flat=True)
    client.post("/undo/?entries=" + ",".join(map(str, entries)))
    book.well.refresh_from_db()
    assert book.well.tags == ["KA"]


def test_a_csm_cannot_assign_in_bulk_and_nobody_changes_what_they_do_not_see(
    book: SimpleNamespace, as_person: Any
) -> None:
    form = {"field": "owner", "value": str(book.mate.pk), "ids": [book.well.pk]}
    assert as_person(book.owner).post("/accounts/changes/", form).status_code == 403
    form = {"field": "stage", "value": "churned", "ids": [book.well.pk]}
    as_person(book.outsider).post("/accounts/changes/", form)
    book.well.refresh_from_db()
    assert (book.well.owner, book.well.stage) == (book.owner, "steady")


def test_the_whole_filtered_list_can_be_changed_not_only_the_page(
    book: SimpleNamespace, as_person: Any
) -> None:
    form = {"field": "tier", "value": "growth", "whole": "1", "query": "stage=steady&stage=adoption"}
    as_person(book.owner).post("/accounts/changes/", form)
    assert set(Account.objects.filter(tier="growth").values_list("name", flat=True)) == {
        "恒岳机械",
        "澄明财税科技",
    }


def test_very_many_are_changed_by_the_worker_with_progress(
    book: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    from evergreen.base import jobs
    from evergreen.base.actions import change_setting

    change_setting("direct_change_rows", 50, by=None, now=now)
    for n in range(60):
        Account.objects.create(external_id=f"B-{n}", name=f"B{n}", created_at=now, known_at=now)
    client = as_person(book.boss)
    page = client.post("/accounts/changes/", {"field": "tier", "value": "basic", "whole": "1", "query": ""})
    assert "hx-get" in page.content.decode()
    job = jobs.claim_job("test", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    assert Account.objects.filter(tier="basic").count() == 63
    assert "done" in client.get(f"/jobs/{job.pk}/").content.decode()
    assert as_person(book.owner).get(f"/jobs/{job.pk}/").status_code == 404


# ---- new accounts and views ----


def test_a_new_account_gets_its_page_and_a_taken_id_is_refused_in_words(
    book: SimpleNamespace, as_person: Any
) -> None:
    client = as_person(book.owner)
    form = {"name": "启明教育", "external_id": "A-new", "stage": "onboarding", "tags": "KA，灯塔"}
    answer = client.post("/accounts/", form, headers={"HX-Request": "true"})
    made = Account.objects.get(external_id="A-new")
    assert answer["HX-Redirect"] == f"/accounts/{made.pk}/"
    assert made.tags == ["KA", "灯塔"]
    page = client.post("/accounts/", form, headers={"HX-Request": "true"}).content.decode()
    assert "Another account has this id already" in page


def test_a_view_keeps_the_address_for_oneself_or_for_everyone(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.owner)
    form = {"name": "Red ones", "query": "band=red&sort=name"}
    address = client.post("/accounts/views/", form, headers={"HX-Request": "true"})["HX-Redirect"]
    view = SavedView.objects.get()
    assert address == f"/accounts/?band=red&sort=name&view={view.pk}"
    assert names(client.get(address)) == ["澄明财税科技"]
    assert "View: Red ones" in client.get(address).content.decode()
    assert "Red ones" not in as_person(book.mate).get("/accounts/").content.decode()
    client.post("/accounts/views/", {**form, "shared": "1"})
    assert "Red ones" in as_person(book.mate).get("/accounts/").content.decode()
    assert as_person(book.mate).post(f"/accounts/views/{view.pk}/removal/").status_code == 404
    client.post(f"/accounts/views/{view.pk}/removal/")
    assert not SavedView.objects.exists()


# ---- exports ----

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


def test_undo_belongs_to_the_person_who_did_it(book: SimpleNamespace, as_person: Any) -> None:
    as_person(book.boss).post(
        "/accounts/changes/", {"field": "tier", "value": "basic", "ids": [book.well.pk, book.gone.pk]}
    )
    entry = AuditEntry.objects.get(verb="account.tier_set")
    assert as_person(book.owner).post(f"/undo/?entries={entry.pk}").status_code == 404
    answer = as_person(book.boss).post(f"/undo/?entries={entry.pk}", headers={"HX-Request": "true"})
    assert json.loads(answer["HX-Trigger"])["rows-changed"] is True
    assert not Account.objects.filter(tier="basic").exists()
