"""The report of a book that stands among the records: currencies, the reader's rights, and groups as they were then."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest

from evergreen.base.models import ExchangeRate, User
from evergreen.customers.actions.tracking import write_changes
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account, Contract, ContractLine
from evergreen.metrics.segments.models import Segment
from evergreen.outcomes.portfolio.asking import Asked, Dimension
from evergreen.outcomes.portfolio.report import Report
from evergreen.outcomes.queries import book

FIRST, LAST = dt.date(2026, 8, 1), dt.date(2026, 11, 1)
NOW = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)


def sign(
    account: Account, start: dt.date, end: dt.date | None, cents: int, currency: str = "CNY", **more: object
) -> Contract:
    number = Contract.objects.count()
    contract = Contract.objects.create(
        account=account, external_id=f"C-{number}", currency=currency, known_at=NOW, **more
    )
    ContractLine.objects.create(
        contract=contract, external_id=f"L-{number}", start_on=start, end_on=end, mrr_cents=cents
    )
    return contract


@pytest.fixture
def world(cast: SimpleNamespace) -> SimpleNamespace:
    """Yuan, dollars and yen; one lost in September, one signed late and dated back, one that the outsider owns."""
    for currency, rate in (("USD", "7.1"), ("JPY", "0.047")):
        ExchangeRate.objects.create(currency=currency, valid_from=FIRST, rate=Decimal(rate))
    sign(cast.well, dt.date(2025, 1, 1), None, 100_00)
    sign(cast.well, dt.date(2026, 9, 15), None, 33_33, "USD")
    sign(cast.gone, dt.date(2025, 9, 20), dt.date(2026, 9, 20), 1_001, "JPY")
    old = sign(cast.slipping, dt.date(2025, 8, 25), dt.date(2026, 8, 25), 50_00)
    sign(
        cast.slipping,
        dt.date(2026, 8, 25),
        dt.date(2027, 8, 25),
        45_00,
        renews=old,
        signed_on=dt.date(2026, 9, 12),
    )
    Account.objects.filter(pk=cast.gone.pk).update(owner=cast.outsider, team=cast.south)
    sign(cast.slipping, dt.date(2026, 8, 1), None, 7_00, "EUR")
    return cast


def of(reader: User | None, *, grace_days: int = 0, **chosen: str) -> Report:
    asked = Asked(
        FIRST, LAST, grace_days=grace_days, chosen={Dimension(key): value for key, value in chosen.items()}
    )
    return Report(reader, asked, NOW.date())


def test_three_currencies_add_up_in_the_vendors_and_the_one_without_a_rate_is_told(
    world: SimpleNamespace,
) -> None:
    report = of(None)
    (whole,) = report.span()
    # 33.33 USD × 7.1 = 236.643 → 236.64; 1,001 JPY × 0.047 = 47.047 → 47.05
    assert whole.start_mrr_cents == 100_00 + 50_00 + 47_05
    assert (whole.expansion_mrr_cents, whole.contraction_mrr_cents, whole.churned_mrr_cents) == (
        236_64,
        5_00,
        47_05,
    )
    assert report.read.left_out == {"EUR": 1}
    assert book(FIRST, LAST).figures == whole


def test_months_of_the_book_are_those_of_the_command_between_their_days(world: SimpleNamespace) -> None:
    report = of(None, grace_days=60)
    for graced, days in ((False, 0), (True, 60)):
        for period, (figures,) in zip(report.periods, report.cells(graced=graced), strict=True):
            assert book(period.first, period.last, grace_days=days).figures == figures


def test_a_reader_sees_the_figures_of_the_accounts_in_reach(world: SimpleNamespace) -> None:
    (own,) = of(world.outsider).span()
    assert (own.start_accounts, own.churned_accounts, own.start_mrr_cents) == (1, 1, 47_05)
    (team,) = of(world.owner).span()
    assert team.start_mrr_cents == 150_00
    assert of(world.boss).span() == of(None).span()


def test_an_account_counts_in_the_tier_that_it_had_when_the_month_began(world: SimpleNamespace) -> None:
    Account.objects.filter(pk=world.well.pk).update(tier="strategic")
    for old, new, day in (("", "growth", dt.date(2026, 8, 10)), ("growth", "strategic", dt.date(2026, 9, 3))):
        at = dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)
        write_changes([(world.well.pk, {"tier": old}, {"tier": new})], by=None, known_at=at)
    report = of(None)
    assert report.groups(Dimension.TIER) == ["", "growth", "strategic"]
    months = [[cell.start_mrr_cents for cell in row] for row in report.cells(Dimension.TIER)]
    assert [row[1:] for row in months] == [[100_00, 0], [100_00, 0], [0, 336_64]]
    (narrowed,) = of(None, tier="strategic").cells()[2]
    assert narrowed.start_mrr_cents == 336_64


def test_owners_segments_and_industries_group_and_narrow(world: SimpleNamespace) -> None:
    report = of(None)
    by_owner = dict(zip(report.groups(Dimension.OWNER), report.span(Dimension.OWNER), strict=True))
    assert by_owner[str(world.outsider.pk)].churned_accounts == 1
    by_industry = dict(zip(report.groups(Dimension.INDUSTRY), report.span(Dimension.INDUSTRY), strict=True))
    assert by_industry["制造"].expansion_mrr_cents == 236_64
    for key in ("large", "risky"):
        Segment.objects.create(key=key, name={"en": key}, condition={}, created_at=NOW, changed_at=NOW)
    for key, account in (("large", world.well), ("risky", world.well), ("risky", world.gone)):
        SegmentMember.objects.create(segment=key, account=account, since=FIRST)
    report = of(None)
    assert [cell.start_accounts for cell in report.span(Dimension.SEGMENT)] == [1, 2]
    assert of(None, segment="large").span()[0].nrr == pytest.approx(3.3664)
    assert of(None, segment="nobody").span()[0].nrr is None


def test_a_backdated_signature_restates_its_month_and_the_month_says_so(world: SimpleNamespace) -> None:
    report = of(None, grace_days=60)
    now, then = report.cells()[0][0], report.at_close[0]
    assert (now.churned_accounts, then.churned_accounts) == (0, 1)
    assert (now.grr, then.grr) != (1.0, 1.0)
    (august,) = report.renewals()[0]
    assert (august.due_accounts, august.renewed_accounts, august.restated_accounts) == (1, 1, 1)
    assert (august.closed_account_rate, august.account_rate, august.amount_rate) == (0.0, 1.0, 0.9)
    assert august.signed_late_accounts == 1


def test_a_lapsed_contract_within_the_grace_is_neither_renewed_nor_lost(world: SimpleNamespace) -> None:
    (september,) = of(None, grace_days=70).renewals()[1]
    assert (september.due_accounts, september.overdue_accounts, september.lost_accounts) == (1, 1, 0)
    assert (september.account_rate, september.late_account_rate) == (0.0, None)
    (september,) = of(None, grace_days=30).renewals()[1]
    assert (september.overdue_accounts, september.lost_accounts, september.late_account_rate) == (0, 1, 0.0)
