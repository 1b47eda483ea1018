"""Records as they were known at the end of a day: what came, closed or was paid later had not happened yet."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.models import ExchangeRate
from evergreen.customers.models import Account, Contact, Contract, ContractLine, Receivable
from evergreen.desk.models import Ticket
from evergreen.metrics import records
from evergreen.work.models import Conversation

DAY = dt.date(2026, 6, 30)
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def at(day: dt.date, hour: int = 12) -> dt.datetime:
    """An hour of a day in Shanghai."""
    return dt.datetime.combine(day, dt.time(hour), dt.timezone(dt.timedelta(hours=8)))


def days(n: int) -> dt.timedelta:
    return dt.timedelta(days=n)


def rows(source: str, account: Account | None = None) -> list[dict[str, Any]]:
    """The rows of a source on DAY, of one account."""
    found = records.mirror(DAY)[source].to_pylist()
    return [row for row in found if account is None or row["account_id"] == account.pk]


def line(account: Account, mrr: int, start: dt.date, end: dt.date | None, **fields: Any) -> ContractLine:
    contract = Contract.objects.create(
        account=account,
        external_id=f"C{Contract.objects.count()}",
        currency=fields.pop("currency", "CNY"),
        known_at=fields.pop("known_at", LONG_AGO),
    )
    return ContractLine.objects.create(
        contract=contract,
        external_id=f"L{contract.pk}",
        mrr_cents=mrr,
        start_on=start,
        end_on=end,
        **{"kind": ContractLine.Kind.SUBSCRIPTION, **fields},
    )


def paying(account: Account) -> list[int]:
    return sorted(row["mrr_cents"] for row in rows("lines", account) if row["is_paying"])


@pytest.fixture(autouse=True)
def _known_for_long(cast: SimpleNamespace) -> None:
    Account.objects.update(known_at=LONG_AGO)


def test_a_line_pays_from_its_first_day_until_before_its_end(cast: SimpleNamespace) -> None:
    line(cast.well, 1, DAY, DAY + days(1))
    line(cast.well, 2, DAY - days(9), DAY)
    line(cast.well, 4, DAY + days(1), None)
    line(cast.well, 8, DAY - days(400), None)
    assert paying(cast.well) == [1, 8]


def test_trials_and_one_off_lines_pay_nothing(cast: SimpleNamespace) -> None:
    line(cast.well, 1, DAY, None, is_trial=True)
    line(cast.well, 2, DAY, None, kind=ContractLine.Kind.ONE_OFF)
    assert paying(cast.well) == []


def test_a_contract_that_was_signed_later_was_not_known(cast: SimpleNamespace) -> None:
    line(cast.well, 1, DAY, None, known_at=at(DAY + days(1), 0))
    assert rows("lines", cast.well) == []
    line(cast.well, 2, DAY, None, known_at=at(DAY, 23))
    assert paying(cast.well) == [2]


def test_amounts_are_in_the_accounts_currency_and_left_out_without_a_rate(cast: SimpleNamespace) -> None:
    Account.objects.filter(pk=cast.well.pk).update(currency="CNY")
    line(cast.well, 100, DAY, None, currency="USD")
    assert [row["mrr_cents"] for row in rows("lines", cast.well)] == [None]
    ExchangeRate.objects.create(currency="USD", rate="7.1", valid_from=DAY + days(1))
    assert [row["mrr_cents"] for row in rows("lines", cast.well)] == [None]
    ExchangeRate.objects.create(currency="USD", rate="7", valid_from=DAY)
    assert paying(cast.well) == [700]


def test_a_ticket_closed_later_was_still_open_on_the_day(cast: SimpleNamespace) -> None:
    def ticket(opened: dt.datetime, closed: dt.datetime | None, known: dt.datetime = LONG_AGO) -> None:
        Ticket.objects.create(
            account=cast.well,
            external_id=f"T{Ticket.objects.count()}",
            opened_at=opened,
            closed_at=closed,
            known_at=known,
            state=Ticket.State.CLOSED if closed else Ticket.State.OPEN,
            satisfaction=5 if closed else None,
        )

    ticket(at(DAY - days(3)), at(DAY + days(1), 0))
    ticket(at(DAY - days(2)), at(DAY, 23))
    ticket(at(DAY, 23), None)
    ticket(at(DAY + days(1), 0), None)
    ticket(at(DAY - days(1)), None, known=at(DAY + days(2)))
    found = rows("tickets", cast.well)
    assert sorted((row["opened_on"], row["is_open"], row["satisfaction"]) for row in found) == [
        (DAY - days(3), True, None),
        (DAY - days(2), False, 5.0),
        (DAY, True, None),
    ]


def test_what_was_paid_later_was_still_due_on_the_day(cast: SimpleNamespace) -> None:
    def due(on: dt.date, paid: int, paid_on: dt.date | None) -> None:
        Receivable.objects.create(
            account=cast.well,
            external_id=f"R{Receivable.objects.count()}",
            currency="CNY",
            amount_cents=100,
            paid_cents=paid,
            due_on=on,
            paid_on=paid_on,
            known_at=LONG_AGO,
        )

    due(DAY - days(10), 100, DAY + days(1))
    due(DAY - days(9), 100, DAY)
    due(DAY - days(8), 40, DAY)
    due(DAY, 0, None)
    due(DAY + days(1), 0, None)
    found = sorted(
        (row["days_late"], row["open_cents"], row["is_overdue"]) for row in rows("receivables", cast.well)
    )
    assert found == [(0, 100, False), (8, 60, True), (9, 0, False), (10, 100, True)]


def test_a_contact_who_left_later_was_still_there_and_a_talk_to_come_had_not_been(
    cast: SimpleNamespace,
) -> None:
    decider = Contact.objects.create(
        account=cast.well,
        name="李总",
        role=Contact.ChainRole.DECISION_MAKER,
        known_at=LONG_AGO,
        left_on=DAY + days(1),
    )
    Contact.objects.create(account=cast.well, name="王工", known_at=LONG_AGO, left_on=DAY)
    Contact.objects.create(account=cast.well, name="赵工", known_at=at(DAY + days(1), 0))
    found = sorted((row["is_here"], row["is_decision_maker"]) for row in rows("contacts", cast.well))
    assert found == [(False, False), (True, True)]
    for moment in (at(DAY, 23), at(DAY + days(1), 0)):
        talk = Conversation.objects.create(account=cast.well, kind="call", at=moment, known_at=LONG_AGO)
        talk.contacts.add(decider)
    assert rows("conversations", cast.well) == [
        {
            "account_id": cast.well.pk,
            "on_day": DAY,
            "with_decision_maker": True,
            "is_meeting": False,
            "kind": "call",
            "minutes": None,
        }
    ]
