"""A person's verdict on the account's page: set, seen, taken back; the change over 7, 30 and 90 days; parents and children."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.base import queries as base
from evergreen.health.actions import install_shipped
from evergreen.health.models import Override, Scorecard, Standing
from evergreen.health.rules import group_score

AsPerson = Callable[..., Client]


@pytest.fixture
def known(cast: SimpleNamespace, home: Any, now: dt.datetime) -> SimpleNamespace:
    install_shipped(now=now)
    entry = {
        "measure": "frequency",
        "metric": "use_frequency",
        "value": 0.3,
        "score": 50.0,
        "points": 50.0,
        "lost": 50.0,
    }
    entry |= {
        "weight": 100.0,
        "missing": None,
        "as_of": "2026-11-02",
        "change_7d": -1.0,
        "change_30d": -9.0,
        "change_90d": 12.0,
    }
    Standing.objects.create(
        account=cast.slipping, scorecard=Scorecard.objects.get(key="standard"), version=1, is_own=True,
        day=base.vendor_day(now), score=50.0, band="red", coverage=1.0, contributions=[entry],
        change_7d=-1.0, change_30d=-14.0, change_90d=12.0,
        beyond={"why": "rules", "held": 0.0, "held_change_30d": -5.0},
    )  # fmt: skip
    return cast


def page(client: Client, account: Any, query: str = "") -> str:
    return client.get(f"/accounts/{account.pk}/{query}").content.decode()


@pytest.mark.postgres
def test_a_verdict_is_set_seen_with_its_reason_and_taken_back(
    known: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    client, account = as_person(known.owner), known.slipping
    until = base.vendor_day(now) + dt.timedelta(days=10)
    sheet = client.get(f"/accounts/{account.pk}/override/").content.decode()
    assert 'value="measure:nps"' in sheet and 'value="dimension:use"' in sheet and "the whole score" in sheet
    sent = {
        "what": "measure:nps",
        "value": "20",
        "reason": "Their sponsor told us",
        "expires_on": until.isoformat(),
    }
    assert client.post(f"/accounts/{account.pk}/override/", sent).status_code == 204
    shown = page(client, account)
    assert "NPS set to 20" in shown and "Their sponsor told us" in shown
    made = Override.objects.get()
    assert (made.level, made.key, made.made_by) == ("measure", "nps", known.owner)
    assert client.post(f"/overrides/{made.pk}/end/").status_code == 204
    assert "NPS set to 20" not in page(client, account)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"value": "120"}, "100"), ({"reason": ""}, "required"), ({"expires_on": "2030-01-01"}, "Allowed: from"), ({"what": "measure:x"}, "measure:x")],
)  # fmt: skip
def test_a_verdict_that_cannot_be_is_refused_on_its_form(
    known: SimpleNamespace, as_person: AsPerson, now: dt.datetime, changed: dict[str, str], said: str
) -> None:
    sent = {
        "what": "account",
        "value": "20",
        "reason": "They told us",
        "expires_on": base.vendor_day(now).isoformat(),
    }
    answer = as_person(known.owner).post(f"/accounts/{known.slipping.pk}/override/", {**sent, **changed})
    assert answer.status_code == 200 and said in answer.content.decode()
    assert not Override.objects.exists()


def test_nobody_sets_the_score_of_an_account_that_is_not_theirs(
    known: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    made = Override.objects.create(
        account=known.slipping, level="account", value=10, reason="They told us", made_at=now,
        starts_on=now.date(), expires_on=now.date() + dt.timedelta(days=5),
    )  # fmt: skip
    client = as_person(known.outsider)
    assert client.get(f"/accounts/{known.slipping.pk}/override/").status_code == 404
    assert client.post(f"/overrides/{made.pk}/end/").status_code == 404
    made.refresh_from_db()
    assert made.ended_at is None


def test_the_change_is_told_over_seven_thirty_and_ninety_days(
    known: SimpleNamespace, as_person: AsPerson
) -> None:
    client, account = as_person(known.owner), known.slipping
    assert "Down 14 points in 30 days: Use frequency −9.0" in page(client, account)
    assert "ceilings and bounds" in page(client, account) and "2026-11-02" in page(client, account)
    assert "Steady over 7 days" in page(client, account, "?days=7")
    assert "Up 12 points in 90 days" in page(client, account, "?days=90")
    assert "in 30 days" in page(client, account, "?days=31")


def test_a_parent_is_told_together_with_its_children(known: SimpleNamespace, as_person: AsPerson) -> None:
    parent, child, hidden = known.slipping, known.well, known.gone
    for account, score, cents in ((parent, 50.0, 100), (child, 80.0, 300), (hidden, 5.0, 900)):
        account.parent = None if account is parent else parent
        account.score, account.arr_base_cents = score, cents
        account.save()
    shown = page(as_person(known.owner), parent)
    assert child.name in shown
    # (50 · 100 + 80 · 300) ÷ 400; who is churned counts no more.
    assert "With its subsidiaries 72, weighted by ARR over 2 accounts" in shown
    assert "With its subsidiaries" not in page(as_person(known.owner), child)


def test_a_group_without_revenue_has_the_plain_mean() -> None:
    # peers.md 7.3 T5: children 5, 5, 5 and the parent 10.
    assert group_score([5, 5, 5, 10], [0, 0, 0, 0]) == 6.25
    assert group_score([50, 80], [100, 300]) == 72.5
    assert group_score([], []) is None
