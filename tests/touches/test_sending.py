"""From what is wanted to what the mail server took: once, or visibly unknown, or refused with a reason."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from evergreen.events import journal
from evergreen.touches import actions, rules
from evergreen.touches.actions import claiming, sending
from evergreen.touches.channels.contract import Outgoing
from evergreen.touches.channels.smtp import SmtpAdapter
from evergreen.touches.models import Channel, DeadAddress, Message
from evergreen.touches.ways import ready
from tests.conftest import NOW

State = Message.State
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def states() -> dict[str, str]:
    return {one.address or str(one.contact): one.state for one in Message.objects.select_related("contact")}


def test_a_mail_arrives_with_its_words_in_the_readers_language_and_the_headers_of_refusal(
    post: SimpleNamespace,
) -> None:
    wang = post.contact("wang", name="王 *芳*")
    wang.language = "zh-hans"
    wang.save()
    post.write(wang)
    assert post.send() == 1
    (mail,) = post.log()
    assert mail["to"] == ["wang@there.example"]
    assert mail["subject"] == "您好，王 *芳*"
    raw = mail["raw"]
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    (line,) = [one for one in raw.replace("\r\n ", " ").splitlines() if one.startswith("List-Unsubscribe:")]
    assert line.removeprefix("List-Unsubscribe: ").strip().startswith("<https://cs.example.com/refusals/")
    from email import message_from_string, policy

    text, html = message_from_string(raw, policy=policy.default).iter_parts()
    assert "恒岳机械 的 王 *芳*，您好" in text.get_content()
    # A name is a text wherever it stands: no emphasis comes out of it.
    assert "<strong>恒岳机械</strong> 的 王 *芳*，您好" in html.get_content()
    (row,) = Message.objects.all()
    assert (row.state, row.address, row.attempts) == (State.ACCEPTED, "wang@there.example", 1)


def test_one_refused_among_fifty_fails_alone(post: SimpleNamespace) -> None:
    people = [post.contact(f"p{n}") for n in range(48)] + [post.contact("refused"), post.contact("dead")]
    post.write(*people)
    post.send()
    assert sorted(one["to"][0] for one in post.log()) == sorted(f"p{n}@there.example" for n in range(48))
    found = states()
    assert found["refused@there.example"] == found["dead@there.example"] == State.REFUSED
    assert list(DeadAddress.objects.values_list("address", flat=True)) == ["dead@there.example"]
    # What does not exist is not written to again.
    post.write(people[-1], origin="2:hello:1")
    post.send(NOW + HOUR)
    assert Message.objects.get(origin_id="2:hello:1").reason == "dead_address"


def test_a_server_that_says_later_gets_it_later_once(post: SimpleNamespace) -> None:
    post.write(post.contact("later1"))
    post.send()
    (row,) = Message.objects.all()
    assert (row.state, row.reason, row.claimed_at) == (State.PLANNED, "later", None)
    assert "451" in row.detail
    post.send(NOW + HOUR)
    post.send(NOW + 2 * HOUR)
    assert len(post.log()) == 1
    assert states() == {"later1@there.example": State.ACCEPTED}


@pytest.mark.parametrize("mailbox", ["unanswered", "slow"])
def test_a_server_that_has_all_of_it_and_does_not_answer_leaves_it_unknown_and_it_is_not_sent_again(
    post: SimpleNamespace, mailbox: str
) -> None:
    post.write(post.contact(mailbox), post.contact("after"))
    post.send()
    for hours in range(1, 30):
        post.send(NOW + hours * HOUR)
    assert sorted(one["to"][0] for one in post.log()) == ["after@there.example", f"{mailbox}@there.example"]
    assert states() == {f"{mailbox}@there.example": State.UNKNOWN, "after@there.example": State.ACCEPTED}


def test_a_server_that_hangs_up_in_the_middle_never_had_it_and_gets_it_again(post: SimpleNamespace) -> None:
    post.write(post.contact("halfway"))
    post.send()
    (row,) = Message.objects.all()
    assert row.state in {State.PLANNED, State.UNKNOWN}
    assert post.log() == []


def test_a_channel_that_does_not_work_rests_and_its_messages_wait(post: SimpleNamespace) -> None:
    post.write(post.contact("full"), post.contact("b"))
    post.send()
    channel = Channel.objects.get()
    assert channel.rests_until is not None and channel.rests_until > NOW
    assert "421" in channel.fault
    assert set(Message.objects.values_list("state", "claimed_at")) == {(State.PLANNED, None)}
    # While it rests nothing is tried; afterwards the other goes.
    assert post.send(NOW + dt.timedelta(seconds=5)) == 0
    Message.objects.filter(contact__email__startswith="full").delete()
    assert post.send(NOW + HOUR) == 1
    assert Channel.objects.get().faults == 0


class Death(BaseException):
    """The worker is killed."""


def _die(*_arguments: Any, **_named: Any) -> Any:
    raise Death


@pytest.mark.parametrize("point", ["claimed", "handing_over", "handed_over", "taken"])
def test_a_worker_that_dies_at_any_point_sends_nothing_twice(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    people = [post.contact(f"k{n}") for n in range(3)]
    post.write(*people)
    with monkeypatch.context() as patched:
        if point == "claimed":
            patched.setattr(sending, "_hand_over_all", _die)
        elif point == "handing_over":
            patched.setattr(sending, "_hand_over", _die)
        elif point == "handed_over":
            patched.setattr(SmtpAdapter, "send", _die)
        else:
            patched.setattr(sending, "_taken", _die)
        with pytest.raises(Death):
            post.send()
    # Within the lease nobody else touches them; afterwards they go on.
    assert post.send(NOW + dt.timedelta(seconds=60)) == 0
    post.send(NOW + HOUR)
    post.send(NOW + 2 * HOUR)
    log = [one["to"][0] for one in post.log()]
    assert len(log) == len(set(log))
    found = states()
    unknown = [address for address, state in found.items() if state == State.UNKNOWN]
    if point in {"claimed", "handing_over"}:
        assert len(log) == 3 and not unknown
    else:
        # The one that was under way is unknown, whether the server has it or not; the others went.
        assert unknown == ["k0@there.example"]
        assert sorted(log) == [f"k{n}@there.example" for n in range(0 if point == "taken" else 1, 3)]


def test_a_worker_that_wakes_after_its_lease_writes_nothing(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.write(post.contact("sleeper"))
    real = SmtpAdapter.send

    def slept(adapter: SmtpAdapter, message: Outgoing) -> Any:
        taken = real(adapter, message)
        actions.recover(now=NOW + HOUR)  # meanwhile another worker looked after it
        return taken

    monkeypatch.setattr(SmtpAdapter, "send", slept)
    post.send()
    row = Message.objects.get()
    assert (row.state, row.reason) == (State.UNKNOWN, "worker_lost")
    assert len(post.log()) == 1


def test_a_message_that_is_wanted_twice_is_one(post: SimpleNamespace) -> None:
    wang = post.contact("wang")
    post.write(wang)
    post.write(wang)
    post.send()
    assert len(post.log()) == Message.objects.count() == 1


def test_what_was_planned_in_a_transaction_that_failed_was_never_planned(post: SimpleNamespace) -> None:
    wang = post.contact("wang")
    with pytest.raises(RuntimeError), transaction.atomic():
        actions.plan([post.draft(wang)], now=NOW)
        raise RuntimeError
    assert not Message.objects.exists()


def test_a_message_whose_text_lacks_a_value_is_refused_with_its_name(post: SimpleNamespace) -> None:
    texts = {
        "name": {"en": "t"},
        "topic": "guidance",
        "subject": {},
        "body": {"en": "Dear {{ contact.title }}"},
    }
    titled = actions.save_template(None, "titled", texts, by=None, now=NOW)
    (row,) = post.write(post.contact("wang"), template=titled)
    assert (row.state, row.reason) == (State.REFUSED, "missing")
    assert "the contact's title" in row.detail or "联系人职务" in row.detail
    post.send()
    assert post.log() == []


def test_a_changed_template_does_not_change_what_is_planned(post: SimpleNamespace) -> None:
    post.write(post.contact("wang"))
    changed = {"name": {"en": "Hello"}, "topic": "guidance", "subject": {"en": "New"}, "body": {"en": "New"}}
    actions.save_template(post.template, "hello", changed, by=None, now=NOW)
    post.send()
    assert post.log()[0]["subject"] == "Hello wang"


def test_one_person_in_two_accounts_gets_one_copy_of_a_step(post: SimpleNamespace) -> None:
    cast = post.cast
    one, two = post.contact("same"), post.contact("same", account=cast.slipping)
    post.write(one, two, copy_of="welcome:hello")
    post.send()
    assert len(post.log()) == 1
    assert sorted(Message.objects.values_list("state", "reason")) == [
        (State.ACCEPTED, ""),
        (State.HELD_BACK, "copy"),
    ]


def test_what_came_of_messages_comes_back_as_events_once(post: SimpleNamespace) -> None:
    post.write(post.contact("wang"), post.contact("refused"))
    with journal.gathering() as told:
        post.send()
        post.send(NOW + HOUR)
    names = sorted((one["name"], one["properties"]["playbook"]) for one in told)
    assert names == [("touch.refused", "welcome"), ("touch.sent", "welcome")]


def test_what_a_left_run_had_planned_is_withdrawn_even_when_it_was_just_claimed(
    post: SimpleNamespace,
) -> None:
    post.write(post.contact("a"), origin="7:hello:1")
    post.write(post.contact("b"), origin="70:hello:1")
    claimed = claiming.claim(post.channel.pk, now=NOW).messages
    with transaction.atomic():
        assert actions.withdraw_planned("playbook", ["7:hello:1"], now=NOW) == 1
    sending._hand_over_all(post.channel, ready(post.channel), claimed, lambda: NOW, lambda: False)
    assert [one["to"][0] for one in post.log()] == ["b@there.example"]
    assert Message.objects.get(origin_id="7:hello:1").state == State.WITHDRAWN


@pytest.mark.parametrize("kind", ["go", "wait", "hold"])
def test_what_is_withdrawn_while_a_claim_looks_at_it_stays_withdrawn(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """JRN-10 in small: a claim has read the message when somebody else takes it back."""
    (message,) = post.write(post.contact("a"))

    def meanwhile(*_asked: Any) -> rules.Verdict:
        actions.withdraw_planned(message.origin_kind, [message.origin_id], now=NOW)
        return rules.Verdict(kind, "cap", NOW + dt.timedelta(days=1))

    monkeypatch.setattr(rules, "decide", meanwhile)
    post.send()
    message.refresh_from_db()
    assert (message.state, post.log()) == (State.WITHDRAWN, [])


def test_an_unknown_message_waits_for_a_person_who_sends_it_again_or_settles_it(
    post: SimpleNamespace,
) -> None:
    post.write(post.contact("unanswered"), post.contact("unanswered.too"))
    post.send()
    first, second = Message.objects.filter(state=State.UNKNOWN).order_by("pk")
    boss = post.cast.boss
    assert actions.settle([first.pk], has_arrived=True, by=boss, now=NOW) == 1
    assert actions.send_again([second.pk, first.pk], by=boss, now=NOW, late=DAY) == 1
    post.send(NOW + HOUR)
    assert len(post.log()) == 3
    assert Message.objects.get(pk=first.pk).state == State.ACCEPTED
