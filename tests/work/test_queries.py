from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from evergreen.customers.actions import add_contact
from evergreen.customers.models import Account
from evergreen.work import actions, queries

TODAY = dt.date(2026, 11, 20)
NEXT = dt.timedelta(days=1)


def test_one_sees_tasks_of_ones_accounts_and_those_given_to_one(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    def add(account: Account | None, assignee: object, by: object) -> int:
        return actions.add_task(account=account, title="x", assignee=assignee, by=by, now=now).pk  # type: ignore[arg-type]

    teams, lent = add(cast.well, cast.owner, None), add(cast.well, cast.outsider, None)
    private = add(None, None, cast.owner)
    seen = {
        user: set(queries.tasks_for(user).values_list("pk", flat=True))
        for user in (cast.owner, cast.mate, cast.outsider, cast.boss)
    }
    assert seen == {
        cast.owner: {teams, lent, private},
        cast.mate: {teams, lent},
        cast.outsider: {lent},
        cast.boss: {teams, lent},
    }
    assert queries.task_for(cast.outsider, lent).pk == lent
    with pytest.raises(Http404):
        queries.task_for(cast.outsider, teams)


def test_ones_open_tasks_stand_by_due_day_and_sleep_until_theirs(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    for title, due_on in (
        ("some day", None),
        ("tomorrow", TODAY + NEXT),
        ("today", TODAY),
        ("snoozed", TODAY),
    ):
        task = actions.add_task(
            account=cast.well, title=title, assignee=cast.owner, by=None, now=now, due_on=due_on
        )
        if title == "snoozed":
            actions.snooze_task(task, TODAY + NEXT, by=None, now=now)
    actions.add_task(account=cast.well, title="not mine", assignee=cast.mate, by=None, now=now)

    def titles(today: dt.date | None) -> list[str]:
        return [str(task) for task in queries.open_tasks_for(cast.owner, today)]

    assert titles(TODAY) == ["today", "tomorrow", "some day"]
    assert titles(TODAY + NEXT) == titles(None) == ["today", "snoozed", "tomorrow", "some day"]


def test_an_accounts_open_tasks_stand_before_those_that_ended(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    for n, title in enumerate(("old", "newer", "open")):
        task = actions.add_task(account=cast.well, title=title, assignee=cast.owner, by=None, now=now)
        if title != "open":
            actions.finish_task(task, by=cast.mate, now=now + n * NEXT)
    assert [str(task) for task in queries.tasks_of(cast.well)] == ["open", "newer", "old"]


def test_the_last_conversation_is_known_for_account_decision_maker_and_contact(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    chief = add_contact(cast.well, name="总", role="decision_maker", by=None, now=now)
    clerk = add_contact(cast.well, name="员", by=None, now=now)
    assert queries.last_conversations(cast.well) == queries.LastConversations(None, None, {})
    for days, people in ((9, [chief, clerk]), (5, [chief]), (3, [clerk]), (1, [])):
        actions.record_conversation(
            cast.well, kind="call", at=now - days * NEXT, contacts=people, by=cast.owner, now=now
        )
    found = queries.last_conversations(cast.well)
    assert (found.with_anyone, found.with_decision_maker) == (now - NEXT, now - 5 * NEXT)
    assert found.by_contact == {chief.pk: now - 5 * NEXT, clerk.pk: now - 3 * NEXT}


def test_reading_work_takes_the_same_queries_for_3_and_30_rows(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    counts = []
    for account, n in ((cast.well, 3), (cast.slipping, 30)):
        person = add_contact(account, name="王总", by=None, now=now)
        for _n in range(n):
            actions.add_task(account=account, title="x", assignee=cast.owner, by=None, now=now)
            actions.record_conversation(
                account, kind="call", at=now, contacts=[person], by=cast.owner, now=now
            )
        with CaptureQueriesContext(connection) as taken:
            assert all(task.assignee for task in queries.tasks_of(account))
            assert all(task.account for task in queries.open_tasks_for(cast.owner, TODAY))
            assert all(task.account and task.assignee for task in queries.tasks_for(cast.mate))
            for conversation in queries.conversations_of(account):
                assert conversation.by and list(conversation.contacts.all())
            queries.last_conversations(account)
        counts.append(len(taken))
    assert counts[0] == counts[1] == 7
