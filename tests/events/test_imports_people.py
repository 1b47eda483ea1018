"""Accounts, contacts and conversations from files: what becomes of each field, and what is said of odd
rows.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from evergreen.base.models import AuditEntry, Team
from evergreen.customers.models import Account, Contact, ExternalId, FieldChange, Tenant
from evergreen.work.models import Conversation
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


def test_an_account_brings_its_owner_team_edition_dates_tags_tenants_and_ids(
    load: Loading, cast: SimpleNamespace
) -> None:
    Team.objects.get_or_create(name="North")
    result = load(
        "accounts",
        [
            ["id", "name", "owner", "team", "industry", "region", "size", "tier", "touch_model", "stage", "edition", "signed", "live", "tags", "tenants", "crm", "score"],
            ["A-1", "恒岳机械", "OWNER@vendor.example", "North", "制造", "上海", "1,200", "战略", "高接触", "稳定", "旗舰版", "2025-01-31", "2025-03-01", "重点;续约", "t-1,t-2", "0017", "0.7"],
            ["A-2", "云杉", "nobody@vendor.example", "West", "", "", "", "", "", "", "", "", "", "", "", "", ""],
        ],
        {
            "columns": {name: name for name in ["id", "name", "owner", "team", "industry", "region", "size", "tier", "touch_model", "stage", "edition", "signed", "live", "tags", "tenants"]},
            "external_ids": {"crm": "crm"},
            "custom": {"score": "score"},
            "create": ["editions"],
        },
    )  # fmt: skip
    assert counts(result) == (2, 0, 0, 0, 0)
    assert result.warnings == {"unknown_owner": 1, "unknown_team": 1}
    assert result.first_rows == {"unknown_owner": 3, "unknown_team": 3}
    account = Account.objects.get(external_id="A-1")
    assert (account.owner, account.team, account.size, account.tier) == (
        cast.owner,
        cast.north,
        1200,
        "strategic",
    )
    assert (account.touch_model, account.stage, account.industry) == ("high", "steady", "制造")
    assert account.edition is not None
    assert account.edition.name["zh"] == "旗舰版"
    assert (account.signed_on, account.live_on) == (dt.date(2025, 1, 31), dt.date(2025, 3, 1))
    assert account.known_at == dt.datetime(
        2025, 1, 30, 16, tzinfo=dt.UTC
    )  # the signing day's start in Shanghai
    assert (account.tags, account.custom) == (["重点", "续约"], {"score": 0.7})
    assert set(Tenant.objects.filter(account=account).values_list("external_id", flat=True)) == {"t-1", "t-2"}
    assert ExternalId.objects.get(account=account).value == "0017"
    other = Account.objects.get(external_id="A-2")
    assert (other.owner, other.stage) == (None, "onboarding")


def test_changed_accounts_leave_change_rows_and_one_audit_entry(
    load: Loading, cast: SimpleNamespace, now: dt.datetime
) -> None:
    header = ["id", "name", "owner", "stage", "tier"]
    load(
        "accounts",
        [
            header,
            ["A-1", "One", "owner@vendor.example", "adoption", "basic"],
            ["A-2", "Two", "", "trial", ""],
        ],
    )
    before = AuditEntry.objects.count()
    result = load(
        "accounts",
        [header, ["A-1", "One", "mate@vendor.example", "steady", ""], ["A-2", "Two", "", "trial", ""]],
        by=cast.boss,
    )
    assert counts(result) == (0, 1, 1, 0, 0)
    changes = {
        row.field: (row.old, row.new) for row in FieldChange.objects.filter(account__external_id="A-1")
    }
    assert changes == {
        "owner": ("owner@vendor.example", "mate@vendor.example"),
        "stage": ("adoption", "steady"),
        "tier": ("basic", ""),
    }
    account = Account.objects.get(external_id="A-1")
    assert account.stage_since == now.date()
    assert AuditEntry.objects.count() == before + 1
    entry = AuditEntry.objects.latest("pk")
    assert (entry.verb, entry.objects_count, entry.by) == ("account.loaded", 1, cast.boss)


def test_empty_cells_clear_a_field_unless_the_mapping_keeps_them(load: Loading) -> None:
    load("accounts", [["id", "name", "industry"], ["A-1", "One", "制造"]])
    assert counts(
        load(
            "accounts", [["id", "name", "industry"], ["A-1", "One", ""]], {"format": {"empty_cells": "keep"}}
        )
    ) == (0, 0, 1, 0, 0)
    assert counts(load("accounts", [["id", "name"], ["A-1", "One"]])) == (0, 0, 1, 0, 0)
    assert counts(load("accounts", [["id", "name", "industry"], ["A-1", "One", ""]])) == (0, 1, 0, 0, 0)
    assert Account.objects.get(external_id="A-1").industry == ""


def test_parents_may_come_after_their_children_and_circles_are_left_open(load: Loading) -> None:
    rows = [
        ["id", "name", "parent"],
        ["A", "a", "C"],
        ["B", "b", "A"],
        ["C", "c", "B"],
        ["D", "d", "X"],
        ["E", "e", "E"],
    ]
    result = load("accounts", rows)
    assert counts(result) == (5, 0, 0, 0, 0)
    assert result.warnings == {"parent_in_a_circle": 2, "unknown_parent": 1}
    parents = dict(Account.objects.values_list("external_id", "parent__external_id"))
    assert parents == {"A": "C", "B": "A", "C": None, "D": None, "E": None}
    again = load("accounts", rows)
    assert counts(again) == (0, 0, 5, 0, 0)
    assert again.warnings == result.warnings
    assert counts(load("accounts", [rows[0], ["A", "a", ""]])) == (0, 1, 0, 0, 0)


def test_a_tenant_or_id_of_another_account_stays_there(load: Loading) -> None:
    mapping = {"columns": {"id": "id", "name": "name", "tenants": "tenants"}, "external_ids": {"crm": "crm"}}
    header = ["id", "name", "tenants", "crm"]
    result = load("accounts", [header, ["A", "a", "t-1", "7"], ["B", "b", "t-1;t-2", "7"]], mapping)
    assert result.warnings == {"external_id_taken": 1, "tenant_taken": 1}
    assert dict(Tenant.objects.values_list("external_id", "account__external_id")) == {"t-1": "A", "t-2": "B"}
    assert load("accounts", [header, ["C", "c", "t-2", "7"]], mapping).warnings == result.warnings


def test_rows_that_cannot_be_read_or_lack_a_required_field_are_rejected_with_their_place(
    load: Loading,
) -> None:
    result = load(
        "accounts",
        [
            ["id", "name", "size", "signed", "tier"],
            ["A-1", "One", "about 50", "", ""],
            ["A-2", "", "5", "", ""],
            ["A-3", "Three", "5", "31.01.2025", ""],
            ["A-4", "Four", "5", "", "gold"],
            ["A-5", "Five", "5", "2025-01-31", "growth"],
        ],
    )
    assert counts(result) == (1, 0, 0, 0, 4)
    assert result.exit_code == 3
    found = [(row["row"], row["column"], row["found"]) for row in rejected(result)]
    assert found == [
        ("2", "size", "about 50"),
        ("3", "name", ""),
        ("4", "signed", "31.01.2025"),
        ("5", "tier", "gold"),
    ]
    assert rejected(result)[3]["allowed"].startswith("one of strategic, growth, basic")
    assert result.examples[0] == (
        "accounts.csv, row 2, column size: The value cannot be read. Found: about 50. Allowed: a number such as 1,234.56 "
        "(the mapping's “decimal” is “.”)."
    )


def test_contacts_find_their_account_by_any_id_and_are_known_by_mail_without_one(
    load: Loading, cast: SimpleNamespace
) -> None:
    ExternalId.objects.create(account=cast.well, system="crm", value="C-77")
    header = ["account", "name", "email", "phone", "role", "champion", "influence"]
    rows = [
        header,
        ["C-77", "王芳", "wang@well.example", "+86 138-0013-8000", "决策者", "是", "5"],
        ["A-well", "李雷", "", "0571-8888", "使用者", "", ""],
        ["A-none", "Nobody", "", "", "", "", ""],
        ["A-well", "赵六", "not a mail", "", "", "", ""],
    ]
    result = load("contacts", rows)
    assert counts(result) == (2, 0, 0, 0, 2)
    assert [row["column"] for row in rejected(result)] == ["account", "email"]
    contact = Contact.objects.get(name="王芳")
    assert (contact.account, contact.phone, contact.role) == (
        cast.well,
        "+86 138-0013-8000",
        "decision_maker",
    )
    assert (contact.is_champion, contact.influence, contact.attitude) == (True, 5, "unknown")
    assert contact.external_id == "A-well/wang@well.example"
    assert counts(load("contacts", rows)) == (0, 0, 2, 0, 2)


def test_a_contact_entered_by_hand_is_taken_over_by_its_mail(
    load: Loading, cast: SimpleNamespace, now: dt.datetime
) -> None:
    by_hand = Contact.objects.create(account=cast.well, name="Wang", email="Wang@Well.example", known_at=now)
    result = load(
        "contacts", [["id", "account", "name", "email"], ["K-1", "A-well", "王芳", "wang@well.example"]]
    )
    assert counts(result) == (0, 1, 0, 0, 0)
    by_hand.refresh_from_db()
    assert (by_hand.external_id, by_hand.name) == ("K-1", "王芳")


def test_superiors_are_set_within_the_account_only(load: Loading, cast: SimpleNamespace) -> None:
    rows = [
        ["id", "account", "name", "reports_to"],
        ["K-1", "A-well", "Staff", "K-2"],
        ["K-2", "A-well", "Boss", ""],
        ["K-3", "A-slipping", "Stranger", "K-2"],
        ["K-4", "A-well", "Lost", "K-9"],
    ]
    result = load("contacts", rows)
    assert result.warnings == {"superior_not_allowed": 1, "unknown_superior": 1}
    assert Contact.objects.get(external_id="K-1").reports_to == Contact.objects.get(external_id="K-2")


def test_conversations_keep_who_took_part(load: Loading, cast: SimpleNamespace, now: dt.datetime) -> None:
    for key in ("K-1", "K-2"):
        Contact.objects.create(account=cast.well, external_id=key, name=key, known_at=now)
    header = ["id", "account", "kind", "contacts", "time", "minutes", "by", "summary"]
    first = [
        header,
        ["M-1", "", "拜访", "K-1;K-2", "2025-01-31 10:00", "45", "mate@vendor.example", "谈续约"],
    ]
    assert counts(load("conversations", first)) == (1, 0, 0, 0, 0)
    assert counts(load("conversations", first)) == (0, 0, 1, 0, 0)
    held = Conversation.objects.get()
    assert (held.account, held.kind, held.by, held.contacts.count()) == (cast.well, "visit", cast.mate, 2)
    fewer = [header, [*first[1][:3], "K-2;K-9", *first[1][4:]]]
    result = load("conversations", fewer)
    assert counts(result) == (0, 1, 0, 0, 0)
    assert result.warnings == {"unknown_contact": 1}
    assert [contact.external_id for contact in held.contacts.all()] == ["K-2"]


def test_the_first_row_of_a_repeated_id_stands(load: Loading) -> None:
    result = load(
        "accounts", [["id", "name"], ["A-1", "first"], ["A-1", "second"], ["A-2", ""], ["A-2", "right"]]
    )
    assert counts(result) == (2, 0, 0, 1, 1)
    assert dict(Account.objects.values_list("external_id", "name")) == {"A-1": "first", "A-2": "right"}


def test_the_first_row_stands_however_far_away_its_id_is_repeated(
    load: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.events.imports.records.kinds.RecordLoader.chunk", 1)
    result = load("accounts", [["id", "name"], ["A-1", "first"], ["A-2", "other"], ["A-1", "second"]])
    assert counts(result) == (2, 0, 0, 1, 0)
    assert Account.objects.get(external_id="A-1").name == "first"


def test_contacts_bring_their_language_and_time_zone_and_a_wrong_one_is_refused_by_name(
    load: Loading, cast: SimpleNamespace
) -> None:
    rows = [
        ["id", "account", "name", "language", "time_zone"], ["K-1", "A-well", "王芳", "中文", "Asia/Shanghai"],
        ["K-2", "A-well", "Ann", "en-US", "Europe/Berlin"], ["K-3", "A-well", "Bo", "", "Mars/Olympus"],
    ]  # fmt: skip
    result = load("contacts", rows)
    told = Contact.objects.order_by("external_id").values_list("external_id", "language", "time_zone")
    assert list(told) == [("K-1", "zh-hans", "Asia/Shanghai"), ("K-2", "en", "Europe/Berlin")]
    assert [(row["column"], row["found"]) for row in rejected(result)] == [("time_zone", "Mars/Olympus")]
