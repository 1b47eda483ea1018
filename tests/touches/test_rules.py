"""Whether a message may go: quiet hours, working days, caps and consents, each against a naive look minute by minute."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base.working_days import WorkingDays
from evergreen.touches.rules import (
    Case,
    Limits,
    Line,
    Sent,
    address_key,
    allowance,
    decide,
    phone_number,
    refusal,
    rested,
)

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
START = dt.datetime(
    2026, 9, 28, tzinfo=dt.UTC
)  # the week before National Day, with a make-up Sunday behind and one ahead
ZONES = ("Asia/Shanghai", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo",
         "Africa/Casablanca", "Etc/GMT+12", "Pacific/Kiritimati")  # fmt: skip
DAYS = WorkingDays()


def limits(**changed: object) -> Limits:
    fields: dict[str, object] = {
        "a_day": 0, "a_week": 0, "a_playbook_week": 0, "quiet_from": None, "quiet_to": None, "on_working_days": False,
    }  # fmt: skip
    return Limits(**{**fields, **changed})  # type: ignore[arg-type]


def case(zone: str = "Asia/Shanghai", **changed: object) -> Case:
    fields: dict[str, object] = {
        "topic": "guidance", "medium": "mail", "channel": 1, "origin": "p", "expires_at": START + 400 * DAY, "zone": ZoneInfo(zone),
    }  # fmt: skip
    return Case(**{**fields, **changed})  # type: ignore[arg-type]


def allowed(one: Case, history: list[Sent], at: dt.datetime, by: Limits) -> bool:
    """The same limits as anybody would check them at one moment."""
    wall = at.astimezone(one.zone)
    if by.quiet_from is not None and by.quiet_to is not None and by.quiet_from != by.quiet_to:
        time = wall.time()
        over_midnight = by.quiet_from > by.quiet_to
        inside = (
            (time >= by.quiet_from or time < by.quiet_to)
            if over_midnight
            else by.quiet_from <= time < by.quiet_to
        )
        if inside:
            return False
    if by.on_working_days and not DAYS.working_or_weekday(wall.date())[0]:
        return False
    today = [h for h in history if h.at.astimezone(one.zone).date() == wall.date()]
    week = [h for h in history if at - 7 * DAY < h.at <= at]
    return not (
        (by.a_day and len(today) >= by.a_day)
        or (one.channel_a_day and sum(h.channel == one.channel for h in today) >= one.channel_a_day)
        or (by.a_week and len(week) >= by.a_week)
        or (by.a_playbook_week and sum(h.origin == one.origin for h in week) >= by.a_playbook_week)
    )


hours = st.sampled_from(
    [None, dt.time(21), dt.time(8), dt.time(0), dt.time(1, 30), dt.time(23, 59), dt.time(12)]
)


@settings(max_examples=250)
@given(
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 60 * 24 * 60),
    back=st.lists(
        st.tuples(st.integers(0, 8 * 24 * 60), st.integers(1, 2), st.sampled_from("pq")), max_size=8
    ),
    caps=st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)),
    quiet=st.tuples(hours, hours),
    working=st.booleans(),
)
def test_a_message_waits_until_the_first_moment_that_every_limit_allows(
    zone: str, minutes: int, back: list[tuple[int, int, str]], caps: tuple[int, ...], quiet: tuple[dt.time | None, dt.time | None], working: bool
) -> None:  # fmt: skip
    now = START + dt.timedelta(minutes=minutes)
    history = [Sent(now - dt.timedelta(minutes=m), channel, origin) for m, channel, origin in back]
    by = limits(
        a_day=caps[0],
        a_week=caps[1],
        a_playbook_week=caps[2],
        quiet_from=quiet[0],
        quiet_to=quiet[1],
        on_working_days=working,
    )
    one = case(zone, channel_a_day=caps[3])
    found = decide(one, history, now, by, DAYS)
    if found.kind == "go":
        assert allowed(one, history, now, by)
        return
    assert found.kind == "wait" and found.until is not None and found.until > now
    assert allowed(one, history, found.until, by)
    assert not allowed(one, history, now, by)
    # No earlier moment would do: looked at each quarter of an hour and just before.
    moment = now
    while moment < found.until:
        assert not allowed(one, history, moment, by), moment
        moment += dt.timedelta(minutes=15)
    assert not allowed(one, history, found.until - dt.timedelta(seconds=1), by)


def test_a_wait_beyond_its_end_is_told_by_what_it_would_have_waited_for() -> None:
    night = dt.datetime(2026, 9, 28, 14, tzinfo=dt.UTC)  # 22:00 in Shanghai
    by = limits(quiet_from=dt.time(21), quiet_to=dt.time(8))
    assert decide(case(expires_at=night + HOUR), [], night, by, DAYS).reason == "quiet"
    assert decide(case(expires_at=night + HOUR), [], night, by, DAYS).kind == "hold"
    assert decide(case(expires_at=night - HOUR), [], night, by, DAYS) == decide(
        case(expires_at=night - HOUR), [], night, limits(), DAYS
    )
    assert decide(case(expires_at=night - HOUR), [], night, by, DAYS).reason == "late"


def test_service_messages_and_those_to_staff_keep_no_hours_and_no_caps() -> None:
    night = dt.datetime(2026, 10, 1, 16, tzinfo=dt.UTC)
    by = limits(a_day=1, quiet_from=dt.time(21), quiet_to=dt.time(8), on_working_days=True)
    full = [Sent(night, 1, "p")]
    assert decide(case(topic="service"), full, night, by, DAYS).kind == "go"
    assert decide(case(is_staff=True), full, night, by, DAYS).kind == "go"
    assert decide(case(), full, night, by, DAYS).kind == "wait"


def test_marketing_by_sms_keeps_its_legal_hours_whatever_is_set() -> None:
    night = dt.datetime(2026, 9, 28, 14, tzinfo=dt.UTC)
    found = decide(case(medium="sms", topic="marketing"), [], night, limits(), DAYS)
    assert found.until == dt.datetime(2026, 9, 29, 0, tzinfo=dt.UTC)
    assert decide(case(medium="sms", topic="guidance"), [], night, limits(), DAYS).kind == "go"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("138 0013 8000", "+8613800138000"), ("+86 138-0013-8000", "+8613800138000"), ("008613800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"), ("(+86)13800138000", "+8613800138000"), ("+1 415 555 0100", "+14155550100"), ("0044 20 7946 0000", "+442079460000"),
        ("010-12345678", ""), ("12345", ""), ("", ""), ("+86 99", ""), ("hello", ""),
    ],
)  # fmt: skip
def test_a_phone_number_is_read_in_every_way_people_write_it(written: str, number: str) -> None:
    assert phone_number(written) == number


def test_addresses_are_compared_without_case_and_what_is_none_is_none() -> None:
    assert address_key("mail", " Wang@There.Example ") == "wang@there.example"
    for wrong in ("", "wang", "a b@c.d", "a@b@c", "<a@b.c>", "a@b.c\nBcc: x@y.z"):
        assert address_key("mail", wrong) == ""


def _line(
    topic: str, is_given: bool, days: int, medium: str = "", source: str = "link", has_proof: bool = False
) -> Line:
    return Line(medium, topic, is_given, source, START + days * DAY, days, has_proof)


@pytest.mark.parametrize(
    ("lines", "medium", "topic", "found"),
    [
        ([], "mail", "guidance", ""),
        ([], "mail", "marketing", "no_consent"),
        ([_line("marketing", True, 1)], "mail", "marketing", ""),
        ([_line("", False, 1)], "mail", "guidance", "withdrawn"),
        ([_line("", False, 1)], "mail", "service", ""),
        ([_line("", False, 1, "sms", "reply")], "sms", "service", "withdrawn"),
        ([_line("guidance", False, 1), _line("guidance", True, 2)], "mail", "guidance", ""),
        ([_line("guidance", True, 2), _line("guidance", False, 3)], "mail", "guidance", "withdrawn"),
        ([_line("guidance", False, 1)], "mail", "survey", ""),
        ([_line("guidance", False, 1, "sms")], "mail", "guidance", ""),
        ([], "sms", "service", "no_consent"),
        ([_line("", True, 1, "sms")], "sms", "service", "no_consent"),
        ([_line("", True, 1, "sms", has_proof=True)], "sms", "service", ""),
        (
            [_line("", True, 1, "", "complaint"), _line("", False, 2, "", "complaint")],
            "mail",
            "service",
            "withdrawn",
        ),
    ],
)
def test_the_newest_line_that_fits_decides(lines: list[Line], medium: str, topic: str, found: str) -> None:
    assert refusal(lines, medium, topic, marketing_needs_consent=True) == found
    assert refusal(reversed(lines), medium, topic, marketing_needs_consent=True) == found


def test_marketing_needs_no_consent_where_the_vendor_says_so() -> None:
    assert refusal([], "mail", "marketing", marketing_needs_consent=False) == ""


def test_a_rate_lets_through_what_it_allows_and_not_one_more() -> None:
    rates = ((dt.timedelta(minutes=1), 30), (HOUR, 1_000))
    claimed: list[dt.datetime] = []
    for second in range(3 * 3600):
        now = START + dt.timedelta(seconds=second)
        claimed += [now] * allowance(claimed[-1_100:], now, rates)
    for at in range(0, len(claimed), 97):
        for span, most in rates:
            assert sum(claimed[at] - span < one <= claimed[at] for one in claimed) <= most
    assert len(claimed) == 3_000  # the whole of what three hours allow


def test_a_channel_rests_longer_after_each_fault_and_an_hour_at_most() -> None:
    assert [rested(n).total_seconds() for n in (1, 2, 3, 50)] == [30, 60, 120, 3600]
