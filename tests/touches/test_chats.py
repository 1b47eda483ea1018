"""微信客服 against a local WeCom: what is written, once; answers within 48 hours and five; conversations; who is unknown."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.core.exceptions import ValidationError

from evergreen.customers.models import Contact, ContactId
from evergreen.touches import actions
from evergreen.touches.actions import forget_contact
from evergreen.touches.channels.told import Said
from evergreen.touches.channels.wecom import WecomKf
from evergreen.touches.chats.keeping import keep_lines, tell_chats
from evergreen.touches.chats.windows import rooms
from evergreen.touches.codes import coming
from evergreen.touches.models import Channel, Chat, ChatLine, Consent, Message, Receipt
from evergreen.touches.recipients import Recipients
from evergreen.touches.values import Person
from evergreen.work.models import Conversation
from tests.touches.posting import KEY, TOKEN, post, sealed
from tests.touches.service_server import Service
from tests.touches.stage import DAY, HOUR, MINUTE, Stage

State = Message.State


@pytest.fixture
def channel(stage: Stage, service: Service) -> Channel:
    return stage.wecom("wecom_kf", "客服", open_kfid="wk1", callback_token=TOKEN, callback_key=KEY)


def ring(channel: Channel, service: Service) -> int:
    return post(channel.door, sealed(service.ring().encode()))


def answer(stage: Stage, channel: Channel, contact: Contact) -> Message:
    """A message to a contact by the channel, sent now."""
    stage.write(channel, Person(contact.account_id, contact=contact.pk), medium="wecom", topic="service")
    stage.send()
    return Message.objects.latest("pk")


def test_what_is_written_comes_in_with_the_post_and_twice_it_adds_nothing(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "导出在哪里？")
    assert ring(channel, service) == 200
    service.write("wm-1", "", kind="image")
    service.write("wm-1", "在右上角。", member="owner")
    assert ring(channel, service) == 200
    Channel.objects.update(inbox_mark="")
    assert ring(channel, service) == 200
    assert [(one.text, one.form, one.is_theirs) for one in ChatLine.objects.all()] == [
        ("导出在哪里？", "text", True), ("", "image", True), ("在右上角。", "text", False)
    ]  # fmt: skip
    chat = Chat.objects.get()
    assert chat.contact == wang and chat.wrote_at is not None
    assert tell_chats(now=stage.now) == 3
    talk = Conversation.objects.get()
    assert talk.kind == "chat" and talk.account == stage.cast.well and list(talk.contacts.all()) == [wang]
    assert talk.by == stage.cast.owner
    assert [line.partition(" ")[2] for line in talk.summary.splitlines()] == [
        "客户: 导出在哪里？",
        "客户: [图片]",
        "我方: 在右上角。",
    ]
    assert service.untold == 0


def test_a_question_that_nobody_answered_is_no_conversation_until_the_next_morning_answers_it(
    stage: Stage, service: Service, channel: Channel
) -> None:
    stage.contact("王颖", wecom="wm-1")
    stage.now = stage.now.replace(hour=14, minute=0)  # 22:00 in Shanghai
    service.write("wm-1", "在吗？")
    ring(channel, service)
    tell_chats(now=stage.now)
    assert not Conversation.objects.exists()
    stage.now += 11 * HOUR
    service.write("wm-1", "在的，请讲。", member="owner")
    ring(channel, service)
    tell_chats(now=stage.now)
    assert [one.summary.partition(" ")[2] for one in Conversation.objects.order_by("at")] == [
        "客户: 在吗？",
        "我方: 在的，请讲。",
    ]
    stage.now += MINUTE
    service.write("wm-1", "谢谢")
    ring(channel, service)
    tell_chats(now=stage.now)
    assert Conversation.objects.count() == 2
    last = Conversation.objects.latest("at")
    assert last.summary.count("\n") == 1 and last.at == stage.now.replace(microsecond=0)


def test_a_channel_whose_secrets_cannot_be_opened_keeps_conversations_all_the_same(
    stage: Stage, service: Service, channel: Channel
) -> None:
    stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "在吗？")
    service.write("wm-1", "在", member="owner")
    ring(channel, service)
    Channel.objects.update(credentials="cannot be opened")
    tell_chats(now=stage.now)
    assert Conversation.objects.get().by is None


def test_a_machine_that_answers_makes_no_conversation(stage: Stage, channel: Channel) -> None:
    stage.contact("王颖", wecom="wm-1")
    said = [
        Said("a", "wm-1", stage.now, "在吗", "text", True),
        Said("b", "wm-1", stage.now, "您好！", "text", False),
    ]
    assert keep_lines(channel, said, now=stage.now) == 2
    tell_chats(now=stage.now)
    assert not Conversation.objects.exists() and not ChatLine.objects.filter(is_kept=False).exists()


def test_the_worker_reads_what_no_post_told_of_by_pages_and_no_oftener_than_it_may(
    stage: Stage, service: Service, channel: Channel
) -> None:
    service.page = 2
    for n in range(5):
        service.write("wm-1", f"line {n}")
    assert actions.fetch(now=stage.now) == 5
    assert service.untold == 3
    for _minute in range(4):
        stage.now += MINUTE
        assert actions.fetch(now=stage.now) == 0
    assert service.untold == 3
    stage.now += MINUTE
    service.write("wm-1", "more")
    assert actions.fetch(now=stage.now) == 1
    assert ChatLine.objects.count() == 6


def test_a_reading_that_fails_half_way_goes_on_from_the_last_page(
    stage: Stage, service: Service, channel: Channel
) -> None:
    service.page = 2
    for n in range(6):
        service.write("wm-1", f"line {n}")
    taken = 0

    def fails(number: int) -> None:
        nonlocal taken
        taken += 1
        if taken == 4:  # token, two pages, then the third
            stage.fake.codes = [-1]

    stage.fake.before_each = fails
    actions.fetch(now=stage.now)
    channel.refresh_from_db()
    assert "-1" in channel.inbox_fault
    assert 0 < ChatLine.objects.count() < 6
    stage.fake.before_each = lambda number: None
    stage.now += 5 * MINUTE
    actions.fetch(now=stage.now)
    channel.refresh_from_db()
    assert ChatLine.objects.count() == 6 and channel.inbox_fault == "" and channel.inbox_mark == "c6"


def test_five_answers_within_48_hours_and_then_nothing_until_they_write_again(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    before = answer(stage, channel, wang)
    assert (before.state, before.reason) == (State.HELD_BACK, "no_window")
    service.write("wm-1", "有个问题")
    ring(channel, service)
    sent = []
    for _n in range(6):
        stage.now += MINUTE
        sent.append(answer(stage, channel, wang))
    assert [one.state for one in sent] == [State.ACCEPTED] * 5 + [State.HELD_BACK]
    stage.now += HOUR
    service.write("wm-1", "还有一个")
    ring(channel, service)
    assert answer(stage, channel, wang).state == State.ACCEPTED
    stage.now += 48 * HOUR
    assert answer(stage, channel, wang).reason == "no_window"
    assert len([one for one in stage.fake.took if one[0] == "service"]) == 6


def test_seven_at_once_are_five_and_two_that_are_held_back(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "有个问题")
    ring(channel, service)
    stage.now += MINUTE
    for _n in range(7):
        stage.write(channel, Person(wang.account_id, contact=wang.pk), medium="wecom", topic="service")
    stage.send()
    assert stage.states() == {"accepted": 5, "held_back": 2}


@pytest.mark.parametrize("seed", range(20))
def test_windows_equal_a_naive_count(stage: Stage, channel: Channel, seed: int) -> None:
    """Lines and messages in any order: what may still be sent is what a list of all of them says."""
    chance = random.Random(seed)
    people = [stage.contact(f"p{n}", wecom=f"wm-{n}") for n in range(4)]
    lines: dict[str, list[dt.datetime]] = {f"wm-{n}": [] for n in range(4)}
    sent: dict[str, list[dt.datetime]] = {f"wm-{n}": [] for n in range(4)}
    for step in range(60):
        stage.now += dt.timedelta(minutes=chance.randrange(1, 400))
        n = chance.randrange(4)
        key = f"wm-{n}"
        if chance.random() < 0.3:
            at = stage.now - dt.timedelta(minutes=chance.choice([0, 0, 30, 3_000]))
            keep_lines(channel, [Said(f"l{step}", key, at, "?", "text", True)], now=stage.now)
            lines[key].append(at)
        else:
            state = chance.choice([State.ACCEPTED, State.UNKNOWN, State.REFUSED, State.HELD_BACK])
            Message.objects.create(
                key=f"{seed}-{step}", channel=channel, medium="wecom", account=people[n].account, contact=people[n], address=key, state=state,
                planned_at=stage.now, due_at=stage.now, expires_at=stage.now, claimed_at=stage.now,
            )  # fmt: skip
            if state in {State.ACCEPTED, State.UNKNOWN}:
                sent[key].append(stage.now)
        naive: dict[str, int] = {}
        for one, wrote in lines.items():
            last = max(wrote, default=None)
            if last is not None and stage.now < last + 48 * HOUR - 2 * MINUTE:
                left = 5 - sum(at >= last for at in sent[one])
                naive |= {one: left} if left > 0 else {}
        assert rooms(channel, WecomKf.window, lines, stage.now) == naive


def test_who_may_be_answered_is_and_everybody_else_gets_the_next_way(
    stage: Stage, service: Service, channel: Channel
) -> None:
    mass = stage.wecom("wecom_customer", "群发")
    wrote, silent = stage.contact("王颖", wecom="wm-1"), stage.contact("李工", wecom="wm-2")
    service.write("wm-1", "有个问题")
    ring(channel, service)
    book = Recipients([stage.cast.well.pk])
    ways = {
        who.contact: (way.kind, why) for who, way, why in book.of(stage.cast.well.pk, "everybody", ["wecom"])
    }
    assert ways[wrote.pk] == ("wecom_kf", "")
    assert ways[silent.pk] == ("wecom_customer", "")
    actions.switch_channel(mass, is_on=False, by=stage.cast.boss, now=stage.now)
    only = Recipients([stage.cast.well.pk]).of(stage.cast.well.pk, "everybody", [channel.key])
    assert {who.contact: why for who, _way, why in only}[silent.pk] == "no_window"


def test_what_wechat_did_not_show_bounces_and_the_address_stays_alive(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "有个问题")
    ring(channel, service)
    sent = answer(stage, channel, wang)
    told = {
        "event_type": "msg_send_fail",
        "open_kfid": "wk1",
        "external_userid": "wm-1",
        "fail_msgid": sent.provider_id,
        "fail_type": 10,
    }
    service.write("wm-1", "", event=told)
    service.write("wm-1", "", event={"event_type": "enter_session"})
    ring(channel, service)
    receipt = Receipt.objects.get(kind="bounced")
    assert receipt.message == sent and receipt.detail
    assert answer(stage, channel, wang).state == State.ACCEPTED


def test_answers_are_receipts_once_a_day_and_a_word_of_refusal_always_counts(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "有个问题")
    ring(channel, service)
    answer(stage, channel, wang)
    for text in ("好的", "我试试", "退订"):
        stage.now += MINUTE
        service.write("wm-1", text)
    ring(channel, service)
    assert list(Receipt.objects.filter(kind="replied").values_list("detail", flat=True)) == ["好的", "退订"]
    line = Consent.objects.get()
    assert (line.contact, line.medium, line.state) == (wang, "wecom", "withdrawn")


def test_a_stranger_is_named_kept_30_days_and_known_with_everything_once_somebody_says_who_it_is(
    stage: Stage, service: Service, channel: Channel
) -> None:
    service.nicknames["wm-9"] = "小王"
    for who in ("wm-8", "wm-9"):
        service.write(who, "你们的系统怎么登录？")
        service.write(who, "发您链接。", member="owner")
    ring(channel, service)
    tell_chats(now=stage.now)
    assert dict(Chat.objects.values_list("key", "name")) == {"wm-9": "小王", "wm-8": "–"}
    asked = stage.fake.count
    tell_chats(now=stage.now)
    assert stage.fake.count == asked
    contact = coming.make_contact("wm-9", stage.cast.well, "王颖", by=stage.cast.boss, now=stage.now)
    tell_chats(now=stage.now)
    assert Chat.objects.get(key="wm-9").contact == contact
    assert Conversation.objects.get().contacts.get() == contact
    # Another way of becoming known: the id comes with a file.
    li = stage.contact("李工")
    ContactId.objects.create(contact=li, system="wecom", value="wm-8")
    tell_chats(now=stage.now)
    assert Conversation.objects.count() == 2
    stage.now += 31 * DAY
    service.write("wm-7", "?")
    ring(channel, service)
    tell_chats(now=stage.now)
    assert set(ChatLine.objects.values_list("chat__key", flat=True)) == {"wm-7"}
    assert set(Chat.objects.values_list("key", flat=True)) == {"wm-7", "wm-8", "wm-9"}
    stage.now += 31 * DAY
    tell_chats(now=stage.now)
    assert set(Chat.objects.values_list("key", flat=True)) == {"wm-8", "wm-9"}


def test_what_a_forgotten_contact_wrote_is_gone(stage: Stage, service: Service, channel: Channel) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "我的电话是 13800138000")
    service.write("wm-1", "收到", member="owner")
    ring(channel, service)
    tell_chats(now=stage.now)
    counts = forget_contact(wang, by=None, now=stage.now)
    assert counts["conversations"] == 1 and counts["chats"] > 0
    assert Conversation.objects.get().summary == "" and not ChatLine.objects.exists()


def test_a_test_says_which_accounts_there_are_and_posts_of_others_say_nothing(
    stage: Stage, service: Service, channel: Channel
) -> None:
    assert "常青客服" in actions.try_channel(channel, by=stage.cast.boss, now=stage.now)
    bare = stage.wecom("wecom_kf", "未选")
    with pytest.raises(ValidationError, match="wk1"):
        actions.try_channel(bare, by=stage.cast.boss, now=stage.now)
    service.write("wm-1", "?")
    other = service.ring().replace("wk1", "wk2")
    assert post(channel.door, sealed(other.encode())) == 200
    assert not ChatLine.objects.exists()
    actions.switch_channel(channel, is_on=False, by=stage.cast.boss, now=stage.now)
    assert ring(channel, service) == 200 and not ChatLine.objects.exists()
    assert post(channel.door, sealed(service.ring().encode(), corp="ww2")) == 400


def test_a_text_that_is_too_long_is_refused_before_it_leaves(
    stage: Stage, service: Service, channel: Channel
) -> None:
    wang = stage.contact("王颖", wecom="wm-1")
    service.write("wm-1", "?")
    ring(channel, service)
    stage.write(
        channel, Person(wang.account_id, contact=wang.pk), medium="wecom", topic="service", body="长" * 700
    )
    stage.send()
    assert Message.objects.latest("pk").state == State.REFUSED
    assert not [one for one in stage.fake.took if one[0] == "service"]
