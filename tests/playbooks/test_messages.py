"""Steps that write: whom they reach by what, once, and what becomes of it when the run is left."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.customers.models import Account, Contact
from evergreen.playbooks import actions
from evergreen.playbooks.models import Enrolment, Playbook
from evergreen.playbooks.rules import PlaybookError
from evergreen.touches import actions as touches
from evergreen.touches.models import Message, Template
from evergreen.touches.shipped import templates
from evergreen.work.models import Task
from tests.conftest import NOW
from tests.playbooks.building import enter, published, wait
from tests.touches.conftest import mail_server_port, post

__all__ = ["mail_server_port", "post"]
State = Message.State
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


_NAMES = itertools.count()


def book(**step: Any) -> Playbook:
    told = {"key": "hello", "kind": "message", "template": "hello", "by": "mail", **step}
    return published(told, wait("rest", days=30), key=f"care-{next(_NAMES)}")


def run(playbook: Playbook, *accounts: Any) -> None:
    enter(playbook, *accounts)
    actions.advance(now=NOW)


def test_a_message_step_reaches_the_contacts_that_it_means(post: SimpleNamespace) -> None:
    cast = post.cast
    post.contact("user", role=Contact.ChainRole.DAILY_USER)
    post.contact("champion", is_champion=True)
    post.contact("decider", role=Contact.ChainRole.DECISION_MAKER)
    post.contact("left", is_champion=True, left_on=NOW.date())
    for to, expected in (
        ("first", {"champion"}), ("daily_user", {"user"}), ("champion", {"champion"}), ("everybody", {"user", "champion", "decider"}),
    ):  # fmt: skip
        Message.objects.all().delete()
        run(book(to=to), cast.well)
        assert {
            one.contact.name for one in Message.objects.select_related("contact") if one.contact
        } == expected, to


def test_what_a_step_wanted_arrives_once_whatever_ticks_again(post: SimpleNamespace) -> None:
    post.contact("wang")
    run(book(), post.cast.well)
    for hours in range(4):
        actions.advance(now=NOW + hours * HOUR)
        post.send(NOW + hours * HOUR)
    (mail,) = post.log()
    assert mail["subject"] == "Hello wang"
    (row,) = Message.objects.all()
    assert (row.state, row.origin_name) == (State.ACCEPTED, Enrolment.objects.get().playbook.key)


def test_an_account_without_anybody_to_write_to_shows_why_nothing_was_sent(post: SimpleNamespace) -> None:
    run(book(), post.cast.slipping)
    unreachable = post.contact("x", account=post.cast.gone)
    Contact.objects.filter(pk=unreachable.pk).update(email="")
    run(book(), post.cast.gone)
    assert sorted(Message.objects.values_list("state", "reason")) == [
        ("held_back", "no_address"),
        ("held_back", "no_contact"),
    ]


def test_the_owner_gets_a_message_in_their_own_mailbox(post: SimpleNamespace) -> None:
    texts = {
        "name": {"en": "o"},
        "topic": "guidance",
        "subject": {"en": "{{ account.name }}"},
        "body": {"en": "{{ owner.name }}: {{ link.account }}"},
    }
    touches.save_template(None, "for-owner", texts, by=None, now=NOW)
    run(book(to="owner", template="for-owner"), post.cast.well)
    post.send(NOW + 14 * HOUR)  # at midnight: their own people are told at any hour
    (mail,) = post.log()
    assert mail["to"] == ["owner@vendor.example"]
    assert "List-Unsubscribe" not in mail["raw"]


def test_a_run_that_is_stopped_sends_nothing_any_more(post: SimpleNamespace) -> None:
    post.contact("wang")
    run(book(), post.cast.well)
    actions.stop([Enrolment.objects.get().pk], by=post.cast.boss, now=NOW)
    assert Message.objects.get().state == State.WITHDRAWN
    post.send(NOW)
    assert post.log() == []


@pytest.mark.parametrize(
    "wrong",
    [{"template": "nothing"}, {"to": "the-moon"}, {"by": "pigeon"}, {"by": ""}, {"priority": "utmost"}],
)
def test_a_step_that_cannot_be_is_refused_when_it_is_published(
    post: SimpleNamespace, wrong: dict[str, str]
) -> None:
    with pytest.raises(PlaybookError):
        book(**wrong)


@pytest.mark.parametrize("key", ["onboarding-tech", "health-check-form"])
def test_a_playbook_that_writes_is_not_switched_on_before_somebody_can_be_reached(
    cast: SimpleNamespace, key: str
) -> None:
    actions.install_shipped(now=NOW)
    with translation.override("en"), pytest.raises(ValidationError, match=r"No channel fits|is off"):
        actions.switch(Playbook.objects.get(key=key), True, by=cast.boss, now=NOW)
    assert not Playbook.objects.get(key=key).is_on


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_shipped_text_can_be_sent_to_somebody_of_whom_little_is_known(
    post: SimpleNamespace, language: str
) -> None:
    actions.install_shipped(now=NOW)
    wang = post.contact("wang", name="王芳")
    wang.language = language
    wang.save()
    asked = {"survey.link": "https://x.example/a", "survey.question": "?", "account.renewal_on": NOW.date()}
    for one in Template.objects.filter(key__in=templates()):
        values = asked if one.topic == "survey" or one.key == "renewal-notice" else {}
        (row,) = post.write(wang, origin=one.key, template=one, values=values)[-1:]
        assert row.state == State.PLANNED, (one.key, row.detail)
        assert "None" not in row.body and "{{" not in row.body and row.subject
    assert Message.objects.count() == len(templates())


def test_onboarding_by_message_welcomes_and_goes_by_what_is_used(post: SimpleNamespace) -> None:
    actions.install_shipped(now=NOW)
    playbook = Playbook.objects.get(key="onboarding-tech")
    actions.switch(playbook, True, by=None, now=NOW - DAY)
    Account.objects.filter(pk=post.cast.well.pk).update(signed_on=NOW.date(), touch_model="tech")
    Account.objects.filter(pk=post.cast.slipping.pk).update(signed_on=NOW.date(), touch_model="high")
    post.contact("user", role=Contact.ChainRole.DAILY_USER)
    actions.tick(now=NOW)
    post.send()
    assert [(one["to"], one["subject"]) for one in post.log()] == [(["user@there.example"], "Welcome, user")]
    actions.tick(now=NOW + 10 * DAY)
    post.send(NOW + 10 * DAY)
    assert [one["subject"] for one in post.log()] == ["Welcome, user", "A few steps to go"]
    actions.tick(now=NOW + 28 * DAY)
    assert Task.objects.get(account=post.cast.well).title["en"].startswith("Four weeks")
