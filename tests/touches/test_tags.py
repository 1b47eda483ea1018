"""Tags of WeCom both ways: kept there by what is known here, only differences told; given there and known here."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.customers.actions import tag_accounts
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account, Contact
from evergreen.metrics.segments.models import Segment
from evergreen.metrics.source_fields import choice_names
from evergreen.touches.models import AccountTag, Channel, TagGroup, Tie
from evergreen.touches.tags import marking, reading
from evergreen.touches.ties import keeping as ties
from tests.touches.posting import KEY, TOKEN, post, sealed
from tests.touches.stage import MINUTE, Stage

TIER = {key: words["zh"] for key, words in choice_names(Account.Tier).items()}
XML = (
    "<xml><ToUserName>ww1</ToUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType><Event>change_external_contact</Event>"
    "<ChangeType>edit_external_contact</ChangeType><UserID>{member}</UserID><ExternalUserID>{key}</ExternalUserID></xml>"
)


@pytest.fixture
def channel(stage: Stage) -> Channel:
    return stage.wecom("wecom_customer", callback_token=TOKEN, callback_key=KEY)


def friend(stage: Stage, key: str, member: str = "owner", account: Account | None = None) -> Contact:
    """A contact whom a member has in WeCom."""
    made = Contact.objects.filter(external_ids__value=key).first() or stage.contact(key, wecom=key)
    if account is not None:
        Contact.objects.filter(pk=made.pk).update(account=account)
    who = {"external_userid": key, "name": key}
    stage.fake.follows.append({"external_contact": who, "follow_info": {"userid": member, "createtime": 1}})
    return made


def has(stage: Stage, key: str, member: str = "owner") -> set[str]:
    """What tags a member gave somebody, by WeCom's own books."""
    (how,) = [
        one["follow_info"]
        for one in stage.fake.follows
        if one["external_contact"]["external_userid"] == key and one["follow_info"]["userid"] == member
    ]
    names = {tag: name for _group, tags in stage.fake.tags.values() for tag, name in tags.items()}
    return {names[tag] for tag in how.get("tag_id", ())}


def keeps(stage: Stage, channel: Channel, **given: Any) -> TagGroup:
    fields = {"channel": channel, "name": "常青 分层", "field": "tier", "segments": [], **given}
    return marking.save_group(None, marking.Wanted(**fields), by=stage.cast.boss, now=stage.now)


def test_a_fields_value_is_the_tag_of_its_people_and_changes_with_it(stage: Stage, channel: Channel) -> None:
    well, slipping = stage.cast.well, stage.cast.slipping
    Account.objects.filter(pk=well.pk).update(tier="strategic")
    Account.objects.filter(pk=slipping.pk).update(tier="growth")
    friend(stage, "wm-1")
    friend(stage, "wm-1", "mate")
    friend(stage, "wm-2", account=slipping)
    ties.read_ties(channel, now=stage.now)
    keeps(stage, channel)
    assert marking.tag_due(now=stage.now) == 3
    assert has(stage, "wm-1") == has(stage, "wm-1", "mate") == {TIER["strategic"]}
    assert has(stage, "wm-2") == {TIER["growth"]}
    stage.now += 11 * MINUTE
    assert marking.tag_due(now=stage.now) == 0 and stage.fake.marked == 3
    Account.objects.filter(pk=well.pk).update(tier="basic")
    stage.now += 11 * MINUTE
    assert marking.tag_due(now=stage.now) == 2
    assert has(stage, "wm-1") == {TIER["basic"]}


def test_what_somebody_changes_by_hand_in_such_a_group_is_set_right_and_other_groups_stay(
    stage: Stage, channel: Channel
) -> None:
    stage.fake.tags["et-own"] = ("意向", {"t-hot": "高"})
    friend(stage, "wm-1")
    stage.fake.follows[0]["follow_info"]["tag_id"] = ["t-hot"]
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    keeps(stage, channel)
    marking.tag_due(now=stage.now)
    assert has(stage, "wm-1") == {"高", TIER["basic"]}
    stage.fake.follows[0]["follow_info"]["tag_id"] = []
    assert post(channel.door, sealed(XML.format(at=1, member="owner", key="wm-1").encode())) == 200
    assert marking.tag_due(now=stage.now) == 1
    assert has(stage, "wm-1") == {TIER["basic"]}


def test_a_group_deleted_in_wecom_is_made_anew(stage: Stage, channel: Channel) -> None:
    friend(stage, "wm-1")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    group = keeps(stage, channel)
    marking.tag_due(now=stage.now)
    stage.fake.tags.clear()
    stage.fake.follows[0]["follow_info"]["tag_id"] = []
    ties.read_ties(channel, now=stage.now)
    group.refresh_from_db()
    assert group.key == ""
    marking.tag_due(now=stage.now)
    assert has(stage, "wm-1") == {TIER["basic"]}


