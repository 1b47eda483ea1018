"""What people agreed to or refused holds from the moment it is written, by whatever way it came."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from evergreen.base.actions import change_setting
from evergreen.customers.models import Contact
from evergreen.touches import actions, outgoing
from evergreen.touches.actions import claiming
from evergreen.touches.actions.consenting import is_refusal
from evergreen.touches.models import Consent, DeadAddress, Message, Receipt
from tests.conftest import NOW

State, Kind = Message.State, Receipt.Kind
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


def record(post: SimpleNamespace, contact: Contact, *, is_given: bool, **changed: str) -> None:
    fields = {"medium": "mail", "topic": "guidance", "source": "spoken", **changed}
    actions.record_consent(contact, is_given=is_given, by=post.cast.boss, now=NOW, **fields)


def test_what_was_withdrawn_before_the_claim_is_not_sent(post: SimpleNamespace) -> None:
    people = [post.contact(f"c{n}") for n in range(6)]
    post.write(*people)
    record(post, people[0], is_given=False)
    record(post, people[1], is_given=False, topic="")
    record(post, people[2], is_given=False, topic="marketing")
    Contact.objects.filter(pk=people[3].pk).update(left_on=NOW.date())
    Contact.objects.filter(pk=people[4].pk).update(email="")
    people[5].delete()
    post.send()
    assert [one["to"][0] for one in post.log()] == ["c2@there.example"]
    assert sorted(Message.objects.filter(state=State.HELD_BACK).values_list("reason", flat=True)) == [
        "left", "no_address", "withdrawn", "withdrawn",
    ]  # fmt: skip


def test_who_refused_under_one_name_is_not_written_to_under_another(post: SimpleNamespace) -> None:
    record(post, post.contact("same"), is_given=False)
    other = post.contact("Same", account=post.cast.slipping)
    post.write(other)
    post.send()
    assert post.log() == []


def test_a_link_of_refusal_refuses_its_topic_once_and_a_forged_one_nothing(post: SimpleNamespace) -> None:
    wang = post.contact("wang")
    (message,) = post.write(wang)
    post.send()
    token = outgoing.token_of(message)
    assert actions.refuse_by_link(token + "x", now=NOW) is None
    assert actions.refuse_by_link("nothing", now=NOW) is None
    for _again in range(3):
        assert actions.refuse_by_link(token, now=NOW + MINUTE) == message
    assert Consent.objects.count() == Receipt.objects.count() == 1
    post.write(wang, origin="2:hello:1")
    post.send(NOW + MINUTE)
    assert Message.objects.get(origin_id="2:hello:1").reason == "withdrawn"
    actions.take_back(message, now=NOW + 2 * MINUTE)
    post.write(wang, origin="3:hello:1", expires_at=NOW + 9 * DAY)
    post.send(NOW + 4 * DAY)
    assert Message.objects.get(origin_id="3:hello:1").state == State.ACCEPTED


def test_sms_needs_the_proof_of_a_consent(post: SimpleNamespace) -> None:
    wang = post.contact("wang")
    with pytest.raises(ValidationError):
        record(post, wang, is_given=True, medium="sms")
    record(post, wang, is_given=True, medium="sms", proof="form 17")
    assert Consent.objects.get().proof == "form 17"


def test_doubled_and_late_receipts_come_to_the_same(post: SimpleNamespace) -> None:
    (message,) = post.write(post.contact("wang"))
    post.send()
    for kind, key in ((Kind.REPLIED, "a"), (Kind.DELIVERED, ""), (Kind.REPLIED, "a"), (Kind.DELIVERED, "")):
        actions.receive(message, kind, at=NOW, key=key)
    assert Message.objects.get().outcome == Kind.REPLIED
    assert Receipt.objects.count() == 2


def test_a_bounce_makes_the_address_dead_until_somebody_revives_it(post: SimpleNamespace) -> None:
    wang = post.contact("wang")
    post.write(wang)
    post.send()
    actions.receive(Message.objects.get(), Kind.BOUNCED, at=NOW, detail="550 gone")
    post.write(wang, origin="2:hello:1")
    post.send(NOW + MINUTE)
    assert Message.objects.get(origin_id="2:hello:1").reason == "dead_address"
    actions.revive(DeadAddress.objects.get(), by=post.cast.boss, now=NOW)
    assert not DeadAddress.objects.exists()


@pytest.mark.parametrize("text", ["退订", "T", "td", " STOP. ", "Unsubscribe", "回复退订", "不要再发了"])
def test_a_word_of_refusal_withdraws_the_medium(post: SimpleNamespace, text: str) -> None:
    post.write(post.contact("wang"))
    post.send()
    actions.answered(Message.objects.get(), text, at=NOW, key="1", now=NOW)
    line = Consent.objects.get()
    assert (line.medium, line.topic, line.state, line.source) == ("mail", "", "withdrawn", "reply")


@pytest.mark.parametrize(
    "text", ["T恤收到了", "please stop by tomorrow", "不退订", "ok", "取消订阅会影响什么？"]
)
def test_an_answer_that_is_no_refusal_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_an_unknown_message_of_which_something_is_heard_has_arrived(post: SimpleNamespace) -> None:
    post.write(post.contact("unanswered"))
    post.send()
    actions.receive(Message.objects.get(state=State.UNKNOWN), Kind.REPLIED, at=NOW, key="1")
    assert Message.objects.get().state == State.ACCEPTED


def test_caps_hold_over_channels_and_playbooks_and_what_waits_is_put_off_once(post: SimpleNamespace) -> None:
    change_setting("touches_a_day", 2, by=None, now=NOW)
    change_setting("touches_a_week", 3, by=None, now=NOW)
    second = actions.save_channel(
        None, kind="smtp", name="Second", limits={}, by=post.cast.boss, now=NOW,
        given={**post.channel.config, "port": str(post.channel.config["port"])},
    )  # fmt: skip
    actions.switch_channel(second, is_on=True, by=post.cast.boss, now=NOW)
    people = [post.contact(f"p{n}") for n in range(4)]
    for playbook in range(5):
        for channel in (post.channel, second):
            post.write(
                *people,
                origin=f"{playbook}:hello:1",
                origin_name=f"book{playbook}",
                channel=channel,
                expires_at=NOW + 30 * DAY,
            )
    for hours in range(24 * 10):
        post.send(NOW + hours * dt.timedelta(hours=1))
    for person in people:
        moments = sorted(
            at for at in Message.objects.filter(contact=person).values_list("handed_at", flat=True) if at
        )
        assert len(moments) >= 5
        for at in moments:
            assert sum(at - 7 * DAY < other <= at for other in moments) <= 3
            day = (at + 8 * dt.timedelta(hours=1)).date()
            assert sum((other + 8 * dt.timedelta(hours=1)).date() == day for other in moments) <= 2
    # 10 messages a person: each was put off at most once a period of the cap, not each time it was looked at.
    assert max(Message.objects.values_list("waits", flat=True)) <= 12


def test_a_channels_rate_and_what_is_kept_for_urgent_messages_hold(post: SimpleNamespace) -> None:
    post.channel.limits = {"a_minute": 5, "a_day": 10, "reserved_percent": 20}
    post.channel.save()
    people = [post.contact(f"p{n:02d}") for n in range(14)]
    post.write(*people[:12])
    assert post.send() == 5
    assert post.send(NOW + dt.timedelta(seconds=59)) == 0
    assert post.send(NOW + MINUTE) == 3  # eight of ten: the rest of the day is for what is urgent
    post.write(*people[12:], origin="9:hello:1", priority=Message.Priority.HIGH)
    assert post.send(NOW + 2 * MINUTE) == 2
    assert post.send(NOW + 3 * MINUTE) == 0
    assert post.send(NOW + DAY + MINUTE) in {0, 3, 5}


def test_nobody_claims_what_another_holds(post: SimpleNamespace) -> None:
    post.write(*[post.contact(f"p{n}") for n in range(3)])
    first = claiming.claim(post.channel.pk, now=NOW, most=2)
    second = claiming.claim(post.channel.pk, now=NOW, most=2)
    assert len(first.messages) == 2 and len(second.messages) == 1
    assert not {one.pk for one in first.messages} & {one.pk for one in second.messages}


def test_what_a_contact_wrote_and_read_is_emptied_and_that_it_was_sent_and_agreed_to_stays(
    post: SimpleNamespace,
) -> None:
    wang, other = post.contact("wang"), post.contact("other")
    post.write(wang, other)
    post.send()
    mine = Message.objects.get(contact=wang)
    actions.answered(mine, "secret words", at=NOW, key="a", now=NOW)
    record(post, wang, is_given=True, medium="sms", source="contract", proof="12")
    post.write(
        wang, origin="2:hello:1", due_at=NOW + dt.timedelta(days=3), expires_at=NOW + dt.timedelta(days=9)
    )
    found = actions.forget_contact(wang, by=None, now=NOW)
    assert found == {
        "answers": 0, "replies": 1, "messages": 2, "ties": 0, "codes": 0, "chats": 0, "mails": 0, "conversations": 0,
    }  # fmt: skip
    assert set(Message.objects.filter(contact=wang).values_list("subject", "body", "address")) == {
        ("", "", "")
    }
    assert set(Message.objects.filter(contact=wang).values_list("state", flat=True)) == {
        "accepted",
        "withdrawn",
    }
    assert Receipt.objects.get().detail == "" and Consent.objects.filter(contact=wang).exists()
    assert Message.objects.get(contact=other).body
