"""A vendor with a fake provider and a clock of its own."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from evergreen.base import clock
from evergreen.base.actions import change_setting
from evergreen.customers.models import Contact, ContactId
from evergreen.touches import actions
from evergreen.touches.models import Channel, Consent, Medium, Message
from evergreen.touches.values import Person
from tests.conftest import NOW
from tests.touches.providers import KEY, SECRET, Providers

State = Message.State
SECOND, MINUTE, HOUR, DAY = (dt.timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))


class Stage:
    """A vendor with one fake provider and a clock of its own."""

    def __init__(self, cast: SimpleNamespace) -> None:
        self.cast, self.now = cast, NOW
        self.fake = Providers(lambda: self.now)
        self.made = 0

    def channel(self, kind: str, called: str = "", **given: str) -> Channel:
        boss = self.cast.boss
        channel = actions.save_channel(
            None, kind=kind, name=called or kind, given=given, limits={}, by=boss, now=self.now
        )
        actions.switch_channel(channel, is_on=True, by=boss, now=self.now)
        return channel

    def wecom(self, kind: str = "wecom_app", called: str = "", **given: str) -> Channel:
        config = {"corp_id": "ww1", "secret": "s1", "address": self.fake.url, **given}
        return self.channel(kind, called, **(config | ({"agent_id": "7"} if kind == "wecom_app" else {})))

    def aliyun(self) -> Channel:
        return self.channel(
            "aliyun_sms", key_id=KEY, key_secret=SECRET, sign="常青示例", address=f"{self.fake.url}/aliyun"
        )

    def tencent(self) -> Channel:
        return self.channel(
            "tencent_sms", secret_id=KEY, secret_key=SECRET, app_id="1400", sign="常青示例", address=f"{self.fake.url}/tencent"
        )  # fmt: skip

    def contact(self, name: str, *, phone: str = "", wecom: str = "", consents: bool = True) -> Contact:
        made = Contact.objects.create(
            account=self.cast.well, name=name, phone=phone, known_at=self.now, language="zh-hans"
        )
        if wecom:
            ContactId.objects.create(contact=made, system="wecom", value=wecom)
        if phone and consents:
            Consent.objects.create(
                contact=made, medium=Medium.SMS, state=Consent.State.GIVEN, source=Consent.Source.CONTRACT, proof="contract 12", at=self.now
            )  # fmt: skip
        return made

    def write(self, channel: Channel, person: Person, **changed: Any) -> None:
        self.made += 1
        medium = {"wecom_app": "wecom", "wecom_customer": "wecom"}.get(
            channel.kind, "sms" if "sms" in channel.kind else ""
        )
        fields: dict[str, Any] = {
            "origin_kind": "test", "origin_id": str(self.made), "channel": channel, "medium": medium or channel.kind.partition("_")[0],
            "person": person, "subject": "", "body": f"text {self.made}", "due_at": self.now, "expires_at": self.now + 30 * DAY,
        }  # fmt: skip
        with transaction.atomic():
            actions.plan([actions.Draft(**{**fields, **changed})], now=self.now)

    def send(self) -> int:
        return actions.send_due(now=lambda: self.now)

    def states(self) -> dict[str, int]:
        return dict(Counter(Message.objects.values_list("state", flat=True)))


@contextmanager
def on_stage(cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose clock everybody reads."""
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "127.0.0.1")
    change_setting("public_url", "https://cs.example.com", by=None, now=NOW)
    made = Stage(cast)
    monkeypatch.setattr(clock, "utc_now", lambda: made.now)
    with made.fake:
        yield made