def test_segments_are_tags_and_several_may_hold(stage: Stage, channel: Channel) -> None:
    friend(stage, "wm-1")
    for key, name in (("big", "大客户"), ("new", "新客户"), ("far", "海外")):
        Segment.objects.create(
            key=key, name={"zh": name, "en": key}, condition={}, created_at=stage.now, changed_at=stage.now
        )
    for key in ("big", "new"):
        SegmentMember.objects.create(segment=key, account=stage.cast.well, since=stage.now.date())
    ties.read_ties(channel, now=stage.now)
    keeps(stage, channel, field="", segments=["big", "new", "far"], name="常青 分群")
    marking.tag_due(now=stage.now)
    assert has(stage, "wm-1") == {"大客户", "新客户"}
    assert set(TagGroup.objects.get().tags.values()) == {"大客户", "新客户"}
    SegmentMember.objects.filter(segment="big").delete()
    stage.now += 11 * MINUTE
    marking.tag_due(now=stage.now)
    assert has(stage, "wm-1") == {"新客户"}


def test_a_person_whom_wecom_refuses_holds_up_nobody(stage: Stage, channel: Channel) -> None:
    for n in range(3):
        friend(stage, f"wm-{n}")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    del stage.fake.follows[1]
    group = keeps(stage, channel)
    marking.tag_due(now=stage.now)
    group.refresh_from_db()
    assert "84061" in group.fault
    assert has(stage, "wm-0") == has(stage, "wm-2") == {TIER["basic"]}


def test_many_are_told_a_part_a_minute(
    stage: Stage, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "_CALLS", 4)
    for n in range(10):
        friend(stage, f"wm-{n}")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    keeps(stage, channel)
    told = []
    for _minute in range(5):
        told.append(marking.tag_due(now=stage.now))
        stage.now += MINUTE
    assert told == [4, 4, 2, 0, 0]


def test_people_whom_wecom_goes_on_refusing_hold_up_nobody_and_are_not_asked_about_each_minute(
    stage: Stage, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "_CALLS", 4)
    for n in range(12):
        friend(stage, f"wm-{n:02d}")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    del stage.fake.follows[:8]
    keeps(stage, channel)
    told = 0
    for _minute in range(120):
        told += marking.tag_due(now=stage.now)
        stage.now += MINUTE
    assert all(has(stage, f"wm-{n:02d}") == {TIER["basic"]} for n in range(8, 12))
    assert told < 120


@pytest.mark.parametrize("seed", range(5))
def test_any_history_ends_where_wecom_has_what_is_wanted(stage: Stage, channel: Channel, seed: int) -> None:
    """Tiers change, people change tags by hand, members drop customers: after a reading and a round WeCom's books are right."""
    chance = random.Random(seed)
    homes = [stage.cast.well, stage.cast.slipping]
    owners = {}
    for n in range(6):
        account = chance.choice(homes)
        friend(stage, f"wm-{n}", chance.choice(["owner", "mate"]), account)
        owners[f"wm-{n}"] = account
    keeps(stage, channel)
    for _round in range(8):
        for account in homes:
            Account.objects.filter(pk=account.pk).update(tier=chance.choice(list(TIER)))
        if stage.fake.tags:
            (_name, tags) = next(iter(stage.fake.tags.values()))
            chance.choice(stage.fake.follows)["follow_info"]["tag_id"] = chance.sample(sorted(tags), 1)
        ties.read_ties(channel, now=stage.now)
        marking.tag_due(now=stage.now)
        stage.now += MINUTE
    for one in stage.fake.follows:
        key, member = one["external_contact"]["external_userid"], one["follow_info"]["userid"]
        assert has(stage, key, member) == {TIER[Account.objects.get(pk=owners[key].pk).tier]}


def test_tags_given_in_wecom_become_tags_of_the_account_and_go_with_the_last_who_has_them(
    stage: Stage, channel: Channel
) -> None:
    well = stage.cast.well
    stage.fake.tags["et-1"] = ("意向", {"t-hot": "高意向", "t-cold": "观望"})
    friend(stage, "wm-1")
    friend(stage, "wm-2")
    for one in stage.fake.follows:
        one["follow_info"]["tag_id"] = ["t-hot"]
    tag_accounts([well.pk], add=["观望", "别动"], by=stage.cast.boss, now=stage.now)
    ties.read_ties(channel, now=stage.now)
    group = TagGroup.objects.get()
    marking.tag_due(now=stage.now)
    assert Account.objects.get(pk=well.pk).tags == ["观望", "别动"]
    reading.turn(group, inward=True, by=stage.cast.boss, now=stage.now)
    assert Account.objects.get(pk=well.pk).tags == ["观望", "别动", "高意向"]
    stage.fake.follows[0]["follow_info"]["tag_id"] = ["t-cold"]
    assert post(channel.door, sealed(XML.format(at=1, member="owner", key="wm-1").encode())) == 200
    marking.tag_due(now=stage.now)
    assert set(Account.objects.get(pk=well.pk).tags) == {"观望", "别动", "高意向"}
    stage.fake.follows[1]["follow_info"]["tag_id"] = []
    assert post(channel.door, sealed(XML.format(at=2, member="owner", key="wm-2").encode())) == 200
    marking.tag_due(now=stage.now)
    assert set(Account.objects.get(pk=well.pk).tags) == {"观望", "别动"}
    stage.fake.follows[1]["follow_info"]["tag_id"] = ["t-hot"]
    assert post(channel.door, sealed(XML.format(at=3, member="owner", key="wm-2").encode())) == 200
    marking.tag_due(now=stage.now)
    assert set(Account.objects.get(pk=well.pk).tags) == {"观望", "别动", "高意向"}
    reading.turn(group, inward=False, by=stage.cast.boss, now=stage.now)
    assert set(Account.objects.get(pk=well.pk).tags) == {"观望", "别动"}
    assert not AccountTag.objects.exists()


