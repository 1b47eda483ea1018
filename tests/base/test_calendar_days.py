from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from evergreen.base import actions, calendar_days, working_days
from evergreen.base.calendar_days import Day, Source
from evergreen.base.models import AuditEntry, CalendarDay

NOTICE_2027 = [
    Day(dt.date(2027, 1, 1), False, "元旦"),
    Day(dt.date(2027, 2, 5), False, "春节"),
    Day(dt.date(2027, 2, 20), True, "春节调休"),
]


def test_a_notice_loaded_by_hand_makes_its_year_known(cast: SimpleNamespace, now: dt.datetime) -> None:
    assert working_days.notice(dt.date(2026, 12, 1)) is not None
    preview = calendar_days.load_calendar(NOTICE_2027, Source.NOTICE, by=cast.boss, now=now)
    assert preview.new_years == (2027,)
    calendar = working_days.for_vendor()
    assert calendar.known(2027) and calendar.is_working(dt.date(2027, 2, 5)) is False
    assert working_days.notice(dt.date(2026, 12, 1)) is None
    entry = AuditEntry.objects.get(verb="calendar.loaded")
    assert entry.by == cast.boss and entry.after["years"] == [2027]


def test_the_preview_says_what_changes_and_changes_nothing(db: None) -> None:
    preview = calendar_days.preview_calendar(NOTICE_2027, Source.NOTICE)
    assert preview.changed == (
        (dt.date(2027, 1, 1), True, False),
        (dt.date(2027, 2, 5), True, False),
        (dt.date(2027, 2, 20), False, True),
    )
    assert not CalendarDay.objects.exists()


def test_a_notice_may_change_this_december(db: None, now: dt.datetime) -> None:
    days = [*NOTICE_2027, Day(dt.date(2026, 12, 31), False, "元旦")]
    preview = calendar_days.load_calendar(days, Source.NOTICE, by=None, now=now)
    assert (dt.date(2026, 12, 31), True, False) in preview.changed
    assert working_days.for_vendor().next(dt.date(2026, 12, 30)).value == dt.date(2027, 1, 4)


def test_the_companys_own_day_wins_over_the_notice(db: None, now: dt.datetime) -> None:
    calendar_days.load_calendar([Day(dt.date(2026, 10, 1), True, "值班")], Source.COMPANY, by=None, now=now)
    calendar_days.load_calendar(
        [Day(dt.date(2026, 1, 1), False), Day(dt.date(2026, 10, 1), False)], Source.NOTICE, by=None, now=now
    )
    assert working_days.for_vendor().is_working(dt.date(2026, 10, 1)) is True
    assert calendar_days.forget_days([dt.date(2026, 10, 1)], Source.COMPANY, by=None, now=now) == 1
    assert working_days.for_vendor().is_working(dt.date(2026, 10, 1)) is False


def test_loading_a_day_again_replaces_it(db: None, now: dt.datetime) -> None:
    day = dt.date(2026, 11, 20)
    for is_working in (False, True):
        calendar_days.load_calendar([Day(day, is_working)], Source.COMPANY, by=None, now=now)
    assert CalendarDay.objects.get().is_working is True


def test_part_of_an_unknown_year_is_no_notice(db: None, now: dt.datetime) -> None:
    with pytest.raises(ValidationError, match="2027-01-01"):
        calendar_days.load_calendar(NOTICE_2027[1:], Source.NOTICE, by=None, now=now)
    assert not CalendarDay.objects.exists()


def test_days_given_twice_or_not_at_all_are_refused(db: None, now: dt.datetime) -> None:
    with pytest.raises(ValidationError, match="2027-01-01"):
        calendar_days.load_calendar([*NOTICE_2027, NOTICE_2027[0]], Source.NOTICE, by=None, now=now)
    with pytest.raises(ValidationError):
        calendar_days.load_calendar([], Source.COMPANY, by=None, now=now)
    with pytest.raises(ValidationError, match="notice, company"):
        calendar_days.load_calendar(NOTICE_2027, "rumour", by=None, now=now)


def test_days_are_read_from_lines_in_chinese_or_english() -> None:
    text = "\ufeffdate,kind,name\n2027-01-01,off,New Year\n# 春节\n2027-02-20,班,春节调休\n\n2027-03-01,休\n"
    assert calendar_days.read_days(text) == [
        Day(dt.date(2027, 1, 1), False, "New Year"),
        Day(dt.date(2027, 2, 20), True, "春节调休"),
        Day(dt.date(2027, 3, 1), False, ""),
    ]


def test_wrong_lines_are_each_named() -> None:
    with pytest.raises(ValidationError) as found:
        calendar_days.read_days("2027-13-01,off\n2027-01-02,maybe\n2027-01-03\n2027-01-01,off")
    assert len(found.value.messages) == 3 and "2027-13-01,off" in found.value.messages[0]


def test_with_the_weekends_calendar_only_own_days_count(db: None, now: dt.datetime) -> None:
    actions.change_setting("calendar", "weekends", by=None, now=now)
    calendar_days.load_calendar(NOTICE_2027, Source.NOTICE, by=None, now=now)
    calendar_days.load_calendar([Day(dt.date(2027, 6, 1), False)], Source.COMPANY, by=None, now=now)
    calendar = working_days.for_vendor()
    assert calendar.is_working(dt.date(2027, 2, 5)) is True
    assert calendar.is_working(dt.date(2027, 6, 1)) is False


def test_working_hours_are_settings(db: None, now: dt.datetime) -> None:
    actions.change_setting("workday_starts", "08:30", by=None, now=now)
    assert working_days.for_vendor().hours.opens == dt.time(8, 30)
    with pytest.raises(ValueError, match="workday_starts must be before"):
        actions.change_setting("workday_ends", "08:00", by=None, now=now)
    with pytest.raises(ValueError, match="no time of day"):
        actions.change_setting("workday_ends", "18 o'clock", by=None, now=now)
