"""The portfolio in the browser: figures with their parts, the accounts behind them, files, rights."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base.actions import change_setting, set_rate
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.desk.actions import close_ticket, open_ticket
from evergreen.outcomes.models import AcquisitionCost
from evergreen.outcomes.queries import book
from evergreen.web.api.keys import create_api_key
from tests.outcomes.portfolio.test_reading import sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_the_casts_time", "home")]
DUE_BY_INDUSTRY = {"财税": "6000.00", "物业": "3600.00", "": "1200.00"}
PAGES = ("", "renewals/", "lifetime/", "voice/", "accounts/", "dues/")


@pytest.fixture
def deals(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """One that grew, one renewed late and dated back, one lost, one of the outsider's that lapsed lately."""
    sign(cast.well, dt.date(2025, 1, 1), None, 1_000_00)
    sign(cast.well, dt.date(2026, 6, 1), None, 200_00)
    old = sign(cast.slipping, dt.date(2025, 8, 25), dt.date(2026, 8, 25), 500_00)
    sign(
        cast.slipping,
        dt.date(2026, 8, 25),
        dt.date(2027, 8, 25),
        450_00,
        renews=old,
        signed_on=dt.date(2026, 9, 12),
    )
    sign(cast.gone, dt.date(2025, 3, 1), dt.date(2026, 3, 1), 300_00)
    cast.foreign = Account.objects.create(
        external_id="A-foreign",
        name="远方客户",
        owner=cast.outsider,
        team=cast.south,
        created_at=now,
        known_at=now,
    )
    sign(cast.foreign, dt.date(2025, 10, 20), dt.date(2026, 10, 20), 100_00)
    return cast


def text_of(client: Client, address: str) -> str:
    answer = client.get(f"/portfolio/{address}")
    assert answer.status_code == 200, address
    return re.sub(r"\s+", " ", answer.content.decode())