def test_groups_are_refused_with_every_reason(stage: Stage, channel: Channel) -> None:
    stage.fake.tags["et-1"] = ("意向", {"t-hot": "高"})
    ties.read_ties(channel, now=stage.now)
    with pytest.raises(ValidationError) as error:
        keeps(stage, channel, name="意向", field="", segments=[])
    assert len(error.value.messages) == 2
    with pytest.raises(ValidationError):
        keeps(stage, channel, field="arr")
    with pytest.raises(ValidationError):
        keeps(stage, channel, name="长" * 31)
    with pytest.raises(ValidationError):
        keeps(stage, channel, field="", segments=["none"])
    made = keeps(stage, channel)
    with pytest.raises(ValidationError):
        reading.turn(made, inward=True, by=stage.cast.boss, now=stage.now)
    with pytest.raises(ValidationError):
        marking.save_group(made, marking.Wanted(channel, "另一个", "tier"), by=stage.cast.boss, now=stage.now)


def test_ending_a_group_takes_its_tags_from_everybody_or_changes_nothing(
    stage: Stage, channel: Channel
) -> None:
    friend(stage, "wm-1")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    group = keeps(stage, channel)
    marking.tag_due(now=stage.now)
    group.refresh_from_db()
    stage.fake.codes = [40058]
    with pytest.raises(ValidationError):
        marking.end_group(group, by=stage.cast.boss, now=stage.now)
    assert TagGroup.objects.exists()
    marking.end_group(group, by=stage.cast.boss, now=stage.now)
    assert has(stage, "wm-1") == set() and not TagGroup.objects.exists()


def test_a_whole_fault_stands_at_the_group_and_is_tried_again(stage: Stage, channel: Channel) -> None:
    friend(stage, "wm-1")
    Account.objects.update(tier="basic")
    ties.read_ties(channel, now=stage.now)
    group = keeps(stage, channel)
    stage.fake.codes = [45009]
    marking.tag_due(now=stage.now)
    group.refresh_from_db()
    assert "45009" in group.fault and stage.fake.marked == 0
    stage.now += 11 * MINUTE
    marking.tag_due(now=stage.now)
    group.refresh_from_db()
    assert group.fault == "" and has(stage, "wm-1") == {TIER["basic"]}
    assert Tie.objects.get().tags == sorted(group.tags)


def test_pages_foresee_keep_take_in_and_end(stage: Stage, channel: Channel) -> None:
    stage.fake.tags["et-1"] = ("意向", {"t-hot": "高意向"})
    friend(stage, "wm-1")
    stage.fake.follows[0]["follow_info"]["tag_id"] = ["t-hot"]
    Account.objects.update(tier="basic")
    boss, mate = Client(), Client()
    boss.force_login(stage.cast.boss)
    mate.force_login(stage.cast.mate)
    assert mate.get("/wecom-tags/").status_code in {403, 404}
    boss.post("/wecom-tags/readings/")
    assert "高意向" in boss.get("/wecom-tags/").content.decode()
    told = {"channel": channel.key, "name": "常青 分层", "by": "field", "field": "tier"}
    foreseen = boss.post("/wecom-tags/new/", {**told, "foresee": "yes"}).content.decode()
    assert TIER["basic"] in foreseen and not TagGroup.objects.filter(direction="out").exists()
    bad = boss.post("/wecom-tags/new/", {**told, "name": "意向"})
    assert bad.status_code == 422 and "意向" in bad.content.decode()
    boss.post("/wecom-tags/new/", told)
    marking.tag_due(now=stage.now)
    assert has(stage, "wm-1") == {"高意向", TIER["basic"]}
    theirs, ours = TagGroup.objects.get(key="et-1"), TagGroup.objects.get(direction="out")
    assert boss.post(f"/wecom-tags/{ours.pk}/turning/").status_code == 404
    assert boss.post(f"/wecom-tags/{theirs.pk}/ending/").status_code == 404
    boss.post(f"/wecom-tags/{theirs.pk}/turning/")
    assert Account.objects.get(pk=stage.cast.well.pk).tags == ["高意向"]
    assert "常青 分层" in boss.get(f"/wecom-tags/{ours.pk}/settings/").content.decode()
    boss.post(f"/wecom-tags/{ours.pk}/ending/")
    assert has(stage, "wm-1") == {"高意向"}
