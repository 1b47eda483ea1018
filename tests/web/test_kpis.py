"""KPIs on pages: declared in settings, shown against baseline and target, written by hand, taken away as a file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

import evergreen.events.jobs  # noqa: F401  # the worker's kinds of jobs
from evergreen.base import jobs
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.events.kpis.actions import Aimed, Reported, declare_kpi, record_kpi_values, set_kpi_targets
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.web.api.models import ApiKey
from evergreen.web.presenters.kpis import said
from tests.web.reading import page, send

pytestmark = pytest.mark.usefixtures("at_the_casts_time")
SHARES = [0.60, 0.62, 0.58, 0.61, 0.60, 0.64, 0.61, 0.59, 0.62, 0.86]  # January to October


def fill(account: Any, key: str, values: list[float], now: dt.datetime) -> None:
    rows = [
        Reported(account.pk, key, dt.date(2026, month, 1), value) for month, value in enumerate(values, 1)
    ]
    assert not record_kpi_values(rows, source="erp", by=None, now=now, is_history=True).refusals


@pytest.fixture
def share(cast: SimpleNamespace, now: dt.datetime) -> Kpi:
    name = {"zh": "自动对账率", "en": "Auto-reconciled share"}
    made = declare_kpi(
        "auto_share", name, unit="share", aggregation="mean", least=0.0, most=1.0, by=cast.boss, now=now
    )
    fill(cast.well, "auto_share", SHARES, now)
    target = Aimed(cast.well.pk, "auto_share", 0.9, dt.date(2026, 7, 1), dt.date(2026, 12, 31))
    set_kpi_targets([target], source="plan", by=cast.owner, now=now)
    return made


def course(client: Any, account: Any, kpi: Kpi) -> str:
    """What the tab fetches of a KPI once it is scrolled to."""
    address = f"/accounts/{account.pk}/kpis/{kpi.pk}/"
    assert f'hx-get="{address}"' in page(client, account, "?tab=kpis")
    return str(client.get(address).content.decode())


def options(text: str) -> list[dict[str, Any]]:
    """The charts of a page."""
    found = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    return [json.loads(one) for one in found if '"series"' in one]


@pytest.mark.postgres
def test_a_kpi_shows_value_change_distance_and_what_is_usual(
    cast: SimpleNamespace, share: Kpi, as_person: Any
) -> None:
    text = page(as_person(cast.owner), cast.well, "?tab=kpis")
    for words in ("86%", "2026-10", "Against 2026-09", "+24 points", "90% by 2026-12-31", "4 points to go"):
        assert words in text, words
    assert "Above what is usual" in text
    assert "12 months, mean" in text
    (option,) = options(course(as_person(cast.owner), cast.well, share))
    lines = {line["name"]: line for line in option["series"]}
    assert list(lines) == ["Auto-reconciled share", "usual from", "usual to", "usual range", "Target"]
    assert option["legend"]["data"] == ["Auto-reconciled share", "usual range", "Target"]
    assert lines["Auto-reconciled share"]["data"][-1] == ["2026-10-01", 86.0]
    assert [day for day, _low in lines["usual from"]["data"]] == [f"2026-{n:02}-01" for n in range(7, 11)]
    day, width, high = lines["usual to"]["data"][-1]
    low = dict(lines["usual from"]["data"])[day]
    assert high == pytest.approx(low + width)
    assert [value for _day, value in lines["Target"]["data"]] == [None] * 6 + [90.0] * 6
    chinese = page(as_person(cast.mate), cast.well, "?tab=kpis")
    for words in ("自动对账率", "+24 个百分点", "还差 4 个百分点", "高于常态", "2026-12-31 前达到 90%"):
        assert words in chinese, words


def test_the_target_that_counts_today_is_the_one_to_reach(
    cast: SimpleNamespace, share: Kpi, as_person: Any, now: dt.datetime
) -> None:
    target = Aimed(cast.well.pk, "auto_share", 0.85, dt.date(2026, 11, 1))
    set_kpi_targets([target], source="plan", by=cast.owner, now=now)
    text = page(as_person(cast.owner), cast.well, "?tab=kpis")
    assert "reached" in text
    assert "4 points to go" not in text
    text = course(as_person(cast.owner), cast.well, share)
    aims = next(line for line in options(text)[0]["series"] if line["name"] == "Target")
    assert aims["data"][-3:] == [["2026-10-01", 90.0], ["2026-11-01", 85.0], ["2026-11-30", 85.0]]


def test_a_short_history_says_how_many_values_are_missing(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    orders = declare_kpi("orders", {"zh": "订单", "en": "Orders"}, aggregation="sum", by=cast.boss, now=now)
    fill(cast.well, "orders", [10, 12, 11], now)
    text = page(as_person(cast.owner), cast.well, "?tab=kpis")
    assert "No baseline yet: 6 values before the period are needed, there are 2." in text
    text = course(as_person(cast.owner), cast.well, orders)
    assert [line["name"] for line in options(text)[0]["series"]] == ["Orders"]


def test_a_corrected_value_shows_what_stood_before(
    cast: SimpleNamespace, share: Kpi, as_person: Any, now: dt.datetime
) -> None:
    row = Reported(cast.well.pk, "auto_share", "2026-10", 0.84)
    record_kpi_values([row], source="api", by=cast.mate, now=now)
    text = course(as_person(cast.owner), cast.well, share)
    assert "before: 86% (Nov 1, erp)" in text
    assert "84%" in text


def test_without_kpis_the_tab_says_how_they_come_in(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    text = page(as_person(cast.boss), cast.well, "?tab=kpis")
    assert "No KPI is declared yet" in text
    assert "POST /api/v1/kpis" in text
    assert "/settings/kpis/" in text
    declare_kpi("orders", {"zh": "订单", "en": "Orders"}, by=cast.boss, now=now)
    text = page(as_person(cast.owner), cast.well, "?tab=kpis")
    assert "No KPI of this account has a value yet" in text
    assert "Declared, without a value here" in text


def test_thirty_kpis_need_no_more_queries_than_three(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    client = as_person(cast.owner)

    def queries_with(count: int) -> int:
        for n in range(Kpi.objects.count(), count):
            declare_kpi(f"kpi_{n}", {"zh": f"指标{n}", "en": f"KPI {n}"}, by=cast.boss, now=now)
            fill(cast.well, f"kpi_{n}", [1.0 + n, 2, 3, 2, 1, 2, 3, 4], now)
            target = Aimed(cast.well.pk, f"kpi_{n}", 3.0, dt.date(2026, 7, 1))
            set_kpi_targets([target], source="plan", by=cast.owner, now=now)
        page(client, cast.well, "?tab=kpis")
        with CaptureQueriesContext(connection) as asked:
            text = page(client, cast.well, "?tab=kpis")
        assert text.count("kpis/") >= count
        assert not options(text)
        return len(asked)

    assert queries_with(3) == queries_with(30)


def test_the_wrong_person_finds_no_kpis_and_a_partner_writes_none(
    cast: SimpleNamespace, share: Kpi, as_person: Any
) -> None:
    base = f"/accounts/{cast.well.pk}/"
    outsider = as_person(cast.outsider)
    one = f"kpis/{share.pk}/"
    for address in ("?tab=kpis", "kpis.csv", one, f"{one}values/", f"{one}targets/"):
        assert outsider.get(base + address).status_code == 404, address
    cast.owner.role = Role.PARTNER
    cast.owner.save()
    partner = as_person(cast.owner)
    assert partner.get(f"{base}?tab=kpis").status_code == 200
    assert partner.get(f"{base}kpis/{share.pk}/values/").status_code == 403


@pytest.mark.postgres
def test_values_and_targets_are_written_by_hand(cast: SimpleNamespace, share: Kpi, as_person: Any) -> None:
    client, base = as_person(cast.owner), f"/accounts/{cast.well.pk}/kpis/{share.pk}/"
    assert 'value="2026-11"' in client.get(f"{base}values/").content.decode()
    assert send(client, f"{base}values/", period="2026-11", value="88.5%")["HX-Refresh"] == "true"
    kept = KpiValue.objects.get(starts_on=dt.date(2026, 11, 1))
    assert (kept.value, kept.by, kept.source) == (0.885, cast.owner, "page")
    for form, words in (
        ({"period": "2026-12", "value": "0.5"}, "a month such as 2026-10"),
        ({"period": "2026-11", "value": "88"}, "0 to 1"),
        ({"period": "2026-11", "value": "much"}, "write 0.87 or 87%"),
    ):
        refused = send(client, f"{base}values/", **form)
        assert refused.status_code == 200
        assert words in refused.content.decode()
    send(client, f"{base}values/", period="2026-11", value="")
    assert KpiValue.objects.get(starts_on=dt.date(2026, 11, 1), stands=True).value is None
    target = {"target": "92%", "starts_on": "2027-01-01", "target_by": "2027-06-30"}
    assert send(client, f"{base}targets/", **target)["HX-Refresh"] == "true"
    aim = KpiTarget.objects.get(starts_on=dt.date(2027, 1, 1))
    assert (aim.value, aim.due_on, aim.by) == (0.92, dt.date(2027, 6, 30), cast.owner)
    refused = send(client, f"{base}targets/", **{**target, "target_by": "2026-12-31"})
    assert "2027-01-01 or later" in refused.content.decode()


def test_a_file_of_kpis_is_brought_in_by_the_browser(
    cast: SimpleNamespace, share: Kpi, as_person: Any, home: Any, now: dt.datetime
) -> None:
    client = as_person(cast.boss)
    rows = (
        "客户编号,指标,月份,实际值,目标\nA-gone,自动对账率,2026-09,72%,80%\nA-gone,自动对账率,2026-10,720%,\n"
    )
    file = SimpleUploadedFile("kpis.csv", rows.encode("gb18030"))
    where = client.post("/imports/", {"file": file, "record": "kpis"})["Location"]
    assert '<option value="value" selected>' in client.get(where).content.decode()
    names = ("account", "kpi", "period", "value", "target")
    columns = {f"column-{n}": name for n, name in enumerate(names)}
    assert client.post(where, {**columns, "do": "load"}).status_code == 302
    job = jobs.claim_job("test", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    job.refresh_from_db()
    assert (job.result["created"], job.result["rejected"]) == (1, 1)
    assert KpiValue.objects.get(account=cast.gone).value == 0.72
    assert KpiTarget.objects.get(account=cast.gone).value == 0.8


def test_the_file_holds_every_value_with_what_was_usual_and_leaves_a_trace(
    cast: SimpleNamespace, share: Kpi, as_person: Any, now: dt.datetime
) -> None:
    answer = as_person(cast.owner).get(f"/accounts/{cast.well.pk}/kpis.csv")
    assert answer["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["period"] for row in rows] == [f"2026-{n:02}" for n in range(1, 11)]
    assert (rows[-1]["value"], rows[-1]["target"], rows[-1]["source"]) == ("0.86", "0.9", "erp")
    assert rows[5]["expected"] == ""
    assert float(rows[-1]["low"]) < float(rows[-1]["expected"]) < float(rows[-1]["high"]) < 0.86
    assert AuditEntry.objects.get(verb="kpi.exported").object_ids == [cast.well.pk]


def test_amounts_of_customers_are_for_roles_that_see_money(
    cast: SimpleNamespace, share: Kpi, as_person: Any, now: dt.datetime
) -> None:
    money = declare_kpi("turnover", {"zh": "营业额", "en": "Turnover"}, unit="money", by=cast.boss, now=now)
    fill(cast.well, "turnover", [12_345_678.0, 12_500_000.0], now)
    assert "CN¥" not in page(as_person(cast.owner), cast.well, "?tab=kpis")
    assert "¥12.5M" in page(as_person(cast.owner), cast.well, "?tab=kpis")
    assert "¥ 1,250 万" in page(as_person(cast.mate), cast.well, "?tab=kpis")
    cast.owner.role = Role.TRAINER
    cast.owner.save()
    trainer = as_person(cast.owner)
    text = page(trainer, cast.well, "?tab=kpis")
    assert "¥" not in text
    assert "your role does not see amounts" in text
    assert "turnover" not in trainer.get(f"/accounts/{cast.well.pk}/kpis.csv").content.decode()
    assert trainer.get(f"/accounts/{cast.well.pk}/kpis/{money.pk}/values/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "value", "en", "zh"),
    [
        ({"unit": "share"}, 0.8745, "87.5%", "87.5%"),
        ({"unit": "money", "currency": "USD"}, 286_000.0, "$286k", "$ 28.6 万"),
        ({"unit_name": {"zh": "天", "en": "days"}}, 4.25, "4.25 days", "4.25 天"),
        ({}, -1_234.5, "−1,234.5", "−1,234.5"),
        ({}, 1_234_567.8, "1,234,568", "1,234,568"),
    ],
)
def test_values_are_said_with_their_unit_in_both_languages(
    fields: dict[str, Any], value: float, en: str, zh: str
) -> None:
    kpi = Kpi(key="x", **fields)
    with translation.override("en"):
        assert said(kpi, value, "CNY") == en
    with translation.override("zh-hans"):
        assert said(kpi, value, "CNY") == zh


FORM = {
    "zh": "结账天数", "en": "Days to close", "key": "close_days", "period": "month", "unit": "number", "currency": "",
    "unit_zh": "天", "unit_en": "days", "direction": "down", "aggregation": "mean", "least": "0", "most": "",
}  # fmt: skip


@pytest.mark.postgres
def test_kpis_are_declared_changed_and_deleted_in_settings(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    client = as_person(cast.boss)
    assert "No KPI is declared yet" in client.get("/settings/kpis/").content.decode()
    assert client.post("/settings/kpis/new/", FORM).status_code == 302
    kpi = Kpi.objects.get()
    assert (kpi.unit_name, kpi.least, kpi.direction) == ({"zh": "天", "en": "days"}, 0.0, "down")
    again = client.post("/settings/kpis/new/", FORM)
    assert (again.status_code, "A KPI has this key already." in again.content.decode()) == (422, True)
    assert client.post(f"/settings/kpis/{kpi.pk}/", {**FORM, "en": "Close", "most": "31"}).status_code == 302
    kpi.refresh_from_db()
    assert (kpi.name["en"], kpi.most) == ("Close", 31.0)
    fill(cast.well, "close_days", [5, 4], now)
    assert "2 values · 1 account" in client.get("/settings/kpis/").content.decode()
    refused = client.post(f"/settings/kpis/{kpi.pk}/", {**FORM, "period": "week"})
    assert (refused.status_code, "2 × KPI value" in refused.content.decode()) == (422, True)
    kept = client.post(f"/settings/kpis/{kpi.pk}/removal/", follow=True)
    assert "is used by 2 × KPI value and was not deleted" in kept.content.decode()
    KpiValue.objects.all().delete()
    client.post(f"/settings/kpis/{kpi.pk}/removal/")
    assert not Kpi.objects.exists()


def test_a_share_is_bounded_from_0_to_1_unless_it_is_said_otherwise(
    cast: SimpleNamespace, as_person: Any
) -> None:
    as_person(cast.boss).post("/settings/kpis/new/", {**FORM, "unit": "share", "least": ""})
    kpi = Kpi.objects.get()
    assert (kpi.least, kpi.most, kpi.unit_name) == (0.0, 1.0, {})


def test_an_api_key_is_shown_once_and_taken_back(cast: SimpleNamespace, as_person: Any) -> None:
    client = as_person(cast.boss)
    made = client.post(
        "/settings/api-keys/", {"name": "ERP", "rights": ["kpis.write"], "staff": cast.owner.pk}
    )
    (shown,) = re.findall(r'<code class="secret">(ega_\w+)</code>', made.content.decode())
    kept = ApiKey.objects.get()
    assert (kept.staff, kept.created_by) == (cast.owner, cast.boss)
    listed = client.get("/settings/api-keys/").content.decode()
    assert shown not in listed
    assert kept.hint in listed
    client.post(f"/settings/api-keys/{kept.pk}/revocation/")
    kept.refresh_from_db()
    assert kept.revoked_at is not None
    assert client.post("/settings/api-keys/", {"name": "ERP"}).status_code == 422


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_settings_pages_open_for_those_who_configure_alone(
    cast: SimpleNamespace, share: Kpi, as_person: Any, language: str
) -> None:
    cast.boss.language = language
    cast.boss.save()
    boss, mate = as_person(cast.boss), as_person(cast.mate)
    pages = ("/settings/kpis/", "/settings/kpis/new/", f"/settings/kpis/{share.pk}/", "/settings/api-keys/")
    for address in pages:
        assert boss.get(address).status_code == 200, address
        assert mate.get(address).status_code == 404, address
