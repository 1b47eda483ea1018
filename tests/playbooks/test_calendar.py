"""CAL-04: a notice that changes days on which waits were reckoned already moves them as the new calendar says, and nothing is done twice."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from evergreen.base.calendar_days import Day, load_calendar
from evergreen.base.working_days import for_vendor
from evergreen.customers.models import Account
from evergreen.playbooks import actions
from evergreen.playbooks.models import Enrolment
from evergreen.work.models import Task
from tests.playbooks.building import enter, published, task, wait

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)
FIRST = dt.datetime(2026, 12, 18, 1, 30, tzinfo=dt.UTC)
SPANS = ((1, ""), (2, "09:00"), (3, "18:00"), (5, ""), (8, "00:00"), (15, "10:30"))
# Twelve days of entering, eighteen accounts each day; the plan's 5,000 waits by ``EVERGREEN_WAITS=5004``.
DAYS = 12
A_DAY = int(os.environ.get("EVERGREEN_WAITS", "216")) // DAYS


def reckoned(began: dt.datetime, days: int, at: str, works: Mapping[dt.date, bool]) -> dt.datetime:
    """So many working days later, day by day: at a time of day, or at the same time."""
    wall = began.astimezone(SHANGHAI)
    day, left = wall.date(), days
    while left:
        day += DAY
        left -= works[day]
    moment = dt.time.fromisoformat(at) if at else wall.time()
    return dt.datetime.combine(day, moment, SHANGHAI).astimezone(dt.UTC)


def test_waits_and_what_follows_them_go_by_the_newest_notice(db: None) -> None:
    chance = random.Random(4)
    accounts = Account.objects.bulk_create(
        Account(external_id=f"C-{n}", name=f"C {n}", created_at=FIRST, known_at=FIRST) for n in range(DAYS * A_DAY)
    )  # fmt: skip
    books = [
        published(
            wait("pause", working_days=days, **({"at": at} if at else {})), task("call"), key=f"book{n}", now=FIRST
        )
        for n, (days, at) in enumerate(SPANS)
    ]  # fmt: skip
    began: dict[int, tuple[dt.datetime, int]] = {}
    now = FIRST
    for day in range(DAYS):
        now = FIRST + day * DAY + dt.timedelta(minutes=37 * day)
        for n, book in enumerate(books):
            mine = accounts[day * A_DAY : (day + 1) * A_DAY][n :: len(books)]
            enter(book, *mine, now=now)
            began |= {one.pk: (now, n) for one in mine}
        actions.tick(now=now)
    # 30 December: the notice of 2027 comes late, and takes days of this December too.
    days = for_vendor()
    span = [dt.date(2026, 12, 30) + n * DAY for n in range(60)]
    works = {day: days.working_or_weekday(day)[0] for day in [now.date() - n * DAY for n in range(20)] + span}
    # Every notice names the first of January.
    new_year = dt.date(2027, 1, 1)
    changed = [Day(day, not works[day]) for day in span if day == new_year or chance.random() < 0.35]
    waiting = set(Enrolment.objects.filter(state=Enrolment.State.WAITING).values_list("account", flat=True))
    assert 100 < len(waiting) < len(accounts) and any(one.day.year == 2026 for one in changed)
    before = dict(Enrolment.objects.filter(account__in=waiting).values_list("account", "wake_at"))
    now += dt.timedelta(hours=1)
    load_calendar(changed, "notice", by=None, now=now)
    works |= {one.day: one.is_working for one in changed}
    actions.tick(now=now)
    moved = 0
    for pk, wakes in Enrolment.objects.filter(account__in=waiting, ended_at=None).values_list(
        "account", "wake_at"
    ):
        start, n = began[pk]
        assert wakes == reckoned(start, *SPANS[n], works), (pk, SPANS[n], start)
        moved += wakes != before[pk]
    assert moved > 50
    # Everything is done once, at the first look after its time.
    while Enrolment.objects.filter(ended_at=None).exists():
        now += DAY
        actions.tick(now=now)
    tasks = dict(Task.objects.values_list("account", "created_at"))
    assert Task.objects.count() == len(accounts) == len(tasks)
    for pk in waiting:
        start, n = began[pk]
        assert tasks[pk] >= reckoned(start, *SPANS[n], works)
