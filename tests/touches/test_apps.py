"""Work notices of DingTalk and messages of Feishu's app to colleagues, against local ones with the published limits and codes."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from evergreen.base.actions import change_setting
from evergreen.flow.notifying.telling import notify
from evergreen.touches import actions
from evergreen.touches.channels.apps import DingtalkApp
from evergreen.touches.channels.contract import Rates
from evergreen.touches.models import Channel, Message
from evergreen.touches.recipients import GROUP, OWNER, Recipients
from evergreen.touches.values import Person
from evergreen.work.actions import add_task
from tests.touches.apps_server import Apps
from tests.touches.stage import DAY, HOUR, MINUTE, Stage

State = Message.State


@pytest.fixture
def apps(stage: Stage) -> Apps:
    made = Apps(stage.fake)
    made.feishu = {stage.cast.owner.email}
    return made


@pytest.fixture
def dingtalk(stage: Stage, apps: Apps) -> Channel:
    return stage.channel(
        "dingtalk_app", app_key="ding1", app_secret="s1", agent_id="7", members=f"manager4220：{stage.cast.owner.email}", address=stage.fake.url,
    )  # fmt: skip


@pytest.fixture
def feishu(stage: Stage, apps: Apps) -> Channel:
    return stage.channel("feishu_app", app_id="cli_1", app_secret="s1", address=stage.fake.url)


def write(stage: Stage, channel: Channel, n: int = 1, **changed: str) -> None:
    for _n in range(n):
        stage.write(channel, Person(None, staff=stage.cast.owner.pk), topic="service", **changed)


def test_a_colleague_is_reached_in_person_by_both(stage: Stage, dingtalk: Channel, feishu: Channel) -> None:
    for channel in (dingtalk, feishu):
        write(stage, channel, subject="续约提醒", body="**恒岳** 30 天后到期")
    stage.send()
    assert stage.fake.took == [
        ("dingtalk", "manager4220", "#### 续约提醒\n**恒岳** 30 天后到期"), ("feishu", stage.cast.owner.email, "续约提醒|**恒岳** 30 天后到期"),
    ]  # fmt: skip
    assert stage.states() == {"accepted": 2}


def test_who_is_not_listed_at_dingtalk_has_no_address_and_whom_feishu_may_not_see_is_refused(
    stage: Stage, apps: Apps, dingtalk: Channel, feishu: Channel
) -> None:
    for channel in (dingtalk, feishu):
        stage.write(channel, Person(None, staff=stage.cast.mate.pk), topic="service")
    stage.send()
    rows = {one.channel.kind: (one.state, one.reason) for one in Message.objects.select_related("channel")}
    assert rows["dingtalk_app"] == (State.HELD_BACK, "no_address")
    assert rows["feishu_app"][0] == State.REFUSED
    assert "230013" in Message.objects.get(channel=feishu).detail


def test_dingtalk_gets_no_more_than_it_shows(
    stage: Stage, apps: Apps, dingtalk: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DingtalkApp.rates.recipient_a_day == apps.a_day == 500
    # The same with fewer, which take seconds.
    apps.a_day = 40
    monkeypatch.setattr(DingtalkApp, "rates", Rates(recipient_a_day=40))
    write(stage, dingtalk, 60)
    for _minute in range(4):
        stage.send()
        stage.now += MINUTE
    assert len(stage.fake.took) == 40 and stage.fake.dropped == 0
    stage.now += DAY
    for _minute in range(4):
        stage.send()
        stage.now += MINUTE
    assert len(stage.fake.took) == 60 and stage.fake.dropped == 0


@pytest.mark.parametrize(("kind", "code"), [("dingtalk", 90018), ("feishu", 99991400)])
def test_a_limit_lets_the_channel_rest_and_nothing_is_lost(
    stage: Stage, apps: Apps, dingtalk: Channel, feishu: Channel, kind: str, code: int
) -> None:
    channel = {"dingtalk": dingtalk, "feishu": feishu}[kind]
    apps.codes = [code]
    write(stage, channel, 3)
    stage.send()
    channel.refresh_from_db()
    assert channel.rests_until is not None and str(code) in channel.fault
    stage.now += HOUR
    stage.send()
    assert stage.states() == {"accepted": 3} and len(stage.fake.took) == 3


def test_a_token_that_ended_is_fetched_anew_once(
    stage: Stage, apps: Apps, feishu: Channel, dingtalk: Channel
) -> None:
    for channel in (feishu, dingtalk):
        write(stage, channel)
        stage.send()
        made = apps.made
        apps.tokens.clear()
        write(stage, channel)
        stage.send()
        assert apps.made == made + 1
    assert stage.states() == {"accepted": 4}


def test_a_message_that_was_lost_on_the_way_is_unknown_and_the_uuid_is_the_keys(
    stage: Stage, apps: Apps, feishu: Channel
) -> None:
    stage.fake.script = {2: "cut"}
    write(stage, feishu)
    stage.send()
    assert Message.objects.get().state == State.UNKNOWN
    assert set(apps.uuids) <= {Message.objects.get().key[:50]}


def test_a_test_says_what_is_wrong(stage: Stage, apps: Apps, dingtalk: Channel, feishu: Channel) -> None:
    boss = stage.cast.boss
    assert "欧文" in actions.try_channel(dingtalk, by=boss, now=stage.now)
    assert "常青" in actions.try_channel(feishu, by=boss, now=stage.now)
    wrong = stage.channel("feishu_app", "wrong", app_id="cli_2", app_secret="s1", address=stage.fake.url)
    with pytest.raises(ValidationError, match="10014"):
        actions.try_channel(wrong, by=boss, now=stage.now)
    wrong = stage.channel("dingtalk_app", "wrong too", app_key="x", app_secret="s1", address=stage.fake.url)
    with pytest.raises(ValidationError, match="40089"):
        actions.try_channel(wrong, by=boss, now=stage.now)


def test_an_owner_is_written_to_in_person_and_a_group_by_its_robot(stage: Stage, dingtalk: Channel) -> None:
    robot = stage.channel("dingtalk_robot", url=f"{stage.fake.url}/dingtalk")
    account = stage.cast.well.pk
    book = Recipients([account])
    assert book.of(account, OWNER, ["dingtalk"])[0][1] == dingtalk
    assert book.of(account, GROUP, ["dingtalk"])[0][1] == robot
    with pytest.raises(LookupError):
        book.of(account, GROUP, [dingtalk.key])


def test_colleagues_may_be_told_by_feishu(stage: Stage, feishu: Channel) -> None:
    change_setting("staff_channel", feishu.key, by=None, now=stage.now)
    notify(now=stage.now)
    stage.now += 10 * MINUTE
    cast = stage.cast
    add_task(
        account=cast.well,
        title={"text": "回访恒岳"},
        by=cast.boss,
        now=stage.now,
        assignee=cast.owner,
        due_on=stage.now.date(),
    )
    for _look in range(10):
        stage.now += MINUTE
        notify(now=stage.now)
    stage.send()
    assert any("回访恒岳" in text for kind, _who, text in stage.fake.took if kind == "feishu")
