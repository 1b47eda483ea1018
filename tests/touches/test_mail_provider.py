"""E-mail by providers' APIs against local ones: what they get, their faults as ours, what they post afterwards."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.customers.models import Contact
from evergreen.touches import actions
from evergreen.touches.models import Channel, Consent, DeadAddress, Message, Receipt
from evergreen.touches.values import Person
from tests.connectors.fake import Answer, Asked
from tests.touches.stage import DAY, HOUR, Stage

State = Message.State
SIGNING = "signing-key"


class Mail:
    """Mailgun, Postmark and Brevo on this machine; ``took`` is (provider, to, subject, header of refusal)."""

    def __init__(self, stage: Stage) -> None:
        self.took: list[tuple[str, str, str, str]] = []
        self.status = 200
        self.inactive: set[str] = set()
        stage.fake.routes |= {
            "/mailgun/vendor.example/messages": self._mailgun,
            "/mailgun/domains": lambda asked: self._may(asked) or Answer({"items": []}),
            "/postmark/email": self._postmark,
            "/postmark/server": lambda asked: self._may(asked) or Answer({"Name": "cs"}),
            "/brevo/smtp/email": self._brevo,
            "/brevo/account": lambda asked: self._may(asked) or Answer({"email": "a@vendor.example"}),
        }

    def _may(self, asked: Asked) -> Answer | None:
        # Basic "api:key-1", Postmark's and Brevo's own headers.
        given = (
            asked.headers.get("authorization"), asked.headers.get("x-postmark-server-token"), asked.headers.get("api-key"),
        )  # fmt: skip
        if not {"Basic YXBpOmtleS0x", "key-1"} & set(given):
            return Answer({"message": "Forbidden"}, status=401)
        return Answer({"message": "as the script says"}, status=self.status) if self.status != 200 else None

    def _mailgun(self, asked: Asked) -> Answer:
        if (refusal := self._may(asked)) is not None:
            return refusal
        told = asked.form
        self.took.append(("mailgun", told["to"], told["subject"], told.get("h:List-Unsubscribe", "")))
        return Answer({"id": f"<{len(self.took)}@mailgun>", "message": "Queued. Thank you."})

    def _postmark(self, asked: Asked) -> Answer:
        if (refusal := self._may(asked)) is not None:
            return refusal
        told = asked.json
        if told["To"].rpartition("<")[2].strip(">") in self.inactive:
            who = told["To"].rpartition("<")[2].strip(">")
            said = (
                "You tried to send to a recipient that has been marked as inactive. "
                f"Found inactive addresses: {who}. Inactive recipients are ones that have generated a hard bounce or a spam complaint."
            )
            return Answer({"ErrorCode": 406, "Message": said}, status=422)
        headers = {one["Name"]: one["Value"] for one in told.get("Headers", ())}
        self.took.append(("postmark", told["To"], told["Subject"], headers.get("List-Unsubscribe", "")))
        return Answer(
            {"ErrorCode": 0, "Message": "OK", "To": told["To"], "MessageID": f"pm-{len(self.took)}"}
        )

    def _brevo(self, asked: Asked) -> Answer:
        if (refusal := self._may(asked)) is not None:
            return refusal
        told = asked.json
        self.took.append(
            (
                "brevo",
                told["to"][0]["email"],
                told["subject"],
                told.get("headers", {}).get("List-Unsubscribe", ""),
            )
        )
        return Answer({"messageId": f"<{len(self.took)}@brevo>"}, status=201)


@pytest.fixture
def mail(stage: Stage) -> Mail:
    return Mail(stage)


def channel(stage: Stage, provider: str, **given: str) -> Channel:
    fields = {
        "provider": provider,
        "api_key": "key-1",
        "sender": "cs@vendor.example",
        "sender_name": "常青",
        "address": f"{stage.fake.url}/{provider}/",
    }
    return stage.channel("mail_provider", provider, **{**fields, **given})


def contact(stage: Stage, name: str) -> Contact:
    made = stage.contact(name)
    Contact.objects.filter(pk=made.pk).update(email=f"{name}@there.example")
    return Contact.objects.get(pk=made.pk)


def write(stage: Stage, by: Channel, to: Contact, subject: str = "您好", topic: str = "guidance") -> Message:
    stage.write(by, Person(to.account_id, contact=to.pk), medium="mail", subject=subject, topic=topic)
    stage.send()
    return Message.objects.latest("pk")


def posted(by: Channel, told: Any) -> int:
    return Client().post(f"/in/{by.door}/", json.dumps(told), content_type="application/json").status_code


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "brevo"])
def test_a_mail_goes_with_its_name_and_its_refusal_and_the_providers_id_stays(
    stage: Stage, mail: Mail, provider: str
) -> None:
    by = channel(stage, provider)
    sent = write(stage, by, contact(stage, "wang"))
    assert (sent.state, bool(sent.provider_id)) == (State.ACCEPTED, True)
    ((name, to, subject, refusal),) = mail.took
    assert (name, subject) == (provider, "您好") and "wang@there.example" in to
    assert refusal.startswith("<https://cs.example.com/refusals/")
    assert "takes the key" in actions.try_channel(
        by, by=stage.cast.boss, now=stage.now
    ) or "密钥" in actions.try_channel(by, by=stage.cast.boss, now=stage.now)


@pytest.mark.parametrize(
    ("status", "state", "rests"),
    [(401, State.PLANNED, True), (429, State.PLANNED, True), (400, State.REFUSED, False), (500, State.UNKNOWN, False)],
)  # fmt: skip
def test_faults_of_a_provider_are_later_refused_or_unknown(
    stage: Stage, mail: Mail, status: int, state: str, rests: bool
) -> None:
    by = channel(stage, "postmark")
    mail.status = status
    sent = write(stage, by, contact(stage, "wang"))
    by.refresh_from_db()
    assert (sent.state, by.rests_until is not None) == (state, rests)
    assert not mail.took and not DeadAddress.objects.exists()


def test_a_connection_that_breaks_after_the_call_leaves_it_unknown(stage: Stage, mail: Mail) -> None:
    by = channel(stage, "brevo")
    stage.fake.script = {1: "cut"}
    assert write(stage, by, contact(stage, "wang")).state == State.UNKNOWN


@pytest.mark.parametrize("body", ["<html>", {"odd": 1}, []])
def test_an_answer_that_nobody_can_read_leaves_it_unknown(stage: Stage, mail: Mail, body: Any) -> None:
    by = channel(stage, "brevo")
    stage.fake.routes["/brevo/smtp/email"] = lambda asked: Answer(
        body.encode() if isinstance(body, str) else body, status=201
    )
    assert write(stage, by, contact(stage, "wang")).state == State.UNKNOWN


def test_nobody_listening_is_tried_again(stage: Stage, mail: Mail) -> None:
    by = channel(stage, "brevo", address="http://127.0.0.1:1/")
    sent = write(stage, by, contact(stage, "wang"))
    assert sent.state == State.PLANNED
    by.refresh_from_db()
    assert by.rests_until is not None


def test_an_address_that_the_provider_suppressed_is_dead(stage: Stage, mail: Mail) -> None:
    by = channel(stage, "postmark")
    mail.inactive = {"wang@there.example"}
    wang = contact(stage, "wang")
    assert write(stage, by, wang).state == State.REFUSED
    assert DeadAddress.objects.get().address == "wang@there.example"
    assert write(stage, by, wang, "again", "service").reason == "dead_address"


def test_a_wrong_key_is_told_by_the_test(stage: Stage, mail: Mail) -> None:
    for provider in ("mailgun", "postmark", "brevo"):
        with pytest.raises(ValidationError, match="401"):
            actions.try_channel(channel(stage, provider, api_key="wrong"), by=stage.cast.boss, now=stage.now)


def test_what_postmark_posts_becomes_receipts_once_and_only_hard_bounces_kill_an_address(
    stage: Stage, mail: Mail
) -> None:
    by = channel(stage, "postmark")
    wang, li = contact(stage, "wang"), contact(stage, "li")
    first, second = write(stage, by, wang), write(stage, by, li)
    told = {
        "RecordType": "Delivery",
        "MessageID": first.provider_id,
        "Recipient": "wang@there.example",
        "DeliveredAt": "2026-11-20T03:00:00Z",
    }
    assert posted(by, told) == posted(by, told) == 200
    soft = {
        "RecordType": "Bounce",
        "Type": "SoftBounce",
        "ID": 7,
        "MessageID": second.provider_id,
        "Email": "li@there.example",
        "BouncedAt": "2026-11-20T03:00:00Z",
        "Description": "full",
    }
    assert posted(by, soft) == 200
    assert list(Receipt.objects.order_by("pk").values_list("message", "kind")) == [
        (first.pk, "delivered"),
        (second.pk, "bounced"),
    ]
    assert not DeadAddress.objects.exists()
    assert posted(by, {**soft, "Type": "HardBounce", "ID": 8}) == 200
    assert DeadAddress.objects.get().address == "li@there.example"
    assert posted(by, {"RecordType": "Open", "MessageID": first.provider_id, "Recipient": "wang@there.example", "ReceivedAt": "2026-11-20T03:00:00Z"}) == 200  # fmt: skip
    assert Receipt.objects.count() == 3


def test_who_unsubscribes_or_complains_at_the_provider_gets_nothing_any_more(
    stage: Stage, mail: Mail
) -> None:
    by = channel(stage, "brevo")
    wang, li = contact(stage, "wang"), contact(stage, "li")
    sent = write(stage, by, wang)
    told = {
        "event": "unsubscribe",
        "email": "wang@there.example",
        "message-id": sent.provider_id,
        "ts_event": 1_795_000_000,
        "id": 1,
    }
    assert posted(by, told) == posted(by, told) == 200
    line = Consent.objects.get()
    assert (line.contact, line.medium, line.state) == (wang, "mail", "withdrawn")
    stage.now += 3 * DAY  # Monday
    assert write(stage, by, wang).state == State.HELD_BACK
    sent = write(stage, by, li)
    assert (
        posted(by, {**told, "event": "spam", "email": "li@there.example", "message-id": sent.provider_id})
        == 200
    )
    stage.now += HOUR
    assert write(stage, by, li, topic="service").reason == "dead_address"


def test_mailguns_posts_are_taken_only_with_its_signature(stage: Stage, mail: Mail) -> None:
    by = channel(stage, "mailgun", signing_key=SIGNING)
    sent = write(stage, by, contact(stage, "wang"))

    def signed(key: str) -> dict[str, Any]:
        mark = hmac.new(key.encode(), b"1795000000token-1", hashlib.sha256).hexdigest()
        event = {
            "event": "delivered", "timestamp": 1_795_000_000.0, "recipient": "wang@there.example",
            "message": {"headers": {"message-id": sent.provider_id.strip("<>")}},
        }  # fmt: skip
        return {
            "signature": {"timestamp": "1795000000", "token": "token-1", "signature": mark},
            "event-data": event,
        }

    assert posted(by, signed("another key")) == 400 and not Receipt.objects.exists()
    assert posted(by, signed(SIGNING)) == 200
    assert Receipt.objects.get().message == sent


def test_mailersends_posts_are_taken_only_with_its_signature(stage: Stage, mail: Mail) -> None:
    by = channel(stage, "mailersend", signing_key=SIGNING)
    told = {
        "type": "activity.hard_bounced",
        "data": {
            "id": "e-1", "type": "hard_bounced", "created_at": "2026-11-20T02:00:00.000000Z",
            "email": {"message": {"id": "m-1"}, "recipient": {"email": "wang@there.example"}},
            "morph": {"object": "recipient_bounce", "reason": "gone"},
        },
    }  # fmt: skip
    body = json.dumps(told).encode()
    wang = contact(stage, "wang")
    Message.objects.filter(pk=write(stage, by, wang).pk).update(
        state=State.ACCEPTED, provider_id="m-1", address="wang@there.example"
    )

    def status(key: str) -> int:
        mark = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        return (
            Client()
            .post(f"/in/{by.door}/", body, content_type="application/json", headers={"Signature": mark})
            .status_code
        )

    assert Client().post(f"/in/{by.door}/", body, content_type="application/json").status_code == 400
    assert status("another key") == 400 and not Receipt.objects.exists()
    assert status(SIGNING) == 200
    assert Receipt.objects.get().kind == Receipt.Kind.BOUNCED


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", '"text"', '{"RecordType": "Bounce"}', "no json", "[1, 2]"]
)
@pytest.mark.parametrize("provider", ["mailgun", "postmark", "brevo", "mailjet", "mailersend", "sparkpost"])
def test_a_post_that_is_none_of_theirs_changes_nothing_and_breaks_nothing(
    stage: Stage, mail: Mail, provider: str, body: str
) -> None:
    by = channel(stage, provider, secret_key="s" if provider == "mailjet" else "")
    answer = Client().post(f"/in/{by.door}/", body, content_type="application/json")
    assert answer.status_code in {200, 400}
    assert not Receipt.objects.exists()


def test_what_is_missing_is_said(stage: Stage, mail: Mail) -> None:
    with pytest.raises(ValidationError, match="Mailjet"):
        channel(stage, "mailjet")
    with pytest.raises(ValidationError):
        channel(stage, "postmark", sender="nobody")
