"""Today: the sentence, the list, the figures beside it, and one-click actions with undo."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base import money
from evergreen.customers.models import Account
from evergreen.work.models import Task
from tests.web.working import many, raise_alert, write_task

AsPerson = Callable[..., Client]
HTMX = {"HX-Request": "true"}


def today() -> dt.date:
    from evergreen.base.queries import vendor_day

    return vendor_day(dt.datetime.now(dt.UTC))


def post(client: Client, what: str, *refs: str, **fields: str) -> Any:
    return client.post(f"/work/{what}/", {"ids": list(refs), **fields}, headers=HTMX)


def toast(answer: Any) -> dict[str, str]:
    said: dict[str, str] = json.loads(answer["HX-Trigger"])["toast"][0]
    return said


@pytest.mark.parametrize(
    ("language", "words"), [("zh-hans", "今天有 1 件事"), ("en", "There is 1 thing today")]
)
def test_today_opens_with_one_sentence_in_the_readers_language(
    cast: SimpleNamespace, as_person: AsPerson, language: str, words: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    raise_alert(cast.slipping)
    page = as_person(cast.owner).get("/").content.decode()
    assert words in page
    assert cast.slipping.name in page


def test_the_sentence_says_what_the_first_three_protect_unless_the_role_sees_no_money(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    Account.objects.filter(pk=cast.slipping.pk).update(arr_base_cents=28_600_000)
    raise_alert(cast.slipping)
    assert "¥286k depends on it" in as_person(cast.owner).get("/").content.decode()
    cast.owner.role = "trainer"
    cast.owner.save()
    page = as_person(cast.owner).get("/").content.decode()
    assert "286" not in page
    assert "There is 1 thing today." in page


def test_a_stranger_sees_nothing_of_other_peoples_work(cast: SimpleNamespace, as_person: AsPerson) -> None:
    alert = raise_alert(cast.slipping)
    client = as_person(cast.outsider)
    assert cast.slipping.name not in client.get("/?who=all").content.decode()
    assert post(client, "completion", f"alert-{alert.pk}").status_code == 404
    assert post(client, "verdict", f"alert-{alert.pk}", outcome="saved").status_code == 404
    alert.refresh_from_db()
    assert alert.state == "open"


def test_the_page_costs_as_many_queries_for_three_rows_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    counts = []
    for rows in (3, 30):
        Account.objects.filter(external_id__startswith="M").delete()
        Task.objects.all().delete()
        many(cast.owner, rows)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.postgres
def test_done_finishes_the_task_and_undo_brings_it_back(cast: SimpleNamespace, as_person: AsPerson) -> None:
    task, client = write_task(cast.owner, cast.well, due_on=today()), as_person(cast.owner)
    said = toast(post(client, "completion", f"task-{task.pk}", outcome="went well"))
    task.refresh_from_db()
    assert (task.state, task.outcome) == ("done", "went well")
    client.post(said["undo"], headers=HTMX)
    task.refresh_from_db()
    assert (task.state, task.outcome) == ("open", "")


def test_a_verdict_closes_the_alert_and_its_task_and_undo_opens_both(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    alert, client = raise_alert(cast.slipping), as_person(cast.owner)
    post(client, "tasks", f"alert-{alert.pk}", person="me")
    task = Task.objects.get()
    said = toast(post(client, "verdict", f"task-{task.pk}", outcome="saved", note="met them"))
    alert.refresh_from_db()
    assert (alert.state, alert.outcome, alert.note) == ("closed", "saved", "met them")
    client.post(said["undo"], headers=HTMX)
    alert.refresh_from_db()
    task.refresh_from_db()
    assert (alert.state, task.state) == ("open", "open")
    assert Account.objects.get(pk=cast.slipping.pk).open_alerts == 1


@pytest.mark.postgres
def test_several_things_are_put_off_at_once_and_come_back_on_their_day(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    alert, client = raise_alert(cast.slipping), as_person(cast.owner)
    task = write_task(cast.owner, due_on=today())
    until = today() + dt.timedelta(days=3)
    said = toast(
        post(client, "postponement", f"alert-{alert.pk}", f"task-{task.pk}", until=until.isoformat())
    )
    assert "2 things" in said["text"]
    alert.refresh_from_db()
    task.refresh_from_db()
    assert alert.snoozed_until == task.snoozed_until == until
    assert "Nothing needs you today" in client.get("/").content.decode()
    client.post(said["undo"], headers=HTMX)
    assert "There are 2 things" in client.get("/").content.decode()


@pytest.mark.parametrize("until", ["", "tomorrow", "2020-01-01", "2026-02-30"])
def test_a_wrong_day_is_said_and_changes_nothing(
    cast: SimpleNamespace, as_person: AsPerson, until: str
) -> None:
    task = write_task(cast.owner, due_on=today())
    said = toast(post(as_person(cast.owner), "postponement", f"task-{task.pk}", until=until))
    assert said["tone"] == "error"
    task.refresh_from_db()
    assert task.snoozed_until is None


def test_work_is_given_to_a_colleague_and_not_to_one_who_left(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    task, client = write_task(cast.owner, cast.well, due_on=today()), as_person(cast.owner)
    post(client, "assignment", f"task-{task.pk}", person=str(cast.mate.pk))
    task.refresh_from_db()
    assert task.assignee == cast.mate
    cast.outsider.is_active = False
    cast.outsider.save()
    assert (
        toast(post(client, "assignment", f"task-{task.pk}", person=str(cast.outsider.pk)))["tone"] == "error"
    )


@pytest.mark.parametrize("ref", ["task-x", "thing-1", "task-99999999999999999999", "alert-0", ""])
def test_rows_that_do_not_exist_are_not_found(cast: SimpleNamespace, as_person: AsPerson, ref: str) -> None:
    assert post(as_person(cast.owner), "completion", ref).status_code == 404


def test_an_empty_installation_shows_its_next_steps_to_those_who_configure(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    Account.objects.all().delete()
    assert "/imports/" in as_person(cast.boss).get("/").content.decode()
    assert "There are no accounts yet" in as_person(cast.owner).get("/").content.decode()


def test_gaps_in_the_records_lead_to_the_accounts_that_have_them(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    page = as_person(cast.owner).get("/").content.decode()
    assert "without decision maker" in page
    assert "gap=decision_maker" in page


def test_a_manager_sees_what_is_nobodys(cast: SimpleNamespace, as_person: AsPerson) -> None:
    Account.objects.filter(pk=cast.slipping.pk).update(owner=None)
    raise_alert(cast.slipping)
    assert cast.slipping.name in as_person(cast.boss).get("/?who=nobody").content.decode()


@pytest.mark.parametrize("currency", ["CNY", "USD", "EUR", "JPY", "HKD", "CHF"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_sentences_hide_their_amounts_and_nothing_else(currency: str, language: str) -> None:
    for cents in (5, 123_456, -98_765_432, 12_345_678_901):
        said = f"NPS −4.5, ARR {money.short(cents, currency, language)}. 8 天, 9 days"
        assert money.veiled(said) == "NPS −4.5, ARR •••. 8 天, 9 days"


def test_no_amount_reaches_a_role_that_sees_none(cast: SimpleNamespace, as_person: AsPerson) -> None:
    cast.owner.role = "trainer"
    cast.owner.save()
    alert, client = raise_alert(cast.slipping, "invoice_overdue"), as_person(cast.owner)
    post(client, "tasks", f"alert-{alert.pk}", person="me")
    task = Task.objects.get()
    for address in ("/", "/alerts/", "/tasks/", f"/tasks/{task.pk}/"):
        page = client.get(address).content.decode()
        assert "•••" in page, address
        assert "¥5" not in page, address
    lines = client.post("/tasks/export/").content.decode()
    assert "¥" not in lines


@pytest.mark.postgres
def test_runs_of_playbooks_that_cannot_go_on_are_told_to_whoever_owns_the_account(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    from evergreen.playbooks.models import Enrolment
    from tests.playbooks.building import enter, published, task

    enter(published(task("call")), cast.well)
    Enrolment.objects.update(state=Enrolment.State.STUCK, note="It failed.")
    assert "1 run of a playbook needs you" in as_person(cast.owner).get("/").content.decode()
    assert "of a playbook needs you" not in as_person(cast.outsider).get("/").content.decode()
