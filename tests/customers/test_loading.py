"""Bulk upserts: what becomes of each row, in few queries, a transaction and an audit entry a batch."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.base import upserts
from evergreen.base.models import AuditEntry
from evergreen.base.upserts import Outcome
from evergreen.customers import rules
from evergreen.customers.actions import loading
from evergreen.customers.actions.loading.links import Options
from evergreen.customers.models import (
    Account,
    Contact,
    ContactId,
    Contract,
    ContractLine,
    Edition,
    ExternalId,
    FieldChange,
    Receivable,
    Tenant,
)
from evergreen.desk.actions.loading import load_tickets
from evergreen.desk.models import Ticket

pytestmark = pytest.mark.django_db


def accounts(n: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"external_id": f"B-{i}", "name": f"客户 {i}", **fields} for i in range(n)]


def test_each_row_is_created_updated_unchanged_or_a_duplicate(now: dt.datetime) -> None:
    loading.load_accounts(accounts(2), by=None, now=now)
    rows: list[dict[str, Any]] = [
        {"external_id": "B-0", "name": "客户 0"},
        {"external_id": "B-1", "name": "neu", "custom": {"a": 1}},
        {"external_id": "B-2", "name": "new"},
        {"external_id": "B-2", "name": "again"},
    ]
    for dry_run in (True, False):
        loaded = loading.load_accounts(rows, by=None, now=now, dry_run=dry_run)
        assert loaded.outcomes == [Outcome.UNCHANGED, Outcome.UPDATED, Outcome.CREATED, Outcome.DUPLICATE]
    assert loaded.ids[2] == Account.objects.get(external_id="B-2").pk
    assert Account.objects.get(external_id="B-2").name == "new"
    loading.load_accounts([{"external_id": "B-1", "custom": {"b": 2}}], by=None, now=now)
    stored = Account.objects.get(external_id="B-1")
    assert (stored.name, stored.custom) == ("neu", {"a": 1, "b": 2})
    assert stored.name_key == rules.name_key("neu")


def test_the_number_of_queries_does_not_grow_with_the_rows(now: dt.datetime, cast: SimpleNamespace) -> None:
    def queries(n: int) -> int:
        rows = accounts(n, owner_id=cast.owner.pk, tier="growth")
        changed = accounts(n, owner_id=cast.mate.pk, tier="basic")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            loading.load_accounts(rows, by=None, now=now)
            loading.load_accounts(changed, by=None, now=now)
        return len(seen)

    assert queries(60) - queries(3) <= 12  # SQLite takes some forty rows a statement


def test_a_batch_is_one_transaction_and_one_audit_entry(
    now: dt.datetime, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upserts.in_batches, "__defaults__", (4,))
    before = AuditEntry.objects.count()
    rows = [*accounts(9), {"external_id": "B-x", "name": "x", "stage": None}]
    with pytest.raises(Exception, match=r"(?i)null"):
        loading.load_accounts(rows, by=cast.boss, now=now, origin="f.csv")
    # Two batches stand whole, the third not at all.
    assert Account.objects.filter(external_id__startswith="B-").count() == 8
    entries = list(AuditEntry.objects.order_by("pk")[before:])
    assert [(entry.verb, entry.objects_count, entry.by) for entry in entries] == [
        ("account.loaded", 4, cast.boss)
    ] * 2
    assert entries[0].after == {"origin": "f.csv", "counts": {"created": 4}, "fields": {}}
    loading.load_accounts(accounts(9), by=None, now=now)
    assert AuditEntry.objects.count() == before + 3
    loading.load_accounts(accounts(9), by=None, now=now)
    assert AuditEntry.objects.count() == before + 3


def test_changes_of_tracked_fields_leave_change_rows(now: dt.datetime, cast: SimpleNamespace) -> None:
    loading.load_accounts(accounts(2, owner_id=cast.owner.pk, stage="trial"), by=None, now=now)
    assert not FieldChange.objects.exists()
    later = now + dt.timedelta(days=3)
    loading.load_accounts(
        accounts(1, owner_id=None, stage="steady", industry="财税"), by=cast.boss, now=later
    )
    found = FieldChange.objects.order_by("field").values_list("field", "old", "new", "known_at", "by")
    assert list(found) == [
        ("owner", "owner@vendor.example", "", later, cast.boss.pk),
        ("stage", "trial", "steady", later, cast.boss.pk),
    ]
    assert Account.objects.get(external_id="B-0").stage_since == later.date()


def test_a_changed_row_that_is_older_than_was_known_is_known_earlier(now: dt.datetime) -> None:
    loading.load_accounts(accounts(1), by=None, now=now)
    earlier = now - dt.timedelta(days=300)
    loading.load_accounts(accounts(1, known_at=earlier), by=None, now=now)
    assert Account.objects.get(external_id="B-0").known_at == now
    loading.load_accounts(accounts(1, known_at=earlier, signed_on=earlier.date()), by=None, now=now)
    assert Account.objects.get(external_id="B-0").known_at == earlier


def test_tenants_and_external_ids_are_added_and_those_of_others_refused(now: dt.datetime) -> None:
    rows = accounts(2)
    rows[0] |= {"tenants": [{"external_id": "t-1"}], "external_ids": {"crm": "7"}}
    loading.load_accounts(rows, by=None, now=now)
    rows[1] |= {
        "tenants": [{"external_id": "t-1"}, {"external_id": "t-2"}],
        "external_ids": {"crm": "7", "erp": "7"},
    }
    loaded = loading.load_accounts(rows, by=None, now=now)
    assert loaded.outcomes == [Outcome.UNCHANGED, Outcome.UPDATED]
    assert loaded.refused == [(1, "tenant", "t-1"), (1, "external_id", "crm:7")]
    assert dict(Tenant.objects.values_list("external_id", "account__external_id")) == {
        "t-1": "B-0",
        "t-2": "B-1",
    }
    assert set(ExternalId.objects.values_list("system", "account__external_id")) == {
        ("crm", "B-0"),
        ("erp", "B-1"),
    }


def test_lines_of_a_contract_share_it_and_its_first_row_decides(
    now: dt.datetime, cast: SimpleNamespace
) -> None:
    day = dt.date(2025, 1, 1)
    rows = [
        {
            "external_id": "L-1",
            "contract": "K",
            "account_id": cast.well.pk,
            "currency": "USD",
            "number": "一",
            "start_on": day,
        },
        {
            "external_id": "L-2",
            "contract": "K",
            "account_id": cast.well.pk,
            "currency": "EUR",
            "number": "二",
            "start_on": day,
        },
        {
            "external_id": "L-3",
            "account_id": cast.gone.pk,
            "currency": "CNY",
            "start_on": day,
            "mrr_cents": 5,
        },
    ]
    assert loading.load_contracts(rows, by=None, now=now).count(Outcome.CREATED) == 3
    assert dict(Contract.objects.values_list("external_id", "number")) == {"K": "一", "L-3": ""}
    assert ContractLine.objects.filter(contract__external_id="K").count() == 2
    cast.well.refresh_from_db()
    assert cast.well.currency == "USD"
    again = [{**rows[0], "number": "三"}, rows[1], {"external_id": "L-4", "contract": "K", "start_on": day}]
    loaded = loading.load_contracts(again, by=None, now=now)
    assert loaded.outcomes == [Outcome.UPDATED, Outcome.UNCHANGED, Outcome.CREATED]


def test_contacts_receivables_and_tickets_are_upserted(now: dt.datetime, cast: SimpleNamespace) -> None:
    account = cast.well.pk
    due = dt.date(2025, 1, 1)
    for count in (Outcome.CREATED, Outcome.UNCHANGED):
        contacts = loading.load_contacts(
            [{"external_id": "K", "account_id": account, "name": "王"}], by=None, now=now
        )
        money = loading.load_receivables(
            [
                {
                    "external_id": "I",
                    "account_id": account,
                    "currency": "CNY",
                    "amount_cents": 5,
                    "due_on": due,
                }
            ],
            by=None,
            now=now,
        )
        tickets = load_tickets(
            [{"external_id": "T", "account_id": account, "opened_at": now}], by=None, now=now
        )
        assert [contacts.outcomes, money.outcomes, tickets.outcomes] == [[count]] * 3
    assert (Contact.objects.count(), Receivable.objects.count(), Ticket.objects.count()) == (1, 1, 1)


def test_links_refuse_circles_and_strangers(now: dt.datetime) -> None:
    loading.load_accounts(accounts(3), by=None, now=now)
    options = Options(by=None, now=now)
    linked = loading.link_parents([("B-0", "B-1"), ("B-1", "B-2"), ("B-2", "B-0"), ("B-2", "none")], options)
    assert (linked.changed, linked.refused, linked.missing) == (["B-0", "B-1"], ["B-2"], ["B-2"])
    assert loading.link_parents([("B-0", "B-1")], options).changed == []
    dry = Options(by=None, now=now, dry_run=True, coming=lambda key: 0 if key == "new" else None)
    assert loading.link_parents([("B-0", "new"), ("new", "B-0")], dry).refused == ["new"]


def test_editions_and_features_are_made_once_whatever_their_case(now: dt.datetime) -> None:
    product = loading.load_product("云账 Pro", by=None, now=now)
    assert loading.load_product("云账 pro", by=None, now=now) == product
    made = loading.load_editions(product, ["旗舰版", "Basic", "basic"], by=None, now=now)
    assert made["Basic"] == made["basic"]
    assert set(loading.load_features(product, ["a/b", "!!!"], by=None, now=now)) == {"a/b", "!!!"}
    assert loading.hold_all_features(product, by=None, now=now) == 2
    assert loading.hold_all_features(product, by=None, now=now) == 0
    assert Edition.objects.filter(holds_all_features=True).count() == 2


def test_contacts_bring_ids_of_other_systems_which_only_one_of_them_has(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    def row(key: str, **ids: str) -> dict[str, Any]:
        return {"account_id": cast.well.pk, "external_id": key, "name": key, "external_ids": ids}

    rows = [row("C-1", crm="7", desk="8"), row("C-2", crm="7")]
    trial = loading.load_contacts(rows, by=None, now=now, dry_run=True)
    assert trial.refused == [(1, "external_id", "crm:7")]
    assert not ContactId.objects.exists()
    loaded = loading.load_contacts(rows, by=None, now=now)
    assert loaded.refused == trial.refused
    assert loaded.outcomes == trial.outcomes
    assert {(one.contact.name, one.system, one.value) for one in ContactId.objects.all()} == {
        ("C-1", "crm", "7"),
        ("C-1", "desk", "8"),
    }
    again = loading.load_contacts(rows, by=None, now=now)
    assert again.outcomes == ["unchanged", "unchanged"]
    added = loading.load_contacts([row("C-2", desk="9")], by=None, now=now)
    assert added.outcomes == ["updated"]
