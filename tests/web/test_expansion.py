"""The list of who may buy more: what it shows to whom, what is done with it, and the card on an account's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import AuditEntry, Job
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion
from evergreen.work.models import Task

AsPerson = Callable[..., Client]
DAY = dt.date(2026, 11, 19)
EVIDENCE = {
    "signs": ["full", "filling", "rising", "well", "alike", "occasion"], "cases": 40.0, "bought": 8.0, "base": 0.041,
    "alike": [30, 6, 0.12, 0.041], "neighbours": [], "used": 27.0, "contracted": 28.0, "change": 0.2, "weeks": [5.0, 2.5, None],
    "seat_cents": 350_000.0, "cents": 9_800_000.0, "score": 91.0, "until": "2027-01-15", "limit": ["", 0.0], "events_trend": 0.24,
    "feature_adoption": 0.8,
}  # fmt: skip


def suggest(account: Account, **fields: object) -> Suggestion:
    given = {
        "account": account, "kind": "seats", "day": DAY, "since": DAY, "chance": 0.2, "seats": 7, "value_cents": 2_450_000,
        "expected_cents": 490_000, "evidence": EVIDENCE, **fields,
    }  # fmt: skip
    return Suggestion.objects.create(**given)


def learned() -> ExpansionLearning:
    row = {
        "auc": 0.74, "pr_auc": 0.14, "brier": 0.04, "ece": 0.01, "lift10": 4.1, "n": 1863, "positives": 91, "accounts": 339,
        "accounts_bought": 38, "auc_low": 0.65, "auc_high": 0.81, "said_cents": 38_000_000, "came_cents": 36_000_000,
    }  # fmt: skip
    sign = {
        "odds": 3.0,
        "with_cases": 1008.0,
        "with_bought": 57.0,
        "without_cases": 760.0,
        "without_bought": 14.0,
    }
    report = {
        "teach": ["2025-02-16", "2025-11-23", 11],
        "judge": ["2026-03-15", "2026-08-02", 6],
        "judged": [
            {"kind": "seats", **row},
            {"kind": "edition", **row, "auc": 0.5, "auc_low": 0.3, "auc_high": 0.7},
        ],
        "tables": {"seats": {"base": 0.04, "bought": 72.0, "thin": False, "signs": {"well": sign}}},
    }
    at = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)
    return ExpansionLearning.objects.create(state="judged", day=DAY, made_at=at, report=report)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("language", "words"),
    [("zh-hans", ("增购 7 席位", "28 个席位用了 27 个")), ("en", ("7 more seats", "27 of 28 seats"))],
)
def test_the_list_says_what_how_likely_worth_what_and_why(
    cast: SimpleNamespace, as_person: AsPerson, language: str, words: tuple[str, ...]
) -> None:
    cast.owner.language = language
    cast.owner.save()
    learned()
    suggest(cast.well)
    page = as_person(cast.owner).get("/expansion/").content.decode()
    for one in (*words, cast.well.name, "20.0%", "4.1%"):
        assert one in page
    card = as_person(cast.owner).get(f"/accounts/{cast.well.pk}/expansion/").content.decode()
    assert words[0] in card
    assert "4.1×" in as_person(cast.owner).get("/expansion/record/").content.decode()


def test_what_one_may_not_see_is_not_listed_and_amounts_are_for_those_who_see_money(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    row = suggest(cast.well)
    outsider = as_person(cast.outsider)
    assert cast.well.name not in outsider.get("/expansion/").content.decode()
    assert outsider.get(f"/accounts/{cast.well.pk}/expansion/").status_code == 404
    assert outsider.post("/expansion/winning/", {"ids": row.pk}).status_code == 404
    cast.owner.role = Role.SUPPORT
    cast.owner.save()
    if not cast.owner.sees_money:
        page = as_person(cast.owner).get("/expansion/").content.decode()
        assert cast.well.name in page and "24.5k" not in page
        assert "Currency" not in as_person(cast.owner).post("/expansion/export/").content.decode()
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.postgres
def test_filters_stand_in_the_address(cast: SimpleNamespace, as_person: AsPerson) -> None:
    suggest(cast.well)
    suggest(
        cast.slipping,
        kind="edition",
        target="pro",
        seats=None,
        value_cents=None,
        expected_cents=0,
        chance=0.3,
    )
    client = as_person(cast.boss)

    def shown(query: str) -> list[str]:
        page = client.get(f"/expansion/?{query}").content.decode()
        found = [one.name for one in (cast.well, cast.slipping) if f">{one.name}</a>" in page]
        return sorted(found, key=page.index)

    assert shown("") == [cast.well.name, cast.slipping.name]
    assert shown("sort=chance") == [cast.slipping.name, cast.well.name]
    assert shown("kind=edition") == [cast.slipping.name]
    assert shown(f"q={cast.well.name[:2]}") == [cast.well.name]
    assert shown("who=nobody") == shown("who=mine") == shown("state=won") == []
    assert len(shown("state=x&kind=y&sort=z&page=99")) == 2


def test_the_list_costs_as_many_queries_for_three_rows_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client, counts = as_person(cast.owner), []
    learned()
    for rows in (3, 30):
        Suggestion.objects.all().delete()
        for place in range(rows):
            account = Account.objects.create(
                external_id=f"Q-{rows}-{place}", name=f"客户{place}", owner=cast.owner, created_at=dt.datetime.now(dt.UTC),
                known_at=dt.datetime.now(dt.UTC),
            )  # fmt: skip
            suggest(account, evidence={**EVIDENCE, "neighbours": [cast.well.pk]})
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/expansion/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.postgres
def test_dismissing_and_winning_can_be_undone(cast: SimpleNamespace, as_person: AsPerson) -> None:
    rows = [suggest(cast.well), suggest(cast.slipping)]
    client, ids = as_person(cast.owner), [row.pk for row in rows]
    client.post("/expansion/dismissal/", {"ids": ids, "reason": "nonsense"})
    assert Suggestion.objects.filter(state="open").count() == 2
    for address, fields, state in (
        ("/expansion/dismissal/", {"reason": "no_budget", "note": "2027"}, "dismissed"),
        ("/expansion/winning/", {}, "won"),
    ):
        client.post(address, {"ids": ids, **fields})
        assert set(Suggestion.objects.values_list("state", flat=True)) == {state}
        assert cast.well.name in client.get(f"/expansion/?state={state}").content.decode()
        entry = AuditEntry.objects.filter(kind="suggestion", undone_at=None).latest("pk")
        client.post(f"/undo/?entries={entry.pk}")
        assert set(Suggestion.objects.values_list("state", flat=True)) == {"open"}


def test_tasks_are_made_for_the_owner_and_shown_beside(cast: SimpleNamespace, as_person: AsPerson) -> None:
    row, client = suggest(cast.well), as_person(cast.owner)
    for _again in range(2):
        client.post("/expansion/tasks/", {"ids": row.pk})
    task = Task.objects.get()
    assert (task.assignee, task.account) == (cast.owner, cast.well)
    assert f"/tasks/{task.pk}/" in client.get("/expansion/").content.decode()


def test_the_export_has_a_line_a_suggestion(cast: SimpleNamespace, as_person: AsPerson) -> None:
    suggest(cast.well)
    lines = as_person(cast.boss).post("/expansion/export/?kind=seats").content.decode().splitlines()
    assert len(lines) == 2 and ",24500.00," in lines[1] and ",0.2," in lines[1]
    assert AuditEntry.objects.filter(verb="suggestions.exported").count() == 1


def test_empty_pages_say_why_and_those_who_configure_may_learn_now(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    assert "Nothing was learned yet" in as_person(cast.boss).get("/expansion/").content.decode()
    assert as_person(cast.boss).get("/expansion/record/").status_code == 200
    assert as_person(cast.owner).post("/expansion/learning/").status_code == 403
    assert as_person(cast.boss).post("/expansion/learning/").status_code == 302
    assert Job.objects.get().kind == "expansion_refresh"
    learned()
    assert "likelier than usual" in as_person(cast.boss).get("/expansion/").content.decode()
