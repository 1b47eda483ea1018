"""Contact codes against a local WeCom: made, followed, ended; who came by them; words of welcome, once."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.customers.models import Contact, ContactId
from evergreen.events import journal
from evergreen.touches import actions
from evergreen.touches.actions import forget_contact
from evergreen.touches.channels.told import Tied
from evergreen.touches.codes import coming, keeping, looking
from evergreen.touches.models import Channel, ContactCode, Message, Template, Tie
from evergreen.touches.ties import keeping as ties
from evergreen.touches.ways import adapter_of
from tests.touches.posting import KEY, TOKEN, post, sealed
from tests.touches.stage import DAY, MINUTE, SECOND, Stage

XML = (
    "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType>"
    "<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType><UserID>{member}</UserID>"
    "<ExternalUserID>{key}</ExternalUserID><State>{state}</State>{more}</xml>"
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the journal is given, beside writing it; at once, as nothing is committed in a test."""
    found: list[dict[str, Any]] = []
    write = journal.write_system_events

    def heard(events: Any) -> Any:
        found.extend(dict(one) for one in events)
        return write(events)

    monkeypatch.setattr(journal, "write_system_events", heard)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda do, **_more: do())
    return found


@pytest.fixture
def channel(stage: Stage) -> Channel:
    stage.fake.members |= {"owner", "mate", "boss"}
    return stage.wecom("wecom_customer", callback_token=TOKEN, callback_key=KEY)


def template(stage: Stage, text: str, key: str = "hello") -> Template:
    given: dict[str, Any] = {
        "name": {"en": key},
        "topic": "service",
        "subject": {},
        "body": {"zh": text, "en": text},
    }
    return actions.save_template(None, key, given, by=stage.cast.boss, now=stage.now)


def save(stage: Stage, channel: Channel, code: ContactCode | None = None, **changed: Any) -> ContactCode:
    given = {
        "channel": channel, "name": "恒岳机械", "account": stage.cast.well, "contact": None, "follows_owner": True, "staff": [],
        "skips_asking": True, "makes_contacts": False, "welcome": None,
    }  # fmt: skip
    made = keeping.save_code(code, {**given, **changed}, by=stage.cast.boss, now=stage.now)
    keeping.tell_due(now=stage.now)
    made.refresh_from_db()
    return made


def come(
    stage: Stage, channel: Channel, code: ContactCode, key: str, welcome: str = "", member: str = "owner"
) -> int:
    """Somebody scans a code, and WeCom tells it."""
    who = {"external_userid": key, "name": key.title(), "corp_full_name": "恒岳"}
    stage.fake.follows.append({"external_contact": who, "follow_info": {"userid": member, "createtime": int(stage.now.timestamp()), "state": code.key}})  # fmt: skip
    if welcome:
        stage.fake.welcomes[welcome] = stage.now.timestamp() + 20
    return tell(stage, channel, code, key, welcome, member)


def tell(
    stage: Stage, channel: Channel, code: ContactCode, key: str, welcome: str = "", member: str = "owner"
) -> int:
    more = f"<WelcomeCode>{welcome}</WelcomeCode>" if welcome else ""
    text = XML.format(at=int(stage.now.timestamp()), member=member, key=key, state=code.key, more=more)
    return post(channel.door, sealed(text.encode()))


def test_a_code_is_made_follows_the_owner_and_ends(stage: Stage, channel: Channel) -> None:
    code = save(stage, channel)
    (way,) = stage.fake.ways.values()
    assert (way["user"], way["state"], way["remark"], way["skip_verify"]) == (
        ["owner"],
        code.key,
        "恒岳机械",
        True,
    )
    assert code.config_id and bytes(code.picture or b"").startswith(b"\x89PNG") and not code.fault
    assert not keeping.tell_due(now=stage.now + MINUTE), "nothing is told where nothing differs"
    cast = stage.cast
    type(cast.well).objects.filter(pk=cast.well.pk).update(owner=cast.mate)
    assert keeping.tell_due(now=stage.now + 11 * MINUTE) == 1
    assert way["user"] == ["mate"]
    save(stage, channel, code, staff=[cast.boss], name="给恒岳")
    assert way["user"] == ["mate", "boss"] and way["remark"] == "给恒岳"
    keeping.end_code(code, by=cast.boss, now=stage.now)
    keeping.tell_due(now=stage.now)
    assert stage.fake.ways == {}
    assert not keeping.tell_due(now=stage.now + DAY)


def test_what_wecom_refuses_stands_at_the_code_and_is_tried_again(stage: Stage, channel: Channel) -> None:
    stage.fake.members -= {"owner"}
    code = save(stage, channel)
    assert "60111" in code.fault and not code.config_id
    stage.fake.members |= {"owner"}
    assert keeping.tell_due(now=stage.now + 11 * MINUTE) == 1
    mended = ContactCode.objects.get()
    assert not mended.fault and mended.config_id
    type(stage.cast.well).objects.filter(pk=stage.cast.well.pk).update(owner=None)
    keeping.tell_due(now=stage.now + 22 * MINUTE)
    assert ContactCode.objects.get().fault and next(iter(stage.fake.ways.values()))["user"] == ["owner"], (
        "it goes on leading somewhere"
    )


