"""``python -m tests.torture.racing_world FOLDER SEED caps|leaving``: what happens beside eight workers that send in the same second.

``caps`` (JRN-09): twenty playbooks write to the same 500 people on each of twenty days, by two channels; nobody gets more than the caps
allow. ``leaving`` (JRN-10): 2,000 people stop wanting their message at some moment between plan and sending; a database that stamps its
commits says which came first. Prints one line of JSON at the end: cases, and what was wrong.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.torture.journey_world import write_clock

START = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PEOPLE, BOOKS, ROUNDS, PLANS = 500, 20, 20, 10_000
LEAVERS = 2_000
A_DAY, A_WEEK, A_BOOK_WEEK, A_CHANNEL_DAY = 2, 6, 1, 1
SHANGHAI = ZoneInfo("Asia/Shanghai")


def make(people: int) -> tuple[list[Any], list[Any]]:
    """Two mail channels, the second of which writes to nobody twice a day; contacts."""
    from evergreen.base.actions import change_setting
    from evergreen.base.models import User
    from evergreen.customers.models import Account, Contact
    from evergreen.touches import actions

    owner = User.objects.create_user("owner@vendor.example", "pw", name="owner")
    told = {"public_url": "https://cs.vendor.example", "touches_a_day": A_DAY, "touches_a_week": A_WEEK, "touches_a_playbook_week": A_BOOK_WEEK, "touches_on_working_days": False}  # fmt: skip
    for key, value in told.items():
        change_setting(key, value, by=None, now=START)
    channels = []
    for name, limits in (("one", {}), ("two", {"contact_a_day": A_CHANNEL_DAY})):
        given = {
            "host": "127.0.0.1",
            "port": os.environ["EVERGREEN_MAIL_PORT"],
            "security": "none",
            "sender": "cs@vendor.example",
        }
        channel = actions.save_channel(
            None, kind="smtp", name=name, given=given, limits=limits, by=owner, now=START
        )
        actions.switch_channel(channel, is_on=True, by=owner, now=START)
        channels.append(channel)
    account = Account.objects.create(external_id="A", name="A", owner=owner, created_at=START, known_at=START)
    Contact.objects.bulk_create(
        Contact(account=account, name=f"c{n}", email=f"c{n}@there.example", known_at=START)
        for n in range(people)
    )
    return channels, list(Contact.objects.order_by("pk"))


def draft(channel: Any, contact: Any, book: str, origin: str, now: dt.datetime, **changed: Any) -> Any:
    from evergreen.touches import actions
    from evergreen.touches.values import Person

    fields = {"subject": book, "body": "text", "topic": "guidance", "origin_name": book, **changed}
    return actions.Draft(
        "playbook", origin, channel, "mail", Person(contact.account_id, contact=contact.pk), now, now + 30 * DAY, **fields
    )  # fmt: skip


def wait_for(is_over: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not is_over():
        if time.monotonic() > until:
            raise SystemExit("Messages are still under way after 240 s.")
        time.sleep(0.05)


def caps(folder: Path, chance: random.Random) -> tuple[int, list[str], dict[str, Any]]:
    from django.db import transaction

    from evergreen.touches import actions
    from evergreen.touches.models import Message
    from tests.touches.mail_server import taken

    channels, people = make(PEOPLE)
    state, number = Message.State, 0
    for day in range(ROUNDS):
        now = START + day * DAY
        drafts = []
        for _n in range(PLANS // ROUNDS):
            number += 1
            is_service = chance.random() < 0.1
            drafts.append(
                draft(
                    chance.choice(channels), chance.choice(people[: PEOPLE // 5] if number % 2 else people), f"book{chance.randrange(BOOKS):02}",
                    str(number), now, **({"topic": "service"} if is_service else {}),
                )
            )  # fmt: skip
        with transaction.atomic():
            actions.plan(drafts, now=now)
        write_clock(folder, now)
        due = Message.objects.filter(state=state.PLANNED, due_at__lte=now)
        under_way = Message.objects.filter(state__in=(state.CLAIMED, state.HANDED_OVER))
        wait_for(lambda: not due.exists() and not under_way.exists())  # noqa: B023  asked within the round
    arrived = Counter(one["key"] for one in taken(folder / "mail.log"))
    wrong = [f"{key} arrived {count} times" for key, count in arrived.items() if count > 1]
    by_person: dict[int, list[Message]] = defaultdict(list)
    for row in Message.objects.filter(key__in=arrived).exclude(topic="service").order_by("claimed_at", "pk"):
        by_person[row.contact_id or 0].append(row)
    for person, rows in by_person.items():
        wrong += _over(person, rows)
    services = Message.objects.filter(topic="service")
    wrong += [f"a service message waits: {one.key}" for one in services.exclude(state=state.ACCEPTED)]
    # A held one is looked at once more a cap's period, not again and again.
    spun = Message.objects.filter(waits__gt=ROUNDS + 1).count()
    wrong += [f"{spun} messages were put off more often than there were days"] if spun else []
    told = {"sent": len(arrived), "waiting": Message.objects.filter(state=state.PLANNED).count()}
    return PLANS, wrong, told


def _over(person: int, rows: list[Any]) -> list[str]:
    """The caps that what a person got in order of time goes beyond."""
    found = []
    for place, row in enumerate(rows):
        before = rows[: place + 1]
        today = row.claimed_at.astimezone(SHANGHAI).date()
        week = [one for one in before if one.claimed_at > row.claimed_at - 7 * DAY]
        that_day = [one for one in before if one.claimed_at.astimezone(SHANGHAI).date() == today]
        counts = (
            (len(that_day), A_DAY, "a day"),
            (len(week), A_WEEK, "a week"),
            (sum(one.origin_name == row.origin_name for one in week), A_BOOK_WEEK, "a playbook and week"),
            (sum(one.channel.name == "two" for one in that_day), A_CHANNEL_DAY, "a channel and day"),
        )
        found += [f"contact {person} got {n} {what}" for n, most, what in counts if n > most]
    return found


def leaving(folder: Path, chance: random.Random) -> tuple[int, list[str], dict[str, Any]]:
    from django.db import connection, transaction

    from evergreen.base.models import User
    from evergreen.customers.models import Contact
    from evergreen.touches import actions, outgoing
    from evergreen.touches.models import Message
    from tests.touches.mail_server import taken

    channels, people = make(LEAVERS)
    owner = User.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("create table left_log (contact bigint, kind text)")
        cursor.execute("create table claim_log (message bigint, contact bigint)")
        cursor.execute(
            "create function told_claim() returns trigger language plpgsql as $$ begin "
            "insert into claim_log values (new.id, new.contact_id); return new; end $$"
        )
        cursor.execute(
            "create trigger told_claim after update on touches_message for each row "
            "when (new.state = 'claimed' and old.state <> 'claimed') execute function told_claim()"
        )
    before: dict[int, Message] = {}
    for one in people:
        made = draft(channels[0], one, "earlier", f"earlier-{one.pk}", START - DAY, topic="service")
        with transaction.atomic():
            actions.plan([made], now=START - DAY)
    Message.objects.update(state="accepted", ended_at=START - DAY, address="x")
    before = {one.contact_id or 0: one for one in Message.objects.all()}
    for one in people:
        Message.objects.filter(pk=before[one.pk].pk).update(address=one.email)
    write_clock(folder, START)

    def refuse(one: Any) -> None:
        actions.refuse_by_link(outgoing.token_of(before[one.pk]), now=START, everything=True)

    def withdraw(one: Any) -> None:
        actions.record_consent(
            one, medium="mail", topic="", is_given=False, source="spoken", by=None, now=START
        )

    def bounce(one: Any) -> None:
        actions.receive(before[one.pk], "bounced", at=START)

    def leave(one: Any) -> None:
        Contact.objects.filter(pk=one.pk).update(left_on=START.date())

    def cancel(one: Any) -> None:
        actions.cancel(Message.objects.filter(origin_id=f"race-{one.pk}").values_list("pk", flat=True), by=owner, now=START)  # fmt: skip

    def end_run(one: Any) -> None:
        actions.withdraw_planned("playbook", [f"race-{one.pk}"], now=START)

    acts = {"link": refuse, "consent": withdraw, "bounce": bounce, "left": leave, "cancelled": cancel, "run ended": end_run}  # fmt: skip
    chosen = {one.pk: chance.choice(list(acts)) for one in people}
    for at in range(0, LEAVERS, 20):
        few = people[at : at + 20]
        with transaction.atomic():
            actions.plan([draft(channels[0], one, "race", f"race-{one.pk}", START) for one in few], now=START)
        time.sleep(chance.uniform(0, 0.03))
        for one in chance.sample(few, len(few)):
            if chance.random() < 0.3:
                time.sleep(chance.uniform(0, 0.02))
            with transaction.atomic():
                acts[chosen[one.pk]](one)
                with connection.cursor() as cursor:
                    cursor.execute("insert into left_log values (%s, %s)", [one.pk, chosen[one.pk]])
    state = Message.State
    live = Message.objects.filter(state__in=(state.PLANNED, state.CLAIMED, state.HANDED_OVER))
    wait_for(lambda: not live.exists())
    arrived = Counter(one["key"] for one in taken(folder / "mail.log"))
    keys = {one.pk: one.key for one in Message.objects.filter(origin_name="race")}
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.message, l.kind, pg_xact_commit_timestamp(c.xmin) > pg_xact_commit_timestamp(l.xmin), count(*) over (partition by c.message) "
            "from claim_log c join left_log l on l.contact = c.contact"
        )
        rows = cursor.fetchall()
    wrong = [f"{keys[number]}: claimed after {kind}, and sent" for number, kind, is_later, _n in rows if is_later and arrived[keys[number]]]  # fmt: skip
    wrong += [f"{key} arrived {count} times" for key, count in arrived.items() if count > 1]
    told = {
        "sent": len(arrived), "claimed first": sum(not is_later for _m, _k, is_later, _n in rows), "claimed later, not sent": sum(bool(one[2]) for one in rows),
        **dict(Counter(chosen.values())),
    }  # fmt: skip
    return LEAVERS, wrong, told


def main() -> int:
    folder, seed, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    import django

    django.setup()
    cases, wrong, told = {"caps": caps, "leaving": leaving}[what](folder, random.Random(seed))
    print(json.dumps({"cases": cases, "wrong": len(wrong), "first": wrong[:5], **told}), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
