"""Faults that other automation tools had, each by the number under which it was told, held against ours (trust.md, JRN)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evergreen.base.models import User
from evergreen.base.wall import Calendar, at_wall, out_of_quiet
from evergreen.base.working_days import WorkingDays
from evergreen.customers.models import Account
from evergreen.flow.merging import merge
from evergreen.metrics.models import Segment, SegmentMove
from evergreen.playbooks import actions
from evergreen.playbooks.models import Effect, Enrolment, Refusal
from evergreen.playbooks.rules.definition import Span
from evergreen.playbooks.rules.timing import span_ends
from evergreen.work.models import Task
from tests.at_once import at_once
from tests.conftest import NOW, TODAY
from tests.playbooks.building import enter, published, run_of, task, tick, wait, way
from tests.playbooks.speaking import hello, spoken

DAY = dt.timedelta(days=1)


@pytest.fixture
def _here(home: Any, cast: SimpleNamespace) -> None:
    return None


def _moves(segment: Segment, account: Account, day: dt.date, has_entered: bool) -> None:
    """An account goes into a segment, or out of it."""
    SegmentMove.objects.create(
        segment=segment, account=account, day=day, has_entered=has_entered, since=day, cause="data"
    )
    account.segments.filter(segment=segment.key).delete()
    if has_entered:
        account.segments.create(segment=segment.key, since=day)


def _flap(playbook_is_again: str, account: Account) -> None:
    """In on the first day, out on the third, in again on the fifth, with a tick a day."""
    segment = Segment.objects.create(key="care", name={"en": "Care"}, created_at=NOW, changed_at=NOW)
    published(task("call"), triggers=[{"kind": "segment", "segment": "care"}], reentry=playbook_is_again)
    for n, has_entered in ((0, True), (1, None), (2, False), (4, True), (5, None)):
        if has_entered is not None:
            _moves(segment, account, TODAY + n * DAY, has_entered)
        tick([NOW + n * DAY])


@pytest.mark.usefixtures("_here")
def test_mautic_16026_who_comes_into_the_segment_again_starts_again_where_that_is_allowed(
    cast: SimpleNamespace,
) -> None:
    _flap("each_time", cast.well)
    assert Task.objects.count() == 2


@pytest.mark.usefixtures("_here")
def test_mautic_7881_who_may_not_start_again_does_not_when_the_segment_takes_him_in_again(
    cast: SimpleNamespace,
) -> None:
    _flap("never", cast.well)
    assert Task.objects.count() == 1
    assert Refusal.objects.values_list("reason", flat=True).get() == "again"


@pytest.mark.usefixtures("_here")
def test_mautic_9797_entering_again_while_inside_never_schedules_a_second_run(cast: SimpleNamespace) -> None:
    playbook = published(
        task("call"), wait("pause", days=1), task("again"), triggers=[{"kind": "event", "event": "asked"}]
    )
    tick([NOW])
    for n in range(3):
        actions.hear([actions.Happened(cast.well.pk, "asked", f"m-{n}", NOW)], now=NOW)
        tick([NOW])
    assert enter(playbook, cast.well) == 0
    tick([NOW + DAY, NOW + DAY])
    assert Counter(Task.objects.values_list("title__en", flat=True)) == {"call": 1, "again": 1}
    assert Enrolment.objects.count() == 1


@pytest.mark.usefixtures("_here")
def test_mautic_7953_what_fails_for_one_stops_no_other(cast: SimpleNamespace) -> None:
    many = Account.objects.bulk_create(
        Account(external_id=f"A-{n}", name=f"Account {n}", created_at=NOW, known_at=NOW) for n in range(50)
    )
    failing = {many[7].pk, many[31].pk}
    with hello(fails=failing):
        enter(published({"key": "hi", "kind": "hello"}, task("call")), *many)
        tick([NOW])
    assert set(Enrolment.objects.filter(state="stuck").values_list("account", flat=True)) == failing
    assert len(spoken()) == Task.objects.count() == Enrolment.objects.filter(state="done").count() == 48


@pytest.mark.usefixtures("_here")
def test_mautic_7057_playbooks_that_start_each_other_come_to_rest(cast: SimpleNamespace) -> None:
    playbook = published(task("call"), triggers=[{"kind": "event", "event": "asked"}])
    tick([NOW])
    for n in range(40):  # what the run itself does makes the event that starts it again
        actions.hear([actions.Happened(cast.well.pk, "asked", f"m-{n}", NOW)], now=NOW)
        tick([NOW + n * dt.timedelta(minutes=1)])
    assert Enrolment.objects.count() == Task.objects.count() == 10
    assert actions.enter_by_hand(playbook, [cast.well.pk], by=None, now=NOW) == (0, {"too_often": 1})
    assert Refusal.objects.count() == 1  # what the event is refused for leaves no row


@pytest.mark.usefixtures("_here")
def test_mautic_11763_an_account_merged_midway_is_spoken_to_once(cast: SimpleNamespace) -> None:
    playbook = published(wait("pause", days=1), task("call"), reentry="never")
    enter(playbook, cast.well, cast.slipping)
    tick([NOW])
    merge(cast.slipping, cast.well, by=cast.boss, now=NOW)
    tick([NOW + DAY, NOW + 2 * DAY])
    assert list(Task.objects.values_list("account", flat=True)) == [cast.well.pk]
    assert sorted(Enrolment.objects.values_list("state", "reason")) == [("done", "end"), ("left", "merged")]


@pytest.mark.usefixtures("real_database")
def test_mautic_3669_workers_at_once_never_do_the_same_twice(home: Any) -> None:
    owner = User.objects.create_user("o@vendor.example", "pw", name="o")
    many = Account.objects.bulk_create(
        Account(external_id=f"A-{n}", name=f"A {n}", owner=owner, created_at=NOW, known_at=NOW)
        for n in range(300)
    )
    playbook = published(task("call"), wait("pause", minutes=1), task("again"), reentry="never")
    later = NOW + dt.timedelta(minutes=1)
    assert sum(at_once(lambda n: enter(playbook, *many, now=NOW))) == 300
    assert sum(at_once(lambda n: actions.advance(now=NOW))) == 300
    assert sum(at_once(lambda n: enter(playbook, *many, now=later))) == 0
    assert sum(at_once(lambda n: actions.advance(now=later))) == 300
    assert Counter(Task.objects.values_list("title__en", flat=True)) == {"call": 300, "again": 300}
    assert Effect.objects.count() == 600
    assert playbook.enrolments.filter(state="done").count() == 300


ZONES = (
    "Africa/Cairo", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Asia/Shanghai",
    "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin", "America/St_Johns",
)  # fmt: skip
TIMES = (dt.time(0), dt.time(1, 30), dt.time(2, 30), dt.time(23, 59))


@pytest.mark.parametrize("name", ZONES)
def test_mautic_2824_a_wall_time_is_of_the_named_zone_skipped_ones_come_next_and_doubled_ones_first(
    name: str,
) -> None:
    """Minute by minute: the first moment at which the wall clock shows the time or, having jumped, a later one of that day."""
    zone = ZoneInfo(name)
    for year in (2011, 2018, 2026) if name == "Pacific/Apia" else (2018, 2026):
        moment = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        offsets = [(moment + n * DAY).astimezone(zone).utcoffset() for n in range(366)]
        changes = [n for n in range(1, 366) if offsets[n] != offsets[n - 1]] or [100]
        for n in changes:
            for day in {(moment + k * DAY).astimezone(zone).date() for k in (n - 1, n, n + 1)}:
                for at in TIMES:
                    assert at_wall(day, at, zone) == _by_minutes(day, at, zone), (name, day, at)


def _by_minutes(day: dt.date, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    wanted = dt.datetime.combine(day, at)
    moment = dt.datetime.combine(day, dt.time(), dt.UTC) - DAY
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += dt.timedelta(minutes=1)
    return moment


@pytest.mark.parametrize("name", ZONES)
def test_mautic_11602_10612_a_clock_change_never_makes_a_wait_go_round(name: str) -> None:
    """Reckoned again at its own end, a wait is over; quiet hours that have ended are not there again."""
    calendar = Calendar(ZoneInfo(name), WorkingDays())
    start = dt.datetime(2026, 1, 1, 3, 17, tzinfo=dt.UTC)
    for n in range(366):
        now = start + n * DAY
        for at in TIMES:
            wakes = span_ends(Span("days", 1, at), now, calendar).value
            assert now <= wakes <= now + dt.timedelta(hours=49)
            assert span_ends(Span("days", 1, at), now, calendar).value == wakes
        free = out_of_quiet(now, dt.time(21), dt.time(8), calendar.zone)
        assert out_of_quiet(free, dt.time(21), dt.time(8), calendar.zone) == free
        local = free.astimezone(calendar.zone).time()
        assert dt.time(8) <= local < dt.time(21)


@pytest.mark.usefixtures("_here")
def test_a_loop_goes_round_once_a_wait_and_each_round_is_a_visit_of_its_own(cast: SimpleNamespace) -> None:
    steps = [
        task("call"),
        wait("pause", days=7),
        {
            "key": "ask",
            "kind": "branch",
            "ways": [{"when": "tier = basic", "to": "over"}],
            "otherwise": "call",
        },
    ]
    enter(published(*steps), cast.well)
    tick([NOW + n * DAY for n in range(22)])
    assert Task.objects.count() == 4 and run_of(cast.well).visit == 11
    Account.objects.filter(pk=cast.well.pk).update(tier="basic")
    tick([NOW + 28 * DAY])
    assert way(run_of(cast.well))[-1] == ("over", "end")
