"""``python -m tests.torture.send_points FOLDER MAIL_PORT MAIL_LOG``: a worker that sends by some channel dies at the n-th call, and
what the provider got is held against what stands written. Reads points as JSON lines, answers each with a line.

Started under ``calls.c``. Each point has nine messages of its own: a child, forked, claims and sends them and is killed; then time
passes and a second worker, undisturbed, does the rest.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.torture.calls import KINDS, NETWORK, Calls

CHANNELS = ("mail", "wecom", "sms", "webhook")
ALL = (*KINDS, NETWORK)
EACH = 9
START = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)


class World:
    """A home with a contact list, a channel of each kind and its provider."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        from evergreen.base import clock
        from tests.touches.providers import Providers

        self.folder, self.log, self.now, self.made = folder, log, START, 0
        clock.utc_now = lambda: self.now
        self.fake = Providers(lambda: self.now)
        self.hooked: Counter[str] = Counter()
        self.fake.routes["/hook"] = self._hook
        self.fake.__enter__()
        self.channels = self._channels(port)

    def _hook(self, asked: Asked) -> Answer:
        # A receiver that keeps the ids it has seen, as Standard Webhooks asks.
        if asked.headers["webhook-id"] not in self.hooked:
            self.fake.took.append(("webhook", "", asked.json["data"]["mark"]))
        self.hooked[asked.headers["webhook-id"]] += 1
        return Answer({})

    def _channels(self, port: int) -> dict[str, Any]:
        from evergreen.base.actions import change_setting
        from evergreen.base.models import User
        from evergreen.customers.models import Account, Contact
        from evergreen.touches import actions
        from evergreen.touches.models import Channel, Consent, Medium
        from tests.touches.providers import KEY, SECRET

        change_setting("public_url", "https://cs.example.com", by=None, now=START)
        for name in ("touches_a_day", "touches_a_week", "touches_a_playbook_week", "survey_every_days"):
            change_setting(name, 0, by=None, now=START)
        boss, _made = User.objects.get_or_create(email="zhou.ning@vendor.example", defaults={"name": "Zhou"})
        self.boss = boss
        self.account, _made = Account.objects.get_or_create(
            external_id="A", defaults={"name": "A", "created_at": START, "known_at": START, "owner": boss}
        )
        self.contacts = list(Contact.objects.order_by("pk")) or [
            Contact.objects.create(
                account=self.account,
                name=f"c{n}",
                email=f"c{n}@there.example",
                phone=f"1380013800{n}",
                known_at=START,
            )
            for n in range(EACH)
        ]
        for one in self.contacts:
            Consent.objects.get_or_create(
                contact=one,
                medium=Medium.SMS,
                defaults={"state": "given", "source": "contract", "proof": "12", "at": START},
            )
        url = self.fake.url
        given = {
            "mail": (
                "smtp",
                {"host": "127.0.0.1", "port": str(port), "security": "none", "sender": "cs@vendor.example"},
            ),
            "wecom": ("wecom_app", {"corp_id": "ww1", "secret": "s1", "agent_id": "7", "address": url}),
            "sms": (
                "aliyun_sms",
                {"key_id": KEY, "key_secret": SECRET, "sign": "S", "address": f"{url}/aliyun"},
            ),
            "webhook": ("webhook", {"url": f"{url}/hook", "secret": "whsec_" + "a" * 32}),
        }
        found = {}
        for name, (kind, config) in given.items():
            before = Channel.objects.filter(name=name).first()
            made = actions.save_channel(
                before, kind=kind, name=name, given=config, limits={}, by=boss, now=START
            )
            actions.switch_channel(made, is_on=False, by=boss, now=START)
            found[name] = made
        return found

    def point(self, channel: str, kind: str, at: int) -> dict[str, Any]:
        """One point; what was wrong, whether the worker died, and without a kind how many calls of each there are."""
        from django.db import connections

        from evergreen.touches import actions
        from evergreen.touches.models import Channel, Message

        self.now += dt.timedelta(days=3)
        while not (
            8 <= self.now.astimezone(dt.timezone(dt.timedelta(hours=8))).hour < 20 and self._is_working()
        ):
            self.now += dt.timedelta(hours=5)
        marks = self._write(channel)
        Channel.objects.exclude(name=channel).update(is_on=False)
        Channel.objects.filter(name=channel).update(is_on=True, rests_until=None, faults=0)
        connections.close_all()
        status, counted = self._child(kind, at)
        self.now += dt.timedelta(minutes=30)
        for _ in range(3):
            actions.send_due(now=lambda: self.now)
            self.now += dt.timedelta(minutes=30)
        got = self._got(channel, marks)
        rows = {
            self._mark_of(one): one.state
            for one in Message.objects.filter(channel__name=channel, origin_id__in=marks)
        }
        wrong = [said for mark in marks if (said := _judged(channel, got[mark], rows.get(mark, "gone")))]
        if sum(state == "unknown" for state in rows.values()) > 1:
            wrong.append("more than the one under way is unknown")
        return {
            "wrong": wrong,
            "died": os.WIFSIGNALED(status),
            "unknown": list(rows.values()).count("unknown"),
            "counted": counted,
        }

    def _is_working(self) -> bool:
        from evergreen.base.working_days import for_vendor

        return for_vendor().working_or_weekday(self.now.date())[0]

    def _write(self, channel: str) -> list[str]:
        from django.db import transaction

        from evergreen.touches import actions
        from evergreen.touches.values import Person

        media = {"mail": "mail", "wecom": "wecom", "sms": "sms", "webhook": "webhook"}
        marks, drafts = [], []
        for n in range(EACH):
            self.made += 1
            mark = f"{os.getpid()}-{self.made}"
            marks.append(mark)
            person = Person(self.account.pk, contact=self.contacts[n].pk)
            if channel == "wecom":
                person = Person(self.account.pk, staff=self.boss.pk)
            if channel == "webhook":
                person = Person(self.account.pk)
            data = (
                {"code": "SMS_1", "values": {"mark": mark}}
                if channel == "sms"
                else {"mark": mark}
                if channel == "webhook"
                else {}
            )
            drafts.append(
                actions.Draft(
                    "torture", mark, self.channels[channel], media[channel], person, due_at=self.now,
                    expires_at=self.now + dt.timedelta(days=9), subject=mark, body=mark, data=data,
                )
            )  # fmt: skip
        with transaction.atomic():
            actions.plan(drafts, now=self.now)
        return marks

    def _child(self, kind: str, at: int) -> tuple[int, dict[str, int]]:
        from evergreen.touches import actions

        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            calls = Calls()
            calls.watch(self.folder)
            if kind:
                calls.arm(kind, at)
            actions.send_due(now=lambda: self.now)
            os.write(write, json.dumps(calls.counted(ALL)).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            text = told.read()
        _pid, status = os.waitpid(pid, 0)
        return status, json.loads(text) if text else {}

    def _got(self, channel: str, marks: list[str]) -> Counter[str]:
        from tests.touches.mail_server import taken

        if channel == "mail":
            return Counter(one["subject"] for one in taken(self.log))
        return Counter(
            mark
            for kind, _to, text in self.fake.took
            for mark in marks
            if f'"{mark}"' in text or mark in text.split() or mark == text or f"**{mark}**" in text
        )

    @staticmethod
    def _mark_of(message: Any) -> str:
        return str(message.origin_id)


def _judged(channel: str, got: int, state: str) -> str:
    """What is wrong with a message that a provider got so often; '' for nothing."""
    if channel == "webhook":
        return "" if got == 1 and state == "accepted" else f"webhook: got {got} times and {state}"
    right = {"accepted": got == 1, "unknown": got <= 1}.get(state, False)
    return "" if right else f"{channel}: got {got} times and {state}"


def main() -> int:
    folder, port, log = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    import django

    django.setup()
    world = World(folder, port, log)
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(world.point(*json.loads(line))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
