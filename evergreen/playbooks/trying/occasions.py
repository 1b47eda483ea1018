"""The occasions that a playbook's triggers would have had in the past, set by set: what the engine looks for now, looked for then."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.alerts.models import Alert
from evergreen.alerts.trying.past import gone_since, held
from evergreen.base import clock
from evergreen.base.conditions import Fields, checked, from_data
from evergreen.customers.lines import number
from evergreen.customers.models import Account, FieldChange
from evergreen.events import queries as events
from evergreen.metrics.models import Segment
from evergreen.playbooks import rules

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import duckdb

# Nights are told in the small hours of the day after; triggers that go by them fire then, and waiting runs are looked at.
NIGHT_OVER = dt.time(3)


@dataclass(frozen=True, slots=True)
class Occasion:
    """An occasion of the past: whose, when, its key, and the alert that it was."""

    account: int
    at: dt.datetime
    key: str
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The nights looked at: first and last day of their snapshots, and the vendor's zone."""

    first: dt.date
    last: dt.date
    zone: ZoneInfo

    @property
    def begins(self) -> dt.datetime:
        return clock.day_end(self.first, self.zone)

    @property
    def ends(self) -> dt.datetime:
        """The end of the day on which the last night was told."""
        return clock.day_end(self.last + dt.timedelta(days=1), self.zone)

    def told(self, day: dt.date) -> dt.datetime:
        """When the night of a day was over."""
        return dt.datetime.combine(day + dt.timedelta(days=1), NIGHT_OVER, self.zone).astimezone(dt.UTC)


def occasions(
    con: duckdb.DuckDBPyConnection, of: rules.Definition, span: Span, fields: Fields
) -> dict[int, list[Occasion]]:
    """Each account's occasions in the order in which they came; what goes by the calendar is for accounts not lost by then."""
    found: dict[int, dict[str, Occasion]] = defaultdict(dict)
    gone = gone_since()
    for trigger in of.triggers:
        is_for_living = trigger.kind in {"lifecycle", "schedule"}
        for one in _of_trigger(con, trigger, span, fields):
            lost = gone.get(one.account) if is_for_living else None
            if span.begins <= one.at < span.ends and (
                lost is None or number(clock.local_day(one.at, span.zone)) < lost
            ):
                found[one.account].setdefault(one.key, one)
    return {
        account: sorted(by_key.values(), key=lambda one: (one.at, one.key))
        for account, by_key in found.items()
    }


def _of_trigger(
    con: duckdb.DuckDBPyConnection, trigger: rules.Trigger, span: Span, fields: Fields
) -> Iterable[Occasion]:
    match trigger.kind:
        case "alert":
            return _alerts(trigger, span)
        case "lifecycle" if trigger.counts_from == "renewal_on":
            return _renewals(con, trigger, span)
        case "lifecycle":
            return _lifecycle(trigger, span)
        case "stage":
            return _stages(trigger, span)
        case "segment":
            return _segment(con, trigger.names[0], span, fields)
        case "event" | "form":
            return _events(trigger.names[0], span)
        case "schedule":
            return _schedule(con, trigger, span)
    return ()


def _alerts(trigger: rules.Trigger, span: Span) -> Iterator[Occasion]:
    rows = Alert.objects.filter(opened_at__gte=span.begins, opened_at__lt=span.ends)
    rows = rows.filter(rule__key__in=trigger.names) if trigger.names else rows
    for pk, account, at in rows.order_by("pk").values_list("pk", "account_id", "opened_at"):
        yield Occasion(account, at, f"alert:{pk}", str(pk))


def _lifecycle(trigger: rules.Trigger, span: Span) -> Iterator[Occasion]:
    """By the dates as they stand now."""
    days = dt.timedelta(days=trigger.day)
    last = clock.local_day(span.ends, span.zone)
    asked = {f"{trigger.counts_from}__range": (span.first - days, last - days)}
    for pk, date in Account.objects.filter(**asked).order_by("pk").values_list("pk", trigger.counts_from):
        yield Occasion(pk, _morning(date + days, span.zone), _lifecycle_key(trigger, date))


