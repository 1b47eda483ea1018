"""Mails between colleagues and contacts that the mailbox gets a copy of: kept once, conversations where both sides wrote."""

from __future__ import annotations

import datetime as dt
import random
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import pytest
from django.test import Client

from evergreen.customers.models import Contact
from evergreen.touches.actions import forget_contact
from evergreen.touches.models import Channel, MailCopy, Message, Receipt
from evergreen.work.models import Conversation
from tests.touches.stage import DAY, HOUR, Stage

WANG = "wang@there.example"


@pytest.fixture
def channel(stage: Stage) -> Channel:
    return stage.channel("smtp", host="127.0.0.1", port="1", security="none", sender="cs@vendor.example")


@pytest.fixture
def wang(stage: Stage) -> Contact:
    made = stage.contact("王颖")
    Contact.objects.filter(pk=made.pk).update(email="Wang@There.example")
    return Contact.objects.get(pk=made.pk)


def letter(
    stage: Stage, sender: str, to: str, text: str, key: str, refers: str = "", **headers: str
) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, headers.pop("subject", "续约")
    made["Date"], made["Message-ID"] = format_datetime(stage.now), f"<{key}@x>"
    if refers:
        made["In-Reply-To"] = f"<{refers.split()[-1]}@x>"
        made["References"] = " ".join(f"<{one}@x>" for one in refers.split())
    for name, value in headers.items():
        made[name] = value
    made.set_content(text)
    return made.as_bytes()


def arrives(channel: Channel, raw: bytes) -> int:
    return Client().post(f"/in/{channel.door}/", raw, content_type="message/rfc822").status_code


