"""Playbooks that ask, and that go on by what was answered."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.events import journal
from evergreen.playbooks import actions
from evergreen.playbooks.actions import Happened
from evergreen.playbooks.models import Enrolment, Playbook
from evergreen.playbooks.rules import PlaybookError, heard_as
from evergreen.touches.models import Ask, Message
from evergreen.touches.surveys import declaring
from evergreen.touches.surveys.answering import tell_answers
from tests.conftest import NOW
from tests.playbooks.building import enter, published, wait
from tests.touches.conftest import mail_server_port, post
from tests.touches.test_surveys import answer, make

__all__ = ["mail_server_port", "post"]
DAY = dt.timedelta(days=1)
_NAMES = itertools.count()


def book(**step: Any) -> Playbook:
    told = {"key": "ask", "kind": "survey", "survey": "the-nps", **step}
    return published(told, wait("rest", days=30), key=f"asks-{next(_NAMES)}")


def run(playbook: Playbook, *accounts: Any) -> None:
    enter(playbook, *accounts)
    actions.advance(now=NOW)


def test_a_step_asks_whom_it_means_once_and_the_throttle_holds_over_playbooks(post: SimpleNamespace) -> None:
    make(post)
    post.contact("a", is_champion=True)
    post.contact("b")
    run(book(to="champion"), post.cast.well)
    actions.advance(now=NOW + DAY)
    assert list(Ask.objects.values_list("contact__name", "held")) == [("a", "")]
    run(book(), post.cast.well)  # as the survey says: everybody
    assert sorted(Ask.objects.values_list("contact__name", "held")) == [
        ("a", ""),
        ("a", "throttled"),
        ("b", ""),
    ]
    post.send()
    assert sorted(one["to"][0] for one in post.log()) == ["a@there.example", "b@there.example"]


def test_a_run_that_is_left_withdraws_the_question(post: SimpleNamespace) -> None:
    make(post)
    post.contact("a")
    run(book(), post.cast.well)
    actions.stop([Enrolment.objects.get().pk], by=post.cast.boss, now=NOW)
    post.send()
    assert post.log() == [] and Message.objects.get().state == Message.State.WITHDRAWN


def test_an_option_that_was_chosen_starts_a_playbook_by_its_name(post: SimpleNamespace) -> None:
    make(post, "form", key="health-check")
    started = published(
        wait("rest", days=3),
        key="activation",
        triggers=[{"kind": "form", "form": "health-check.solves.not-in-use"}],
    )
    actions.enrol(now=NOW - DAY)  # what was heard before this starts nothing
    post.contact("a")
    run(book(survey="health-check", to="first"), post.cast.well)
    with journal.gathering() as told:
        answer(Ask.objects.get(), q_solves="not-in-use", q_goal="not-yet")
        tell_answers()
    (event,) = told
    names = actions.listened_to()
    happened = [
        Happened(post.cast.well.pk, name, event["message_id"], NOW)
        for name in heard_as(event["name"], event["properties"])
        if name in names
    ]
    actions.hear(happened, now=NOW)
    actions.enrol(now=NOW + DAY)
    assert Enrolment.objects.filter(playbook=started, account=post.cast.well).exists()


@pytest.mark.parametrize(
    ("changed", "said"), [({"survey": "gone"}, "survey"), ({"to": "owner"}, "to"), ({"by": "pigeon"}, "by")]
)
def test_a_step_that_cannot_ask_is_told_before_it_is_published(
    post: SimpleNamespace, changed: dict[str, str], said: str
) -> None:
    make(post)
    with pytest.raises(PlaybookError, match=said):
        book(**changed)


def test_a_survey_that_is_off_stops_no_run_and_says_that_nobody_was_asked(post: SimpleNamespace) -> None:
    survey = make(post)
    playbook = book()
    declaring.switch_survey(survey, is_on=False, by=post.cast.boss, now=NOW)
    post.contact("a")
    run(playbook, post.cast.well)
    assert Enrolment.objects.get().step == "rest"
    assert Ask.objects.get().held == Ask.Held.OFF and not Message.objects.exists()