def _renewals(con: duckdb.DuckDBPyConnection, trigger: rules.Trigger, span: Span) -> Iterator[Occasion]:
    """By the end of the contract as each night told it, made good for as long as the engine does."""
    rows = con.execute(
        "SELECT account_id, renewal_on, min(day) FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ?"
        f" AND renewal_on + {trigger.day:d} BETWEEN day + 1 - {rules.MAKE_GOOD_DAYS:d} AND day + 1 GROUP BY ALL ORDER BY ALL",
        [span.first, span.last],
    ).fetchall()
    for account, date, night in rows:
        yield Occasion(account, span.told(night), _lifecycle_key(trigger, date))


def _lifecycle_key(trigger: rules.Trigger, date: dt.date) -> str:
    return f"lifecycle:{trigger.counts_from}:{trigger.day}:{date}"


def _stages(trigger: rules.Trigger, span: Span) -> Iterator[Occasion]:
    rows = FieldChange.objects.filter(
        field="stage", new__in=trigger.names, known_at__gte=span.begins, known_at__lt=span.ends
    )
    for account, stage, at in rows.order_by("pk").values_list("account_id", "new", "known_at"):
        yield Occasion(account, at, f"stage:{stage}:{clock.local_day(at, span.zone)}")


def _segment(con: duckdb.DuckDBPyConnection, key: str, span: Span, fields: Fields) -> Iterator[Occasion]:
    """The nights on which its condition held and the night before it did not: by its condition of today."""
    segment = Segment.objects.filter(key=key).first()
    if segment is None:
        return
    accounts, nights = held(con, checked(from_data(segment.condition), fields), fields, span.first, span.last)
    told = _nights(con, span)
    before = dict(zip(told[1:], told[:-1], strict=True))
    members: Mapping[int, set[int]] = defaultdict(set)
    for account, night in zip(accounts.tolist(), nights.tolist(), strict=True):
        members[night].add(account)
    for night, former in before.items():
        day = dt.date(1970, 1, 1) + dt.timedelta(days=night)
        for account in sorted(members[night] - members[former]):
            yield Occasion(account, span.told(day), f"segment:{key}:{day}")


def _events(name: str, span: Span) -> Iterator[Occasion]:
    plain = rules.FORM if name.startswith(f"{rules.FORM}:") else name
    for account, _name, message, at, said in events.happened([plain], span.begins, span.ends):
        if name in rules.heard_as(plain, said):
            yield Occasion(account, at, f"event:{name}:{message}")


def _schedule(con: duckdb.DuckDBPyConnection, trigger: rules.Trigger, span: Span) -> Iterator[Occasion]:
    last = clock.local_day(span.ends - dt.timedelta(seconds=1), span.zone)
    day = span.first + dt.timedelta(days=1)
    days = [
        one
        for n in range((last - day).days + 1)
        if rules.scheduled(trigger, (one := day + dt.timedelta(days=n)) - dt.timedelta(days=1), one)
    ]
    rows = con.execute(
        "SELECT DISTINCT account_id FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ? ORDER BY 1",
        [span.first, span.last],
    ).fetchall()
    for one in days:
        at = _morning(one, span.zone)
        for (account,) in rows:
            yield Occasion(account, at, f"schedule:{trigger.every}:{one}")


def _morning(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """When a day's own triggers fire: with the first tick after the night."""
    return dt.datetime.combine(day, NIGHT_OVER, zone).astimezone(dt.UTC)


def _nights(con: duckdb.DuckDBPyConnection, span: Span) -> list[int]:
    rows = con.execute(
        "SELECT DISTINCT day - DATE '1970-01-01' FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ? ORDER BY 1",
        [span.first, span.last],
    ).fetchall()
    return [night for (night,) in rows]
