"""Until when a work order is to be taken up and resolved: working hours of the vendor's calendar, by the severity of its alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evergreen.alerts import rules
from evergreen.alerts.models import Alert, Rule
from evergreen.base import clock
from evergreen.base import queries as base
from evergreen.base.option import numbers
from evergreen.base.working_days import WorkingDays, for_vendor

_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Due:
    """The earliest of the due times of some alerts (UTC); ``is_guess`` where a calendar year had to be guessed."""

    response_at: dt.datetime | None
    resolution_at: dt.datetime | None
    is_guess: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """What the vendor promises itself: hours by severity, its calendar and its zone."""

    response: dict[int, int]
    resolution: dict[int, int]
    calendar: WorkingDays
    zone: ZoneInfo

    @classmethod
    def read(cls) -> Promise:
        severities = (Rule.Severity.HIGH, Rule.Severity.MEDIUM, Rule.Severity.LOW)

        def hours(key: str) -> dict[int, int]:
            return dict(zip(map(int, severities), numbers(base.setting(key)), strict=True))

        return cls(
            hours("order_response_hours"), hours("order_resolution_hours"), for_vendor(), base.vendor_zone()
        )

    def due(self, alerts: Iterable[Alert], since: dt.datetime | None) -> Due:
        """The earliest due times of open alerts. Each counts from its opening, from the morning on which it came out of the digest,
        or from ``since`` (the order was opened again), whichever is latest; what waits in the digest is not due.
        """
        response: list[dt.datetime] = []
        resolution: list[dt.datetime] = []
        is_guess = False
        for alert in alerts:
            if alert.in_digest:
                continue
            begins = alert.opened_at
            if alert.freed_on is not None:
                begins = max(begins, clock.day_start(alert.freed_on, self.zone))
            begins = max(begins, since) if since is not None else begins
            severity = alert.rule.severity
            taken = self.calendar.due(begins, self.response[severity] * _MINUTES, self.zone)
            response.append(taken.value)
            is_guess = is_guess or not taken.is_certain
            if (ends := self._by_its_day(alert)) is not None:
                resolution.append(ends)
                continue
            solved = self.calendar.due(begins, self.resolution[severity] * _MINUTES, self.zone)
            resolution.append(solved.value)
            is_guess = is_guess or not solved.is_certain
        return Due(min(response, default=None), min(resolution, default=None), is_guess)

    def _by_its_day(self, alert: Alert) -> dt.datetime | None:
        """The end of the day before the term ends, of a renewal that comes: that is resolved by its day, not within hours."""
        ends = alert.figures.get("renewal_on") if alert.rule.key == rules.RENEWAL else None
        return clock.day_start(dt.date.fromisoformat(ends), self.zone) if ends else None
