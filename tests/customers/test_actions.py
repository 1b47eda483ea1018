from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from evergreen.base.models import AuditEntry
from evergreen.customers import actions
from evergreen.customers.models import (
    Account,
    Contact,
    Contract,
    ContractLine,
    Edition,
    FieldChange,
    Product,
    Receivable,
)

DAY = dt.date(2026, 11, 20)


def changes(account: Account) -> list[tuple[str, str, str]]:
    return list(FieldChange.objects.filter(account=account).order_by("pk").values_list("field", "old", "new"))


def verbs() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))


def test_a_new_account_says_from_when_on_its_fields_are_known(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    signed = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    account = actions.create_account(
        external_id=" N-1 ",
        name="新客户",
        owner=cast.owner,
        tier="growth",
        by=cast.boss,
        now=now,
        known_at=signed,
    )
    assert (account.external_id, account.created_at, account.known_at) == ("N-1", now, signed)
    assert account.stage_since == dt.date(2024, 3, 1)
    assert changes(account) == [
        ("owner", "", "owner@vendor.example"),
        ("tier", "", "growth"),
        ("stage", "", "onboarding"),
    ]
    assert set(FieldChange.objects.values_list("known_at", flat=True)) == {signed}
    assert verbs() == ["account.created"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"external_id": "A-well"}, "external_id"),
        ({"name": ""}, "name"),
        ({"stage": "sleeping"}, "stage"),
        ({"currency": "rmb"}, "currency"),
        ({"tags": "gold"}, "tags"),
        ({"colour": "green"}, "industry"),
    ],
)
def test_a_wrong_account_is_refused_whole(
    cast: SimpleNamespace, now: dt.datetime, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as found:
        actions.create_account(**{"external_id": "N-1", "name": "N", "by": None, "now": now, **fields})
    assert said in str(
        found.value.message_dict if hasattr(found.value, "error_dict") else found.value.messages
    )
    assert Account.objects.count() == 3 and verbs() == []


def test_changing_an_account_keeps_change_rows_of_what_metrics_read(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    product = Product.objects.create(key="p")
    edition = Edition.objects.create(product=product, key="pro")
    actions.update_account(
        cast.well,
        {
            "owner": cast.mate,
            "team": None,
            "stage": "renewal",
            "edition": edition,
            "industry": "能源",
            "size": 300,
        },
        by=cast.boss,
        now=now,
    )
    assert sorted(changes(cast.well)) == [
        ("edition", "", "pro"),
        ("owner", "owner@vendor.example", "mate@vendor.example"),
        ("stage", "steady", "renewal"),
        ("team", "North", ""),
    ]
    cast.well.refresh_from_db()
    assert cast.well.stage_since == DAY
    entry = AuditEntry.objects.get()
    assert entry.before["owner"] == cast.owner.pk and entry.after["industry"] == "能源"


def test_a_change_that_changes_nothing_leaves_no_trace(cast: SimpleNamespace, now: dt.datetime) -> None:
    actions.update_account(cast.well, {"stage": "steady", "owner": cast.owner}, by=cast.boss, now=now)
    assert changes(cast.well) == [] and verbs() == []


def test_an_account_never_stands_below_itself(cast: SimpleNamespace, now: dt.datetime) -> None:
    actions.update_account(cast.slipping, {"parent": cast.well}, by=None, now=now)
    actions.update_account(cast.gone, {"parent": cast.slipping}, by=None, now=now)
    with pytest.raises(ValidationError):
        actions.update_account(cast.well, {"parent": cast.gone}, by=None, now=now)


def test_a_person_who_left_gets_no_accounts(cast: SimpleNamespace, now: dt.datetime) -> None:
    cast.mate.is_active = False
    with pytest.raises(ValidationError, match="mate"):
        actions.assign_owner([cast.well.pk], cast.mate, by=cast.boss, now=now)
    with pytest.raises(ValidationError, match="mate"):
        actions.update_account(cast.well, {"owner": cast.mate}, by=cast.boss, now=now)


def test_accounts_are_given_in_bulk_and_taken_back(cast: SimpleNamespace, now: dt.datetime) -> None:
    ids = [cast.well.pk, cast.slipping.pk]
    (entry,) = actions.assign_owner(ids, cast.mate, by=cast.boss, now=now)
    assert entry.verb == "account.owner_assigned" and entry.objects_count == 2
    assert changes(cast.well) == [("owner", "owner@vendor.example", "mate@vendor.example")]
    actions.undo(entry, by=cast.boss, now=now + dt.timedelta(minutes=1))
    cast.well.refresh_from_db()
    assert cast.well.owner == cast.owner
    assert changes(cast.well)[1:] == [("owner", "mate@vendor.example", "owner@vendor.example")]
    assert verbs() == ["account.owner_assigned", "account.owner_assigned.undone"]


def test_accounts_can_be_given_to_nobody(cast: SimpleNamespace, now: dt.datetime) -> None:
    (entry,) = actions.assign_owner([cast.well.pk], None, by=cast.boss, now=now)
    assert changes(cast.well) == [("owner", "owner@vendor.example", "")]
    actions.undo(entry, by=cast.boss, now=now)
    cast.well.refresh_from_db()
    assert cast.well.owner == cast.owner


def test_an_undone_stage_counts_from_the_day_it_began_not_from_the_undo(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    earlier = now - dt.timedelta(days=40)
    actions.update_account(cast.well, {"stage": "renewal"}, by=None, now=earlier)
    actions.update_account(cast.well, {"stage": "steady"}, by=None, now=earlier + dt.timedelta(days=9))
    (entry,) = actions.change_accounts([cast.well.pk, cast.gone.pk], {"stage": "win_back"}, by=None, now=now)
    cast.well.refresh_from_db()
    assert cast.well.stage_since == DAY
    actions.undo(entry, by=None, now=now)
    cast.well.refresh_from_db()
    assert (cast.well.stage, cast.well.stage_since) == ("steady", DAY - dt.timedelta(days=31))


def test_a_contact_has_a_place_in_the_decision_chain(cast: SimpleNamespace, now: dt.datetime) -> None:
    boss = actions.add_contact(
        cast.well, name="王总", role="decision_maker", influence=5, by=cast.owner, now=now
    )
    user = actions.add_contact(
        cast.well, name="小李", role="daily_user", reports_to=boss, by=cast.owner, now=now
    )
    actions.update_contact(
        user, {"attitude": "supports", "email": "li@customer.example"}, by=cast.owner, now=now
    )
    user.refresh_from_db()
    assert (user.reports_to, user.attitude, user.email) == (boss, "supports", "li@customer.example")


def test_the_audit_says_that_a_persons_address_changed_but_not_what_it_was(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    contact = actions.add_contact(
        cast.well, name="小李", email="old@customer.example", by=cast.owner, now=now
    )
    actions.update_contact(contact, {"email": "new@customer.example", "influence": 3}, by=cast.owner, now=now)
    entry = AuditEntry.objects.get(verb="contact.updated")
    assert entry.before == {"email": "…", "influence": None} and entry.after == {"email": "…", "influence": 3}
    assert not AuditEntry.objects.filter(after__icontains="小李").exists()


def test_a_wrong_contact_is_refused(cast: SimpleNamespace, now: dt.datetime) -> None:
    stranger = actions.add_contact(cast.gone, name="外人", by=None, now=now)
    chief = actions.add_contact(cast.well, name="总", by=None, now=now)
    clerk = actions.add_contact(cast.well, name="员", reports_to=chief, by=None, now=now)
    for fields in (
        {"reports_to": stranger},
        {"influence": 6},
        {"email": "no"},
        {"role": "king"},
        {"name": ""},
    ):
        with pytest.raises(ValidationError):
            actions.update_contact(Contact.objects.get(pk=clerk.pk), fields, by=None, now=now)
    with pytest.raises(ValidationError):
        actions.update_contact(chief, {"reports_to": clerk}, by=None, now=now)


def test_contacts_without_an_external_id_do_not_collide(cast: SimpleNamespace, now: dt.datetime) -> None:
    for name in ("甲", "乙"):
        actions.add_contact(cast.well, name=name, external_id="", by=None, now=now)
    assert Contact.objects.filter(external_id=None).count() == 2


def contract(cast: SimpleNamespace, now: dt.datetime, *lines: dict[str, Any], **fields: Any) -> Contract:
    given = {"external_id": "K-1", "currency": "CNY", "by": cast.owner, "now": now, **fields}
    return actions.add_contract(cast.well, lines=lines, **given)


YEAR: dict[str, Any] = {"start_on": dt.date(2026, 1, 1), "end_on": dt.date(2027, 1, 1)}


def test_a_contract_spreads_a_years_amount_over_its_months(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = contract(
        cast,
        now,
        {**YEAR, "amount_cents": 1_200_000, "seats": 20},
        {**YEAR, "mrr_cents": 5_000, "amount_cents": 1_200_000},
        {**YEAR, "kind": "one_off", "amount_cents": 300_000},
        {**YEAR, "is_trial": True},
    )
    assert [line.mrr_cents for line in made.lines.order_by("pk")] == [100_000, 5_000, 0, 0]
    cast.well.refresh_from_db()
    assert cast.well.currency == "CNY" and verbs() == ["contract.added"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"start_on": dt.date(2026, 1, 2), "end_on": dt.date(2026, 1, 1)}, "2"),
        ({"start_on": dt.date(2026, 1, 1), "amount_cents": 100}, "2"),
        ({**YEAR, "kind": "one_off", "mrr_cents": 1}, "2"),
        ({**YEAR, "seats": -1}, "2"),
        ({**YEAR, "price": 3}, "price"),
        ({}, "2"),
    ],
)
def test_a_contract_with_a_wrong_line_is_refused_whole_and_names_the_line(
    cast: SimpleNamespace, now: dt.datetime, line: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        contract(cast, now, {**YEAR, "mrr_cents": 1}, line)
    assert not Contract.objects.exists() and not ContractLine.objects.exists() and verbs() == []


def test_a_contract_without_lines_or_in_a_second_currency_is_refused(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    with pytest.raises(ValidationError):
        contract(cast, now)
    contract(cast, now, {**YEAR, "mrr_cents": 1})
    with pytest.raises(ValidationError, match="USD"):
        contract(cast, now, {**YEAR, "mrr_cents": 1}, external_id="K-2", currency="USD")


def test_a_renewal_points_at_the_contract_that_it_renews(cast: SimpleNamespace, now: dt.datetime) -> None:
    old = contract(cast, now, {**YEAR, "mrr_cents": 1})
    new = contract(
        cast, now, {"start_on": dt.date(2027, 1, 1), "mrr_cents": 2}, external_id="K-2", renews=old
    )
    assert old.renewed_by == new
    with pytest.raises(ValidationError):
        contract(cast, now, {**YEAR, "mrr_cents": 1}, external_id="K-3", renews=old)
    with pytest.raises(ValidationError):
        actions.add_contract(
            cast.gone, external_id="K-4", currency="CNY", lines=[YEAR], renews=new, by=None, now=now
        )


def test_a_line_ends_on_a_day_not_before_its_start(cast: SimpleNamespace, now: dt.datetime) -> None:
    line = contract(cast, now, {"start_on": dt.date(2026, 1, 1), "mrr_cents": 1}).lines.get()
    with pytest.raises(ValidationError, match="2025-12-31"):
        actions.end_line(line, dt.date(2025, 12, 31), by=None, now=now)
    actions.end_line(line, dt.date(2026, 6, 1), by=None, now=now)
    actions.end_line(line, dt.date(2026, 6, 1), by=None, now=now)
    assert ContractLine.objects.get().end_on == dt.date(2026, 6, 1)
    assert verbs() == ["contract.added", "contract.line_ended"]


def receivable(cast: SimpleNamespace, now: dt.datetime, cents: int = 10_000) -> Receivable:
    return actions.add_receivable(
        cast.well, external_id="R-1", currency="CNY", amount_cents=cents, due_on=DAY, by=None, now=now
    )


def test_a_receivable_is_paid_in_parts_and_keeps_the_day_of_the_last(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    due = receivable(cast, now)
    actions.record_payment(due, 4_000, DAY, by=cast.owner, now=now)
    actions.record_payment(
        Receivable.objects.get(), 6_000, DAY - dt.timedelta(days=3), by=cast.owner, now=now
    )
    due.refresh_from_db()
    assert (due.paid_cents, due.paid_on) == (10_000, DAY)


def test_two_payments_seen_from_the_same_page_both_count(cast: SimpleNamespace, now: dt.datetime) -> None:
    receivable(cast, now)
    first, second = Receivable.objects.get(), Receivable.objects.get()
    actions.record_payment(first, 4_000, DAY, by=None, now=now)
    actions.record_payment(second, 5_000, DAY, by=None, now=now)
    assert Receivable.objects.get().paid_cents == 9_000


@pytest.mark.parametrize("cents", [0, -1, 10_001])
def test_a_payment_beyond_what_is_open_is_refused_with_the_open_amount(
    cast: SimpleNamespace, now: dt.datetime, cents: int
) -> None:
    with pytest.raises(ValidationError, match=r"¥100\.00"):
        actions.record_payment(receivable(cast, now), cents, DAY, by=None, now=now)
    assert Receivable.objects.get().paid_cents == 0


def test_an_amount_due_is_above_nothing_and_of_the_accounts_own_contract(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    with pytest.raises(ValidationError):
        receivable(cast, now, cents=0)
    foreign = actions.add_contract(cast.gone, external_id="K", currency="CNY", lines=[YEAR], by=None, now=now)
    with pytest.raises(ValidationError):
        actions.add_receivable(
            cast.well,
            external_id="R",
            currency="CNY",
            amount_cents=1,
            due_on=DAY,
            contract=foreign,
            by=None,
            now=now,
        )
