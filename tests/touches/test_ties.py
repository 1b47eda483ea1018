"""Who of us has whom in WeCom: read whole, told by WeCom's posts, and an alert where a customer removed one of us."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.base import vault
from evergreen.customers.models import ContactId
from evergreen.events import journal
from evergreen.touches.models import Channel, Tie
from evergreen.touches.ties import keeping
from evergreen.touches.ties.looking import ties_of
from tests.touches import posting
from tests.touches.posting import KEY, TOKEN, query, sealed
from tests.touches.stage import DAY, HOUR, MINUTE, Stage

XML = (
    "<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName>sys</FromUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType>"
    "<Event>{event}</Event><ChangeType>{change}</ChangeType><UserID>owner</UserID><ExternalUserID>wm-anna</ExternalUserID>"
    "<State>c7</State></xml>"
)


@pytest.fixture
def channel(stage: Stage) -> Channel:
    return stage.wecom("wecom_customer", callback_token=TOKEN, callback_key=KEY)


class Posts:
    """WeCom posting to a channel's door."""

    def __init__(self, stage: Stage, channel: Channel) -> None:
        self.stage, self.door = stage, channel.door

    def say(self, change: str, *, event: str = "change_external_contact", ago: Any = 0 * MINUTE) -> int:
        at = int((self.stage.now - ago).timestamp())
        return self.post(sealed(XML.format(at=at, event=event, change=change).encode()))

    def post(self, cipher: str, asked: dict[str, str] | None = None) -> int:
        return posting.post(self.door, cipher, asked)

    def raw(self, body: bytes, asked: dict[str, str]) -> int:
        return posting.raw(self.door, body, asked)


@pytest.fixture
def posts(stage: Stage, channel: Channel) -> Posts:
    return Posts(stage, channel)


def follow(stage: Stage, key: str, member: str = "owner", ago: Any = DAY, **how: Any) -> dict[str, Any]:
    at = int((stage.now - ago).timestamp())
    who = {"external_userid": key, "name": key.title(), "corp_full_name": "恒岳机械有限公司"}
    return {"external_contact": who, "follow_info": {"userid": member, "createtime": at, **how}}


def read(stage: Stage, channel: Channel) -> keeping.Read:
    found = keeping.read_ties(channel, now=stage.now)
    assert found is not None
    return found


def test_wecom_checks_an_address_before_it_saves_it(channel: Channel, stage: Stage) -> None:
    cipher = sealed(b"5927782489442352469")
    door, client = f"/in/{channel.door}/", Client()
    answer = client.get(door, query(cipher) | {"echostr": cipher})
    assert (answer.status_code, answer.content) == (200, b"5927782489442352469")
    assert client.get(door, query(cipher, "wrong") | {"echostr": cipher}).status_code == 400
    assert client.get(door).status_code == 400
    # One whose callback nobody set up answers nothing.
    Channel.objects.filter(pk=channel.pk).update(credentials=vault.seal({"secret": "s1"}))
    assert client.get(door, query(cipher) | {"echostr": cipher}).status_code == 400


def test_who_has_whom_is_read_by_pages_and_hangs_on_contacts_and_colleagues(
    stage: Stage, channel: Channel
) -> None:
    anna = stage.contact("anna", wecom="wm-anna")
    stage.fake.page = 2
    stage.fake.follows = [
        follow(stage, "wm-anna", remark="安娜", state="c7"), follow(stage, "wm-bo"), follow(stage, "wm-cai"), follow(stage, "wm-anna", "zhou"),
    ]  # fmt: skip
    done = read(stage, channel)
    assert (done.listed, done.made, done.ended, done.known) == (4, 4, 0, 2)
    tie = Tie.objects.get(key="wm-anna", member="owner")
    assert (tie.contact, tie.staff, tie.name, tie.company, tie.state) == (
        anna, stage.cast.owner, "安娜", "恒岳机械有限公司", "c7",
    )  # fmt: skip
    assert tie.added_at == stage.now - DAY
    # Again nothing comes twice; who became known since hangs on the contact.
    bo = stage.contact("bo", wecom="wm-bo")
    assert (read(stage, channel).made, Tie.objects.count()) == (0, 4)
    assert {one.key for one in ties_of([bo.pk])[bo.pk]} == {"wm-bo"}


def test_a_tie_that_is_no_longer_listed_ended_nobody_knows_how_and_an_empty_list_is_not_believed(
    stage: Stage, channel: Channel
) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.follows = [follow(stage, "wm-anna"), follow(stage, "wm-bo")]
    read(stage, channel)
    stage.now += HOUR
    stage.fake.follows, kept = [], stage.fake.follows
    assert read(stage, channel).ended == 0
    stage.fake.follows = kept[1:]
    assert read(stage, channel).ended == 1
    tie = Tie.objects.get(key="wm-anna")
    assert (tie.ended_at, tie.ended_by) == (stage.now, Tie.End.UNKNOWN)
    with journal.gathering() as events:
        keeping.tell_ties(now=stage.now)
    (event,) = events
    assert (event["name"], event["account_id"], event["properties"]["by"]) == (
        "wecom.removed", stage.cast.well.pk, "unknown",
    )  # fmt: skip


