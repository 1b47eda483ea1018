"""Messages inside the vendor's product: who may ask, what is shown when, what is heard of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client

from evergreen.customers.models import Contact
from evergreen.touches import actions
from evergreen.touches.models import Ask, Channel, Consent, Message, Receipt, Site, Survey
from evergreen.touches.surveys.asking import Wanted, ask
from evergreen.touches.values import Person
from evergreen.web.api.keys import create_api_key
from tests.conftest import NOW
from tests.touches.stage import DAY, HOUR, MINUTE, Stage

SECRET = "a secret of the product's own server"
SITE = "https://app.vendor.example"


def signed(user: str, account: str = "") -> dict[str, str]:
    """What the vendor's server hands to its page, computed as its documentation says."""
    text = f"{account}\n{user}" if account else user
    made = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"user": user, "signature": made, **({"account": account} if account else {})}


class Product:
    """The vendor's product: its pages call as the script does."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.cast = stage, stage.cast
        self.channel = stage.channel("in_app", sites=SITE, secret=SECRET)
        self.client = Client()

    def user(self, key: str, **fields: Any) -> Contact:
        account = fields.pop("account", self.cast.well)
        fields = {"language": "en", "known_at": self.stage.now, "name": key, **fields}
        return Contact.objects.create(account=account, end_user=key, **fields)

    def write(self, contact: Contact, **changed: Any) -> Message:
        person = Person(contact.account_id, contact=contact.pk)
        self.stage.write(
            self.channel,
            person,
            **{"medium": "in_app", "subject": "New reports", "topic": "guidance", **changed},
        )
        self.stage.send()
        return Message.objects.latest("pk")

    def call(self, where: str, told: dict[str, Any], origin: str = SITE, status: int = 200) -> dict[str, Any]:
        answer = self.client.post(
            f"/in-app/{self.channel.door}/{where}/", json.dumps(told), content_type="text/plain", headers={"origin": origin} if origin else {},
        )  # fmt: skip
        assert answer.status_code == status, answer.content
        allowed = answer.headers.get("Access-Control-Allow-Origin", "")
        assert allowed in {"", origin}
        found: dict[str, Any] = json.loads(answer.content)
        return found | {"allowed": allowed}

    def shown(self, user: str) -> list[str]:
        return [one["id"] for one in self.call("messages", signed(user))["messages"]]

    def tell(self, user: str, message: Message, kind: str) -> None:
        self.call("receipts", {**signed(user), "message": message.key, "kind": kind})


@pytest.fixture
def product(stage: Stage) -> Product:
    return Product(stage)


def test_a_message_waits_in_the_product_and_comes_back_as_what_the_person_did(product: Product) -> None:
    ada = product.user("u-1")
    message = product.write(ada, body="Look at **this**, [here](https://x.example/a)\n\n- one\n- two")
    assert message.state == Message.State.ACCEPTED
    (told,) = product.call("messages", signed("u-1"))["messages"]
    assert told["title"] == "New reports" and told["look"] == "card" and told["may_refuse"]
    assert told["text"] == [
        {"p": [{"t": "Look at "}, {"t": "this", "b": 1}, {"t": ", "}, {"t": "here", "a": "https://x.example/a"}]},
        {"li": [{"t": "one"}]},
        {"li": [{"t": "two"}]},
    ]  # fmt: skip
    for kind in ("opened", "opened", "clicked", "clicked"):
        product.tell("u-1", message, kind)
    assert sorted(Receipt.objects.values_list("kind", flat=True)) == ["clicked", "opened"]
    message.refresh_from_db()
    assert message.outcome == "clicked" and product.shown("u-1") == []


def test_nobody_reads_what_is_for_another(product: Product) -> None:
    ada, bob = product.user("u-1"), product.user("u-2")
    message = product.write(ada)
    forged = {**signed("u-2"), "user": "u-1"}
    assert "signature" in product.call("messages", forged, status=403)["error"]
    assert product.shown("u-2") == [] and bob.pk != ada.pk
    product.call("receipts", {**signed("u-2"), "message": message.key, "kind": "clicked"}, status=404)
    assert not Receipt.objects.exists()
    # From a site that nobody named, nothing is answered that its page could read.
    told = product.call("messages", signed("u-1"), origin="https://evil.example", status=403)
    assert told["allowed"] == ""
    product.call("messages", signed("u-1"), origin="", status=403)
    faults = dict(Site.objects.values_list("origin", "fault"))
    assert faults["https://evil.example"] == "site"
    assert faults[SITE] == "message"  # the last call from there


def test_ids_that_repeat_between_accounts_need_the_accounts_signature(product: Product) -> None:
    product.user("admin")
    theirs = product.user("admin", account=product.cast.slipping)
    message = product.write(theirs)
    assert "account" in product.call("messages", signed("admin"), status=409)["error"]
    found = product.call("messages", signed("admin", product.cast.slipping.external_id))["messages"]
    assert [one["id"] for one in found] == [message.key]
    assert product.call("messages", signed("admin", product.cast.well.external_id))["messages"] == []
    # A signature of one is none of the other, whatever the id looks like.
    told = {**signed("admin", "A"), "account": "", "user": "A\nadmin"}
    product.call("messages", told, status=403)


def test_bodies_that_are_none_are_refused_and_say_what_is_needed(product: Product) -> None:
    for body in (b"", b"[]", b"{", b"[" * 50_000, b'"x"'):
        answer = product.client.post(
            f"/in-app/{product.channel.door}/messages/", body, content_type="text/plain", headers={"origin": SITE}
        )  # fmt: skip
        assert answer.status_code == 400 and "signature" in answer.json()["error"]
    huge = json.dumps({**signed("u-1"), "x": "y" * 70_000})
    answer = product.client.post(
        f"/in-app/{product.channel.door}/messages/", huge, content_type="text/plain", headers={"origin": SITE}
    )
    assert answer.status_code == 413
    assert (
        product.client.post("/in-app/made-up/messages/", b"{}", content_type="text/plain").status_code == 404
    )
    assert product.client.get("/in-app/made-up/script.js").status_code == 404


def test_a_channel_whose_secret_cannot_be_opened_says_so(product: Product) -> None:
    Channel.objects.filter(pk=product.channel.pk).update(credentials="not to be opened")
    assert "secret" in product.call("messages", signed("u-1"), status=503)["error"]


def test_one_after_another_with_a_pause_urgent_ones_at_once(product: Product) -> None:
    ada = product.user("u-1")
    first, second = product.write(ada), product.write(ada)
    assert product.shown("u-1") == [first.key, second.key]
    product.tell("u-1", first, "opened")
    assert product.shown("u-1") == [first.key]
    product.tell("u-1", first, "dismissed")
    assert product.shown("u-1") == []
    urgent = product.write(ada, topic="service", priority=Message.Priority.HIGH)
    assert product.shown("u-1") == [urgent.key]
    product.tell("u-1", urgent, "dismissed")
    product.stage.now += HOUR + MINUTE
    assert product.shown("u-1") == [second.key]


def test_what_is_neither_clicked_nor_closed_comes_on_three_days_and_ends_after_two_weeks(
    product: Product,
) -> None:
    ada = product.user("u-1")
    message = product.write(ada)
    for _day in range(3):
        assert product.shown("u-1") == [message.key]
        product.tell("u-1", message, "opened")
        assert product.shown("u-1") == [message.key]  # the rest of the day
        product.stage.now += DAY
    assert product.shown("u-1") == []
    other = product.write(ada)
    product.stage.now += 13 * DAY
    assert product.shown("u-1") == [other.key]
    product.stage.now += DAY
    assert product.shown("u-1") == []


def test_quiet_hours_do_not_hold_it_up_but_caps_do(product: Product) -> None:
    ada = product.user("u-1")
    product.stage.now = dt.datetime(2026, 10, 4, 18, 30, tzinfo=dt.UTC)  # half past two at night in a holiday
    assert product.write(ada).state == Message.State.ACCEPTED
    states = [product.write(ada).state for _n in range(3)]
    assert Message.State.PLANNED in states


def test_somebody_without_an_id_in_the_product_is_not_reached(product: Product) -> None:
    nobody = product.user("")
    message = product.write(nobody)
    assert (message.state, message.reason) == (Message.State.HELD_BACK, "no_address")


def test_a_refusal_holds_at_once_for_what_was_sent_already(product: Product) -> None:
    ada = product.user("u-1")
    first, second = product.write(ada), product.write(ada)
    notice = product.write(ada, topic="service")
    product.tell("u-1", first, "unsubscribed")
    assert product.shown("u-1") == [notice.key]
    line = Consent.objects.get()
    assert (line.contact, line.medium, line.topic, line.state) == (ada, "in_app", "guidance", "withdrawn")
    assert second.pk and product.write(ada).reason == "withdrawn"


def test_a_person_who_left_and_a_channel_that_is_off_show_nothing(product: Product) -> None:
    ada, bob = product.user("u-1"), product.user("u-2")
    product.write(ada), product.write(bob)
    Contact.objects.filter(pk=ada.pk).update(left_on=NOW.date())
    assert product.shown("u-1") == [] and len(product.shown("u-2")) == 1
    actions.switch_channel(product.channel, is_on=False, by=product.cast.boss, now=product.stage.now)
    assert product.shown("u-2") == []


def _asked(product: Product, contact: Contact) -> Ask:
    survey = Survey.objects.create(
        key="nps", name={"en": "NPS"}, kind="nps", question={"en": "Recommend us?", "zh": "推荐我们吗？"}, why={"en": "Why?"}, is_on=True,
        template=actions.save_template(None, "ask", {"name": {"en": "Ask"}, "topic": "survey", "body": {"en": "{{ survey.link }}"}}, by=None, now=NOW),
        created_at=NOW, changed_at=NOW,
        questions=[{"key": "who", "kind": "choice", "required": True, "label": {"en": "You are"}, "options": [{"key": "a", "en": "A"}, {"key": "b", "en": "B"}]}],
    )  # fmt: skip
    with transaction.atomic():
        ask(
            survey,
            [Wanted(Person(contact.account_id, contact=contact.pk), product.channel, "", "1")],
            origin_kind="test",
            now=product.stage.now,
        )
    product.stage.send()
    return Ask.objects.get()


def test_a_survey_is_answered_where_it_is_shown(product: Product) -> None:
    asked = _asked(product, product.user("u-1"))
    (told,) = product.call("messages", signed("u-1"))["messages"]
    survey = told["survey"]
    assert (survey["question"], survey["marks"], told["text"]) == ("Recommend us?", list(range(11)), [])
    assert survey["asked"][0]["options"] == [["a", "A"], ["b", "B"]]
    fields: dict[str, Any] = {"score": ["9"], "comment": ["clear reports"]}
    call = {**signed("u-1"), "message": told["id"]}
    assert product.call("answers", {**call, "fields": fields}, status=422)["wrong"] == {"q-who": "missing"}
    assert product.shown("u-1") == [told["id"]]
    product.call("answers", {**call, "fields": {**fields, "q-who": ["b"]}})
    asked.refresh_from_db()
    assert (asked.score, asked.comment, asked.answers) == (9, "clear reports", {"who": "b"})
    assert product.shown("u-1") == []
    assert Message.objects.get().outcome == "replied"
    product.call("answers", {**call, "fields": "nothing"}, status=422)


def test_a_survey_answered_by_its_link_or_switched_off_is_shown_no_more(product: Product) -> None:
    asked = _asked(product, product.user("u-1"))
    assert len(product.shown("u-1")) == 1
    Survey.objects.update(is_on=False)
    assert product.shown("u-1") == []
    Survey.objects.update(is_on=True)
    answer = Client().post(f"/answers/{asked.token}/", {"score": "3", "q-who": "a"})
    assert answer.status_code == 200 and product.shown("u-1") == []


def test_a_template_says_look_pages_and_a_button_with_values_in_its_address(product: Product) -> None:
    ada = product.user("u/1 & co")
    given: dict[str, Any] = {
        "name": {"en": "Reports"}, "topic": "guidance", "subject": {"en": "For {{ contact.name }}"}, "body": {"en": "New."},
        "in_app": {"look": "banner", "button": {"en": "Open"}, "link": "/reports?for={{ contact.name }}", "pages": ["/home", "/orders/*"]},
    }  # fmt: skip
    template = actions.save_template(None, "reports", given, by=product.cast.boss, now=NOW)
    product.write(ada, template=template)
    (told,) = product.call("messages", signed("u/1 & co"))["messages"]
    assert told["button"] == {"text": "Open", "to": "/reports?for=u%2F1%20%26%20co"}
    assert (told["look"], told["pages"]) == ("banner", ["/home", "/orders/*"])
    for wrong, word in (
        ({"look": "popup"}, "popup"),
        ({"link": "javascript:alert(1)", "button": {"en": "x"}}, "javascript"),
        ({"link": "//evil.example", "button": {"en": "x"}}, "evil"),
        ({"button": {"en": "x"}}, "按钮"),
        ({"pages": ["orders"]}, "orders"),
        ({"link": "/{{ contact.nmae }}", "button": {"en": "x"}}, "contact.nmae"),
    ):
        with pytest.raises(ValidationError) as raised:
            actions.save_template(template, "reports", {**given, "in_app": wrong}, by=None, now=NOW)
        assert word in " ".join(raised.value.messages)


def test_the_script_is_under_ten_kilobytes_and_needs_nothing_that_policies_forbid(product: Product) -> None:
    answer = product.client.get(f"/in-app/{product.channel.door}/script.js")
    text = answer.content.decode()
    assert answer.status_code == 200 and len(answer.content) < 10_000
    assert (
        answer.headers["Content-Type"].startswith("text/javascript")
        and "max-age" in answer.headers["Cache-Control"]
    )
    for word in (
        "innerHTML",
        "eval(",
        "new Function",
        "document.cookie",
        "document.write",
        "localStorage",
        'setAttribute("style"',
    ):
        assert word not in text, word


def test_products_that_draw_it_themselves_ask_by_api(product: Product) -> None:
    cast = product.cast
    ada = product.user("u-1")
    message = product.write(ada)
    key = create_api_key("app", ["in_app.read", "in_app.write"], by=cast.boss, now=NOW)

    def api(method: str, path: str, body: dict[str, Any] | None = None, key: str = key) -> SimpleNamespace:
        answer = product.client.generic(
            method, f"/api/v1/in-app/{path}", json.dumps(body) if body else b"", content_type="application/json", headers={"authorization": f"Bearer {key}"},
        )  # fmt: skip
        return SimpleNamespace(status=answer.status_code, body=answer.json())

    assert [one["id"] for one in api("GET", "messages?user=u-1").body["messages"]] == [message.key]
    told = {"user": "u-1", "message": message.key}
    assert api("POST", "receipts", {**told, "kind": "seen"}).status == 422
    assert api("POST", "receipts", {**told, "kind": "dismissed"}).status == 200
    assert api("GET", "messages?user=u-1").body["messages"] == []
    assert api("GET", "messages?user=u-9").status == 404
    assert api("POST", "answers", {**told, "fields": {"score": ["9"]}}).status == 409
    other = create_api_key("other", ["in_app.read"], staff=cast.outsider, by=cast.boss, now=NOW)
    assert api("GET", "messages?user=u-1", key=other).status == 404
    assert api("POST", "receipts", {**told, "kind": "opened"}, key=other).status == 403
    assert isinstance(product.channel, Channel)
