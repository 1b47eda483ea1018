"""Recommendations on an account's page and by API: what is shown is noted, what is held back is not shown, rights are kept."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.base.actions import change_setting
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.customers.models import Edition, Feature, Product
from evergreen.events.models import EndUser, Source
from evergreen.foresight.recommendations.models import Exposure, RecommendationLearning
from evergreen.web.api.keys import create_api_key
from evergreen.work.models import Task
from tests.conftest import NOW

AsPerson = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("at_the_casts_time")


@pytest.fixture
def learned(home: Any, cast: SimpleNamespace) -> SimpleNamespace:
    """Two features: everybody has a, half of those who use a use b."""
    product = Product.objects.create(key="p", name={})
    for key in ("a", "b"):
        Feature.objects.create(
            product=product, key=key, name={"en": f"Feature {key}", "zh": f"功能{key}"}, matchers=[]
        )
    edition = Edition.objects.create(product=product, key="e", holds_all_features=True)
    for account in (cast.well, cast.slipping):
        account.edition = edition
        account.save()
    model = {"base": {"a": [100, 90], "b": [100, 40]}, "pairs": {"a": {"b": [90, 40]}}}
    effect = {"item": "feature:b", "change": 0.08, "low": 0.02, "high": 0.14, "took": 40, "others": 60}
    RecommendationLearning.objects.create(
        day=dt.date(2026, 11, 19), made_at=NOW,
        report={
            "users": model, "accounts": model, "helped": {"feature:b": effect},
            "backtest": {"days": [], "shown": 3, "users": {"asked": 50, "hits": 30, "popular": 20}, "accounts": {"asked": 0, "hits": 0, "popular": 0}},
        },
    )  # fmt: skip
    change_setting("recommendation_holdout_percent", 0, by=cast.boss, now=NOW)
    return cast


def get(key: str, **query: Any) -> Any:
    return Client().get("/api/v1/recommendations", query, headers={"Authorization": f"Bearer {key}"})


def post(key: str, body: Any) -> Any:
    return Client().post(
        "/api/v1/recommendations/outcomes", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


@pytest.mark.postgres
def test_the_api_says_what_to_show_and_takes_what_came_of_it(learned: SimpleNamespace) -> None:
    key = create_api_key(
        "product", ["recommendations.read", "recommendations.write"], by=learned.boss, now=NOW
    )
    said = get(key, account="A-well", user="u-1", limit=1).json()
    assert (said["account"], said["user"], said["held_back"]) == ("A-well", "u-1", False)
    (item,) = said["items"]
    assert (item["kind"], item["key"], item["name"]["en"]) == ("feature", "a", "Feature a")
    assert "90% of users" in item["reason"][0]
    told = {"account": "A-well", "user": "u-1", "kind": "feature", "key": "a", "outcome": "dismissed"}
    for _again in range(2):
        assert post(key, told).json()["outcome"] == "dismissed"
    assert [one["key"] for one in get(key, account="A-well", user="u-1").json()["items"]] == ["b"]
    wrong = post(key, {**told, "outcome": "bought"})
    assert wrong.status_code == 422 and "seen, taken, dismissed" in wrong.json()["error"]["found"]
    assert post(key, {**told, "key": "never shown"}).status_code == 422


def test_keys_reach_what_their_rights_and_people_reach(learned: SimpleNamespace) -> None:
    read = create_api_key("product", ["recommendations.read"], by=learned.boss, now=NOW)
    own = create_api_key("mine", ["recommendations.read"], staff=learned.outsider, by=learned.boss, now=NOW)
    other = create_api_key("kpis", ["kpis.read"], by=learned.boss, now=NOW)
    body = {"account": "A-well", "kind": "feature", "key": "a", "outcome": "seen"}
    assert get(read, account="A-well").status_code == 200
    assert post(read, body).status_code == get(other, account="A-well").status_code == 403
    assert get(own, account="A-well").status_code == get(read, account="A-none").status_code == 404
    assert get("x", account="A-well").status_code == 401
    for asked in ({"kind": "joy"}, {"limit": 0}, {"limit": 99}):
        assert get(read, account="A-well", **asked).status_code == 422
    source = Source.objects.create(name="s", created_at=NOW)
    EndUser.objects.create(source=source, key="theirs", account=learned.slipping, known_at=NOW)
    assert get(read, account="A-well", user="theirs").status_code == 422
    assert get(read, account="A-slipping", user="theirs").status_code == 200


def test_held_back_accounts_are_told_nothing_and_what_would_have_been_is_noted(
    learned: SimpleNamespace, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.foresight.recommendations import holdout

    monkeypatch.setattr(holdout, "is_held", lambda pk, _percent: pk == learned.well.pk)
    key = create_api_key("product", ["recommendations.read"], by=learned.boss, now=NOW)
    said = get(key, account="A-well").json()
    assert said["held_back"] and said["items"] == []
    page = as_person(learned.owner).get(f"/accounts/{learned.well.pk}/recommendations/").content.decode()
    assert "held back" in page and "Feature a" not in page
    assert set(Exposure.objects.filter(account=learned.well).values_list("is_held", flat=True)) == {True}
    assert not get(key, account="A-slipping").json()["held_back"]


@pytest.mark.postgres
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "功能b"), ("en", "Feature b")])
def test_the_card_names_the_next_features_and_touches_with_reasons(
    learned: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    learned.owner.language = language
    learned.owner.save()
    page = as_person(learned.owner).get(f"/accounts/{learned.well.pk}/recommendations/").content.decode()
    assert word in page and "+8%" in page and "+14%" in page
    assert ("与决策者沟通" if language == "zh-hans" else "Talk with the decision maker") in page
    assert Exposure.objects.filter(account=learned.well, end_user="").count() == 5


def test_the_card_is_for_those_who_see_the_account_and_partners_only_read(
    learned: SimpleNamespace, as_person: AsPerson
) -> None:
    address = f"/accounts/{learned.well.pk}/recommendations/"
    assert as_person(learned.outsider).get(address).status_code == 404
    assert as_person(learned.outsider).post(address + "dismissal/", {"item": "feature:a"}).status_code == 404
    learned.owner.role = Role.PARTNER
    learned.owner.save()
    client = as_person(learned.owner)
    assert "Not here" not in client.get(address).content.decode()
    assert client.post(address + "task/", {"item": "feature:a"}).status_code == 403
    assert client.get("/recommendations/").status_code == 403


def test_a_recommendation_becomes_one_task_or_is_put_away(
    learned: SimpleNamespace, as_person: AsPerson
) -> None:
    client, address = as_person(learned.owner), f"/accounts/{learned.well.pk}/recommendations/"
    client.get(address)
    for _again in range(2):
        client.post(address + "task/", {"item": "feature:b"})
    task = Task.objects.get()
    assert (
        task.title == {"zh": "向客户介绍“功能b”", "en": "Show them Feature b"}
        and task.assignee == learned.owner
    )
    assert f"/tasks/{task.pk}/" in client.get(address).content.decode()
    assert client.post(address + "task/", {"item": "feature:none"}).status_code == 404
    client.post(address + "dismissal/", {"item": "feature:a"})
    assert "Feature a" not in client.get(address).content.decode()
    assert AuditEntry.objects.filter(verb="recommendation.answered").count() == 1
    client.post(address + "dismissal/", {"item": "feature:zzz"})
    assert Exposure.objects.filter(outcome="dismissed").count() == 1


def test_the_page_says_what_it_brings_and_those_who_configure_may_learn_now(
    learned: SimpleNamespace, as_person: AsPerson
) -> None:
    page = as_person(learned.owner).get("/recommendations/").content.decode()
    assert "Not yet" in page and "60.0%" in page and "40.0%" in page and "8.0%" in page
    assert as_person(learned.owner).post("/recommendations/learning/").status_code == 403
    assert as_person(learned.boss).post("/recommendations/learning/").status_code == 302
    RecommendationLearning.objects.all().delete()
    assert "Nothing was learned yet" in as_person(learned.owner).get("/recommendations/").content.decode()
    card = as_person(learned.owner).get(f"/accounts/{learned.well.pk}/recommendations/").content.decode()
    assert "Nothing was learned yet" in card