def test_each_rate_shows_its_formula_its_parts_and_the_accounts_behind_it(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    page = text_of(client, "?unit=mrr")
    # Start 1,900: 300 and 100 lost, 50 less, 200 more.
    assert "76.3%" in page, "GRR"
    assert "86.8%" in page, "NRR"
    assert "(start − contraction − churned) ÷ start" in page
    assert re.search(r"title=\"¥1,450.00\".*÷.*title=\"¥1,900.00\"", page)
    assert "with 60 days of grace: 81.6%" in page, "the lapse of 20 October is overdue, not lost"
    lost = text_of(client, "accounts/?unit=mrr&movement=churned")
    assert "云杉物业" in lost
    assert "远方客户" in lost
    assert "恒岳机械" not in lost
    assert "2 accounts" in lost
    overdue = text_of(client, "accounts/?movement=overdue")
    assert "远方客户" in overdue
    assert "云杉物业" not in overdue


def test_chinese_pages_lead_with_the_fee_a_year(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    deals.boss.language = "zh-hans"
    deals.boss.save()
    page = text_of(as_person(deals.boss), "")
    assert "年费（ARR）从 ¥ 22,800 到 ¥ 19,800" in page
    assert "到期金额" in text_of(as_person(deals.boss), "renewals/")


def test_a_month_restated_by_a_late_signature_says_so_and_shows_whose(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    page = text_of(client, "")
    assert page.count("restated</a>") == 1
    assert "at its close GRR 72.2%, now 97.2%" in page
    behind = text_of(client, "accounts/?period=2026-08&movement=restated")
    assert "澄明财税科技" in behind
    assert "恒岳机械" not in behind
    renewals = text_of(client, "renewals/")
    assert "at its close 0.0% of the accounts, now 100.0%" in renewals
    assert "澄明财税科技" in text_of(client, "dues/?state=restated")


def test_renewals_stand_strictly_and_with_the_grace_side_by_side(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    page = text_of(client, "renewals/")
    assert "3 accounts were due; strictly 33.3% renewed, of the amount 50.0%" in page
    assert "= 1 ÷ 3" in page
    assert "with 60 days of grace: 50.0%" in page
    overdue = text_of(client, "dues/?state=overdue")
    assert "远方客户" in overdue
    assert "云杉物业" not in overdue
    assert "云杉物业" in text_of(client, "dues/?state=lost")
    what_if = text_of(client, "renewals/?accounts=200&fee=60000&rate=80&better=85")
    assert 'title="¥600,000.00"' in what_if


def test_what_ifs_reckon_in_the_units_that_people_type_also_where_money_has_no_minor_unit(
    deals: SimpleNamespace, as_person: Callable[[Any], Client], now: dt.datetime
) -> None:
    change_setting("currency", "JPY", by=None, now=now)
    set_rate("CNY", Decimal(20), dt.date(2020, 1, 1), by=None, now=now)
    client = as_person(deals.boss)
    page = text_of(client, "renewals/?accounts=200&fee=60000&rate=80&better=85")
    assert 'title="JP¥600,000"' in page
    (fee,) = re.findall(r'name="fee"[^>]*value="(\d+)"', text_of(client, "renewals/"))
    assert fee == str((3_600 + 6_000 + 1_200) * 20 // 3)
    loss = text_of(client, "lifetime/?fee=60000&years=2&cac=1000")
    assert 'title="JP¥121,000"' in loss


def test_nobody_sees_figures_of_accounts_outside_their_scope(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.outsider)
    for page in PAGES:
        found = text_of(client, page)
        assert "恒岳机械" not in found, page
        assert "14,400.00" not in found, page
    assert "= 1 ÷ 1" in text_of(client, "")
    assert "the whole book only" in text_of(client, "lifetime/")
    assert client.get("/portfolio/costs/").status_code == 403
    rows = list(
        csv.DictReader(
            io.StringIO(client.get("/portfolio/files/accounts/?movement=start").content.decode("utf-8-sig"))
        )
    )
    assert [row["account"] for row in rows] == ["A-foreign"]


def test_who_does_not_see_money_sees_no_amount_anywhere(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    deals.boss.role = Role.TRAINER
    deals.boss.scope = "all"
    deals.boss.save()
    client = as_person(deals.boss)
    for page in (
        *PAGES,
        "files/periods/",
        "files/groups/",
        "files/renewals/",
        "files/accounts/",
        "files/dues/",
    ):
        found = text_of(client, page)
        assert not re.search(r"¥\s?\d|1,?900|22,?800|1,?450", found), page
    assert client.get("/portfolio/costs/").status_code == 403


def test_filters_stay_in_the_address_and_narrow_everything(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    page = text_of(client, "?industry=%E5%88%B6%E9%80%A0&by=owner")
    assert "0 ÷ 1" in page
    assert 'href="/portfolio/renewals/?' in page
    assert "industry=%E5%88%B6%E9%80%A0" in page
    assert '<option value="24" selected>' in text_of(client, "?months=24")
    assert "No recurring revenue here" in text_of(as_person(deals.mate), "") or "GRR" in page
    assert text_of(client, "?by=nonsense&months=7&step=week&unit=x&tier=none")


def test_without_contracts_the_page_says_what_is_missing(
    cast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(cast.boss)
    for page in ("", "renewals/", "lifetime/"):
        assert "No recurring revenue here" in text_of(client, page)
    assert "no data" in text_of(client, "voice/")
    assert "No account behind this figure" in text_of(client, "accounts/?movement=churned")


def test_tables_are_files_with_every_figure_and_the_audit_knows(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)

    def rows(table: str) -> list[dict[str, str]]:
        text = client.get(f"/portfolio/files/{table}/?by=industry").content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    august = next(row for row in rows("periods") if row["period"] == "2026-08")
    assert (august["start_mrr"], august["contraction_mrr"], august["currency"]) == ("1800.00", "50.00", "CNY")
    assert august["grr"] == repr(1750 / 1800)
    assert sum(float(row["end_mrr"]) for row in rows("groups")) == 1650
    assert {row["industry"] for row in rows("cells")} == {"制造", "财税", "物业", ""}
    assert next(row for row in rows("renewals") if row["period"] == "2026-08")["due"] == "6000.00"
    assert {row["industry"]: row["due"] for row in rows("renewal-groups")} == DUE_BY_INDUSTRY
    assert {(row["period"], row["industry"]) for row in rows("renewal-cells")} == {
        ("2026-02", "物业"), ("2026-08", "财税"), ("2026-10", ""),
    }  # fmt: skip
    largest = rows("dues")[0]
    assert (largest["state"], largest["due"], largest["renewed"]) == ("renewed", "6000.00", "5400.00")
    assert float(rows("survival")[0]["still_there"]) < 1
    assert {row["nps_answers"] for row in rows("voice")} == {"0"}
    assert client.get("/portfolio/files/nonsense/").status_code == 404
    assert AuditEntry.objects.filter(verb="portfolio.exported").count() == 9


def test_renewals_are_divided_by_a_dimension_down_to_the_accounts(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    page = text_of(client, "renewals/?by=industry")
    address = f"dues/?by=industry&amp;state=lost&amp;industry={quote('物业')}"
    assert f'href="/portfolio/{address}"' in page
    found = text_of(client, address.replace("&amp;", "&"))
    assert "云杉物业" in found
    assert "澄明财税科技" not in found


def test_the_cost_of_winning_accounts_is_entered_by_month_and_gives_cac(
    deals: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    client = as_person(deals.boss)
    new = Account.objects.create(
        external_id="n", name="新客户", created_at=deals.well.created_at, known_at=deals.well.known_at
    )
    sign(new, dt.date(2026, 10, 5), None, 100_00)
    wrong = client.post("/portfolio/costs/", {"month": "2026-13", "cost": "many"})
    assert wrong.status_code == 422
    assert (
        client.post("/portfolio/costs/", {"month": "2026-10", "cost": "12,000", "note": "展会"}).status_code
        == 302
    )
    assert AcquisitionCost.objects.get().cost_cents == 12_000_00
    assert "展会" in text_of(client, "costs/")
    page = text_of(client, "lifetime/")
    assert "120 <small>months" in page, "CAC 12,000 at 100 a month"
    assert "展会" not in text_of(as_person(deals.owner), "lifetime/")
    deals.boss.role = Role.CS_ANALYST
    deals.boss.save()
    assert client.post("/portfolio/costs/", {"month": "2026-10", "cost": "1"}).status_code == 403
    assert AcquisitionCost.objects.get().cost_cents == 12_000_00


def test_the_desk_stands_beside_customer_success(
    deals: SimpleNamespace, as_person: Callable[[Any], Client], now: dt.datetime
) -> None:
    for key in range(3):
        ticket = open_ticket(
            deals.well, subject="x", external_id=f"t{key}", by=None, now=now - dt.timedelta(days=40)
        )
        if key:
            close_ticket(ticket, by=deals.boss, now=now - dt.timedelta(days=39))
    assert "= 2 ÷ 3" in text_of(as_person(deals.boss), "voice/")
    assert "= 0 ÷ 0" in text_of(as_person(deals.outsider), "voice/")


def test_the_number_of_queries_does_not_grow_with_the_accounts(
    deals: SimpleNamespace, as_person: Callable[[Any], Client], now: dt.datetime
) -> None:
    client = as_person(deals.boss)

    def counts() -> list[int]:
        found = []
        for page in PAGES:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                text_of(client, page)
            found.append(len(queries))
        return found

    counts()
    few = counts()
    for number in range(20):
        account = Account.objects.create(
            external_id=f"m{number}", name=f"M{number}", created_at=now, known_at=now
        )
        sign(account, dt.date(2025, 10, 1), dt.date(2026, 10, 1), 100_00)
    assert counts() == few


def test_the_api_tells_the_same_figures_to_keys_with_the_right_and_within_its_reach(
    deals: SimpleNamespace, now: dt.datetime
) -> None:
    def get(key: str, path: str = "portfolio", **query: str) -> Any:
        span = {"since": "2025-12-01", "until": "2026-11-01", **query}
        return Client().get(f"/api/v1/{path}", span, headers={"Authorization": f"Bearer {key}"})

    whole = create_api_key("BI", ["portfolio.read"], by=deals.boss, now=now)
    other = create_api_key("ERP", ["kpis.read"], by=deals.boss, now=now)
    own = create_api_key("mine", ["portfolio.read"], staff=deals.outsider, by=deals.boss, now=now)
    (row,) = get(whole).json()["rows"]
    figures = book(dt.date(2025, 12, 1), dt.date(2026, 11, 1)).figures
    assert (row["start_mrr_cents"], row["churned_accounts"], row["nrr"]) == (1_900_00, 2, figures.nrr)
    months = get(whole, by="month,industry").json()["rows"]
    assert sum(one["churned_mrr_cents"] for one in months) == 400_00
    due = get(whole, "portfolio/renewals", by="quarter", grace_days="60").json()["rows"]
    assert [one["due_accounts"] for one in due] == [0, 1, 0, 1, 1]
    assert due[-1]["account_rate_with_grace"] is None
    assert get(other).status_code == 403
    assert [one["start_accounts"] for one in get(own).json()["rows"]] == [1]
    wrong = get(whole, by="shoe size")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "parameter")
    deals.outsider.role = Role.TRAINER
    deals.outsider.save()
    assert not [name for name in get(own).json()["rows"][0] if name.endswith("_cents")]
