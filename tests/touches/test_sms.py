"""SMS against local providers that check signatures, templates and limits; reports and answers that they post to us."""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.touches import actions
from evergreen.touches.channels.sms.aliyun import signature
from evergreen.touches.channels.sms.tencent import authorization
from evergreen.touches.channels.sms.twilio import TwilioSms, TwilioSmsConfig
from evergreen.touches.channels.told import Posted
from evergreen.touches.models import Channel, Consent, DeadAddress, Message, Receipt
from evergreen.touches.values import Person
from tests.touches.stage import HOUR, MINUTE, Stage

State = Message.State
PUBLIC = "https://cs.example.com"


def test_signatures_are_those_of_the_providers_own_examples() -> None:
    """The examples of Aliyun's and Tencent's documentation."""
    asked = {
        "AccessKeyId": "testId", "Action": "SendSms", "Format": "XML", "OutId": "123", "PhoneNumbers": "15300000001", "RegionId": "cn-hangzhou",
        "SignName": "阿里云短信测试专用", "SignatureMethod": "HMAC-SHA1", "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "SignatureVersion": "1.0", "TemplateCode": "SMS_71390007", "TemplateParam": '{"customer":"test"}',
        "Timestamp": "2017-07-12T02:42:19Z", "Version": "2017-05-25",
    }  # fmt: skip
    assert signature(asked, "testSecret", "GET") == "zJDF+Lrzhj/ThnlvIToysFRq6t4="
    body = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    made = authorization(
        "id", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm.tencentcloudapi.com", body, 1_551_113_065, "cvm"
    )
    assert made.endswith("Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")


@pytest.fixture
def coded(stage: Stage) -> SimpleNamespace:
    """A template that both Chinese providers have approved under their own codes."""
    channels = {"aliyun": stage.aliyun(), "tencent": stage.tencent()}
    texts = {
        "name": {"zh": "到期提醒"}, "topic": "guidance", "subject": {}, "body": {"zh": "{{ contact.name }}，您好，合同快到期了"},
        "sms": {
            "aliyun-sms": {"code": "SMS_1", "values": {"name": "{{ contact.name }}"}},
            "tencent-sms": {"code": "1001", "values": {"1": "{{ contact.name }}", "2": "{{ account.name }}"}},
        },
    }  # fmt: skip
    template = actions.save_template(None, "due", texts, by=stage.cast.boss, now=stage.now)
    return SimpleNamespace(template=template, **channels)


@pytest.mark.parametrize("kind", ["aliyun", "tencent"])
def test_a_short_message_goes_by_its_registered_template_to_a_number_in_any_spelling(
    stage: Stage, coded: SimpleNamespace, kind: str
) -> None:
    for at, phone in enumerate(("13800138000", "+86 139 0013 9000", "0086-137-0013-7000")):
        one = stage.contact(f"王{at}", phone=phone)
        stage.write(getattr(coded, kind), Person(one.account_id, contact=one.pk), template=coded.template)
    stage.send()
    assert stage.states() == {State.ACCEPTED: 3}
    prefix = "" if kind == "aliyun" else "+86"
    assert [to for _kind, to, _text in stage.fake.took] == [
        f"{prefix}{n}" for n in ("13800138000", "13900139000", "13700137000")
    ]
    assert "王0" in stage.fake.took[0][2]
    if kind == "aliyun":
        assert stage.fake.took[0][2].startswith('SMS_1 {"name": "王0"}')


def test_without_a_consent_with_proof_no_sms_goes(stage: Stage, coded: SimpleNamespace) -> None:
    one = stage.contact("a", phone="13800138000", consents=False)
    stage.write(coded.aliyun, Person(one.account_id, contact=one.pk), template=coded.template)
    stage.send()
    assert stage.fake.took == [] and Message.objects.get().reason == "no_consent"


