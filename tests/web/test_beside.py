"""The page beside a chat in WeCom: who may look, what is signed, what it says and keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from evergreen.customers.models import Contact, ContactId, Note
from evergreen.touches import actions
from evergreen.touches.channels.wecom.pages import signature
from evergreen.touches.models import Channel, CustomerGroup, Message, Template, Tie
from evergreen.work.models import Task
from tests.flow.test_needs import raise_alert
from tests.touches.stage import DAY, HOUR, Stage, on_stage

INSIDE = {"user-agent": "Mozilla/5.0 wxwork/4.1.0 MicroMessenger/7.0.1"}


@pytest.fixture
def stage(cast: SimpleNamespace, home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with on_stage(cast, monkeypatch) as made:
        yield made


@pytest.fixture
def channel(stage: Stage) -> Channel:
    return stage.wecom(verify_file="WW_verify_abc123.txt")


@pytest.fixture
def owner(stage: Stage) -> Client:
    client = Client(headers=INSIDE)
    client.force_login(stage.cast.owner)
    return client


def template(stage: Stage, text: str, key: str = "guide") -> Template:
    given: dict[str, Any] = {
        "name": {"en": key},
        "topic": "guidance",
        "subject": {},
        "body": {"zh": text, "en": text},
    }
    return actions.save_template(None, key, given, by=stage.cast.boss, now=stage.now)


def test_the_signature_is_the_one_of_wecoms_documentation() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    made = signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value#hash")
    assert made == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_wecom_signs_in_and_leads_back(stage: Stage, channel: Channel) -> None:
    client = Client(headers=INSIDE)
    where = client.get(f"/sidebar/{channel.key}/")
    to = urlsplit(where.headers["Location"])
    asked = {key: value[0] for key, value in parse_qs(to.query).items()}
    assert to.netloc == "open.weixin.qq.com" and asked["appid"] == "ww1" and asked["agentid"] == "7"
    assert asked["redirect_uri"] == f"https://cs.example.com/sidebar/{channel.key}/entry/"
    stage.fake.looking["c1"] = "owner"
    back = client.get(f"/sidebar/{channel.key}/entry/", {"code": "c1", "state": asked["state"]})
    assert back.headers["Location"] == f"/sidebar/{channel.key}/"
    page = client.get(f"/sidebar/{channel.key}/").content.decode()
    assert "wecom-jssdk" in page and 'data-corp="ww1"' in page


@pytest.mark.parametrize("wrong", ["state", "no state", "late", "code", "outsider", "nobody"])
def test_a_sign_in_that_is_not_right_signs_nobody_in(stage: Stage, channel: Channel, wrong: str) -> None:
    client = Client(headers=INSIDE)
    to = client.get(f"/sidebar/{channel.key}/").headers["Location"]
    state = parse_qs(urlsplit(to).query)["state"][0]
    stage.fake.looking["c1"] = {"outsider": "", "nobody": "who.is.this"}.get(wrong, "owner")
    if wrong == "late":
        stage.now += HOUR
    given = {"state": "x" * 22, "no state": ""}.get(wrong, state)
    answer = client.get(
        f"/sidebar/{channel.key}/entry/", {"code": "c9" if wrong == "code" else "c1", "state": given}
    )
    assert answer.status_code == 403 and "_auth_user_id" not in client.session
    if wrong == "nobody":
        assert "who.is.this: " in answer.content.decode()
    again = client.get(f"/sidebar/{channel.key}/entry/", {"code": "c1", "state": state})
    assert again.status_code == 403, "a state is good once"


def test_outside_wecom_the_usual_sign_in_stands_before_it(
    stage: Stage, channel: Channel, owner: Client
) -> None:
    where = Client().get(f"/sidebar/{channel.key}/").headers["Location"]
    assert where == f"/sign-in/?next=%2Fsidebar%2F{channel.key}%2F"
    page = Client()
    page.force_login(stage.cast.owner)
    said = page.get(f"/sidebar/{channel.key}/").content.decode()
    assert "wecom-jssdk" not in said and "search for somebody" in said
    assert Client().get("/sidebar/no-such/").status_code == 404


def test_only_its_own_address_is_signed_and_tickets_are_asked_for_once(
    stage: Stage, channel: Channel, owner: Client
) -> None:
    own = f"https://cs.example.com/sidebar/{channel.key}/"
    for _again in range(3):
        for kind in ("config", "agent"):
            told = owner.get(
                f"/sidebar/{channel.key}/signature/", {"kind": kind, "url": f"{own}?x=1#there"}
            ).json()
            ticket = {"config": "company-ticket-1", "agent": "agent_config-ticket-2"}[kind]
            text = f"jsapi_ticket={ticket}&noncestr={told['nonceStr']}&timestamp={told['timestamp']}&url={own}?x=1"
            assert told["signature"] == hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    assert stage.fake.tickets == 2
    stage.now += 2 * HOUR
    owner.get(f"/sidebar/{channel.key}/signature/", {"kind": "agent", "url": own})
    assert stage.fake.tickets == 3
    for url in ("https://evil.example/", "https://cs.example.com/accounts/", f"{own}../", ""):
        assert (
            owner.get(f"/sidebar/{channel.key}/signature/", {"kind": "agent", "url": url}).status_code == 400
        )
    assert owner.get(f"/sidebar/{channel.key}/signature/", {"kind": "other", "url": own}).status_code == 400
    assert (
        Client().get(f"/sidebar/{channel.key}/signature/", {"kind": "agent", "url": own}).status_code == 302
    )


def test_it_says_who_this_is_why_and_what_to_do(stage: Stage, channel: Channel, owner: Client) -> None:
    anna = stage.contact("Anna", wecom="wm-anna")
    raise_alert(stage.cast.well, "health_red", stage.now)
    template(stage, "{{ contact.name }}, see [this](https://example.com/a)")
    template(stage, "{{ alert.name }}", key="of-alerts")
    side = owner.get(f"/sidebar/{channel.key}/who/", {"external": "wm-anna"}).content.decode()
    assert "Anna" in side and "恒岳机械" in side and "Health is 50" in side
    assert "Anna, see this (https://example.com/a)" in side and 'data-template="of-alerts"' not in side
    assert "Nobody has spoken with them yet." in side
    outside = Client(headers=INSIDE)
    outside.force_login(stage.cast.outsider)
    hidden = outside.get(f"/sidebar/{channel.key}/who/", {"external": "wm-anna"}).content.decode()
    assert "Anna" not in hidden and "恒岳机械" not in hidden and "may not see" in hidden
    assert "Anna" not in outside.get(f"/sidebar/{channel.key}/who/", {"q": "nna"}).content.decode()
    assert (
        "Anna" not in outside.get(f"/sidebar/{channel.key}/who/", {"contact": str(anna.pk)}).content.decode()
    )


def test_a_stranger_is_named_once_from_there(stage: Stage, channel: Channel, owner: Client) -> None:
    bo = stage.contact("Bo")
    customers = stage.wecom("wecom_customer")
    Tie.objects.create(
        channel=customers, key="wm-1", member="owner", name="Mr Bo", company="恒岳", added_at=stage.now
    )
    where = f"/sidebar/{channel.key}/"
    assert "Mr Bo" in owner.get(f"{where}who/", {"external": "wm-1"}).content.decode()
    found = owner.get(f"{where}who/", {"external": "wm-1", "q": "恒岳"}).content.decode()
    assert f'value="{bo.pk}"' in found and "A new contact of 恒岳机械" in found
    said = owner.post(f"{where}person/", {"external": "wm-1", "contact": bo.pk}).content.decode()
    assert "Bo" in said and ContactId.objects.get(value="wm-1").contact == bo
    taken = owner.post(f"{where}person/", {"external": "wm-1", "new": stage.cast.well.pk, "name": "Cy"})
    assert taken.status_code == 422 and not Contact.objects.filter(name="Cy").exists()
    owner.post(f"{where}person/", {"external": "wm-2", "new": stage.cast.well.pk, "name": "Dee"})
    assert ContactId.objects.get(value="wm-2").contact.name == "Dee"
    assert owner.post(f"{where}person/", {"external": "wm-3", "contact": "999999"}).status_code == 404


def test_notes_tasks_and_what_was_sent_are_kept(stage: Stage, channel: Channel, owner: Client) -> None:
    anna = stage.contact("Anna", wecom="wm-anna")
    template(stage, "Hello {{ contact.name }}")
    where = f"/sidebar/{channel.key}/"
    told = {"external": "wm-anna"}
    assert "The note is kept" in owner.post(f"{where}note/", {**told, "body": "agreed"}).content.decode()
    assert Note.objects.get().account == stage.cast.well
    assert owner.post(f"{where}note/", {**told, "body": " "}).status_code == 422
    owner.post(f"{where}task/", {**told, "title": "send the offer", "due": "2026-11-23"})
    made = Task.objects.get()
    assert (made.account, made.assignee, f"{made.due_on}") == (
        stage.cast.well,
        stage.cast.owner,
        "2026-11-23",
    )
    assert owner.post(f"{where}task/", {**told, "title": "x", "due": "soon"}).status_code == 422
    owner.post(f"{where}sent/", {"contact": anna.pk, "template": "guide"})
    row = Message.objects.get()
    assert (row.state, row.contact, row.body, row.address) == ("accepted", anna, "Hello Anna", "wm-anna")
    outside = Client()
    outside.force_login(stage.cast.outsider)
    assert outside.post(f"{where}sent/", {"contact": anna.pk, "template": "guide"}).status_code == 404
    assert outside.post(f"{where}note/", {"account": stage.cast.well.pk, "body": "x"}).status_code == 404


def test_a_group_of_several_accounts_asks_which(stage: Stage, channel: Channel, owner: Client) -> None:
    cast = stage.cast
    group = CustomerGroup.objects.create(
        name="恒岳服务群", kind=CustomerGroup.Kind.WECOM, external_id="wr-1", made_at=stage.now - DAY
    )
    where = f"/sidebar/{channel.key}/who/"
    assert "No account is known" in owner.get(where, {"chat": "wr-1"}).content.decode()
    group.accounts.set([cast.well])
    assert "恒岳机械" in owner.get(where, {"chat": "wr-1"}).content.decode()
    group.accounts.add(cast.slipping)
    both = owner.get(where, {"chat": "wr-1"}).content.decode()
    assert "Which one?" in both
    assert (
        "澄明财税科技"
        in owner.get(where, {"chat": "wr-1", "account": str(cast.slipping.pk)}).content.decode()
    )


def test_the_channels_page_says_what_to_enter_where(stage: Stage, channel: Channel) -> None:
    boss = Client()
    boss.force_login(stage.cast.boss)
    page = boss.get(f"/channels/{channel.key}/").content.decode()
    assert (
        f"https://cs.example.com/sidebar/{channel.key}/" in page
        and "https://cs.example.com/WW_verify_abc123.txt" in page
    )
    Channel.objects.filter(pk=channel.pk).update(
        fault="60020: not allow to access from your ip, from ip: 203.0.113.9, more info"
    )
    assert "203.0.113.9</code>" in boss.get(f"/channels/{channel.key}/").content.decode()
    customers = stage.wecom("wecom_customer")
    assert "/sidebar/" not in boss.get(f"/channels/{customers.key}/").content.decode()
    wrong = boss.post(
        "/channels/new/wecom_app/", {"name": "x", "corp_id": "w", "secret": "s", "verify_file": "index.html"}
    )
    assert wrong.status_code == 422 and "index.html" in wrong.content.decode()


def test_the_file_that_proves_the_domain(stage: Stage, channel: Channel) -> None:
    assert Client().get("/WW_verify_abc123.txt").content == b"abc123"
    assert Client().get("/WW_verify_other.txt").status_code == 404
    stage.wecom(called="second", verify_file="WW_verify_zz99.txt: something else")
    assert Client().get("/WW_verify_zz99.txt").content == b"something else"
