"""Groups of customers: read from WeCom or registered by hand, how they do, what is written to them."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from evergreen.customers.actions.merging import merge_accounts
from evergreen.customers.models import ContactId
from evergreen.events import journal
from evergreen.playbooks import actions as playbooks
from evergreen.touches import actions
from evergreen.touches.groups import looking, reading, registering, rules, writing
from evergreen.touches.models import Channel, CustomerGroup, GroupMember, Message
from evergreen.work.models import Task
from tests.conftest import NOW
from tests.playbooks.building import enter, published
from tests.touches.stage import DAY, HOUR, Stage

State = Message.State


def told(people: dict[str, int] | None = None, head: str = "owner", ago: int = 1) -> dict[str, Any]:
    """A group as WeCom tells it: ``people`` by id, 1 ours, 2 from outside."""
    at = int((NOW - ago * DAY).timestamp())
    members = [
        {"userid": key, "type": kind, "join_time": at, "join_scene": 3, "name": key.title()}
        for key, kind in (people or {}).items()
    ]
    return {"name": f"{head} 的群", "owner": head, "create_time": at, "notice": "", "member_list": members}


@pytest.fixture
def channel(stage: Stage) -> Channel:
    return stage.wecom("wecom_group")


def read(stage: Stage, channel: Channel) -> reading.Read:
    found = reading.read_groups(channel, now=stage.now)
    assert found is not None
    return found


def test_groups_and_who_is_in_them_are_read_with_what_changed_since(stage: Stage, channel: Channel) -> None:
    anna = stage.contact("anna", wecom="wm-anna")
    stage.fake.groups = {
        f"wr{n}": told({"owner": 1, "wm-anna": 2, "wm-nobody": 2}) if n == 0 else told(ago=40, head="zhou") for n in range(3)
    }  # fmt: skip
    stage.fake.page = 2
    with journal.gathering() as events:
        done = read(stage, channel)
        reading.tell_groups()
    assert (done.groups, done.made, done.came) == (3, 3, 3)
    group = CustomerGroup.objects.get(external_id="wr0")
    assert group.owner == stage.cast.owner and list(group.accounts.all()) == [stage.cast.well]
    known = {one.key: (one.contact, one.staff, one.is_ours) for one in group.members.all()}
    assert known == {
        "owner": (None, stage.cast.owner, True),
        "wm-anna": (anna, None, False),
        "wm-nobody": (None, None, False),
    }
    # An old group without an account begins nothing.
    assert [(one["name"], one["account_id"]) for one in events] == [("group.made", stage.cast.well.pk)]
    # Read again nothing comes twice; who left has left, who came again has another row.
    assert (read(stage, channel).came, GroupMember.objects.count()) == (0, 3)
    stage.fake.groups["wr0"] = told({"owner": 1})
    stage.now += DAY
    assert read(stage, channel).left == 2
    stage.fake.groups["wr0"] = told({"owner": 1, "wm-anna": 2})
    assert read(stage, channel).came == 1
    assert group.members.filter(key="wm-anna").count() == 2
    del stage.fake.groups["wr2"]
    assert read(stage, channel).ended == 1
    assert CustomerGroup.objects.get(external_id="wr2").ended_at == stage.now


def test_a_stranger_that_somebody_names_is_known_in_every_group(stage: Stage, channel: Channel) -> None:
    anna = stage.contact("anna")
    stage.fake.groups = {key: told({"owner": 1, "wm-anna": 2}) for key in ("wr1", "wr2")}
    read(stage, channel)
    member = GroupMember.objects.filter(key="wm-anna").first()
    assert member is not None
    registering.know(member, anna, by=stage.cast.boss, now=NOW)
    assert ContactId.objects.get(contact=anna).value == "wm-anna"
    assert set(GroupMember.objects.filter(key="wm-anna").values_list("contact", flat=True)) == {anna.pk}
    read(stage, channel)
    assert all(list(one.accounts.all()) == [stage.cast.well] for one in CustomerGroup.objects.all())


def test_accounts_that_were_chosen_are_kept(stage: Stage, channel: Channel) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.groups = {"wr1": told({"owner": 1, "wm-anna": 2})}
    read(stage, channel)
    group = CustomerGroup.objects.get()
    given = {"purpose": "training", "accounts": [stage.cast.slipping.pk], "note": "每周三"}
    registering.save_group(group, given, by=stage.cast.boss, now=NOW)
    read(stage, channel)
    group.refresh_from_db()
    assert list(group.accounts.all()) == [stage.cast.slipping] and group.purpose == "training"
    assert group.name == "owner 的群"


def test_a_fault_of_wecom_is_told_and_keeps_what_was_read(stage: Stage, channel: Channel) -> None:
    stage.fake.groups = {f"wr{n}": told() for n in range(3)}
    read(stage, channel)
    stage.fake.codes = [60020]
    assert reading.read_groups(channel, now=stage.now) is None
    channel.refresh_from_db()
    assert "60020" in channel.inbox_fault and CustomerGroup.objects.filter(ended_at=None).count() == 3
    # Six hours later it is its turn again; in between it is not.
    assert reading.read_due(now=stage.now + HOUR) == 0
    assert reading.read_due(now=stage.now + 7 * HOUR) == 1


def hand_kept(stage: Stage, *accounts: Any, **changed: Any) -> CustomerGroup:
    given = {"name": "恒岳服务群", "purpose": "service", "accounts": [one.pk for one in accounts or [stage.cast.well]], "owner": stage.cast.owner, **changed}  # fmt: skip
    return registering.save_group(None, given, by=stage.cast.boss, now=stage.now)


def test_a_group_of_wechat_is_kept_by_hand(stage: Stage, channel: Channel) -> None:
    with pytest.raises(ValidationError) as raised:
        registering.save_group(None, {"purpose": "x"}, by=stage.cast.boss, now=NOW)
    assert len(raised.value.messages) == 4
    group = hand_kept(stage)
    anna = stage.contact("anna")
    for _twice in range(2):
        registering.add_people(
            group, [anna], ["李工", "李工", ""], [stage.cast.owner], by=stage.cast.boss, now=NOW
        )
    assert sorted(group.members.values_list("name", flat=True)) == sorted(
        ["anna", "李工", str(stage.cast.owner)]
    )
    member = group.members.get(name="李工")
    assert registering.remove_person(group, member.pk, by=stage.cast.boss, now=NOW)
    assert not registering.remove_person(group, member.pk, by=stage.cast.boss, now=NOW)
    stage.fake.groups = {"wr1": told()}
    read(stage, channel)
    theirs = CustomerGroup.objects.get(kind="wecom")
    for act in (
        lambda: registering.add_people(theirs, [anna], [], [], by=stage.cast.boss, now=NOW),
        lambda: registering.remove_person(theirs, 1, by=stage.cast.boss, now=NOW),
        lambda: registering.end_group(theirs, is_over=True, by=stage.cast.boss, now=NOW),
    ):
        with pytest.raises(ValidationError):
            act()


def test_a_broadcast_waits_for_the_groups_owner_and_is_a_task_where_nothing_may_send(
    stage: Stage, channel: Channel
) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.groups = {"wr1": told({"owner": 1, "wm-anna": 2}), "wr2": told(head="nobody-of-ours")}
    read(stage, channel)
    hand_kept(stage)
    ended = hand_kept(stage, name="old")
    registering.end_group(ended, is_over=True, by=stage.cast.boss, now=NOW)
    groups = list(CustomerGroup.objects.order_by("pk"))
    given = {
        "subject": "十月",
        "topic": "guidance",
        "body": '**{{ account.name | default: "各位" }}** 好，{{ group.name }}',
    }
    made, done = writing.broadcast(given, groups, by=stage.cast.boss, now=NOW)
    assert (done.planned, done.tasks, [why for _group, why in done.held]) == (2, 1, ["ended"])
    task = Task.objects.get(origin_kind="group_message")
    assert (
        task.assignee == stage.cast.owner
        and "恒岳机械" in task.reason["zh"]
        and "恒岳服务群" in task.reason["zh"]
    )
    stage.send()
    assert stage.fake.took == [
        ("group", "wr1", "恒岳机械 好，owner 的群"),
        ("group", "wr2", "各位 好，nobody-of-ours 的群"),
    ]
    waits = Message.objects.get(group__external_id="wr1")
    assert (waits.state, waits.waits_for, waits.account) == (State.ACCEPTED, "owner", stage.cast.well)
    # Confirmed: it is delivered, and the group has heard of us.
    stage.fake.results["wr1"] = (1, int(stage.now.timestamp()))
    actions.follow_up(now=stage.now)
    waits.refresh_from_db()
    assert (waits.outcome, waits.waits_for) == ("delivered", "")
    # A second one the same day waits for tomorrow: WeCom takes one a day and group.
    writing.broadcast({**given, "subject": "again"}, [waits.group], by=stage.cast.boss, now=stage.now)  # type: ignore[list-item]
    stage.send()
    later = Message.objects.filter(group=waits.group).latest("pk")
    assert later.state == State.PLANNED and later.due_at.date() > stage.now.date()
    assert writing.messages_of(made).count() == 2


def test_a_broadcast_with_mistakes_writes_nothing(stage: Stage) -> None:
    with pytest.raises(ValidationError) as raised:
        writing.broadcast(
            {"subject": "", "body": "{{ contact.nmae }}", "topic": "survey"}, [], by=stage.cast.boss, now=NOW
        )
    assert len(raised.value.messages) == 4
    assert not Message.objects.exists() and not Task.objects.exists()


def test_a_playbook_writes_to_the_groups_of_an_account_for_a_purpose(stage: Stage, channel: Channel) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.groups = {"wr1": told({"owner": 1, "wm-anna": 2})}
    read(stage, channel)
    hand_kept(stage, purpose="training")
    actions.save_template(None, "hello", {"name": {"en": "Hi"}, "topic": "service", "body": {"en": "Hello {{ account.name }}"}}, by=None, now=NOW)  # fmt: skip
    number = itertools.count()

    def run(**settings: Any) -> None:
        step = {"key": "tell", "kind": "customer_group", "template": "hello", **settings}
        enter(published(step, key=f"sop-{next(number)}"), stage.cast.well, stage.cast.slipping)
        playbooks.advance(now=NOW)

    run(purpose="training")
    assert (Message.objects.count(), Task.objects.count()) == (0, 1)
    run()
    assert (Message.objects.count(), Task.objects.count()) == (1, 2)
    stage.send()
    assert stage.fake.took == [("group", "wr1", "Hello 恒岳机械")]


SEEN = st.builds(
    rules.Seen, people=st.integers(0, 5), has_decider=st.booleans(), has_owner=st.booleans(),
    written_at=st.none() | st.integers(0, 60).map(lambda n: NOW - n * DAY), came=st.integers(0, 4), left=st.integers(0, 4),
    made_at=st.integers(0, 60).map(lambda n: NOW - n * DAY),
)  # fmt: skip


@given(SEEN)
def test_health_is_the_sum_of_what_docs_say(seen: rules.Seen) -> None:
    points = 25 * (seen.people > 1) + 25 * seen.has_decider + 20 * seen.has_owner
    ages = [(NOW - at).days for at in (seen.written_at, seen.made_at) if at]
    points += 15 * (min(ages) <= 30) + 15 * (seen.came >= seen.left)
    found = rules.health(seen, NOW)
    assert found.points == points and sum(rules.POINTS[one] for one in found.missing) == 100 - points
    assert found.band == ("good" if points >= 80 else "fair" if points >= 50 else "poor")


def test_a_line_tells_who_is_there_and_what_is_missing_and_only_to_whom_it_may(
    stage: Stage, channel: Channel
) -> None:
    anna, bob = stage.contact("anna", wecom="wm-anna"), stage.contact("bob", wecom="wm-bob")
    bob.is_champion = True
    bob.save()
    stage.fake.groups = {"wr1": told({"owner": 1, "wm-anna": 2, "wm-bob": 2, "wm-x": 2}, ago=45)}
    read(stage, channel)
    (line,) = looking.lines_of(list(looking.groups_for(stage.cast.owner)), NOW)
    assert (line.people, line.strangers, line.ours) == (3, 1, 1)
    assert line.health == rules.Health(85, ("written",)) and line.accounts == [stage.cast.well]
    stage.fake.groups = {"wr1": told({"owner": 1, "wm-anna": 2}, ago=45)}
    read(stage, channel)
    (line,) = looking.lines_of(list(looking.groups_for(stage.cast.boss)), stage.now)
    assert line.health.missing == ("people", "decider", "written", "staying")
    assert not looking.groups_for(stage.cast.outsider).exists() and anna.pk
    assert dt.timedelta(days=rules.DAYS) == 30 * DAY


def test_neither_an_empty_list_nor_a_refusal_ends_a_group(stage: Stage, channel: Channel) -> None:
    stage.fake.groups = {key: told({"owner": 1}) for key in ("wr1", "wr2")}
    read(stage, channel)
    stage.fake.groups["wr1"]["is_gone"] = True
    assert (read(stage, channel).groups, read(stage, channel).ended) == (1, 0)
    stage.fake.groups = {}
    assert read(stage, channel).ended == 0
    assert CustomerGroup.objects.filter(ended_at=None).count() == 2


def test_accounts_that_are_one_bring_their_groups_along(stage: Stage) -> None:
    one, both = hand_kept(stage, stage.cast.slipping), hand_kept(stage, stage.cast.well, stage.cast.slipping)
    merge_accounts(stage.cast.slipping, stage.cast.well, by=stage.cast.boss, now=NOW)
    for group in (one, both):
        (line,) = looking.lines_of([group], NOW)
        assert line.accounts == [stage.cast.well]
        assert list(group.accounts.all()) == [stage.cast.well]
