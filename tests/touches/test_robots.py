"""Robots of chat groups against local ones that check signatures and limits."""

from __future__ import annotations

import pytest

from evergreen.touches.models import Message
from evergreen.touches.values import Person
from tests.touches.stage import MINUTE, SECOND, Stage

State = Message.State


@pytest.mark.parametrize("kind", ["wecom_robot", "dingtalk_robot", "feishu_robot"])
def test_a_robot_signs_and_never_posts_more_than_its_limit(stage: Stage, kind: str) -> None:
    name = kind.partition("_")[0]
    signed = {} if name == "wecom" else {"secret": stage.fake.secret}
    channel = stage.channel(kind, url=f"{stage.fake.url}/{name}?key=k", **signed)
    most = {"feishu": 100}.get(name, 20)
    for _ in range(most + 5):
        stage.write(channel, Person(stage.cast.well.pk))
    stage.send()
    assert len(stage.fake.took) == most
    stage.now += MINUTE + SECOND
    stage.send()
    assert len(stage.fake.took) == most + 5 and stage.fake.dropped == 0
    assert stage.states() == {State.ACCEPTED: most + 5}


@pytest.mark.parametrize(
    ("kind", "code"), [("wecom_robot", 93000), ("dingtalk_robot", 310000), ("feishu_robot", 19024)]
)
def test_a_robot_that_was_removed_or_set_otherwise_lets_the_channel_rest_with_the_reason(
    stage: Stage, kind: str, code: int
) -> None:
    name = kind.partition("_")[0]
    signed = {} if name == "wecom" else {"secret": stage.fake.secret}
    channel = stage.channel(kind, url=f"{stage.fake.url}/{name}?key=k", **signed)
    stage.fake.codes = [code]
    stage.write(channel, Person(stage.cast.well.pk))
    stage.send()
    channel.refresh_from_db()
    assert str(code) in channel.fault and stage.states() == {State.PLANNED: 1}


def test_slack_gets_its_own_marks_and_an_unknown_answer_leaves_it_open(stage: Stage) -> None:
    channel = stage.channel("slack", url=f"{stage.fake.url}/slack")
    stage.write(channel, Person(stage.cast.well.pk), body="**A & B** <x>")
    stage.send()
    assert stage.fake.took == [("slack", "channel", "*A &amp; B* &lt;x&gt;")]
    stage.fake.routes["/slack"] = lambda asked: stage.fake.throttled(30)
    stage.write(channel, Person(stage.cast.well.pk))
    stage.send()
    assert stage.states() == {State.ACCEPTED: 1, State.PLANNED: 1}
