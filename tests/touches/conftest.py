"""A vendor that sends: a mail server, a channel, a template, contacts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from evergreen.base.actions import change_setting
from evergreen.customers.models import Contact
from evergreen.touches import actions
from evergreen.touches.channels.smtp import wire
from evergreen.touches.models import Message
from evergreen.touches.values import Person
from tests.conftest import NOW
from tests.touches import mail_server
from tests.touches.service_server import Service
from tests.touches.stage import Stage, on_stage

DAY = dt.timedelta(days=1)


@pytest.fixture(scope="session")
def mail_server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    log = tmp_path_factory.mktemp("mail") / "log"
    with mail_server.running(log) as port:
        yield SimpleNamespace(port=port, log=log)


@pytest.fixture
def post(
    cast: SimpleNamespace, home: Any, mail_server_port: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    """Everything that a mail needs: ``write(*names)`` plans one to each contact of that mailbox, ``log()`` is what the server took."""
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "127.0.0.1")
    monkeypatch.setattr(wire, "SECONDS", 1.0)
    mail_server_port.log.write_text("")
    change_setting("public_url", "https://cs.example.com", by=None, now=NOW)
    change_setting("vendor_name", "常青示例", by=None, now=NOW)
    given = {
        "host": "127.0.0.1",
        "port": str(mail_server_port.port),
        "security": "none",
        "sender": "cs@vendor.example",
    }
    channel = actions.save_channel(
        None, kind="smtp", name="Mail", given=given, limits={}, by=cast.boss, now=NOW
    )
    actions.switch_channel(channel, is_on=True, by=cast.boss, now=NOW)
    texts = {
        "name": {"en": "Hello"}, "topic": "guidance", "subject": {"en": "Hello {{ contact.name }}", "zh": "您好，{{ contact.name }}"},
        "body": {"en": "Dear {{ contact.name }} of **{{ account.name }}**, [look](https://example.com/a_b)", "zh": "**{{ account.name }}** 的 {{ contact.name }}，您好"},
    }  # fmt: skip
    template = actions.save_template(None, "hello", texts, by=cast.boss, now=NOW)

    def contact(mailbox: str, **fields: Any) -> Contact:
        account = fields.pop("account", cast.well)
        return Contact.objects.create(
            account=account,
            name=fields.pop("name", mailbox),
            email=f"{mailbox}@there.example",
            known_at=NOW,
            language="en",
            **fields,
        )

    def draft(to: Contact, origin: str = "1:hello:1", **changed: Any) -> actions.Draft:
        fields: dict[str, Any] = {
            "origin_kind": "playbook", "origin_id": origin, "origin_name": "welcome", "channel": channel, "medium": "mail",
            "person": Person(to.account_id, contact=to.pk), "template": template, "due_at": NOW, "expires_at": NOW + DAY,
        }  # fmt: skip
        return actions.Draft(**{**fields, **changed})

    def write(*people: Contact, now: dt.datetime = NOW, **changed: Any) -> list[Message]:
        with transaction.atomic():
            actions.plan([draft(one, **changed) for one in people], now=now)
        return list(Message.objects.filter(contact__in=people).order_by("pk"))

    def send(now: dt.datetime = NOW) -> int:
        return actions.send_due(now=lambda: now)

    return SimpleNamespace(
        cast=cast, channel=channel, template=template, contact=contact, draft=draft, write=write, send=send,
        log=lambda: mail_server.taken(mail_server_port.log), home=home,
    )  # fmt: skip


@pytest.fixture
def stage(cast: SimpleNamespace, home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with on_stage(cast, monkeypatch) as made:
        yield made


@pytest.fixture
def service(stage: Stage) -> Service:
    return Service(stage.fake)
