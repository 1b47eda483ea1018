"""Mails that come back: bounces, complaints, answers of people and of machines, read by IMAP or passed on by a mail server."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from evergreen.base import clock
from evergreen.touches import actions
from evergreen.touches.channels.smtp import letters
from evergreen.touches.channels.told import Heard
from evergreen.touches.models import Consent, DeadAddress, Message, Receipt
from tests.conftest import NOW
from tests.touches.mailbox import Mailbox

KEY = "ab" * 32
MINUTE = dt.timedelta(minutes=1)


def report(
    status: str = "5.1.1",
    action: str = "failed",
    key: str = KEY,
    said: str = "550 5.1.1 no such user",
    to: str = "",
) -> bytes:
    """A delivery report as RFC 3464 has it."""
    return f"""From: MAILER-DAEMON@mx.example
To: {to or "cs@vendor.example"}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{action}-{status}-{key[:6]}@mx.example>
Date: Fri, 20 Nov 2026 09:00:00 +0800
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; wang@there.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b
Content-Type: message/rfc822-headers

From: cs@vendor.example
X-Evergreen: {key}
Message-ID: <{key}@vendor.example>

--b--
""".replace("\n", "\r\n").encode()  # fmt: skip


def mail(
    text: str, *, sender: str = "wang@there.example", key: str = "", html: str = "", **headers: str
) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = (
        sender,
        "cs@vendor.example",
        headers.pop("Subject", "Re: Hello"),
    )
    made["Message-ID"], made["Date"] = (
        headers.pop("id", "<r1@there.example>"),
        "Fri, 20 Nov 2026 09:30:00 +0800",
    )
    if key:
        made["In-Reply-To"] = f"<{key}@vendor.example>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(html or text, subtype="html" if html else "plain")
    return made.as_bytes()


def read(raw: bytes) -> Heard | None:
    return letters.read(raw, own="cs@vendor.example", now=NOW)


@pytest.mark.parametrize(
    ("status", "action", "said", "kind", "is_permanent"),
    [
        ("5.1.1", "failed", "550 5.1.1 no such user", "bounced", True), ("5.2.2", "failed", "552 5.2.2 mailbox full", "bounced", False),
        ("5.7.1", "failed", "554 5.7.1 looks like spam", "bounced", False), ("5.0.0", "failed", "550 User not found: wang", "bounced", True),
        ("2.0.0", "delivered", "250 ok", "delivered", True), ("4.2.0", "delayed", "will try on", "", True),
    ],
)  # fmt: skip
def test_a_delivery_report_says_what_became_of_which_mail(
    status: str, action: str, said: str, kind: str, is_permanent: bool
) -> None:
    found = read(report(status, action, said=said))
    if not kind:
        assert found is None
        return
    assert found is not None and (found.kind, found.key) == (kind, KEY)
    assert found.at == dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)
    if kind == "bounced":
        assert found.is_permanent == is_permanent and said in found.detail


def test_a_report_without_the_mail_is_known_by_the_address_it_came_back_to() -> None:
    raw = (
        report(to=f"bounce+{KEY[:32]}@vendor.example")
        .replace(f"X-Evergreen: {KEY}\r\n".encode(), b"")
        .replace(KEY.encode(), b"gone")
    )
    found = read(raw)
    assert found is not None and found.key == KEY[:32]


def test_a_failure_in_words_alone_counts_with_its_mail_and_not_without() -> None:
    told = f"很抱歉，您的邮件被退回来了……\n550 5.1.1 收件人不存在\n<{KEY}@vendor.example>"
    found = read(mail(told, sender="PostMaster@qq.example", Subject="系统退信"))
    assert found is not None and (found.kind, found.key, found.is_permanent) == ("bounced", KEY, True)
    assert read(mail("550 failed", sender="postmaster@qq.example", Subject="退信")) is None
    assert (
        read(mail(f"Your weekly report {KEY}", sender="postmaster@there.example", Subject="Report")) is None
    )


@pytest.mark.parametrize(
    "body",
    [
        "谢谢，下周三可以。\n\n在 2026年11月19日 10:00，常青客户成功 <cs@vendor.example> 写道：\n> 您好", "谢谢，下周三可以。\n\n-----原始邮件-----\n发件人: cs",
        "谢谢，下周三可以。\n> quoted", "谢谢，下周三可以。\n\nOn Thu, 19 Nov 2026 at 10:00, CS <cs@vendor.example> wrote:\n\n> hi",
    ],
)  # fmt: skip
def test_an_answer_is_what_stands_above_the_quoted_mail(body: str) -> None:
    found = read(mail(body, key=KEY))
    assert found is not None and (found.kind, found.key, found.address, found.text) == (
        "replied",
        KEY,
        "wang@there.example",
        "谢谢，下周三可以。",
    )


def test_an_answer_in_html_is_read_as_text() -> None:
    found = read(mail("", html="<style>x</style><div>Yes,<br>Wednesday</div><blockquote>old</blockquote>"))
    assert found is not None and found.text.split() == ["Yes,", "Wednesday"]


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ({"Auto_Submitted": "auto-replied"}, "wang@there.example"), ({"Precedence": "bulk"}, "wang@there.example"), ({"X_Autoreply": "yes"}, "wang@there.example"),
        ({"Subject": "自动回复：休假中"}, "wang@there.example"), ({"Subject": "Re: Out of Office"}, "wang@there.example"), ({}, "cs@vendor.example"),
    ],
)  # fmt: skip
def test_what_machines_and_we_ourselves_write_is_no_answer(headers: dict[str, str], sender: str) -> None:
    assert read(mail("I am away", sender=sender, key=KEY, **headers)) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"From: a@b.example\r\n\r\n",
        b"From: a@b.example\r\nContent-Type: text/plain; charset=none-such\r\n\r\nx",
        report()[:200],
    ],
)
def test_a_broken_mail_says_nothing_and_breaks_nothing(raw: bytes) -> None:
    assert read(raw) is None


# Read by IMAP


def boxed(post: SimpleNamespace, box: Mailbox, **changed: str) -> None:
    given = {
        **post.channel.config,
        "port": str(post.channel.config["port"]),
        "imap_host": "127.0.0.1",
        "imap_folder": "INBOX",
        "imap_port": str(box.port),
        "imap_security": "none",
        "imap_user": "cs",
        "imap_password": "right",
        **changed,
    }
    actions.save_channel(
        post.channel, kind="smtp", name="Mail", given=given, limits={}, by=post.cast.boss, now=NOW
    )


def sent(post: SimpleNamespace, *mailboxes: str) -> list[Message]:
    rows: list[Message] = post.write(*[post.contact(one) for one in mailboxes])
    post.send()
    return rows


def test_only_what_comes_from_now_on_is_heard_once_and_nothing_is_marked(post: SimpleNamespace) -> None:
    one, two = sent(post, "wang", "li")
    with Mailbox() as box:
        box.put(mail("old", key=one.key, id="<old@x>"))
        boxed(post, box)
        assert actions.fetch(now=NOW) == 0
        box.put(report(key=one.key))
        box.put(mail("Thank you", key=two.key, sender="li@there.example"))
        assert actions.fetch(now=NOW + dt.timedelta(seconds=30)) == 0  # once a minute
        assert actions.fetch(now=NOW + 2 * MINUTE) == 2
        assert actions.fetch(now=NOW + 4 * MINUTE) == 0
        # The server numbered its mails anew: they are read again, which adds nothing.
        box.validity = 8
        actions.fetch(now=NOW + 6 * MINUTE)
        assert not [
            line
            for line in box.told
            if line.split()[0] in {"STORE", "SELECT", "EXPUNGE", "COPY"} or "STORE" in line
        ]
    assert sorted(Receipt.objects.values_list("kind", flat=True)) == [
        "bounced",
        "replied",
        "replied",
    ]  # the old one by then too
    assert DeadAddress.objects.get().address == "wang@there.example"
    two.refresh_from_db()
    assert two.outcome == "replied"


def test_a_word_of_refusal_in_an_answer_holds_at_once(post: SimpleNamespace) -> None:
    (one,) = sent(post, "wang")
    with Mailbox() as box:
        boxed(post, box)
        actions.fetch(now=NOW)
        box.put(mail("退订", key=one.key))
        actions.fetch(now=NOW + 2 * MINUTE)
    assert Consent.objects.get().state == Consent.State.WITHDRAWN


@pytest.mark.parametrize(
    "changed", [{"imap_password": "wrong"}, {"imap_folder": "Elsewhere"}, {"imap_port": "1"}]
)
def test_a_mailbox_that_cannot_be_read_is_said_and_hinders_no_sending(
    post: SimpleNamespace, changed: dict[str, str]
) -> None:
    with Mailbox() as box:
        boxed(post, box, **changed)
        assert actions.fetch(now=NOW) == 0
        post.channel.refresh_from_db()
        assert post.channel.inbox_fault
        with pytest.raises(ValidationError):
            actions.try_channel(post.channel, by=post.cast.boss, now=NOW)
        sent(post, "wang")
        assert len(post.log()) == 1
        boxed(post, box)
        with translation.override("en"):
            assert "The mailbox can be read." in actions.try_channel(post.channel, by=post.cast.boss, now=NOW)
        actions.fetch(now=NOW + 2 * MINUTE)
        post.channel.refresh_from_db()
        assert post.channel.inbox_fault == "" and post.channel.inbox_mark


def test_a_mail_server_may_pass_mails_on_as_they_are(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: NOW)
    (one,) = sent(post, "wang")
    where = f"/in/{post.channel.door}/"
    assert Client().post(where, report(key=one.key), content_type="message/rfc822").status_code == 200
    assert Receipt.objects.get().kind == "bounced"
    assert Client().post(where, b"{}", content_type="message/rfc822").status_code == 400
