"""Alerts and their rules: narrowed by the address, closed with a verdict, thresholds changed by those who may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.alerts.actions import install_shipped
from evergreen.alerts.models import Alert, Rule
from evergreen.customers.models import Account
from evergreen.work.models import Task
from tests.web.working import many, raise_alert

AsPerson = Callable[..., Client]


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "预警"), ("en", "Alerts")])
def test_the_list_opens_in_both_languages(
    cast: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    raise_alert(cast.slipping)
    client = as_person(cast.owner)
    for address in ("/alerts/", "/alerts/?state=closed", "/alerts/?state=snoozed", "/alerts/rules/"):
        assert word in client.get(address).content.decode()


def test_the_list_shows_why_in_figures_only_to_those_who_see_the_account(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping)
    assert "Health is 50, below 60." in as_person(cast.owner).get("/alerts/").content.decode()
    assert cast.slipping.name not in as_person(cast.outsider).get("/alerts/").content.decode()


@pytest.mark.postgres
def test_filters_stand_in_the_address(cast: SimpleNamespace, as_person: AsPerson) -> None:
    raise_alert(cast.slipping)
    raise_alert(cast.well, "invoice_overdue")
    client = as_person(cast.owner)

    def shown(query: str) -> set[str]:
        page = client.get(f"/alerts/?{query}").content.decode()
        return {account.name for account in (cast.slipping, cast.well) if account.name in page}

    assert shown("rule=health_red") == {cast.slipping.name}
    assert shown("severity=2") == {cast.well.name}
    assert shown(f"q={cast.well.name[:2]}") == {cast.well.name}
    assert shown("who=nobody") == set()
    assert shown("state=closed") == set()
    assert shown("sort=oldest&page=999&severity=x&rule=") == {cast.slipping.name, cast.well.name}


def test_the_list_costs_as_many_queries_for_three_rows_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client, counts = as_person(cast.owner), []
    for rows in (3, 30):
        Account.objects.filter(external_id__startswith="M").delete()
        Task.objects.all().delete()
        many(cast.owner, rows)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/alerts/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.postgres
def test_an_alert_closed_by_a_person_may_be_opened_again(cast: SimpleNamespace, as_person: AsPerson) -> None:
    alert, client = raise_alert(cast.slipping), as_person(cast.owner)
    client.post("/work/verdict/", {"ids": f"alert-{alert.pk}", "outcome": "false_alarm"})
    assert "false alarm" in client.get("/alerts/?state=closed").content.decode()
    client.post("/work/reopening/", {"ids": f"alert-{alert.pk}"})
    alert.refresh_from_db()
    assert alert.state == "open"


def test_an_outcome_that_does_not_exist_closes_nothing(cast: SimpleNamespace, as_person: AsPerson) -> None:
    alert, client = raise_alert(cast.slipping), as_person(cast.owner)
    for outcome in ("", "cleared", "won"):
        client.post("/work/verdict/", {"ids": f"alert-{alert.pk}", "outcome": outcome})
    assert Alert.objects.get().state == "open"


def test_those_who_configure_change_a_rule_and_the_page_says_so(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping)
    fields = {"is_on": "on", "severity": "1", "points": "12.5", "clear_margin": "4"}
    assert as_person(cast.boss).post("/alerts/rules/health_drop/", fields).status_code == 302
    rule = Rule.objects.get(key="health_drop")
    assert (rule.severity, rule.params) == (1, {"points": 12.5, "clear_margin": 4})
    assert as_person(cast.owner).post("/alerts/rules/health_drop/", fields).status_code == 404


@pytest.mark.parametrize("points", ["-1", "many", "nan", "inf", ""])
def test_a_threshold_that_is_no_number_is_refused_and_what_was_typed_stays(
    cast: SimpleNamespace, as_person: AsPerson, points: str
) -> None:
    raise_alert(cast.slipping)
    fields = {"is_on": "on", "severity": "2", "points": points, "clear_margin": "4"}
    answer = as_person(cast.boss).post("/alerts/rules/health_drop/", fields)
    assert answer.status_code == 422
    assert f'value="{points}"' in answer.content.decode()
    assert Rule.objects.get(key="health_drop").params["points"] == 10


def test_a_rule_says_how_many_of_its_alerts_were_useful(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cast.owner)
    for account, outcome in ((cast.well, "saved"), (cast.slipping, "false_alarm")):
        alert = raise_alert(account)
        client.post("/work/verdict/", {"ids": f"alert-{alert.pk}", "outcome": outcome})
    assert "50%" in client.get("/alerts/rules/").content.decode()
    page = client.get("/alerts/rules/health_red/").content.decode()
    assert "50%" in page
    assert "1 of 2 verdicts" in page


RULE = {"name_zh": "重点", "name_en": "Watched", "condition": "stage = steady", "severity": "2", "clear_nights": "2", "most_share": "25", "is_on": "on"}  # fmt: skip


def test_a_rule_is_made_of_a_condition_changed_switched_and_put_away(
    home: Any, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    assert "Add a first test" in client.post("/alerts/rules/trial/", {}).content.decode()
    answer = client.post("/alerts/rules/new/", RULE)
    rule = Rule.objects.get(kind="condition")
    assert answer["Location"] == f"/alerts/rules/{rule.key}/"
    assert (rule.clear_nights, rule.most_share, rule.is_on, rule.name["en"]) == (2, 0.25, True, "Watched")
    page = client.get(f"/alerts/rules/{rule.key}/").content.decode()
    assert "Stage is Steady" in page and "gone for 2 nights" in page
    refused = client.post(
        f"/alerts/rules/{rule.key}/condition/", {**RULE, "condition": "stage = nowhere", "clear_nights": "x"}
    )
    assert refused.status_code == 422 and 'value="x"' in refused.content.decode()
    client.post(f"/alerts/rules/{rule.key}/condition/", {**RULE, "condition": "tier = basic"})
    client.post(f"/alerts/rules/{rule.key}/switch/", {})
    rule.refresh_from_db()
    assert (rule.is_on, rule.condition["value"]) == (False, "basic")
    client.post(f"/alerts/rules/{rule.key}/archive/")
    assert f'id="{rule.key}"' not in client.get("/alerts/rules/").content.decode()
    assert "put away" in client.get(f"/alerts/rules/{rule.key}/").content.decode()


def test_those_who_may_not_configure_read_rules_and_change_none(
    home: Any, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    as_person(cast.boss).post("/alerts/rules/new/", RULE)
    key = Rule.objects.get(kind="condition").key
    client = as_person(cast.owner)
    assert client.get(f"/alerts/rules/{key}/").status_code == 200
    assert client.get(f"/alerts/rules/{key}/trial/").status_code == 200
    for path in (
        "new",
        "trial",
        f"{key}/condition",
        f"{key}/switch",
        f"{key}/approval",
        f"{key}/archive",
        f"{key}/detachment",
    ):
        assert client.post(f"/alerts/rules/{path}/", RULE).status_code == 404, path
    assert client.post(f"/alerts/rules/{key}/", {"severity": "1"}).status_code == 404


def test_a_condition_about_amounts_is_hidden_from_those_who_see_none(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    as_person(cast.boss).post("/alerts/rules/new/", {**RULE, "condition": "mrr > 4321"})
    key = Rule.objects.get(kind="condition").key
    cast.owner.role = "trainer"
    cast.owner.save()
    assert not cast.owner.sees_money
    client = as_person(cast.owner)
    for path in ("/alerts/rules/", f"/alerts/rules/{key}/"):
        text = client.get(path).content.decode()
        assert "4321" not in text and "4,321" not in text


def test_an_alert_that_closed_by_itself_says_when_its_condition_last_held(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping, state="closed", outcome="cleared", seen_on=dt.date(2026, 11, 18))
    page = as_person(cast.owner).get("/alerts/?state=closed").content.decode()
    assert "its condition last held in the night of Nov 18" in page


def event_form(**changed: str) -> dict[str, str]:
    return {
        "name_zh": "导出失败", "name_en": "Exports fail", "note": "Call them.", "event": "Export Failed", "count": "3", "minutes": "10",
        "property": "", "value": "", "per": "user", "cool_down_hours": "24", "severity": "3", "clear_nights": "1",
        "most_share": "20", "is_on": "on", **changed,
    }  # fmt: skip


def test_an_event_rule_is_made_changed_tried_and_put_away(
    cast: SimpleNamespace, as_person: AsPerson, home: Any
) -> None:
    client = as_person(cast.boss)
    assert "Within minutes" in client.get("/alerts/rules/events/new/").content.decode()
    refused = client.post("/alerts/rules/events/new/", event_form(minutes="0", count="many"))
    assert (
        refused.status_code == 422
        and "So often is many; allowed is a whole number." in refused.content.decode()
    )
    assert 'value="Export Failed"' in refused.content.decode(), "what was typed stays"
    assert client.post("/alerts/rules/events/trial/", event_form()).status_code == 200
    client.post("/alerts/rules/events/new/", event_form())
    rule: Any = Rule.objects.get(kind="event")
    assert rule.is_on and rule.params["per_user"] and rule.params["count"] == 3
    page = client.get(f"/alerts/rules/{rule.key}/").content.decode()
    assert "“Export Failed” 3 times within 10 minutes by one end user" in page
    assert "by one end user" in client.get("/alerts/rules/").content.decode()
    assert client.get(f"/alerts/rules/{rule.key}/trial/").status_code == 200
    client.post(f"/alerts/rules/{rule.key}/event/", event_form(count="5", per="account"))
    rule.refresh_from_db()
    assert (rule.params["count"], rule.params["per_user"], rule.version) == (5, False, 2)
    client.post(f"/alerts/rules/{rule.key}/switch/")
    client.post(f"/alerts/rules/{rule.key}/archive/")
    rule.refresh_from_db()
    assert rule.is_archived and not rule.is_on
    assert client.get(f"/alerts/rules/{rule.key}/condition/").status_code == 404
    plain = as_person(cast.owner)
    for address in ("/alerts/rules/events/new/", f"/alerts/rules/{rule.key}/event/"):
        assert plain.get(address).status_code == 404


def test_a_shipped_rule_of_an_event_says_what_it_waits_for(
    cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    install_shipped(now=now)
    page = as_person(cast.boss).get("/alerts/rules/wecom_removed/").content.decode()
    assert "Each “wecom.removed (by = customer)” of an account, within seconds." in page
    assert "A contact removed one of us in WeCom: ask why by another way" in page