@pytest.mark.parametrize(
    ("kind", "code", "state", "dead"),
    [
        ("aliyun", "isv.MOBILE_NUMBER_ILLEGAL", State.REFUSED, True), ("aliyun", "isv.SMS_TEMPLATE_ILLEGAL", State.REFUSED, False),
        ("aliyun", "isv.AMOUNT_NOT_ENOUGH", State.PLANNED, False), ("aliyun", "isv.BUSINESS_LIMIT_CONTROL", State.PLANNED, False),
        ("tencent", "InvalidParameterValue.IncorrectPhoneNumber", State.REFUSED, True),
        ("tencent", "FailedOperation.TemplateIncorrectOrUnapproved", State.REFUSED, False),
        ("tencent", "LimitExceeded.PhoneNumberDailyLimit", State.PLANNED, False),
        ("tencent", "FailedOperation.InsufficientBalanceInSmsPackage", State.PLANNED, False),
    ],
)  # fmt: skip
def test_codes_of_sms_providers_say_whether_number_template_account_or_moment_is_wrong(
    stage: Stage, coded: SimpleNamespace, kind: str, code: str, state: str, dead: bool
) -> None:
    stage.fake.codes = [code]
    one = stage.contact("a", phone="13800138000")
    stage.write(getattr(coded, kind), Person(one.account_id, contact=one.pk), template=coded.template)
    stage.send()
    row = Message.objects.get()
    assert row.state == state and code in row.detail
    assert DeadAddress.objects.exists() == dead


def test_twilio_takes_text_and_says_who_stopped(stage: Stage) -> None:
    channel = stage.channel(
        "twilio_sms", account_sid="AC1", token="t1", sender="+14155550100", address=stage.fake.url
    )
    for at in range(2):
        one = stage.contact(f"a{at}", phone=f"+4915112345{at}0")
        stage.write(channel, Person(one.account_id, contact=one.pk), body="**Hello** you")
    stage.send()
    assert sorted(stage.fake.took) == [("twilio", f"+4915112345{at}0", "Hello you") for at in range(2)]
    stage.fake.codes = [21610]
    stopped = stage.contact("b", phone="+491511234599")
    stage.write(channel, Person(stopped.account_id, contact=stopped.pk))
    stage.send()
    assert DeadAddress.objects.get().address == "+491511234599"


# What providers post to us


def by_twilio(
    channel: Channel, fields: dict[str, str], where: str, *, signer: str = "t1", added: Mapping[str, str] = {}
) -> Any:
    """Post as Twilio does, signed for an address; ``added`` is put in afterwards."""
    text = f"{where}/in/{channel.door}/" + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    mark = base64.b64encode(hmac.digest(signer.encode(), text.encode(), "sha1")).decode()
    client = Client(enforce_csrf_checks=True)
    return client.post(f"/in/{channel.door}/", {**fields, **added}, headers={"X-Twilio-Signature": mark})


def posted(channel: Channel, told: Any) -> Any:
    return Client(enforce_csrf_checks=True).post(
        f"/in/{channel.door}/", json.dumps(told), content_type="application/json"
    )


def test_reports_doubled_and_in_any_order_come_to_the_same(stage: Stage, coded: SimpleNamespace) -> None:
    """JRN-19: reports of the same message shuffled and doubled, against what they say in order."""
    for at in range(6):
        one = stage.contact(f"a{at}", phone=f"1380013800{at}")
        stage.write(coded.aliyun, Person(one.account_id, contact=one.pk), template=coded.template)
    stage.send()
    rows = {one.key: one for one in Message.objects.all()}
    assert len(rows) == 6
    said, wanted = [], {}
    for at, (key, row) in enumerate(rows.items()):
        is_there = at % 2 == 0
        wanted[row.pk] = Receipt.Kind.DELIVERED if is_there else Receipt.Kind.BOUNCED
        report = {
            "out_id": key, "biz_id": row.provider_id, "success": is_there, "err_code": "DELIVERED" if is_there else "UNDELIV",
            "report_time": "2026-11-20 10:00:00", "phone_number": row.address,
        }  # fmt: skip
        said += [report, report]
    random.Random(7).shuffle(said)
    for told in said:
        answer = posted(coded.aliyun, [told])
        assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "ok"})
    assert {one.pk: one.outcome for one in Message.objects.all()} == wanted
    assert Receipt.objects.count() == 6


@pytest.mark.parametrize(("kind", "word"), [("aliyun", "TD"), ("tencent", "退订"), ("aliyun", " 拒收 ")])
def test_a_word_of_refusal_stops_the_next_message_whether_one_of_ours_is_known_or_not(
    stage: Stage, coded: SimpleNamespace, kind: str, word: str
) -> None:
    channel = getattr(coded, kind)
    known, unknown = stage.contact("a", phone="13800138000"), stage.contact("b", phone="13900139000")
    stage.write(channel, Person(known.account_id, contact=known.pk), template=coded.template)
    stage.send()
    stage.now += MINUTE
    for number in ("13800138000", "+8613900139000"):
        told = {
            "content": word,
            "phone_number": number,
            "mobile": number,
            "sequence_id": number,
            "time": int(stage.now.timestamp()),
        }
        assert posted(channel, told).status_code == 200
    for one in (known, unknown):
        stage.write(channel, Person(one.account_id, contact=one.pk), template=coded.template)
    stage.now += HOUR
    stage.send()
    assert len(stage.fake.took) == 1
    assert (
        sorted(Message.objects.filter(state=State.HELD_BACK).values_list("reason", flat=True))
        == ["withdrawn"] * 2
    )


