"""Notices of releases and incidents reach those who use what they touch: a person where one looks after them, else a message."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from evergreen.customers.models import Account, Contact, Feature, Product
from evergreen.events import store
from evergreen.touches.models import Message, Notice
from evergreen.touches.notices import telling, writing
from evergreen.touches.notices.reaching import people_of
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY

DAY = dt.timedelta(days=1)
State = Notice.State


def used(account: Account, end_user: str, feature: str, days_ago: int = 3) -> None:
    day = TODAY - days_ago * DAY
    with store.session() as con:
        con.execute(
            "INSERT INTO lake.usage VALUES (?, '', 'app', ?, ?, ?, 'track', 'Did', ?, 1, 0.0)",
            [account.pk, end_user, day, day, feature],
        )


@pytest.fixture
def told(post: SimpleNamespace) -> SimpleNamespace:
    """A feature; an account that a person looks after, one by message, one that does not use it."""
    product = Product.objects.create(key="app", name={"en": "App"})
    for key in ("reports", "other"):
        Feature.objects.create(product=product, key=key, name={"en": key.title(), "zh": key})
    cast = post.cast
    Account.objects.filter(pk=cast.well.pk).update(touch_model="high")
    Account.objects.filter(pk=cast.slipping.pk).update(touch_model="tech")
    post.contact("uses", account=cast.slipping, end_user="u-1")
    post.contact("idle", account=cast.slipping, end_user="u-2", is_champion=True)
    used(cast.well, "w-1", "reports")
    used(cast.slipping, "u-1", "reports")
    used(cast.slipping, "u-2", "other")
    return post


def written(post: SimpleNamespace, **changed: Any) -> Notice:
    given = {
        "kind": "release", "title": {"en": "Faster reports"}, "text": {"en": "Hello {{ contact.name }}, reports are faster."},
        "points": {"en": "Twice as fast"}, "features": ["reports"], "happens_on": TODAY + 7 * DAY, "by": "mail", **changed,
    }  # fmt: skip
    return writing.save_notice(None, given, by=post.cast.boss, now=NOW)


def tell(post: SimpleNamespace, notice: Notice, now: dt.datetime = NOW) -> None:
    writing.start_notice(notice, by=post.cast.boss, now=now)
    telling.tell_notices(now=now)
    telling.tell_notices(now=now)
    notice.refresh_from_db()


def test_a_release_is_told_by_the_owner_beforehand_and_by_message_to_the_people_who_use_it(
    told: SimpleNamespace,
) -> None:
    notice = written(told)
    tell(told, notice)
    (task,) = Task.objects.all()
    assert (task.account, task.assignee, task.title["en"]) == (
        told.cast.well,
        told.cast.owner,
        "Tell them beforehand: Faster reports",
    )
    assert (
        task.due_on == TODAY + 6 * DAY and task.reason["en"] == "Twice as fast"
    )  # a Thursday, the working day before
    told.send()
    assert [(one["to"], one["subject"]) for one in told.log()] == [(["uses@there.example"], "Faster reports")]
    assert "Hello uses" in Message.objects.get().body
    assert (notice.state, notice.done, notice.total) == (State.DONE, 2, 2)


def test_the_same_user_id_at_another_account_is_another_person(told: SimpleNamespace) -> None:
    told.contact("stranger", account=told.cast.slipping, end_user="w-1")
    used_by = {told.cast.slipping.pk: {"u-1"}, told.cast.well.pk: {"w-1"}}
    reached = [one.person for one in people_of(used_by, ["mail"])]
    names = dict(Contact.objects.values_list("pk", "name"))
    assert [names.get(one.contact or 0) for one in reached] == ["uses", None]


def test_an_incident_goes_out_at_once_whatever_the_hour_and_to_nobody_who_does_not_use_it(
    told: SimpleNamespace,
) -> None:
    night = NOW + dt.timedelta(hours=12)  # 22 o'clock there
    tell(told, written(told, kind="incident"), night)
    told.send(night)
    assert [one["to"] for one in told.log()] == [["uses@there.example"]]
    assert Task.objects.get().due_on == TODAY and Task.objects.get().priority == 1


def test_use_of_long_ago_does_not_count_and_without_features_everybody_is_told(told: SimpleNamespace) -> None:
    used(told.cast.gone, "g", "reports")  # churned
    tell(told, written(told, features=["other"]), NOW + 40 * DAY)
    assert not Message.objects.exists() and not Task.objects.exists()
    tell(told, written(told, features=[]))
    assert Task.objects.count() == 1
    # Nobody who uses anything is asked for: the first there is, the champion.
    assert [one.contact.name for one in Message.objects.select_related("contact") if one.contact] == ["idle"]


def test_it_goes_on_after_a_kill_and_tells_nobody_twice(
    told: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_TOGETHER", 1)
    notice = written(told)
    writing.start_notice(notice, by=told.cast.boss, now=NOW)
    stops = iter((False, True))
    telling.tell_notices(now=NOW, stops=lambda: next(stops))
    notice.refresh_from_db()
    assert (notice.state, notice.done) == (State.RUNNING, 1)

    class Death(BaseException):
        pass

    def die(*_arguments: Any, **_named: Any) -> None:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(telling, "_write", die)
        with pytest.raises(Death):
            telling.tell_notices(now=NOW)
    for _ in range(3):
        telling.tell_notices(now=NOW)
    assert Task.objects.count() == Message.objects.count() == 1
    notice.refresh_from_db()
    assert (notice.state, notice.done) == (State.DONE, 2)


def test_one_that_is_stopped_withdraws_what_did_not_go_out_and_is_not_begun_again(
    told: SimpleNamespace,
) -> None:
    notice = written(told)
    tell(told, notice)
    assert writing.stop_notice(notice, by=told.cast.boss, now=NOW) == 1
    told.send()
    assert told.log() == []
    for act in (writing.start_notice, writing.remove_notice):
        with pytest.raises(ValidationError):
            act(notice, by=told.cast.boss, now=NOW)
    with pytest.raises(ValidationError):
        writing.save_notice(notice, {}, by=told.cast.boss, now=NOW)


def test_every_mistake_is_told_at_once(told: SimpleNamespace) -> None:
    with pytest.raises(ValidationError) as error:
        written(
            told,
            kind="party",
            title={},
            text={"en": "{{ nonsense }}"},
            features=["gone"],
            happens_on=None,
            by="pigeon",
        )
    assert len(error.value.messages) == 6
    Message.objects.all().delete()
    with pytest.raises(ValidationError):
        writing.start_notice(written(told, by="wecom"), by=told.cast.boss, now=NOW)
