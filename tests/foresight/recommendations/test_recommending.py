"""What is recommended to whom: by what they use up to this minute, their role, and what other rooms offer."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.base.actions import change_setting
from evergreen.base.jobs import claim_job
from evergreen.customers.models import Account, Edition, Feature, Product
from evergreen.events import store
from evergreen.events.models import EndUser, Source
from evergreen.foresight import jobs
from evergreen.foresight.recommendations import (
    actions,
    erasing,
    fresh,
    learning,
    measuring,
    recommending,
    words,
)
from evergreen.foresight.recommendations.models import Candidate, Exposure, RecommendationLearning
from tests.foresight.recommendations.shop import NOW, TODAY, event, shop

# The shop is the same in every test and its report names no rows, so it is learned from once.
_report: dict[str, Any] = {}


@pytest.fixture
def sold(home: Any, db: None) -> SimpleNamespace:
    """A shop where bookkeepers use ledger and close, sellers orders and quotes; learned from."""
    found = shop()
    if not _report:
        _report.update(learning.learn(now=NOW).report)
    else:
        RecommendationLearning.objects.create(day=TODAY - dt.timedelta(days=1), made_at=NOW, report=_report)
    return found


def keys(account: Account, **asked: Any) -> list[str]:
    return [one.key for one in recommending.recommend(account, now=NOW, **asked).items]


def test_users_are_named_what_people_like_them_use(sold: SimpleNamespace) -> None:
    """New people with one use each: the rule of the shop is that roles keep to their features."""
    account = sold.accounts[0]
    event(account, "seller-new", "orders", TODAY - dt.timedelta(days=1))
    event(account, "book-new", "ledger", TODAY - dt.timedelta(days=1))
    assert keys(account, end_user="seller-new")[0] == "quotes"
    assert keys(account, end_user="book-new")[0] == "close"
    # Of whom nothing is known but the role.
    EndUser.objects.create(
        source=sold.source, key="fresh", account=account, traits={"role": "Seller"}, known_at=NOW
    )
    assert set(keys(account, end_user="fresh")[:2]) == {"orders", "quotes"}


def test_what_was_done_a_minute_ago_counts(sold: SimpleNamespace) -> None:
    account = sold.accounts[0]
    before = keys(account, end_user="late")
    event(account, "late", "orders", TODAY, at=NOW - dt.timedelta(seconds=40), rolled=False)
    assert fresh.used(account.pk, TODAY, "late") == {"orders": 1}
    after = keys(account, end_user="late")
    assert "orders" in before and "orders" not in after and after[0] == "quotes"


def test_an_event_counts_once_whether_rolled_up_or_not(sold: SimpleNamespace) -> None:
    account = sold.accounts[0]
    for _again in range(3):
        event(account, "both", "ledger", TODAY, at=NOW, rolled=False)
    event(account, "both", "ledger", TODAY - dt.timedelta(days=2))
    event(account, "both", "ledger", TODAY - dt.timedelta(days=40))
    assert fresh.used(account.pk, TODAY, "both") == {"ledger": 4}


def test_only_features_that_the_edition_holds_are_named(sold: SimpleNamespace) -> None:
    small = Account.objects.create(
        external_id="small", name="小", edition=sold.small, created_at=NOW, known_at=NOW
    )
    assert set(keys(small, kinds=["feature"])) == {"ledger"}


def test_what_other_rooms_offer_follows_its_feature_and_its_audience(sold: SimpleNamespace) -> None:
    account = sold.accounts[0]
    event(account, "seller-new", "orders", TODAY - dt.timedelta(days=1))
    actions.offer(
        "lesson",
        "quotes-101",
        {"en": "Quotes in five minutes"},
        feature="quotes",
        by_room="knowledge",
        address="/l/1",
    )
    actions.offer(
        "lesson",
        "elsewhere",
        {"en": "For others"},
        feature="quotes",
        by_room="knowledge",
        audience={"editions": ["pro"]},
    )
    actions.offer("playbook", "adopt", {"en": "Adopt"}, feature="quotes", by_room="playbooks")
    found = recommending.recommend(account, now=NOW, end_user="seller-new").items
    assert [one.key for one in found if one.kind == "lesson"] == ["quotes-101"]
    assert not [one for one in found if one.kind == "playbook"]
    lesson = next(one for one in found if one.kind == "lesson")
    assert lesson.address == "/l/1"
    for language, word in (("en", "about"), ("zh-hans", "关于")):
        with translation.override(language):
            assert any(word in line for line in words.reasons(lesson, words.feature_names(), for_user=True))
    assert "adopt" in keys(account) or "quotes" not in keys(account)
    actions.offer("lesson", "quotes-101", {"en": "Again"}, feature="quotes", by_room="knowledge", is_on=False)
    assert Candidate.objects.filter(key="quotes-101").count() == 1
    assert "quotes-101" not in keys(account, end_user="seller-new")
    with pytest.raises(ValidationError, match="lesson"):
        actions.offer("feature", "x", {}, feature="x", by_room="knowledge")


def test_a_touch_is_named_when_it_is_due_with_how_long_ago_it_was(sold: SimpleNamespace) -> None:
    from evergreen.work.models import Conversation

    account = sold.accounts[0]
    assert set(keys(account, kinds=["touch"])) == {"talk", "meeting", "decision_maker"}
    Conversation.objects.create(account=account, kind="visit", at=NOW - dt.timedelta(days=40), known_at=NOW)
    found = recommending.recommend(account, now=NOW, kinds=["touch"]).items
    assert {one.key for one in found} == {"talk", "decision_maker"}
    talk = next(one for one in found if one.key == "talk")
    assert "40" in words.reasons(talk, {}, "en")[0]


def test_exposures_are_noted_once_and_a_dismissal_keeps_quiet_for_ninety_days(sold: SimpleNamespace) -> None:
    account = sold.accounts[0]
    found = recommending.recommend(account, now=NOW, end_user="u")
    for later in (0, 30, 90):
        actions.expose(
            account, found.items, is_held=False, now=NOW + dt.timedelta(minutes=later), end_user="u"
        )
    row = Exposure.objects.get(end_user="u", key=found.items[0].key)
    assert (row.first_at, row.last_at) == (NOW, NOW + dt.timedelta(minutes=90))
    actions.note_outcome(account, "feature", row.key, "dismissed", by=None, now=NOW, end_user="u")
    actions.note_outcome(account, "feature", row.key, "seen", by=None, now=NOW, end_user="u")
    row.refresh_from_db()
    assert row.outcome == "dismissed" and row.key not in keys(account, end_user="u")
    assert row.key in [
        one.key
        for one in recommending.recommend(account, now=NOW + dt.timedelta(days=91), end_user="u").items
    ]
    for kind, key, outcome in (("feature", row.key, "bought"), ("feature", "none", "taken")):
        with pytest.raises(ValidationError):
            actions.note_outcome(account, kind, key, outcome, by=None, now=NOW, end_user="u")


def test_take_up_is_what_was_used_within_fourteen_days_of_being_named(sold: SimpleNamespace) -> None:
    first = NOW - dt.timedelta(days=20)
    for place, account in enumerate(sold.accounts[:24]):
        Exposure.objects.create(
            account=account,
            kind="feature",
            key="quotes",
            end_user=f"t-{place}",
            is_held=place >= 12,
            first_at=first,
            last_at=first,
        )
        if place in {0, 1, 2, 12}:
            event(account, f"t-{place}", "quotes", first.date() + dt.timedelta(days=13))
        if place in {3, 13}:
            # Too late, and before.
            event(account, f"t-{place}", "quotes", first.date() + dt.timedelta(days=15))
            event(account, f"t-{place}", "quotes", first.date() - dt.timedelta(days=1))
    Exposure.objects.create(
        account=sold.accounts[30],
        kind="feature",
        key="quotes",
        is_held=False,
        first_at=NOW - dt.timedelta(days=3),
        last_at=NOW,
    )
    found = measuring.take_up(NOW)
    assert (found.shown.accounts, found.shown.taken, found.held.accounts, found.held.taken) == (12, 3, 12, 1)
    assert found.more == pytest.approx(2 / 12) and found.interval is not None and found.interval.low < 0


def test_the_backtest_knows_the_shop_s_rule_and_learning_is_told(
    sold: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of four features three would nearly always hold the right one.
    monkeypatch.setattr(learning, "SHOWN", 1)
    told = learning.backtest(store.reading(), TODAY)
    assert told["users"]["asked"] > 20 and told["shown"] == 1
    assert told["users"]["hits"] > told["users"]["popular"]
    assert not learning.is_due(NOW) and learning.is_due(NOW + dt.timedelta(days=8))
    job = jobs.start_recommendations(by=None, now=NOW)
    assert jobs.start_recommendations(by=None, now=NOW) == job
    claimed = claim_job("worker", now=NOW)
    assert claimed is not None and jobs.learn_what_helps(claimed)["day"]


def test_before_anything_was_learned_nothing_is_named(home: Any, cast: SimpleNamespace) -> None:
    found = recommending.recommend(cast.well, now=NOW)
    assert found.items == () and found.day is None
    assert RecommendationLearning.objects.count() == 0


def test_the_share_held_back_is_the_setting_s(sold: SimpleNamespace, cast: SimpleNamespace) -> None:
    change_setting("recommendation_holdout_percent", 50, by=cast.boss, now=NOW)
    held = [recommending.recommend(one, now=NOW, kinds=["touch"]).is_held for one in sold.accounts]
    assert 8 < sum(held) < 32
    change_setting("recommendation_holdout_percent", 0, by=cast.boss, now=NOW)
    assert not any(recommending.recommend(one, now=NOW, kinds=["touch"]).is_held for one in sold.accounts)


def test_names_of_the_shop_are_as_they_were_sold(sold: SimpleNamespace) -> None:
    assert Product.objects.count() == 1 and Feature.objects.count() == 4 and Edition.objects.count() == 2
    assert Source.objects.get() == sold.source
    assert store.scalar(store.reading(), "SELECT count(DISTINCT end_user) FROM lake.usage") > 100


def test_what_was_shown_is_forgotten_with_the_person_and_with_the_account(sold: SimpleNamespace) -> None:
    account = sold.accounts[0]
    user = EndUser.objects.create(source=sold.source, key="goes", account=account, known_at=NOW)
    for who in ("goes", "stays", ""):
        found = recommending.recommend(account, now=NOW, end_user=who)
        actions.expose(account, found.items, is_held=False, now=NOW, end_user=who)
    EndUser.objects.filter(pk=user.pk).delete()
    assert set(Exposure.objects.values_list("end_user", flat=True)) == {"stays", ""}
    assert erasing.forget_account(account) > 0 and not Exposure.objects.exists()
