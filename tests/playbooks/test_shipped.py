"""Every playbook that ships can be published as it is, speaks both languages, and does what it says."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from evergreen.alerts.actions import install_shipped as install_rules
from evergreen.customers.models import Account
from evergreen.desk.models import Ticket
from evergreen.playbooks import actions, definitions
from evergreen.playbooks.book import Book, known_now
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from evergreen.playbooks.rules import heard_as
from evergreen.playbooks.shipped import note_of, shipped
from evergreen.touches.surveys.shipping import install_shipped as install_texts
from evergreen.work.actions import finish_tasks, reopen_task
from evergreen.work.models import Task
from tests.conftest import NOW
from tests.playbooks.building import enter, published, run_of, task, wait, way

DAY = dt.timedelta(days=1)
ASKED: dict[str, Any] = {
    "answers": [
        {"key": "good", "name": {"zh": "好", "en": "Good"}},
        {"key": "bad", "name": {"zh": "不好", "en": "Bad"}},
    ]
}
HEARD: dict[str, Any] = {
    "key": "heard", "kind": "answer", "of": "call", "timeout": {"days": 5}, "ways": [{"answer": "bad", "to": "help"}],
    "otherwise": "over", "on_timeout": "remind",
}  # fmt: skip


@pytest.fixture
def asked(cast: SimpleNamespace) -> Playbook:
    """A task with two answers: bad leads to help, the time being up to a reminder."""
    return published(task("call", **ASKED), HEARD, task("help", next="over"), task("remind"))


def _called(account: Account) -> Task:
    return Task.objects.get(account=account, title__en="call")


@pytest.mark.usefixtures("home", "cast")
def test_all_of_them_are_there_published_and_off_but_the_first() -> None:
    install_rules(now=NOW)
    assert actions.install_shipped(now=NOW) == len(shipped()) >= 14
    assert actions.install_shipped(now=NOW) == 0
    assert list(Playbook.objects.filter(is_on=True).values_list("key", flat=True)) == ["alert-task"]
    assert set(PlaybookVersion.objects.values_list("state", flat=True)) == {"published"}


@pytest.mark.parametrize("key", sorted(shipped()))
def test_one_speaks_both_languages_and_is_kept_as_it_is_written(key: str, cast: SimpleNamespace) -> None:
    install_texts(now=NOW)
    one = shipped()[key]
    assert set(one["name"]) == {"zh", "en"}
    assert key == "alert-task" or set(note_of(key, "")) == {"zh", "en"}
    of = actions.read(one["definition"])
    for step in of.steps:
        settings = getattr(step, "settings", {})
        for words in (
            settings.get("title"),
            settings.get("subject"),
            *(a["name"] for a in settings.get("answers", ())),
        ):
            assert words is None or set(words) == {"zh", "en"}, step.key
    told = definitions.told(of, kinds())
    assert definitions.told(definitions.definition(told, known_now()), kinds()) == told


def test_what_somebody_wrote_of_it_goes_before_what_ships() -> None:
    assert note_of("day-90", "Ours") == {"text": "Ours"} and note_of("mine", "") == {}


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("answer", "leads"), [("bad", ["call", "heard", "help", "over"]), ("good", ["call", "heard", "over"])]
)
def test_the_answer_to_a_task_chooses_the_way(
    cast: SimpleNamespace, asked: Playbook, answer: str, leads: list[str]
) -> None:
    enter(asked, cast.well, cast.slipping)
    actions.tick(now=NOW)
    assert run_of(cast.well).step == "heard" and run_of(cast.well).reason == "answer"
    finish_tasks([_called(cast.well).pk], by=cast.owner, now=NOW, answer=answer)
    actions.tick(now=NOW + DAY)
    assert [step for step, _result in way(run_of(cast.well))] == leads
    assert ("heard", f"answered {answer}") in way(run_of(cast.well))
    # The other account's task is open still.
    assert run_of(cast.slipping).step == "heard"


def test_without_an_answer_in_time_the_run_goes_on(cast: SimpleNamespace, asked: Playbook) -> None:
    enter(asked, cast.well)
    actions.tick(now=NOW)
    actions.tick(now=NOW + 5 * DAY)
    assert way(run_of(cast.well))[1:3] == [("heard", "timed out"), ("remind", "done")]


def test_a_task_that_was_dropped_or_never_made_has_no_answer(cast: SimpleNamespace, asked: Playbook) -> None:
    enter(asked, cast.well, cast.slipping)
    actions.tick(now=NOW)
    Task.objects.filter(account=cast.well).update(state=Task.State.DROPPED)
    Task.objects.filter(account=cast.slipping).delete()
    actions.tick(now=NOW + DAY)
    assert ("heard", "answered") in way(run_of(cast.well))
    assert ("heard", "no task") in way(run_of(cast.slipping))


def test_in_a_loop_only_the_newest_task_answers(cast: SimpleNamespace) -> None:
    again = {**HEARD, "ways": [{"answer": "bad", "to": "rest"}], "on_timeout": "over"}
    playbook = published(
        task("call", **ASKED),
        again,
        wait("rest", days=1, next="call"),
        key="loop",
    )
    enter(playbook, cast.well)
    actions.tick(now=NOW)
    first = _called(cast.well)
    finish_tasks([first.pk], by=None, now=NOW, answer="bad")
    for days in (1, 2, 3):
        actions.tick(now=NOW + days * DAY)
    second = Task.objects.get(account=cast.well, state=Task.State.OPEN)
    assert second.pk != first.pk and run_of(cast.well).step == "heard"
    finish_tasks([second.pk], by=None, now=NOW + 3 * DAY, answer="good")
    actions.tick(now=NOW + 4 * DAY)
    assert run_of(cast.well).state == Enrolment.State.DONE


@pytest.mark.postgres
def test_a_task_that_asks_is_not_done_without_an_answer_that_it_knows(
    cast: SimpleNamespace, asked: Playbook
) -> None:
    enter(asked, cast.well)
    actions.tick(now=NOW)
    one, plain = (
        _called(cast.well),
        Task.objects.create(title={"en": "plain"}, assignee=cast.owner, created_at=NOW),
    )
    for ids, answer in (
        ([one.pk], ""),
        ([one.pk], "nonsense"),
        ([one.pk, plain.pk], ""),
        ([one.pk, plain.pk], "good"),
    ):
        with pytest.raises(ValidationError):
            finish_tasks(ids, by=cast.owner, now=NOW, answer=answer)
    assert set(Task.objects.values_list("state", flat=True)) == {"open"}
    finish_tasks([one.pk], by=cast.owner, now=NOW, answer="good")
    one.refresh_from_db()
    assert one.answer_name == {"zh": "好", "en": "Good"}
    assert reopen_task(one, by=cast.owner, now=NOW).answer == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"of": "help"}, "steps: heard: of"),
        ({"of": "nowhere"}, "steps: heard: of"),
        ({"ways": [{"answer": "maybe", "to": "help"}]}, "good, bad"),
        ({"ways": []}, "steps: heard: ways"),
        ({"timeout": None}, "steps: heard: timeout"),
    ],
)
def test_a_wait_for_an_answer_that_nobody_asks_is_refused(
    cast: SimpleNamespace, changes: dict[str, Any], says: str
) -> None:
    from evergreen.playbooks.rules import PlaybookError

    with pytest.raises(PlaybookError, match=says):
        published(task("call", **ASKED), {**HEARD, **changes}, task("help", next="over"), task("remind"))


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ({"kind": "nps", "score": 6}, "nps.detractor"), ({"kind": "nps", "score": 7}, "nps.passive"),
        ({"kind": "nps", "score": 9}, "nps.promoter"), ({"kind": "csat", "score": 2}, "csat.dissatisfied"),
        ({"kind": "csat", "score": 3}, ""), ({"kind": "nps"}, ""), ({"kind": "nps", "score": True}, ""),
    ],
)  # fmt: skip
def test_an_answer_to_a_survey_is_heard_by_its_group_too(said: dict[str, Any], heard: str) -> None:
    names = heard_as("survey.answered", said)
    assert names[:2] == ("survey.answered", f"survey.answered:{said['kind']}")
    assert names[2:] == ((f"survey.answered:{heard}",) if heard else ())


def test_a_ticket_speaks_the_vendors_language(cast: SimpleNamespace) -> None:
    step = {"key": "desk", "kind": "ticket", "subject": {"zh": "看一下", "en": "Look"}}
    enter(published(step), cast.well)
    actions.tick(now=NOW)
    assert Ticket.objects.get().subject == "看一下"


def test_the_ninety_day_check_goes_where_the_answer_says(cast: SimpleNamespace) -> None:
    install_rules(now=NOW)
    actions.install_shipped(now=NOW)
    playbook = Playbook.objects.get(key="day-90")
    actions.switch(playbook, True, by=None, now=NOW)
    Account.objects.filter(pk=cast.well.pk).update(live_on=NOW.date() - 90 * DAY)
    actions.tick(now=NOW)
    (check,) = Task.objects.filter(account=cast.well)
    assert [one["key"] for one in check.answers] == ["goal_reached", "not_yet", "not_in_use", "new_need"]
    finish_tasks([check.pk], by=cast.owner, now=NOW, answer="goal_reached")
    actions.tick(now=NOW + DAY)
    assert Task.objects.get(account=cast.well, state="open").title["en"].startswith("Goal reached")
    assert Book(NOW).definition(playbook.versions.get()).step("case") is not None
