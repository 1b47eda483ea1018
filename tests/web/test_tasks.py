"""Tasks: grouped by when they are due, written, changed, finished, exported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base.queries import vendor_day
from evergreen.customers.models import Account
from evergreen.work.models import Task
from tests.web.working import many, raise_alert, write_task

AsPerson = Callable[..., Client]


def day(days: int = 0) -> dt.date:
    return vendor_day(dt.datetime.now(dt.UTC)) + dt.timedelta(days=days)


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "任务"), ("en", "Tasks")])
def test_the_list_and_a_task_open_in_both_languages(
    cast: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    task = write_task(cast.owner, cast.well)
    client = as_person(cast.owner)
    assert word in client.get("/tasks/").content.decode()
    assert "Call them" in client.get(f"/tasks/{task.pk}/").content.decode()


@pytest.mark.postgres
def test_tasks_stand_under_when_they_are_due(cast: SimpleNamespace, as_person: AsPerson) -> None:
    for title, due in (("late one", -2), ("now", 0), ("far", 40)):
        write_task(cast.owner, title=title, due_on=day(due))
    write_task(cast.owner, title="some time")
    page = as_person(cast.owner).get("/tasks/").content.decode()
    places = [
        page.index(word)
        for word in ("Overdue</h2>", "late one", "Today</h2>", ">now<", "far", "Without a day", "some time")
    ]
    assert places == sorted(places)


def test_a_task_of_somebody_else_does_not_exist_for_a_stranger(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    task = write_task(cast.owner, cast.well)
    client = as_person(cast.outsider)
    assert client.get(f"/tasks/{task.pk}/").status_code == 404
    assert client.post(f"/tasks/{task.pk}/", {"title": "x", "priority": "3"}).status_code == 404
    assert "Call them" not in client.get("/tasks/?who=all").content.decode()
    assert cast.well.name not in client.get("/tasks/accounts/?account=" + cast.well.name).content.decode()


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
            assert client.get("/tasks/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def fields(**changed: str) -> dict[str, str]:
    return {
        "title": "Prepare",
        "account": "",
        "assignee": "",
        "due_on": "",
        "priority": "3",
        "body": "",
        **changed,
    }


def test_a_new_task_names_its_account_by_what_was_chosen(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cast.owner)
    listed = client.get("/tasks/accounts/?account=" + cast.well.name[:2]).content.decode()
    assert f"{cast.well.name} · A-well" in listed
    account = f"{cast.well.name} · A-well"
    answer = client.post("/tasks/", fields(account=account, assignee=str(cast.mate.pk), due_on="2026-12-01"))
    assert answer.status_code == 302
    task = Task.objects.get()
    assert (task.account, task.assignee, task.due_on, task.created_by) == (
        cast.well,
        cast.mate,
        dt.date(2026, 12, 1),
        cast.owner,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"account": "Nobody knows it"},
        {"due_on": "soon"},
        {"priority": "9"},
        {"assignee": "0"},
    ],
)
def test_wrong_input_is_said_and_what_was_typed_stays(
    cast: SimpleNamespace, as_person: AsPerson, wrong: dict[str, str]
) -> None:
    answer = as_person(cast.owner).post("/tasks/", fields(body="keep me", **wrong))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'class="error"' in page
    assert "keep me" in page
    assert not Task.objects.exists()


def test_an_account_of_others_cannot_be_named(cast: SimpleNamespace, as_person: AsPerson) -> None:
    answer = as_person(cast.outsider).post("/tasks/", fields(account=f"{cast.well.name} · A-well"))
    assert answer.status_code == 422


@pytest.mark.postgres
def test_a_task_is_changed_and_a_rules_words_stay_in_both_languages(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    alert, client = raise_alert(cast.slipping), as_person(cast.owner)
    client.post("/work/tasks/", {"ids": f"alert-{alert.pk}"})
    task = Task.objects.get()
    title = dict(task.title)
    changed = fields(title=title["en"], assignee=str(cast.mate.pk), priority="1", body="first call")
    account = f"{cast.slipping.name} · A-slipping"
    assert client.post(f"/tasks/{task.pk}/", {**changed, "account": account}).status_code == 302
    task.refresh_from_db()
    assert (task.title, task.assignee, task.priority, task.body) == (title, cast.mate, 1, "first call")
    client.post(f"/tasks/{task.pk}/", {**changed, "account": account, "title": "My words"})
    task.refresh_from_db()
    assert task.title == {"text": "My words"}


def test_dropped_and_done_tasks_are_opened_again(cast: SimpleNamespace, as_person: AsPerson) -> None:
    task, client = write_task(cast.owner), as_person(cast.owner)
    client.post("/work/dismissal/", {"ids": f"task-{task.pk}"})
    assert "Call them" in client.get("/tasks/?state=dropped").content.decode()
    client.post("/work/reopening/", {"ids": f"task-{task.pk}"})
    task.refresh_from_db()
    assert task.state == "open"


def test_the_export_holds_the_tasks_of_the_address_and_no_formulas(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    write_task(cast.owner, cast.well, title="=1+1")
    write_task(cast.mate, title="not mine")
    answer = as_person(cast.owner).post("/tasks/export/")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith('"\'=1+1",')
    assert "A-well" in lines[1]
