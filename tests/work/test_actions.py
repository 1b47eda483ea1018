from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from evergreen.base.models import AuditEntry
from evergreen.customers.actions import add_contact
from evergreen.work import actions
from evergreen.work.models import Conversation, Task

TODAY = dt.date(2026, 11, 20)
HOUR = dt.timedelta(hours=1)


def task(cast: SimpleNamespace, now: dt.datetime, **fields: Any) -> Task:
    given: dict[str, Any] = {
        "account": cast.well,
        "title": "Call",
        "assignee": cast.owner,
        "by": cast.owner,
        "now": now,
    }
    return actions.add_task(**{**given, **fields})


def test_a_task_says_what_why_and_for_whom(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = task(
        cast,
        now,
        title={"zh": "致电恒岳机械", "en": "Call 恒岳机械"},
        reason={"zh": "28 天内少了 12 分", "en": "Lost 12 points in 28 days"},
        due_on=TODAY,
        priority=Task.Priority.HIGH,
        body=" Ask for the new admin. ",
    )
    made.refresh_from_db()
    assert (made.title["zh"], made.reason["en"]) == ("致电恒岳机械", "Lost 12 points in 28 days")
    assert (made.body, made.due_on, made.priority, made.state) == ("Ask for the new admin.", TODAY, 2, "open")
    assert made.created_by == cast.owner and AuditEntry.objects.get().verb == "task.added"


def test_one_cause_makes_one_task(cast: SimpleNamespace, now: dt.datetime) -> None:
    first = task(cast, now, origin=("alert", "7"))
    again = task(cast, now + HOUR, origin=("alert", "7"), title="Another title")
    other = task(cast, now, origin=("alert", "8"))
    free = [task(cast, now), task(cast, now)]
    assert again == first and other != first and len({row.pk for row in free}) == 2
    assert Task.objects.count() == 4 and AuditEntry.objects.count() == 4


def test_a_task_that_was_done_is_not_made_again_by_its_cause(cast: SimpleNamespace, now: dt.datetime) -> None:
    first = task(cast, now, origin=("alert", "7"))
    actions.finish_task(first, by=cast.owner, now=now)
    assert task(cast, now + HOUR, origin=("alert", "7")).state == Task.State.DONE


def test_the_database_itself_holds_one_task_an_origin(cast: SimpleNamespace, now: dt.datetime) -> None:
    task(cast, now, origin=("alert", "7"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.create(title={"text": "x"}, origin_kind="alert", origin_id="7", created_at=now)


def test_a_wrong_task_is_refused(cast: SimpleNamespace, now: dt.datetime) -> None:
    cast.mate.is_active = False
    for fields in ({"title": " "}, {"assignee": cast.mate}, {"priority": 9}, {"origin": ("a" * 31, "1")}):
        with pytest.raises(ValidationError):
            task(cast, now, **fields)
    assert not Task.objects.exists() and not AuditEntry.objects.exists()


def test_a_task_is_finished_once_and_says_what_came_of_it(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = task(cast, now)
    actions.finish_task(made, by=cast.mate, now=now, outcome="renewed")
    assert (made.state, made.outcome, made.ended_at, made.ended_by) == ("done", "renewed", now, cast.mate)
    actions.finish_task(made, by=cast.owner, now=now + HOUR)
    assert made.ended_by == cast.mate
    with pytest.raises(ValidationError):
        actions.drop_task(made, by=cast.owner, now=now)
    with pytest.raises(ValidationError):
        actions.snooze_task(made, TODAY, by=cast.owner, now=now)
    with pytest.raises(ValidationError, match="301"):
        actions.finish_task(task(cast, now), by=None, now=now, outcome="x" * 301)


def test_a_task_is_dropped_and_reopened(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = task(cast, now)
    actions.snooze_task(made, TODAY + dt.timedelta(days=3), by=cast.owner, now=now)
    actions.drop_task(made, by=cast.owner, now=now, outcome="moot")
    actions.reopen_task(made, by=cast.owner, now=now)
    assert (made.state, made.outcome, made.ended_at, made.ended_by, made.snoozed_until) == (
        "open",
        "",
        None,
        None,
        None,
    )
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["task.added", "task.snoozed", "task.dropped", "task.reopened"]


def test_many_tasks_are_finished_at_once_and_given_back(cast: SimpleNamespace, now: dt.datetime) -> None:
    tasks = [task(cast, now) for _n in range(4)]
    actions.drop_task(tasks[3], by=cast.owner, now=now)
    (entry,) = actions.finish_tasks([row.pk for row in tasks], by=cast.owner, now=now, outcome="all well")
    assert entry.objects_count == 3
    actions.reopen_task(tasks[2], by=cast.owner, now=now + HOUR)
    undone = actions.undo(entry, by=cast.owner, now=now + HOUR)
    states = dict(Task.objects.values_list("pk", "state"))
    assert states == {tasks[0].pk: "open", tasks[1].pk: "open", tasks[2].pk: "open", tasks[3].pk: "dropped"}
    assert undone.after["kept"] == [tasks[2].pk]
    tasks[0].refresh_from_db()
    assert (tasks[0].ended_at, tasks[0].ended_by, tasks[0].outcome) == (None, None, "")


def test_many_tasks_are_given_snoozed_and_dropped_with_undo(cast: SimpleNamespace, now: dt.datetime) -> None:
    ids = [task(cast, now).pk for _n in range(3)]
    later = TODAY + dt.timedelta(days=7)
    entries = [
        *actions.assign_tasks(ids, cast.mate, by=cast.boss, now=now),
        *actions.snooze_tasks(ids, later, by=cast.boss, now=now),
        *actions.drop_tasks(ids, by=cast.boss, now=now),
    ]
    assert {(t.assignee, t.snoozed_until, t.state) for t in Task.objects.all()} == {
        (cast.mate, later, "dropped")
    }
    for entry in reversed(entries):
        actions.undo(entry, by=cast.boss, now=now)
    assert {(t.assignee, t.snoozed_until, t.state) for t in Task.objects.all()} == {
        (cast.owner, None, "open")
    }


def test_a_person_who_left_gets_no_tasks(cast: SimpleNamespace, now: dt.datetime) -> None:
    made = task(cast, now)
    cast.mate.is_active = False
    with pytest.raises(ValidationError, match="mate"):
        actions.assign_tasks([made.pk], cast.mate, by=cast.boss, now=now)
    actions.assign_tasks([made.pk], None, by=cast.boss, now=now)
    assert Task.objects.get().assignee is None


def test_a_conversation_keeps_who_took_part(cast: SimpleNamespace, now: dt.datetime) -> None:
    person = add_contact(cast.well, name="王总", by=None, now=now)
    made = actions.record_conversation(
        cast.well,
        kind="call",
        at=now - HOUR,
        contacts=[person],
        by=cast.owner,
        now=now,
        summary=" Went well ",
        minutes=20,
    )
    assert list(made.contacts.all()) == [person]
    assert (made.summary, made.minutes, made.known_at) == ("Went well", 20, now)


def test_a_conversation_is_not_recorded_ahead_nor_with_strangers(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    stranger = add_contact(cast.gone, name="外人", by=None, now=now)
    wrong: list[dict[str, Any]] = [
        {"at": now + HOUR, "contacts": []},
        {"at": now, "contacts": [stranger]},
        {"at": now, "contacts": [], "kind": "telepathy"},
    ]
    for fields in wrong:
        with pytest.raises(ValidationError):
            actions.record_conversation(cast.well, **{"kind": "call", "by": None, "now": now, **fields})
    assert not Conversation.objects.exists()


def test_the_same_conversation_from_outside_is_recorded_once(cast: SimpleNamespace, now: dt.datetime) -> None:
    both = [
        actions.record_conversation(
            cast.well, kind="meeting", at=now, contacts=[], by=None, now=now, external_id="zoom-1"
        )
        for _time in range(2)
    ]
    assert both[0] == both[1] and Conversation.objects.count() == 1
