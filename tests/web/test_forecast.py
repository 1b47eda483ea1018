"""Who may be lost, in the browser: order, sums, filters, rights, files, the model's card, the account's card."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.base.models import AuditEntry, Job
from evergreen.base.roles import Role
from evergreen.foresight import jobs
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.web.api.keys import create_api_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_the_casts_time", "home")]
NIGHT = dt.date(2026, 11, 19)
REPORT: dict[str, Any] = {
    "figures": {"auc": 0.84, "pr_auc": 0.31, "brier": 0.061, "ece": 0.012, "lift10": 4.2, "n": 5200, "positives": 310},
    "baseline": {"auc": 0.80, "pr_auc": 0.28, "brier": 0.064, "ece": 0.020, "lift10": 3.9, "n": 5200, "positives": 310},
    "at_stake": {"auc": 0.72, "pr_auc": 0.44, "brier": 0.15, "ece": 0.03, "lift10": 1.8, "n": 900, "positives": 300},
    "auc_interval": [0.79, 0.88],
    "teach": ["2025-01-06", "2025-09-01", 35],
    "judge": ["2025-12-08", "2026-06-01", 26],
    "taught": 7000, "taught_lost": 400, "accounts": 210, "accounts_lost": 40,
    "columns": ["contract:days_to_end", "use:quiet_days"],
    "suspects": {"use:quiet_days": 0.991},
    "calibration": [[0.0, 0.1, 4000, 0.03, 0.025], [0.3, 0.4, 200, 0.34, 0.36]],
    "duel": {},
}  # fmt: skip


@pytest.fixture
def forecast(book: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """A model of 90 days in service and the risks of two accounts of the book."""
    book.model = ChurnModel.objects.create(
        horizon_days=90, grace_days=15, state=ChurnModel.State.CHAMPION, made_at=now, known_until=NIGHT,
        why={"zh": "这是第一个模型。", "en": "It is the first."}, report=REPORT,
        drift={"day": "2026-11-19", "rows": 3, "said": 0.31, "state": "another", "moved": 1, "of": 2,
               "columns": [["use:quiet_days", 0.4, "another"], ["contract:days_to_end", 0.01, "same"]]},
        record={"until": "2026-11-19", "weeks": [["2026-07-05", 200, 9.4, 11]], "accounts_lost": 11,
                "figures": {"auc": 0.81, "n": 200, "positives": 11}},
    )  # fmt: skip
    for account, probability in ((book.slipping, 0.42), (book.well, 0.06)):
        Risk.objects.create(
            account=account, model=book.model, horizon_days=90, day=NIGHT, probability=probability,
            reasons=[["use:quiet_days", 20.0, 0.8], ["contract:mrr", 123_456.0, 0.2], ["contract:renewals", 3.0, -0.3]],
        )  # fmt: skip
    return book


def _get(client: Client, path: str, language: str = "en") -> str:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_riskiest_stand_first_with_sums_that_add_up(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    page = _get(as_person(forecast.boss), "/forecast/")
    assert page.index(forecast.slipping.name) < page.index(forecast.well.name)
    assert "Of these 2 accounts about 0.5 can be expected to be lost within 90 days" in page
    # 0.42 × 286,000 + 0.06 × 324,000 = 139,560 of 610,000; 0.42 ÷ the mean of 0.24.
    assert "With them would go ¥139.6k of ¥610k ARR" in page
    assert "42.0%" in page and "1.8 ×" in page
    by_renewal = _get(as_person(forecast.boss), "/forecast/?sort=renewal")
    assert by_renewal.index(forecast.slipping.name) < by_renewal.index(forecast.well.name)
    narrowed = _get(as_person(forecast.boss), f"/forecast/?q={forecast.well.name}")
    assert forecast.slipping.name not in narrowed.split("<main", 1)[-1].split("</table>")[0]


def test_only_accounts_that_a_person_may_see_are_listed(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    page = _get(as_person(forecast.outsider), "/forecast/")
    assert forecast.slipping.name not in page and forecast.well.name not in page
    answer = as_person(forecast.outsider).get(f"/accounts/{forecast.slipping.pk}/risk/")
    assert answer.status_code == 404
    text = as_person(forecast.outsider).get("/forecast/file/").content.decode()
    assert forecast.slipping.external_id not in text


def test_amounts_are_hidden_from_who_sees_no_money(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    forecast.boss.role, forecast.boss.scope = Role.TRAINER, "all"
    forecast.boss.save()
    assert not forecast.boss.sees_money
    client = as_person(forecast.boss)
    page = _get(client, "/forecast/?sort=stake") + _get(client, f"/accounts/{forecast.slipping.pk}/risk/")
    assert "1,235" not in page and "monthly recurring revenue: •••" in page
    rows = list(csv.DictReader(io.StringIO(client.get("/forecast/file/").content.decode("utf-8-sig"))))
    assert "arr" not in rows[0] and "1,235" not in rows[0]["reasons"]


def test_the_file_has_every_row_of_the_list(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    answer = as_person(forecast.boss).get("/forecast/file/?days=90")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [float(row["probability"]) for row in rows] == [0.42, 0.06]
    assert float(rows[0]["arr_at_stake"]) == pytest.approx(286_000 * 0.42)
    assert AuditEntry.objects.filter(verb="forecast.exported").count() == 1


def test_where_nothing_serves_the_page_says_why_and_what_to_do(
    book: SimpleNamespace, as_person: Callable[[Any], Client], now: dt.datetime
) -> None:
    client = as_person(book.boss)
    assert "evergreen churn refit" in _get(client, "/forecast/")
    ChurnModel.objects.create(
        horizon_days=90, state=ChurnModel.State.WAITING, made_at=now, why={"zh": "太少了", "en": "too little"}
    )
    assert "too little" in _get(client, "/forecast/")
    for path in ("/forecast/", "/forecast/model/", f"/accounts/{book.well.pk}/risk/"):
        book.boss.language = "zh-hans"
        book.boss.save()
        assert "太少了" in _get(client, path, "zh-hans")


def test_the_models_card_says_what_it_is_worth_and_whether_that_holds(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    page = _get(as_person(forecast.boss), "/forecast/model/?days=90")
    assert "84 of 100 pairs (79 to 88)" in page
    assert "4.2 times as many" in page and "72 of 100" in page
    assert "since the last use alone tells losses almost perfectly (AUC 0.991)" in page
    assert "1 of its 2 columns has moved" in page and "quite another" in page
    assert "Over 1 weeks 9 lost rows were foretold and 11 came (11 accounts)" in page
    assert "It is the first." in page
    assert "No model serves yet" in _get(as_person(forecast.boss), "/forecast/model/?days=30")


def test_who_may_configure_starts_learning_and_twice_is_once(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    assert as_person(forecast.owner).post("/forecast/learning/").status_code == 404
    forecast.boss.role = Role.CS_OPERATIONS
    forecast.boss.save()
    client = as_person(forecast.boss)
    for _again in range(2):
        assert client.post("/forecast/learning/", {"days": "180"})["Location"] == "/forecast/model/?days=180"
    job = Job.objects.get(kind=jobs.KIND)
    assert job.created_by == forecast.boss and job.params == {"horizons": [30, 90, 180]}
    assert "Learn who will be lost" in _get(client, "/forecast/model/")


def test_an_accounts_card_compares_its_risk_with_the_average(
    forecast: SimpleNamespace, as_person: Callable[[Any], Client]
) -> None:
    page = _get(as_person(forecast.boss), f"/accounts/{forecast.slipping.pk}/risk/")
    assert "Of 100 accounts like this one about 42 are lost within 90 days; of all accounts 24" in page
    assert "since the last use: 20 days" in page and "renewals so far: 3" in page
    gone = _get(as_person(forecast.boss), f"/accounts/{forecast.gone.pk}/risk/")
    assert "No risk is told" in gone


def test_the_api_tells_risks_of_the_accounts_that_its_key_reaches(
    forecast: SimpleNamespace, now: dt.datetime
) -> None:
    def ask(query: str, staff: Any = None) -> Any:
        key = create_api_key("bi", ["risks.read"], staff=staff, by=forecast.boss, now=now)
        return Client().get(f"/api/v1/risks{query}", headers={"Authorization": f"Bearer {key}"})

    whole = ask("").json()
    assert [(row["account"], row["probability"]) for row in whole["accounts"]] == [
        ("A-slipping", 0.42),
        ("A-well", 0.06),
    ]
    assert whole["average"] == pytest.approx(0.24) and whole["day"] == "2026-11-19" and whole["next"] is None
    assert whole["accounts"][0]["reasons"][0]["en"] == "since the last use: 20 days"
    page = ask("?limit=1").json()
    assert page["next"] == "A-slipping"
    assert [row["account"] for row in ask("?after=A-slipping").json()["accounts"]] == ["A-well"]
    assert ask("", staff=forecast.outsider).json()["accounts"] == []
    forecast.mate.role, forecast.mate.scope = Role.TRAINER, "all"
    forecast.mate.save()
    assert "•••" in ask("", staff=forecast.mate).json()["accounts"][0]["reasons"][1]["en"]
    missing = ask("?days=30")
    assert (
        missing.status_code == 404 and "Nothing was learned for 30 days" in missing.json()["error"]["found"]
    )