def test_one_for_each_account_that_has_none(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    save(stage, channel)
    given = {"channel": channel, "name": "", "skips_asking": True, "makes_contacts": False, "welcome": None}
    accounts = [cast.well, cast.slipping]
    assert keeping.make_for(accounts, given, by=cast.boss, now=stage.now) == 1
    assert keeping.make_for(accounts, given, by=cast.boss, now=stage.now) == 0
    keeping.tell_due(now=stage.now)
    assert sorted(one["remark"] for one in stage.fake.ways.values()) == ["恒岳机械", "澄明财税科技"]


def test_mistakes_are_all_told_and_nothing_is_made(stage: Stage, channel: Channel) -> None:
    wrong = template(stage, "{{ contact.name }}，您好")
    with pytest.raises(ValidationError) as raised:
        save(stage, channel, name="x" * 31, follows_owner=False, welcome=wrong)
    assert len(raised.value.messages) == 3 and "31" in raised.value.messages[0]
    with pytest.raises(ValidationError):
        save(stage, channel, account=None)
    assert not ContactCode.objects.exists()


def test_the_first_to_come_by_a_contacts_code_is_that_contact_and_nobody_after(
    stage: Stage, channel: Channel
) -> None:
    anna = stage.contact("Anna")
    code = save(stage, channel, contact=anna, name="Anna")
    assert come(stage, channel, code, "wm-anna") == 200
    assert ContactId.objects.get(system="wecom").contact == anna
    come(stage, channel, code, "wm-friend")
    assert set(Tie.objects.values_list("key", "contact")) == {("wm-anna", anna.pk), ("wm-friend", None)}
    (line,) = looking.lines_of([code])
    assert (line.came, line.unknown) == (2, 1)
    assert [tie.name for tie, _code in looking.strangers_of(stage.cast.well)] == ["Wm-Friend"]


def test_who_comes_by_an_accounts_code_waits_for_a_name_or_becomes_a_contact(
    stage: Stage, channel: Channel
) -> None:
    cast = stage.cast
    code = save(stage, channel)
    come(stage, channel, code, "wm-1")
    come(stage, channel, code, "wm-2")
    come(stage, channel, code, "wm-3")
    by_key = {one.key: one for one in Tie.objects.all()}
    bo = stage.contact("Bo")
    coming.know("wm-1", bo, by=cast.owner, now=stage.now)
    made = coming.make_contact("wm-2", cast.well, by_key["wm-2"].name, by=cast.owner, now=stage.now)
    assert (made.name, made.account) == ("Wm-2", cast.well)
    coming.set_aside(by_key["wm-3"], by=cast.owner, now=stage.now)
    assert looking.strangers_of(cast.well) == []
    taken = stage.contact("Cy")
    with pytest.raises(ValidationError, match="Bo"):
        coming.know("wm-1", taken, by=cast.owner, now=stage.now)
    save(stage, channel, code, makes_contacts=True)
    come(stage, channel, code, "wm-4")
    assert Contact.objects.get(name="Wm-4").external_ids.get().value == "wm-4"


def test_what_the_reading_finds_first_is_tied_too_and_told_once(
    stage: Stage, channel: Channel, told: list[dict[str, Any]]
) -> None:
    code = save(stage, channel, makes_contacts=True)
    come(stage, channel, code, "wm-1")
    ties.read_ties(channel, now=stage.now)
    stage.fake.follows.append(
        {"external_contact": {"external_userid": "wm-2", "name": "Zwei"}, "follow_info": {"userid": "owner", "createtime": int(stage.now.timestamp()), "state": code.key}}
    )  # fmt: skip
    ties.read_ties(channel, now=stage.now)
    assert Contact.objects.get(name="Zwei").external_ids.filter(value="wm-2").exists()
    came = [one for one in told if one["name"] == "wecom.added"]
    assert len({one["message_id"] for one in came}) == 2
    assert {one["account_id"] for one in came} == {stage.cast.well.pk}


def test_words_of_welcome_go_once_with_what_is_known(stage: Stage, channel: Channel) -> None:
    hello = template(stage, '{{ contact.name | default:"您好" }}，我是{{ owner.name }}（{{ account.name }}）')
    code = save(stage, channel, welcome=hello)
    come(stage, channel, code, "wm-1", "welcome-1")
    assert stage.fake.took == [("welcome", "welcome-1", "您好，我是owner（恒岳机械）")]
    tell(stage, channel, code, "wm-1", "welcome-1")
    stage.fake.welcomes["welcome-1"] = stage.now.timestamp() + 20
    word = Tied(Tied.Kind.ADDED, "wm-1", "owner", stage.now, code.key, "welcome-1")
    assert coming.welcome(Tie.objects.get(), word, adapter_of(channel), now=stage.now) is None
    assert len(stage.fake.took) == 1, "neither another telling nor another worker says it again"
    row = Message.objects.get()
    assert (row.state, row.account, row.address) == (Message.State.ACCEPTED, stage.cast.well, "wm-1")
    anna = stage.contact("Anna")
    own = save(stage, channel, contact=anna, name="Anna", welcome=hello)
    come(stage, channel, own, "wm-anna", "welcome-2")
    assert stage.fake.took[-1] == ("welcome", "welcome-2", "Anna，我是owner（恒岳机械）")
    assert len(stage.fake.took) == 2 and Message.objects.filter(contact=anna).count() == 1


def test_a_welcome_that_comes_too_late_is_refused_and_never_sent_again(
    stage: Stage, channel: Channel
) -> None:
    code = save(stage, channel, welcome=template(stage, "您好"))
    stage.fake.welcomes["w"] = stage.now.timestamp() - 1
    tell(stage, channel, code, "wm-1", "w")
    row = Message.objects.get()
    assert row.state == Message.State.REFUSED and "41051" in row.detail
    assert actions.send_again([row.pk], by=stage.cast.boss, now=stage.now, late=DAY) == 0
    come(stage, channel, code, "wm-2")
    assert stage.fake.took == [], "without WeCom's word nobody is welcomed"


def test_a_process_that_died_while_it_welcomed_leaves_it_unknown(
    stage: Stage, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = save(stage, channel, welcome=template(stage, "您好"))

    def dies(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("evergreen.touches.channels.wecom.codes.Codes.welcome", dies)
        with pytest.raises(KeyboardInterrupt):
            come(stage, channel, code, "wm-1", "w")
    tell(stage, channel, code, "wm-1", "w")
    assert stage.fake.took == []
    stage.now += 3 * MINUTE
    stage.send()
    assert Message.objects.get().state == Message.State.UNKNOWN


def test_pages_show_what_a_person_may_see_and_do(stage: Stage, channel: Channel) -> None:
    cast = stage.cast
    code = save(stage, channel)
    general = save(stage, channel, account=None, staff=[cast.boss], name="官网")
    come(stage, channel, code, "wm-1")
    client = Client()
    client.force_login(cast.owner)
    page = client.get("/contact-codes/").content.decode()
    assert "恒岳机械" in page and "官网" not in page
    assert client.get(f"/contact-codes/{general.pk}/").status_code == 404
    picture = client.get(f"/contact-codes/{code.pk}/picture/")
    assert picture.headers["Content-Type"] == "image/png" and picture.content.startswith(b"\x89PNG")
    tie = Tie.objects.get()
    assert "Wm-1" in client.get(f"/accounts/{cast.well.pk}/?tab=people").content.decode()
    client.post(f"/contact-codes/{code.pk}/people/{tie.pk}/", {"who": "new"})
    assert Contact.objects.get(name="Wm-1").account == cast.well
    client.post(
        "/contact-codes/making/",
        {"which": "mine", "channel": channel.key, "make": "yes", "skips_asking": "on"},
    )
    assert ContactCode.objects.filter(account=cast.slipping).exists()
    assert "wm-1" not in client.post("/contact-codes/export/").content.decode()
    bad = client.post("/contact-codes/new/", {"channel": channel.key, "name": "", "account": "no such"})
    assert bad.status_code == 422 and "no such" in bad.content.decode()
    boss = Client()
    boss.force_login(cast.boss)
    come(stage, channel, general, "wm-9")
    nine = Tie.objects.get(key="wm-9")
    where = f"/contact-codes/{general.pk}/"
    assert "澄明财税科技" not in boss.get(where).content.decode()
    boss.post(f"{where}people/{nine.pk}/", {"who": "new"})
    assert not Contact.objects.filter(name="Wm-9").exists(), "of which account was not said"
    assert "Cy" in _with_contact(stage, boss, where)
    boss.post(f"{where}people/{nine.pk}/", {"who": "new", "account": "A-slipping"})
    assert Contact.objects.get(name="Wm-9").account == cast.slipping
    outside = Client()
    outside.force_login(cast.outsider)
    assert outside.get(f"/contact-codes/{code.pk}/").status_code == 404
    assert outside.post(f"/contact-codes/{code.pk}/ending/").status_code == 404


def _with_contact(stage: Stage, client: Client, where: str) -> str:
    """The page once it was said of which account somebody is."""
    Contact.objects.create(account=stage.cast.slipping, name="Cy", known_at=stage.now)
    return client.get(where, {"account": "A-slipping"}).content.decode()


def test_a_forgotten_contacts_codes_end_without_the_name(stage: Stage, channel: Channel) -> None:
    anna = stage.contact("Anna")
    code = save(stage, channel, contact=anna, name="Anna")
    forget_contact(anna, by=stage.cast.boss, now=stage.now + SECOND)
    keeping.tell_due(now=stage.now + SECOND)
    code.refresh_from_db()
    assert code.ended_at is not None and code.name == "–" and stage.fake.ways == {}