def test_a_thread_to_which_both_sides_wrote_is_a_conversation_for_each_day(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    own = stage.cast.owner.email
    assert arrives(channel, letter(stage, own, WANG, "王经理，报价在附件。", "m1")) == 200
    assert MailCopy.objects.count() == 1 and not Conversation.objects.exists()
    stage.now += 2 * HOUR
    answer = f"收到，谢谢。\n\n在 2026年11月20日，{own} 写道：\n> 王经理，报价在附件。"
    arrives(channel, letter(stage, WANG, own, answer, "m2", "m1"))
    stage.now += 3 * DAY
    arrives(channel, letter(stage, own, f"Wang <{WANG}>", "那我们下周签。", "m3", "m1 m2"))
    first, second = Conversation.objects.order_by("at")
    assert first.kind == "mail" and first.account == stage.cast.well and first.by == stage.cast.owner
    assert list(first.contacts.all()) == [wang]
    lines = first.summary.splitlines()
    assert lines[0] == "续约" and [one.partition(" ")[2] for one in lines[1:]] == [
        "我方: 王经理，报价在附件。",
        "客户: 收到，谢谢。",
    ]
    assert second.summary.endswith("我方: 那我们下周签。")


def test_an_answer_of_ours_that_quotes_theirs_is_an_exchange_by_itself(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    own = stage.cast.owner.email
    quoting = f"可以的。\n\n-----原始邮件-----\n发件人: 王颖 <{WANG}>\n主题: 能延期吗\n\n能延期吗？"
    arrives(channel, letter(stage, own, WANG, quoting, "m2", "theirs"))
    assert Conversation.objects.get().summary.endswith("我方: 可以的。")
    alone = f"跟进一下。\n\n-----原始邮件-----\n发件人: <{own}>\n\n报价在附件。"
    arrives(channel, letter(stage, own, WANG, alone, "m9", "m8"))
    assert Conversation.objects.count() == 1


def test_the_same_mail_twice_and_in_any_order_comes_to_the_same(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    own = stage.cast.owner.email
    mails = [
        letter(stage, own, WANG, "一", "m1"),
        letter(stage, WANG, own, "二", "m2", "m1"),
        letter(stage, own, WANG, "三", "m3", "m1 m2"),
    ]
    found = set()
    for seed in range(6):
        MailCopy.objects.all().delete()
        Conversation.objects.all().delete()
        chance = random.Random(seed)
        shuffled = [*mails, *mails]
        chance.shuffle(shuffled)
        for one in shuffled:
            arrives(channel, one)
        assert MailCopy.objects.count() == 3
        talk = Conversation.objects.get()
        found.add((talk.external_id, frozenset(talk.summary.splitlines())))
    assert len(found) == 1


def test_strangers_machines_and_our_own_sender_leave_nothing(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    own = stage.cast.owner.email
    arrives(channel, letter(stage, "spam@else.example", own, "买吗", "s1"))
    arrives(channel, letter(stage, own, "friend@else.example", "周末见", "s2"))
    arrives(channel, letter(stage, WANG, own, "我不在", "s3", **{"Auto-Submitted": "auto-replied"}))
    arrives(channel, letter(stage, "cs@vendor.example", WANG, "通知", "s4"))
    assert not MailCopy.objects.exists()


def test_what_one_of_us_wrote_is_no_answer_to_what_we_sent_them(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    cast = stage.cast
    told = Message.objects.create(
        key="k" * 64, channel=channel, medium="mail", staff=cast.owner, address=cast.owner.email, state="accepted", planned_at=stage.now, due_at=stage.now,
        expires_at=stage.now, handed_at=stage.now,
    )  # fmt: skip
    arrives(channel, letter(stage, cast.owner.email, WANG, "报价在附件", "m1"))
    assert not Receipt.objects.exists()
    arrives(channel, letter(stage, cast.owner.email, "cs@vendor.example", "退订", "m2"))
    assert not Receipt.objects.filter(message=told).exists()


def test_somebody_known_at_two_accounts_is_written_to_by_whose_account_it_is(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    cast = stage.cast
    twin = Contact.objects.create(account=cast.slipping, name="王颖", email=WANG, known_at=stage.now)
    assert cast.well.owner == cast.owner
    type(cast.slipping).objects.filter(pk=cast.slipping.pk).update(owner=cast.mate)
    arrives(channel, letter(stage, cast.mate.email, WANG, "您好", "m1"))
    assert [one.contact for one in MailCopy.objects.all()] == [twin]
    arrives(channel, letter(stage, cast.boss.email, WANG, "您好", "m2"))
    assert MailCopy.objects.filter(key="<m2@x>").count() == 2


def test_a_mailbox_may_be_told_not_to_keep_them(stage: Stage, wang: Contact) -> None:
    given = {"host": "127.0.0.1", "port": "1", "security": "none", "sender": "cs@vendor.example"}
    quiet = stage.channel("smtp", "quiet", **given, keeps_copies="no")
    arrives(quiet, letter(stage, stage.cast.owner.email, WANG, "您好", "m1"))
    assert not MailCopy.objects.exists()


def test_copies_go_after_ninety_days_and_with_whoever_is_forgotten(
    stage: Stage, channel: Channel, wang: Contact
) -> None:
    own = stage.cast.owner.email
    arrives(channel, letter(stage, own, WANG, "一", "m1"))
    arrives(channel, letter(stage, WANG, own, "我的身份证号是…", "m2", "m1"))
    counts = forget_contact(wang, by=None, now=stage.now)
    assert counts["mails"] == 2 and Conversation.objects.get().summary == ""
    arrives(channel, letter(stage, own, WANG, "三", "m3"))
    stage.now += dt.timedelta(days=91)
    arrives(channel, letter(stage, own, WANG, "四", "m4"))
    assert [one.key for one in MailCopy.objects.all()] == ["<m4@x>"]


@pytest.mark.parametrize("raw", [b"From: a\n\n", b"Subject: x\n\nhello", b"From: <>\nTo: ,,,\nMessage-ID: none\n\n", "From: 王\nTo: 李\n\n好".encode("gb18030")])  # fmt: skip
def test_a_mail_that_is_hardly_one_breaks_nothing(stage: Stage, channel: Channel, raw: bytes) -> None:
    assert arrives(channel, raw) == 200
    assert not MailCopy.objects.exists()


def test_a_mail_of_many_kinds_at_once_is_read(stage: Stage, channel: Channel, wang: Contact) -> None:
    """HTML alone, an attachment, encoded subject, several recipients, Cc."""
    made = EmailMessage()
    made["From"], made["Cc"], made["To"] = (
        stage.cast.owner.email,
        f'"王, 颖" <{WANG.upper()}>',
        "x@else.example",
    )
    made["Subject"], made["Message-ID"], made["Date"] = "关于续约 ✔", "<h1@x>", format_datetime(stage.now)
    made.set_content("<p>您好<br>请看附件</p>", subtype="html")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="报价.pdf")
    assert arrives(channel, made.as_bytes()) == 200
    kept: Any = MailCopy.objects.get()
    assert kept.contact == wang and kept.subject == "关于续约 ✔" and kept.text == "您好\n请看附件"
