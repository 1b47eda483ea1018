"""Colleagues are told of what needs them: when, what, once; and what they press on a card is done with their rights."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.alerts.actions import escalate_due
from evergreen.alerts.models import WorkOrder
from evergreen.base.actions import change_setting
from evergreen.base.models import User
from evergreen.flow.needs import actions
from evergreen.flow.needs.actions import Chosen
from evergreen.flow.notifying.answering import press
from evergreen.flow.notifying.telling import MOST_SINGLE, notify
from evergreen.flow.notifying.ways import choose
from evergreen.touches.channels.told import Pressed
from evergreen.touches.models import Channel, Message, Notification, Receipt
from evergreen.work.actions import add_task
from evergreen.work.models import Task
from tests.conftest import NOW
from tests.flow.test_needs import raise_alert
from tests.touches.posting import KEY, TOKEN, post, sealed
from tests.touches.stage import DAY, HOUR, MINUTE, Stage, on_stage


@pytest.fixture
def stage(cast: SimpleNamespace, home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with on_stage(cast, monkeypatch) as made:
        made.fake.members |= {"owner", "mate", "boss"}
        yield made


@pytest.fixture
def channel(stage: Stage) -> Channel:
    """The vendor's channel for colleagues; this morning's summaries are over."""
    made = stage.wecom(callback_token=TOKEN, callback_key=KEY)
    change_setting("staff_channel", made.key, by=None, now=NOW)
    notify(now=stage.now)
    stage.now += 10 * MINUTE
    return made


def look(stage: Stage) -> None:
    """A minute later it is looked whether anything is new."""
    stage.now += MINUTE
    notify(now=stage.now)


def told(stage: Stage, person: User) -> list[tuple[str, str]]:
    """(kind, first words) of what reached somebody."""
    stage.send()
    member = person.email.partition("@")[0]
    return [(kind, text) for kind, to, text in stage.fake.took if to == member]


def push(stage: Stage, channel: Channel, member: str, button: str, person: User | None = None) -> None:
    """Somebody presses a button of the newest card, and WeCom posts it twice."""
    task = list(stage.fake.cards)[-1]
    document = stage.fake.press(task, member, button, str(person.pk) if person else "")
    for _again in range(2):
        assert post(channel.door, sealed(document.encode())) == 200


def card(stage: Stage) -> dict[str, Any]:
    return list(stage.fake.cards.values())[-1]


def test_what_is_new_is_told_once_to_whom_it_needs(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    raise_alert(cast.slipping, "health_red", stage.now)
    for _minute in range(12):
        stage.now += MINUTE
        notify(now=stage.now)
    assert told(stage, cast.owner) == [("card", "澄明财税科技")]
    assert told(stage, cast.mate) == [] and told(stage, cast.boss) == []
    drawn = card(stage)
    assert [one["key"] for one in drawn["button_list"]] == ["take", "done", "later", "give"]
    assert drawn["sub_title_text"].startswith("Health is 50")
    assert drawn["card_action"]["url"] == f"https://cs.example.com/work-orders/{WorkOrder.objects.get().pk}/"
    assert [one["text"] for one in drawn["button_selection"]["option_list"]] == ["mate"]


def test_what_happens_at_night_and_on_free_days_is_told_with_the_morning(
    stage: Stage, channel: Channel
) -> None:
    cast = stage.cast
    for at in (9 * HOUR, 20 * HOUR, 2 * DAY):  # this evening, Saturday, Sunday
        moment = stage.now + at
        if not Task.objects.exists():
            add_task(
                account=cast.well, title={"text": "call them"}, assignee=cast.owner, by=cast.mate, now=moment
            )
        assert notify(now=moment) == 0
    raise_alert(cast.slipping, "health_red", stage.now + 2 * DAY)
    stage.now = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)  # Monday 9:00
    for _minute in range(30):
        notify(now=stage.now)
        stage.now += MINUTE
    ((kind, text),) = told(stage, cast.owner)
    assert kind == "wecom" and text.startswith("**Today: 1 thing**") and "澄明财税科技" in text
    assert told(stage, cast.mate) == [], "nothing needs them: nothing is said"


def test_a_morning_that_begins_late_is_made_up_for_three_hours_long(stage: Stage, channel: Channel) -> None:
    raise_alert(stage.cast.slipping, "health_red", stage.now - HOUR)
    monday = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
    notify(now=monday + 4 * HOUR)
    assert Message.objects.count() == 0
    notify(now=monday + DAY + 2 * HOUR)
    assert Message.objects.get().subject == "Today: 1 thing"


def test_things_given_made_and_late_are_told_to_whom_they_are_now(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    alert = raise_alert(cast.slipping, "health_red", stage.now)
    stage.now += MINUTE
    notify(now=stage.now)
    assert alert.order_id is not None
    order = WorkOrder.objects.get(pk=alert.order_id)
    actions.hand_over(Chosen(orders=[order]), cast.mate, by=cast.owner, now=stage.now)
    add_task(
        account=cast.well,
        title={"text": "给他们打电话"},
        assignee=cast.mate,
        by=cast.boss,
        now=stage.now,
        due_on=stage.now.date(),
    )
    add_task(
        account=cast.well,
        title={"text": "mine"},
        assignee=cast.owner,
        by=cast.owner,
        now=stage.now,
        due_on=stage.now.date(),
    )
    stage.now += MINUTE
    notify(now=stage.now)
    assert told(stage, cast.owner) == [("card", "澄明财税科技")], (
        "what somebody makes for themselves is no news"
    )
    assert sorted(told(stage, cast.mate)) == [("card", "恒岳机械"), ("card", "澄明财税科技")]
    User.objects.filter(pk=cast.boss.pk).update(role="manager")
    stage.now += 5 * HOUR
    escalate_due(now=stage.now)
    look(stage)
    assert told(stage, cast.boss) == [("card", "澄明财税科技")]


def test_many_at_once_are_one_message_and_none_of_them_comes_again(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    for number in range(MOST_SINGLE + 2):
        add_task(
            account=cast.well, title={"text": f"call *{number}*"}, assignee=cast.owner, by=cast.mate, now=stage.now, due_on=stage.now.date()
        )  # fmt: skip
    for _minute in range(8):
        stage.now += MINUTE
        notify(now=stage.now)
    ((kind, text),) = told(stage, cast.owner)
    assert kind == "wecom" and text.startswith("**New for you: 7 things**") and "… and 2 more." in text
    assert "call *0*" in text


def test_done_later_taken_and_given_from_the_card(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    raise_alert(cast.slipping, "health_red", stage.now)
    look(stage)
    told(stage, cast.owner)
    push(stage, channel, "owner", "take")
    order = WorkOrder.objects.get()
    assert order.state == WorkOrder.State.WORKING and order.taken_by == cast.owner
    assert [one["key"] for one in card(stage)["button_list"]] == ["done", "later", "give"]
    assert card(stage)["sub_title_text"].startswith("✓ You have it.")
    push(stage, channel, "owner", "give")
    assert "Choose to whom" in card(stage)["sub_title_text"]
    push(stage, channel, "owner", "give", cast.mate)
    order.refresh_from_db()
    assert order.assignee == cast.mate and card(stage)["replace_text"] == "with mate"
    stage.now += 2 * MINUTE
    notify(now=stage.now)
    told(stage, cast.mate)
    push(stage, channel, "mate", "later")
    order.refresh_from_db()
    assert order.snoozed_until == dt.date(2026, 11, 23), "the next working day"
    assert card(stage)["replace_text"] == "11-23 再看"
    assert Receipt.objects.count() == 4, "each press counts once, though WeCom told it twice"


def test_done_closes_and_a_second_press_on_another_screen_says_so(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    task = add_task(
        account=cast.well,
        title={"text": "call"},
        assignee=cast.owner,
        by=cast.mate,
        now=stage.now,
        due_on=stage.now.date(),
    )
    look(stage)
    told(stage, cast.owner)
    key = list(stage.fake.cards)[-1]
    late = Pressed(key, "owner", "done", stage.now + HOUR, stage.fake._handle(key))
    push(stage, channel, "owner", "done")
    task.refresh_from_db()
    assert task.state == Task.State.DONE and task.ended_by == cast.owner
    assert press(channel, late, now=stage.now)
    assert card(stage)["replace_text"] == "was done before"


def test_a_task_that_asks_for_an_answer_has_no_done(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    task = add_task(
        account=cast.well,
        title={"text": "ask"},
        assignee=cast.owner,
        by=cast.mate,
        now=stage.now,
        due_on=stage.now.date(),
    )
    Task.objects.filter(pk=task.pk).update(answers=[{"key": "yes", "name": {"zh": "是", "en": "yes"}}])
    look(stage)
    told(stage, cast.owner)
    assert [one["key"] for one in card(stage)["button_list"]] == ["later", "give"]
    key = list(stage.fake.cards)[-1]
    assert press(channel, Pressed(key, "owner", "done", stage.now, stage.fake._handle(key)), now=stage.now)
    task.refresh_from_db()
    assert task.state == Task.State.OPEN and card(stage)["sub_title_text"].startswith("⚠")


def test_nobody_presses_for_another_and_nothing_forged_is_done(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    raise_alert(cast.slipping, "health_red", stage.now)
    look(stage)
    told(stage, cast.owner)
    key = list(stage.fake.cards)[-1]
    for wrong in (
        Pressed(key, "mate", "done", stage.now, "r1"),
        Pressed("no such card", "owner", "done", stage.now, "r2"),
        Pressed(key, "", "done", stage.now, "r3"),
    ):
        assert not press(channel, wrong, now=stage.now)
    document = stage.fake.press(key, "owner", "done")
    assert post(channel.door, sealed(document.encode(), corp="ww2")) == 400
    assert post(channel.door, sealed(document.encode(), key=KEY[::-1])) == 400
    User.objects.filter(pk=cast.owner.pk).update(is_active=False)
    assert not press(channel, Pressed(key, "owner", "done", stage.now, "r4"), now=stage.now)
    assert WorkOrder.objects.get().state == WorkOrder.State.OPEN and not Receipt.objects.exists()


def test_who_lost_the_account_since_does_nothing_from_an_old_card(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    raise_alert(cast.slipping, "health_red", stage.now)
    look(stage)
    told(stage, cast.owner)
    cast.owner.teams.clear()
    type(cast.slipping).objects.filter(pk=cast.slipping.pk).update(owner=cast.outsider, team=cast.south)
    push(stage, channel, "owner", "done")
    assert WorkOrder.objects.get().state == WorkOrder.State.OPEN
    assert card(stage)["replace_text"] == "no longer there"


def test_without_a_callback_it_is_text_with_a_link(stage: Stage) -> None:
    cast = stage.cast
    change_setting("staff_channel", stage.wecom().key, by=None, now=NOW)
    notify(now=stage.now)
    raise_alert(cast.slipping, "invoice_overdue", stage.now + MINUTE)
    stage.now += 2 * MINUTE
    notify(now=stage.now)
    ((kind, text),) = told(stage, cast.owner)
    assert kind == "wecom" and "[Open in Evergreen](https://cs.example.com/work-orders/" in text
    assert "CN¥50" in text or "¥50" in text


def test_amounts_are_hidden_from_whom_they_are_hidden_everywhere(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    User.objects.filter(pk=cast.owner.pk).update(role="trainer")
    type(cast.slipping).objects.filter(pk=cast.slipping.pk).update(arr_base_cents=12_345_600)
    raise_alert(cast.slipping, "invoice_overdue", stage.now)
    look(stage)
    told(stage, cast.owner)
    drawn = card(stage)
    assert "50" not in drawn["sub_title_text"]
    assert "ARR" not in [one["keyname"] for one in drawn["horizontal_content_list"]]


def test_everybody_chooses_how_they_are_told(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    own = stage.wecom(called="own", callback_token=TOKEN, callback_key=KEY)
    choose(cast.owner, own.key, at_once=True, each_morning=False, now=stage.now)
    choose(cast.mate, "off", at_once=True, each_morning=True, now=stage.now)
    with pytest.raises(ValidationError):
        choose(cast.boss, "no such", at_once=True, each_morning=True, now=stage.now)
    for person in (cast.owner, cast.mate):
        add_task(
            account=cast.well,
            title={"text": "call"},
            assignee=person,
            by=cast.boss,
            now=stage.now,
            due_on=stage.now.date(),
        )
    look(stage)
    assert [(one.staff, one.channel) for one in Message.objects.all()] == [(cast.owner, own)]
    notify(now=stage.now + 3 * DAY)
    assert Message.objects.count() == 1, "no summary for one, nothing at all for the other"


def test_the_profile_keeps_the_choice_and_sends_one_to_try(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    client = Client()
    client.force_login(cast.owner)
    page = client.get("/profile/").content.decode()
    assert "As your company set it: wecom_app" in page and "I take it, done, later, hand over" in page
    client.post("/profile/notifications/", {"do": "try"})
    ((kind, text),) = told(stage, cast.owner)
    assert kind == "wecom" and text.startswith("**Today: 0 things**")
    client.post("/profile/notifications/", {"way": "off"})
    row = Notification.objects.get(user=cast.owner)
    assert row.is_off and not row.at_once and not row.each_morning
    assert "Send me what stands" not in client.get("/profile/").content.decode()
    client.post("/profile/notifications/", {"way": "nonsense"})
    row.refresh_from_db()
    assert row.is_off