def test_an_answer_that_is_no_refusal_is_kept_with_its_message(stage: Stage, coded: SimpleNamespace) -> None:
    one = stage.contact("a", phone="13800138000")
    stage.write(coded.aliyun, Person(one.account_id, contact=one.pk), template=coded.template)
    stage.send()
    posted(coded.aliyun, [{"content": "好的，谢谢", "phone_number": "13800138000", "sequence_id": "9"}])
    posted(coded.aliyun, [{"content": "好的，谢谢", "phone_number": "13800138000", "sequence_id": "9"}])
    receipt = Receipt.objects.get()
    assert (receipt.kind, receipt.detail) == (Receipt.Kind.REPLIED, "好的，谢谢")
    assert not Consent.objects.filter(state=Consent.State.WITHDRAWN).exists()


def test_the_door_opens_to_its_address_alone_and_says_what_it_does_not_understand(
    stage: Stage, coded: SimpleNamespace
) -> None:
    client = Client()
    assert client.post("/in/made-up/", b"[]", content_type="application/json").status_code == 404
    assert client.get(f"/in/{coded.aliyun.door}/").status_code == 405
    answer = client.post(f"/in/{coded.aliyun.door}/", b"<xml/>", content_type="application/json")
    assert answer.status_code == 400 and "no JSON" in answer.content.decode()
    webhook = stage.channel("webhook", url=f"{stage.fake.url}/hook")
    assert webhook.door == "", "nothing is posted to a channel that only sends"


def test_twilio_posts_a_form_and_reads_an_empty_answer(stage: Stage) -> None:
    channel = stage.channel(
        "twilio_sms", account_sid="AC1", token="t1", sender="+14155550100", address=stage.fake.url
    )
    one = stage.contact("a", phone="+491511234567")
    stage.write(channel, Person(one.account_id, contact=one.pk))
    stage.send()
    answer = by_twilio(channel, {"MessageSid": "SM1", "MessageStatus": "delivered"}, PUBLIC)
    assert (answer.status_code, answer.content) == (200, b"<Response/>")
    assert Message.objects.get().outcome == Receipt.Kind.DELIVERED
    by_twilio(channel, {"MessageSid": "SM9", "From": "+491511234567", "Body": "STOP"}, "http://testserver")
    assert Consent.objects.filter(state=Consent.State.WITHDRAWN).exists()


def test_what_twilio_did_not_sign_says_nothing(stage: Stage) -> None:
    channel = stage.channel(
        "twilio_sms", account_sid="AC1", token="t1", sender="+14155550100", address=stage.fake.url
    )
    one = stage.contact("a", phone="+491511234567")
    stage.write(channel, Person(one.account_id, contact=one.pk))
    stage.send()
    told = {"MessageSid": "SM1", "MessageStatus": "failed"}
    for where, token, added in (
        (PUBLIC, "another", {}),
        ("https://elsewhere.example", "t1", {}),
        (PUBLIC, "t1", {"ErrorCode": "30003"}),
    ):
        answer = by_twilio(channel, told, where, signer=token, added=added)
        assert answer.status_code == 400 and "X-Twilio-Signature" in answer.content.decode()
    assert Client().post(f"/in/{channel.door}/", told).status_code == 400
    assert not Receipt.objects.exists()


def test_twilios_signature_is_the_one_of_its_documentation() -> None:
    """The example of Twilio's page on request validation: Auth Token 12345, a URL with a query, five fields."""
    fields = {
        "Digits": "1234", "To": "+18005551212", "From": "+12349013030", "Caller": "+12349013030", "CallSid": "CA1234567890ABCDE",
    }  # fmt: skip
    mark = {"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}
    where = "https://mycompany.com/myapp.php?foo=1&bar=2"
    by = TwilioSms(TwilioSmsConfig(account_sid="AC1", token="12345", sender="+1"))
    with pytest.raises(ValueError, match="X-Twilio-Signature"):
        by.proved(Posted(b"", {**fields, "Digits": "1235"}, mark, [where]))
    by.proved(Posted(b"", fields, mark, ["https://other.example/", where]))
