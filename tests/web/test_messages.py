"""Pages of messages, templates, channels and consents: who sees and does what, and what a click comes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.touches import actions, outgoing
from evergreen.touches.models import Channel, Consent, DeadAddress, Message, Template
from tests.conftest import NOW
from tests.touches.conftest import mail_server_port, post
from tests.web.forms_read import fields_of_form

__all__ = ["mail_server_port", "post"]
AsPerson = Callable[..., Client]
State = Message.State


def read(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def sent(post: SimpleNamespace) -> SimpleNamespace:
    """One of each: sent, refused, unknown, held back, waiting."""
    people = [post.contact(name) for name in ("fine", "refused", "unanswered", "nowhere")]
    people[3].email = ""
    people[3].save()
    post.write(*people)
    post.send()
    post.write(
        post.contact("later"),
        origin="2:hello:1",
        due_at=NOW + dt.timedelta(days=3),
        expires_at=NOW + dt.timedelta(days=9),
    )
    return post


def test_the_list_shows_each_state_with_its_reason_and_nothing_of_others(
    sent: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(sent.cast.boss)
    assert "Hello fine" in read(boss, "/messages/?state=sent")
    assert "554" in read(boss, "/messages/?state=refused")
    assert "it may have arrived" in read(boss, "/messages/")  # what needs somebody comes first
    assert "no address" in read(boss, "/messages/?state=held")
    assert "Hello later" in read(boss, "/messages/?state=waiting")
    outsider = as_person(sent.cast.outsider)
    assert "Hello" not in read(outsider, "/messages/?state=sent")
    number = Message.objects.filter(state=State.ACCEPTED).values_list("pk", flat=True)[0]
    read(outsider, f"/messages/{number}/", 404)
    assert "<strong>恒岳机械</strong>" in read(boss, f"/messages/{number}/")


def test_filters_stay_in_the_address_and_go_into_the_file(sent: SimpleNamespace, as_person: AsPerson) -> None:
    boss = as_person(sent.cast.boss)
    assert "Hello fine" in read(boss, "/messages/?state=sent&q=fine&channel=mail&playbook=welcome")
    assert "Hello fine" not in read(boss, "/messages/?state=sent&q=nobody")
    assert "Hello fine" not in read(boss, "/messages/?state=sent&playbook=other")
    answer = boss.post("/messages/export/?state=sent")
    text = answer.content.decode("utf-8-sig")
    assert len(text.splitlines()) == 2 and "fine@there.example" in text


def test_the_list_asks_as_often_for_thirty_messages_as_for_three(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(post.cast.boss)
    post.write(*[post.contact(f"a{n}") for n in range(3)])
    post.send()
    read(boss, "/messages/?state=sent")
    with CaptureQueriesContext(
        connection,
    ) as few:
        read(boss, "/messages/?state=sent")
    post.write(*[post.contact(f"b{n}") for n in range(27)], origin="2:hello:1")
    post.send()
    with CaptureQueriesContext(connection) as many:
        read(boss, "/messages/?state=sent")
    assert len(many) == len(few)


def test_people_settle_send_again_and_withdraw(sent: SimpleNamespace, as_person: AsPerson) -> None:
    owner = as_person(sent.cast.owner)
    unknown = Message.objects.get(state=State.UNKNOWN)
    waiting = Message.objects.get(state=State.PLANNED)
    owner.post("/messages/verdicts/", {"ids": [unknown.pk], "arrived": "yes"})
    owner.post("/messages/withdrawals/", {"ids": [waiting.pk]})
    assert Message.objects.get(pk=unknown.pk).state == State.ACCEPTED
    assert Message.objects.get(pk=waiting.pk).state == State.WITHDRAWN
    owner.post("/messages/repeats/", {"ids": [waiting.pk]})
    assert Message.objects.get(pk=waiting.pk).state == State.PLANNED
    outsider = as_person(sent.cast.outsider)
    assert outsider.post("/messages/withdrawals/", {"ids": [waiting.pk]}).status_code == 404
    assert Message.objects.get(pk=waiting.pk).state == State.PLANNED


def test_a_link_of_refusal_changes_nothing_by_get_and_refuses_by_post_without_a_cookie(
    sent: SimpleNamespace,
) -> None:
    message = Message.objects.get(state=State.ACCEPTED)
    link = f"/refusals/{outgoing.token_of(message)}/"
    anybody = Client(enforce_csrf_checks=True)
    for _again in range(3):
        assert "guidance" in read(anybody, link)
        assert anybody.head(link).status_code == 200
    assert not Consent.objects.exists()
    assert anybody.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Consent.objects.get().topic == "guidance"
    anybody.post(link, {"what": "everything"})
    assert set(Consent.objects.values_list("medium", "topic")) == {("mail", "guidance"), ("", "")}
    anybody.post(link, {"what": "back"})
    assert Consent.objects.latest("pk").state == "given"
    read(anybody, link[:-4] + "xxx/", 404)
    assert anybody.post("/refusals/made-up/").status_code == 404


def test_a_template_is_written_previewed_and_saved(post: SimpleNamespace, as_person: AsPerson) -> None:
    post.contact("wang", name="王芳")
    boss = as_person(post.cast.boss)
    fields = fields_of_form(read(boss, "/templates/new/"), "template-form")
    told: dict[str, Any] = {
        **fields,
        "name_en": "Check in",
        "topic": "survey",
        "subject_en": "Hi",
        "body_en": "Dear {{ contact.nam }}",
    }
    assert "contact.name" in boss.post("/templates/preview/", told).content.decode()
    refused = boss.post("/templates/new/", told)
    assert refused.status_code == 422 and "Dear {{ contact.nam }}" in refused.content.decode()
    told["body_en"] = "Dear {{ contact.name }}, {{ contact.title }}"
    assert "the contact&#x27;s title" in boss.post("/templates/preview/", told).content.decode()
    told["body_en"] = "Dear **{{ contact.name }}**"
    assert "<strong>王芳</strong>" in boss.post("/templates/preview/", told).content.decode()
    assert boss.post("/templates/new/", told).status_code == 302
    made = Template.objects.get(key="check-in")
    assert (made.topic, made.body) == ("survey", {"en": "Dear **{{ contact.name }}**"})
    assert "Check in" in read(boss, "/templates/")
    # As a browser would send it again: nothing of it is lost.
    again = fields_of_form(read(boss, "/templates/check-in/"), "template-form")
    assert boss.post("/templates/check-in/", again).status_code == 302
    assert Template.objects.get(key="check-in").body == made.body
    boss.post("/templates/check-in/archive/", {"archived": "yes"})
    read(boss, "/templates/")  # its toasts are gone with it
    assert "Check in" not in read(boss, "/templates/")
    assert "Check in" in read(boss, "/templates/?state=archived")


def test_a_test_of_a_template_goes_to_whoever_asks_for_it(post: SimpleNamespace, as_person: AsPerson) -> None:
    wang = post.contact("wang")
    as_person(post.cast.boss).post("/templates/hello/trial/", {"contact": str(wang.pk)})
    post.send(Message.objects.get().due_at)
    (mail,) = post.log()
    assert mail["to"] == ["boss@vendor.example"]
    assert "Hello wang" in mail["subject"]


def test_a_channel_is_set_up_tested_and_switched_and_its_secret_never_shown(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(post.cast.boss)
    told = {"name": "Hook", "url": "https://hooks.example.com/x", "secret": "very-secret-words"}
    assert boss.post("/channels/new/webhook/", told).status_code == 302
    made = Channel.objects.get(kind="webhook")
    assert "very-secret-words" not in made.credentials and not made.is_on
    for path in ("/channels/", f"/channels/{made.key}/", f"/channels/{made.key}/settings/"):
        assert "very-secret-words" not in read(boss, path)
    boss.post(
        f"/channels/{made.key}/settings/",
        {"name": "Hook", "url": "https://hooks.example.com/y", "secret": "", "a_minute": "9"},
    )
    made.refresh_from_db()
    assert made.config["url"].endswith("/y") and made.credentials and made.limits == {"a_minute": 9}
    boss.post(f"/channels/{made.key}/switch/")
    assert Channel.objects.get(pk=made.pk).is_on
    answer = boss.post(f"/channels/{post.channel.key}/test/", follow=True)
    assert "mail.test" in answer.content.decode()
    boss.post(f"/channels/{made.key}/removal/")
    assert not Channel.objects.filter(pk=made.pk).exists()
    read(as_person(post.cast.owner), "/channels/", 404)


def test_a_mail_channel_needs_the_public_address_first(post: SimpleNamespace, as_person: AsPerson) -> None:
    from evergreen.base.actions import change_setting

    change_setting("public_url", "", by=None, now=NOW)
    Channel.objects.update(is_on=False)
    boss = as_person(post.cast.boss)
    answer = boss.post(f"/channels/{post.channel.key}/switch/", follow=True)
    assert "public address" in answer.content.decode()
    assert not Channel.objects.get().is_on


def test_a_dead_address_is_written_to_again_when_somebody_says_so(
    sent: SimpleNamespace, as_person: AsPerson
) -> None:
    dead = DeadAddress.objects.create(medium="mail", address="a@b.example", reason="550", at=NOW)
    boss = as_person(sent.cast.boss)
    assert "a@b.example" in read(boss, f"/channels/{sent.channel.key}/")
    boss.post(f"/channels/{sent.channel.key}/addresses/{dead.pk}/revival/")
    assert not DeadAddress.objects.exists()


def test_the_ledger_of_a_contact_shows_what_may_be_sent_and_takes_a_line(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    wang = post.contact("wang")
    owner = as_person(post.cast.owner)
    path = f"/contacts/{wang.pk}/consents/"
    assert "Nothing was said yet" in read(owner, path)
    refused = owner.post(
        path, {"state": "given", "medium": "sms", "topic": "", "source": "form", "proof": ""}
    )
    assert refused.status_code == 422 and "proof" in refused.content.decode()
    owner.post(path, {"state": "withdrawn", "medium": "mail", "topic": "guidance", "source": "spoken"})
    assert "the contact does not want such messages" in read(owner, path)
    read(as_person(post.cast.outsider), path, 404)


def test_messages_stand_in_the_accounts_timeline(sent: SimpleNamespace, as_person: AsPerson) -> None:
    actions.answered(Message.objects.get(state=State.ACCEPTED), "see you", at=NOW, key="1", now=NOW)
    text = read(as_person(sent.cast.owner), f"/accounts/{sent.cast.well.pk}/timeline/?kind=message")
    assert "Hello fine" in text and "see you" in text and "Hello refused" in text


def test_an_sms_template_is_written_with_its_code_and_previewed_with_its_values(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(post.cast.boss)
    assert "code_" not in read(boss, "/templates/hello/")
    given = {"key_id": "k", "key_secret": "s", "sign": "常青示例"}
    sms = actions.save_channel(
        None, kind="aliyun_sms", name="短信", given=given, limits={}, by=post.cast.boss, now=NOW
    )
    assert f"https://cs.example.com/in/{sms.door}/" in read(boss, f"/channels/{sms.key}/")
    wang = post.contact("wang", name="王芳")
    fields = fields_of_form(read(boss, "/templates/hello/"), "template-form")
    fields |= {
        f"code_{sms.key}": ["SMS_1"],
        f"values_{sms.key}": ["name：{{ contact.name }}\nfirm: {{ account.name }}"],
    }
    shown = boss.post("/templates/preview/", {**fields, "contact": wang.pk}).content.decode()
    assert "SMS_1" in shown and "王芳" in shown and "恒岳机械" in shown
    assert boss.post("/templates/hello/", fields).status_code == 302
    wanted = {"code": "SMS_1", "values": {"name": "{{ contact.name }}", "firm": "{{ account.name }}"}}
    assert Template.objects.get(key="hello").sms == {sms.key: wanted}
    wrong = boss.post("/templates/hello/", {**fields, f"code_{sms.key}": ""})
    assert wrong.status_code == 422 and "SMS" not in Template.objects.get(key="hello").body.get("en", "")
    cleared = boss.post("/templates/hello/", {**fields, f"code_{sms.key}": "", f"values_{sms.key}": ""})
    assert cleared.status_code == 302 and Template.objects.get(key="hello").sms == {}


def test_what_a_colleague_has_to_confirm_has_a_list_of_its_own(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(post.cast.boss)
    post.write(post.contact("a"), post.contact("b"))
    post.send()
    assert "state=unconfirmed" not in read(boss, "/messages/")
    Message.objects.filter(contact__name="a").update(waits_for="lu.heng")
    page = read(boss, "/messages/?state=unconfirmed")
    assert "Hello a" in page and "Hello b" not in page and "lu.heng" in page
    assert "Hello a" not in read(boss, "/messages/?state=sent")
