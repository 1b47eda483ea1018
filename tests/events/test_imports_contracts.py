"""Contracts, invoices and tickets from files: what becomes of each field, and what is said of odd rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from evergreen.customers.models import Account, Contact, Contract, ContractLine, Edition, Receivable
from evergreen.desk.models import Ticket
from tests.events.table_files import Loading, counts, rejected

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: dt.datetime) -> Loading:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    return Loading(tmp_path, now)


def test_contract_lines_bring_their_contract_and_monthly_revenue(
    load: Loading, cast: SimpleNamespace
) -> None:
    result = load(
        "contracts",
        [
            [
                "id",
                "contract",
                "account",
                "kind",
                "edition",
                "seats",
                "start",
                "end",
                "mrr",
                "arr",
                "amount",
                "trial",
            ],
            [
                "L-1",
                "K-1",
                "A-well",
                "订阅",
                "专业版",
                "20",
                "2025-01-01",
                "2026-01-01",
                "",
                "",
                "120,000",
                "",
            ],
            ["L-2", "K-1", "A-well", "实施", "", "", "2025-01-01", "2025-02-01", "", "", "30000", ""],
            ["L-3", "", "A-slipping", "订阅", "专业版", "5", "2025-01-15", "", "999.5", "", "", ""],
            ["L-4", "", "A-slipping", "订阅", "", "", "2025-01-15", "9999-12-31", "", "12000", "", ""],
            ["L-5", "", "A-gone", "订阅", "", "", "2025-05-01", "2025-04-30", "10", "", "", ""],
            ["L-6", "", "A-gone", "订阅", "", "", "2025-05-01", "", "", "", "500", ""],
            ["L-7", "", "A-gone", "订阅", "", "", "2025-05-01", "2025-05-01", "10", "200", "", "是"],
        ],
        {"create": ["editions"], "product": "云账"},
    )
    assert counts(result) == (5, 0, 0, 0, 2)
    assert [(row["column"], row["found"]) for row in rejected(result)] == [("end", "2025-04-30"), ("end", "")]
    assert result.warnings == {"mrr_and_arr_differ": 1, "no_day_covered": 1}
    lines = {
        line.external_id: line for line in ContractLine.objects.select_related("contract", "edition__product")
    }
    assert (lines["L-1"].mrr_cents, lines["L-1"].amount_cents) == (1_000_000, 12_000_000)
    assert (lines["L-2"].kind, lines["L-2"].mrr_cents, lines["L-2"].amount_cents) == ("one_off", 0, 3_000_000)
    assert lines["L-1"].contract == lines["L-2"].contract == Contract.objects.get(external_id="K-1")
    assert (lines["L-3"].contract.external_id, lines["L-3"].mrr_cents, lines["L-3"].end_on) == (
        "L-3",
        99_950,
        None,
    )
    assert (lines["L-4"].mrr_cents, lines["L-4"].end_on) == (100_000, None)
    assert lines["L-7"].is_trial
    edition = Edition.objects.get()
    assert (edition.product.key, lines["L-1"].edition, lines["L-3"].edition) == ("云账", edition, edition)
    cast.well.refresh_from_db()
    assert cast.well.currency == "CNY"


def test_the_end_of_a_contract_may_be_its_last_day(load: Loading, cast: SimpleNamespace) -> None:
    rows = [["id", "account", "start", "end", "mrr"], ["L-1", "A-well", "2025-01-01", "2025-12-31", "10"]]
    load("contracts", rows, {"format": {"end_is_last_day": True}})
    assert ContractLine.objects.get().end_on == dt.date(2026, 1, 1)


def test_amounts_may_stand_in_minor_units_before_discount_and_in_other_currencies(
    load: Loading, cast: SimpleNamespace
) -> None:
    rows = [
        ["id", "account", "start", "mrr", "discount", "currency"],
        ["L-1", "A-well", "2025-01-01", "10000", "10%", "JPY"],
        ["L-2", "A-well", "2025-01-01", "10000", "", "USD"],
    ]
    result = load("contracts", rows, {"format": {"money": "minor", "amounts": "list"}})
    lines = dict(ContractLine.objects.values_list("external_id", "mrr_cents"))
    assert lines == {"L-1": 9_000, "L-2": 10_000}
    assert result.warnings == {"mixed_currency": 1}
    load(
        "contracts",
        [["id", "account", "start", "mrr", "currency"], ["L-3", "A-slipping", "2025-01-01", "100", "JPY"]],
    )
    assert ContractLine.objects.get(external_id="L-3").mrr_cents == 100  # the yen has no minor unit


def test_a_renewal_points_at_the_contract_it_renews(load: Loading, cast: SimpleNamespace) -> None:
    rows = [
        ["id", "account", "start", "mrr", "renews"],
        ["L-2", "A-well", "2026-01-01", "10", "L-1"],
        ["L-1", "A-well", "2025-01-01", "10", ""],
        ["L-3", "A-well", "2026-01-01", "10", "L-1"],
        ["L-4", "A-gone", "2026-01-01", "10", "L-1"],
        ["L-5", "A-gone", "2026-01-01", "10", "L-9"],
    ]
    result = load("contracts", rows)
    assert result.warnings == {"renewed_not_allowed": 2, "unknown_renewed": 1}
    assert Contract.objects.get(external_id="L-2").renews == Contract.objects.get(external_id="L-1")
    again = load("contracts", rows)
    assert counts(again) == (0, 0, 5, 0, 0)
    assert again.warnings == result.warnings


def test_a_churn_flag_decides_nothing_and_is_told_where_a_subscription_is_in_force(
    load: Loading, cast: SimpleNamespace
) -> None:
    lines = [
        ["id", "account", "start", "mrr"],
        ["L-1", "A-well", "2025-01-01", "10"],
        ["L-2", "A-gone", "2025-01-01", "10"],
    ]
    load("accounts", [["id", "name", "churned"], ["A-well", "恒岳机械", "是"], ["A-gone", "云杉物业", "否"]])
    assert load("contracts", lines).warnings == {"churned_but_active": 1}
    assert load("accounts", [["id", "name", "churned"], ["A-well", "恒岳机械", "是"]]).warnings == {
        "churned_but_active": 1
    }
    assert Account.objects.get(external_id="A-well").stage == "steady"


def test_invoices_take_what_was_paid_from_amount_flag_or_day(load: Loading, cast: SimpleNamespace) -> None:
    result = load(
        "invoices",
        [
            ["id", "account", "amount", "due", "paid", "is_paid", "paid_on", "issued"],
            ["I-1", "A-well", "1000", "2025-03-01", "400", "", "2025-03-05", "2025-02-01"],
            ["I-2", "A-well", "1000", "2025-03-01", "", "是", "", ""],
            ["I-3", "A-well", "1000", "2027-03-01", "", "否", "", ""],
            ["I-4", "A-well", "1000", "2025-03-01", "1200", "", "", ""],
            ["I-5", "A-nobody", "1000", "2025-03-01", "", "", "", ""],
            ["I-6", "A-well", "", "2025-03-01", "", "", "", ""],
        ],
    )
    assert counts(result) == (4, 0, 0, 0, 2)
    assert result.warnings == {"paid_more_than_due": 1}
    paid = dict(Receivable.objects.values_list("external_id", "paid_cents"))
    assert paid == {"I-1": 40_000, "I-2": 100_000, "I-3": 0, "I-4": 120_000}
    assert Receivable.objects.get(external_id="I-1").known_at == dt.datetime(2025, 1, 31, 16, tzinfo=dt.UTC)


def test_tickets_take_times_or_durations_and_say_what_contradicts(
    load: Loading, cast: SimpleNamespace, now: dt.datetime
) -> None:
    Contact.objects.create(
        account=cast.well, external_id="K-1", name="王芳", email="w@well.example", known_at=now
    )
    result = load(
        "tickets",
        [
            ["id", "account", "requester", "assignee", "priority", "opened", "first_response_minutes", "closed", "satisfaction"],
            ["T-1", "A-well", "w@well.example", "mate@vendor.example", "P0", "2025-01-31 09:00", "30", "2025-01-31 12:00", "4.5"],
            ["T-2", "", "K-1", "", "低", "2025-02-01", "", "", ""],
            ["T-3", "A-gone", "K-1", "", "", "2025-02-01", "", "2025-01-01", ""],
            ["T-4", "", "K-9", "", "", "2025-02-01", "", "", ""],
            ["T-5", "A-well", "", "", "", "2025-02-01", "90", "2025-02-01 01:00", "9"],
        ],
    )  # fmt: skip
    assert counts(result) == (3, 0, 0, 0, 2)
    assert [(row["column"], row["found"]) for row in rejected(result)] == [
        ("requester", "K-9"),
        ("satisfaction", "9"),
    ]
    assert result.warnings == {"closed_before_opened": 1, "unknown_contact": 1}
    ticket = Ticket.objects.get(external_id="T-1")
    assert (ticket.state, ticket.priority, ticket.satisfaction) == ("closed", "urgent", Decimal("4.50"))
    assert ticket.first_response_at == dt.datetime(2025, 1, 31, 1, 30, tzinfo=dt.UTC)
    assert (ticket.assignee, ticket.requester and ticket.requester.name) == (cast.mate, "王芳")
    assert Ticket.objects.get(external_id="T-2").account == cast.well
    assert Ticket.objects.get(external_id="T-2").state == "open"
    marked = [["id", "account", "opened", "satisfaction"], ["T-6", "A-well", "2025-01-31", "4.3333"]]
    assert counts(load("tickets", marked)) == (1, 0, 0, 0, 0)
    assert counts(load("tickets", marked)) == (0, 0, 1, 0, 0)