def test_a_customer_who_removes_one_of_us_is_told_once_with_who_did_it(
    stage: Stage, channel: Channel, posts: Posts
) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.follows = [follow(stage, "wm-anna"), follow(stage, "wm-bo")]
    read(stage, channel)
    with journal.gathering() as events:
        assert posts.say("del_follow_user") == 200
        assert posts.say("del_follow_user") == 200  # WeCom posts again what took long
    assert [(one["name"], one["properties"]["by"], one["properties"]["is_owner"]) for one in events] == [
        ("wecom.removed", "customer", True)
    ]
    assert Tie.objects.get(key="wm-anna").ended_by == Tie.End.BY_THEM
    # WeCom may list it still: it has ended all the same. Added again it is another tie.
    assert read(stage, channel).made == 0 and Tie.objects.filter(key="wm-anna").count() == 1
    stage.now += HOUR
    assert posts.say("add_external_contact") == 200
    assert posts.say("del_follow_user", ago=30 * MINUTE) == 200  # told late, of the tie before
    live = Tie.objects.get(key="wm-anna", ended_at=None)
    assert (live.state, live.staff) == ("c7", stage.cast.owner)


def test_a_reading_that_came_before_wecoms_word_is_corrected_by_it(
    stage: Stage, channel: Channel, posts: Posts
) -> None:
    stage.contact("anna", wecom="wm-anna")
    stage.fake.follows = [follow(stage, "wm-anna"), follow(stage, "wm-bo")]
    read(stage, channel)
    stage.now += HOUR
    stage.fake.follows = stage.fake.follows[1:]
    read(stage, channel)
    with journal.gathering() as events:
        posts.say("del_follow_user", ago=10 * MINUTE)
    assert [one["properties"]["by"] for one in events] == ["customer"]
    assert Tie.objects.get(key="wm-anna").ended_at == stage.now - 10 * MINUTE


def test_the_end_of_a_strangers_tie_is_told_when_somebody_knows_who_it_is(
    stage: Stage, channel: Channel, posts: Posts
) -> None:
    posts.say("add_external_contact", ago=DAY)
    with journal.gathering() as events:
        posts.say("del_external_contact")
        assert events == []
        ContactId.objects.create(contact=stage.contact("anna"), system="wecom", value="wm-anna")
        stage.now += DAY
        keeping.read_ties_due(now=stage.now)
    assert [one["properties"]["by"] for one in events] == ["us"]


@pytest.mark.parametrize(
    "case",
    ["signature", "replayed elsewhere", "company", "key", "cut", "doctype", "long", "no xml", "nothing"],
)
def test_what_wecom_did_not_sign_for_us_changes_nothing(stage: Stage, posts: Posts, case: str) -> None:
    plain = XML.format(
        at=int(stage.now.timestamp()), event="change_external_contact", change="add_external_contact"
    ).encode()
    good = sealed(plain)
    other = base64.b64encode(bytes(32)).decode()[:43]
    bomb = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>'
    wrong = {
        "signature": lambda: posts.post(good, query(good, "guessed")),
        "replayed elsewhere": lambda: posts.post(good, query(good) | {"nonce": "n2"}),
        "company": lambda: posts.post(sealed(plain, corp="ww2")),
        "key": lambda: posts.post(sealed(plain, key=other)),
        "cut": lambda: posts.post(good[:-5]),
        "doctype": lambda: posts.raw(bomb, query("")),
        "long": lambda: posts.raw(b"<xml>" + b" " * 70_000 + b"</xml>", query("")),
        "no xml": lambda: posts.raw(b"hello", query("")),
        "nothing": lambda: posts.raw(b"", {}),
    }
    assert wrong[case]() == 400
    assert not Tie.objects.exists()
    # A sealed document type is refused as well, and other events are taken and say nothing.
    if case == "doctype":
        assert posts.post(sealed(bomb)) == 400
        assert posts.say("update", event="change_external_tag") == 200 and not Tie.objects.exists()


def test_a_callback_needs_both_its_words(stage: Stage) -> None:
    with pytest.raises(ValidationError, match="EncodingAESKey"):
        stage.wecom("wecom_customer", callback_token=TOKEN)
    with pytest.raises(ValidationError, match="43"):
        stage.wecom("wecom_customer", callback_token=TOKEN, callback_key="short")


def test_a_fault_of_wecom_is_told_at_the_channel_and_ends_nothing(stage: Stage, channel: Channel) -> None:
    stage.fake.follows = [follow(stage, "wm-anna")]
    read(stage, channel)
    stage.fake.codes = [48002]
    stage.now += 7 * HOUR
    assert keeping.read_ties_due(now=stage.now) == 1
    channel.refresh_from_db()
    assert "48002" in channel.inbox_fault and Tie.objects.filter(ended_at=None).count() == 1
    assert keeping.read_ties_due(now=stage.now + HOUR) == 0, "asked every six hours"
