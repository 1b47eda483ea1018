"""Segments: who is in them, since when, and what changed it."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.base import actions as base
from evergreen.base.conditions import ConditionError, Kind, checked, holds, parse
from evergreen.base.models import AuditEntry
from evergreen.customers.actions import loading
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics import actions as metrics
from evergreen.metrics.models import Newest, Segment, SegmentDay, SegmentMove, Use
from evergreen.metrics.segments import fields, queries
from evergreen.metrics.segments.actions import (
    Refreshed,
    archive_segment,
    free_key,
    refresh_segments,
    save_segment,
)
from evergreen.metrics.segments.evaluating import evaluate

pytestmark = pytest.mark.django_db

DAY = dt.date(2026, 11, 18)
NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _known_for_long(cast: SimpleNamespace) -> Any:
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with translation.override("en"):
        yield


def saved(key: str, condition: Any, now: dt.datetime, **changes: Any) -> Segment:
    return save_segment(key, name={"en": key}, condition=condition, by=None, now=now, **changes)


def refreshed(day: dt.date, now: dt.datetime) -> Refreshed:
    with store.session() as con:
        metrics.take_snapshot(con, day, now=now)
        return refresh_segments(con, day)


def inside(segment: Segment) -> set[str]:
    return set(
        SegmentMember.objects.filter(segment=segment.key).values_list("account__external_id", flat=True)
    )


def moves(segment: Segment) -> list[tuple[str, str, bool, str]]:
    rows = SegmentMove.objects.filter(segment=segment).order_by("day", "account__external_id")
    return [(one.account.external_id, one.day.isoformat(), one.has_entered, one.cause) for one in rows]


@pytest.mark.postgres
def test_accounts_enter_and_leave_as_their_fields_change(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    segment = saved("steady", "stage = steady or industry = 财税", now)
    assert refreshed(DAY, now) == Refreshed(2, 0, {})
    assert inside(segment) == {"A-well", "A-slipping"}
    Account.objects.filter(pk=cast.well.pk).update(stage="renewal")
    Account.objects.filter(pk=cast.gone.pk).update(stage="steady")
    assert refreshed(NEXT, now) == Refreshed(1, 1, {})
    assert moves(segment) == [
        ("A-slipping", "2026-11-18", True, "rule"),
        ("A-well", "2026-11-18", True, "rule"),
        ("A-gone", "2026-11-19", True, "data"),
        ("A-well", "2026-11-19", False, "data"),
    ]
    since = dict(SegmentMember.objects.values_list("account__external_id", "since"))
    assert since == {"A-slipping": DAY, "A-gone": NEXT}
    days = SegmentDay.objects.values_list("day", "accounts", "entered", "left")
    assert list(days) == [(DAY, 2, 2, 0), (NEXT, 2, 1, 1)]


def test_the_same_day_again_changes_nothing_and_takes_back_what_was_otherwise(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    segment = saved("steady", "stage = steady", now)
    refreshed(DAY, now)
    Account.objects.filter(pk=cast.well.pk).update(stage="renewal")
    refreshed(NEXT, now)
    once = (moves(segment), inside(segment))
    refreshed(NEXT, now)
    assert (moves(segment), inside(segment)) == once
    # The stage was corrected: on that day nothing had changed after all, and it is in since the day before.
    Account.objects.filter(pk=cast.well.pk).update(stage="steady")
    refreshed(NEXT, now)
    assert moves(segment) == [("A-well", "2026-11-18", True, "rule")]
    assert SegmentMember.objects.get().since == DAY
    with store.session() as con:
        assert refresh_segments(con, DAY) == Refreshed(0, 0, {}), "an earlier day changes nothing any more"
    assert SegmentDay.objects.count() == 2


def test_a_changed_condition_moves_accounts_by_the_rule(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    segment = saved("some", "stage = steady", now)
    refreshed(DAY, now)
    assert saved("some", {"all": [{"field": "stage", "op": "=", "value": "steady"}]}, now).version == 1
    segment = saved("some", "stage = churned", now)
    assert segment.version == 2
    refreshed(NEXT, now)
    refreshed(NEXT, now)
    assert moves(segment)[1:] == [
        ("A-gone", "2026-11-19", True, "rule"),
        ("A-well", "2026-11-19", False, "rule"),
    ]


def test_fields_and_figures_decide_as_they_do_one_by_one(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    """The one query against a decision account by account, over money of three currencies, one of them without a rate."""
    rng = random.Random(7)
    base.set_rate("USD", Decimal("7.1234"), dt.date(2020, 1, 1), by=None, now=now)
    base.set_rate("JPY", Decimal("0.05"), dt.date(2020, 1, 1), by=None, now=now)
    lines = []
    for number in range(60):
        account = Account.objects.create(
            external_id=f"R-{number}", name=f"客户 {number}", created_at=now, known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            owner=rng.choice([None, cast.owner, cast.mate]), tier=rng.choice(["", "strategic", "basic"]),
            size=rng.choice([None, 10, 500]), tags=rng.choice([[], ["vip"], ["new", "vip"]]), score=rng.choice([None, 31.5, 80.0]),
            custom=rng.choice([{}, {"plan": "A", "seats": 3}, {"plan": "B", "seats": 2.5, "beta": True}]),
        )  # fmt: skip
        lines += [
            {
                "external_id": f"L-{number}", "account_id": account.pk, "currency": rng.choice(["CNY", "USD", "JPY", "XTS"]),
                "start_on": dt.date(2026, 1, 1), "end_on": DAY + dt.timedelta(days=rng.choice([5, 40, 200])),
                "mrr_cents": rng.choice([0, 99_99, 10_000_00]), "seats": rng.choice([None, 5]), "known_at": account.known_at,
            }
        ] * rng.choice([0, 1, 1])  # fmt: skip
    loading.load_contracts(lines, by=None, now=now)
    with store.session() as con:
        metrics.take_snapshot(con, DAY, now=now)
        metrics.write_newest(con, DAY)
    catalogue = fields.all_fields()
    texts = {
        "big": "mrr >= 500 and not tier = basic", "yen": "mrr between 499.99 and 71233.9", "soon": "renewal_on in next 30 days or days_to_renewal > 100",
        "owned": "owner in (owner@vendor.example) and tags = vip", "none": "mrr is empty and owner is empty", "custom": "custom.plan != A and custom.seats < 3",
        "flag": "custom.beta = true", "score": "health_score < 50 or employees >= 500",
    }  # fmt: skip
    texts = {
        key: text.replace("owner@vendor.example", '"owner@vendor.example"') for key, text in texts.items()
    }
    trees = {key: checked(parse(text), catalogue) for key, text in texts.items()}
    with store.session() as con:
        held = evaluate(con, DAY, trees, catalogue)
    rates = {"CNY": Decimal(1), "USD": Decimal("7.1234"), "JPY": Decimal("0.05")}
    minor = {"CNY": 100, "USD": 100, "JPY": 1}
    newest = {one.account_id: one for one in Newest.objects.all()}
    accounts = Account.objects.select_related("owner")
    for key, tree in trees.items():
        slow = set()
        for account in accounts:
            figures = newest[account.pk]
            values = dict(figures.values)
            has_rate = values["mrr_cents"] is not None and figures.currency in rates
            worth = (
                Decimal(values["mrr_cents"] or 0)
                * rates.get(figures.currency, 0)
                / minor.get(figures.currency, 1)
            )
            values["mrr"] = float(worth) if has_rate else None
            if isinstance(values["renewal_on"], str):
                values["renewal_on"] = dt.date.fromisoformat(values["renewal_on"])
            values |= {
                "tier": account.tier, "owner": account.owner.email if account.owner else None, "tags": account.tags,
                "employees": account.size, "health_score": account.score,
                **{f"custom.{name}": account.custom.get(name) for name in ("plan", "seats", "beta")},
            }  # fmt: skip
            if holds(tree, values, DAY):
                slow.add(account.pk)
        assert set(held.accounts(key).tolist()) == slow, key
        assert 0 < len(slow) < accounts.count(), f"{key} tells nothing"


def test_what_cannot_be_used_is_said_and_saves_nothing(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    with pytest.raises(ConditionError, match=r"There is no field stag\. Did you mean stage"):
        saved("x", "stag = steady", now)
    with pytest.raises(ValidationError, match="begins with a small letter"):
        saved("1 x", "stage = steady", now)
    with pytest.raises(ValidationError, match="needs a name"):
        save_segment("x", name={"en": " "}, condition="stage = steady", by=None, now=now)
    assert not Segment.objects.exists()
    # A condition that was fine once and is no longer, such as of a custom field that nobody has any more.
    Account.objects.filter(pk=cast.well.pk).update(custom={"plan": "A"})
    segment = saved("x", "custom.plan = A", now)
    fine = saved("y", "stage = steady", now)
    Account.objects.update(custom={})
    result = refreshed(DAY, now)
    assert list(result.broken) == ["x"]
    assert "custom.plan" in result.broken["x"]
    segment.refresh_from_db()
    assert segment.computed_on is None
    assert inside(fine) == {"A-well"}


def test_two_who_make_a_segment_at_once_do_not_overwrite_each_other(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    first = saved("segment_2", "stage = steady", now, is_new=True)
    with pytest.raises(ValidationError, match="at the same moment"):
        saved("segment_2", "stage = churned", now, is_new=True)
    first.refresh_from_db()
    assert first.version == 1
    saved(free_key(), "stage = churned", now, is_new=True)


def test_a_segment_says_which_metrics_it_uses_and_what_was_done_to_it(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    segment = save_segment(
        "risky",
        name={"zh": "有风险"},
        condition="active_days_28d < 3 and mrr > 1000",
        by=cast.boss,
        now=now,
    )
    uses = Use.objects.filter(kind="segment", ref="risky")
    assert set(uses.values_list("metric", flat=True)) == {"active_days_28d", "mrr_cents"}
    save_segment("risky", name={"zh": "有风险"}, condition="active_days_28d < 5", by=cast.boss, now=now)
    assert set(uses.values_list("metric", flat=True)) == {"active_days_28d"}
    segment.refresh_from_db()
    archive_segment(segment, by=cast.boss, now=now)
    assert not uses.exists()
    assert refreshed(DAY, now) == Refreshed(0, 0, {})
    verbs = AuditEntry.objects.filter(kind="segment").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["segment.made", "segment.changed", "segment.archived"]


def test_a_preview_counts_what_its_reader_may_see(home: Any, cast: SimpleNamespace, now: dt.datetime) -> None:
    asked = parse("stage in (steady, churned)")
    assert queries.preview(asked, cast.boss).day is None
    with store.session() as con:
        metrics.take_snapshot(con, DAY, now=now)
        metrics.write_newest(con, DAY)
    found = queries.preview(asked, cast.boss)
    assert (found.day, found.accounts, found.of) == (DAY, 2, 3)
    assert {one.external_id for one in found.largest} == {"A-well", "A-gone"}
    theirs = queries.preview(asked, cast.outsider)
    assert (theirs.accounts, theirs.of, theirs.largest) == (0, 0, [])


@pytest.mark.postgres
def test_custom_fields_are_of_the_kind_of_their_values(cast: SimpleNamespace) -> None:
    Account.objects.filter(pk=cast.well.pk).update(
        custom={"plan": "A", "seats": 3, "beta": True, "mixed": 1, "none": None}
    )
    Account.objects.filter(pk=cast.gone.pk).update(custom={"seats": 2.5, "beta": False, "mixed": "x"})
    assert fields.custom_kinds() == {
        "beta": Kind.FLAG, "mixed": Kind.TEXT, "none": Kind.TEXT, "plan": Kind.TEXT, "seats": Kind.NUMBER,
    }  # fmt: skip
