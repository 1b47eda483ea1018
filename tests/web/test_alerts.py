"""Alerts and their rules: narrowed by the address, closed with a verdict, thresholds changed by those who may."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

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
    page = client.get("/alerts/rules/").content.decode()
    assert "50%" in page
    assert "1 of 2 verdicts" in page
