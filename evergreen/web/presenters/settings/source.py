"""One source: its traffic, its keys, what was rejected of it and what its events hold."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from evergreen.base.models import Job
from evergreen.events import source_traffic, traffic
from evergreen.events.models import Source, WriteKey
from evergreen.events.source_traffic import Lag, Reason, SeenEvent, Sums
from evergreen.web.presenters import charts

DAYS = 28
REJECTED_ROWS = 20
SHOWN_EVENTS = 12
BODY_LENGTH = 65_536
MINUTES, HOURS = 60, 48


class SourcePage:
    """What the page of one source shows; ``by`` is minute or hour, ``reason`` narrows the rejected events, ``events`` is
    all where the rare ones are wanted too."""

    def __init__(
        self,
        source: Source,
        now: dt.datetime,
        today: dt.date,
        *,
        by: str = "",
        reason: str = "",
        events: str = "",
    ) -> None:
        self.source = source
        self.now = now
        self.since = today - dt.timedelta(days=DAYS - 1)
        self.by = "hour" if by == "hour" else "minute"
        self.reason = reason
        self.shows_all = events == "all"

    @cached_property
    def keys(self) -> list[WriteKey]:
        return sorted(self.source.keys.all(), key=lambda key: (key.revoked_at is not None, -key.pk))

    @cached_property
    def sums(self) -> Sums:
        return source_traffic.sums(self.source.name, self.now - dt.timedelta(days=DAYS))

    @cached_property
    def newest_at(self) -> dt.datetime | None:
        return source_traffic.newest_at(self.source.name)

    @cached_property
    def lag(self) -> Lag:
        return source_traffic.lag()

    @cached_property
    def recent(self) -> list[Sums]:
        if self.by == "hour":
            return source_traffic.by_hour(self.source.name, self.now, HOURS)
        return source_traffic.by_minute(self.source.name, self.now, MINUTES)

    @property
    def recent_sums(self) -> Sums:
        return source_traffic.together(self.recent)

    @property
    def per_minute(self) -> float:
        """Events a minute over what the chart shows."""
        return self.recent_sums.received / (MINUTES if self.by == "minute" else HOURS * 60)

    @property
    def chart(self) -> dict[str, Any]:
        step = dt.timedelta(hours=1) if self.by == "hour" else dt.timedelta(minutes=1)
        first = timezone.localtime(self.now) - step * (len(self.recent) - 1)
        form = "%m-%d %H:00" if self.by == "hour" else "%H:%M"
        labels = [(first + step * n).strftime(form) for n in range(len(self.recent))]
        return charts.bars(
            labels,
            [
                (_("stored"), "var(--c1)", [one.stored for one in self.recent]),
                (_("duplicates"), "var(--c2)", [one.duplicates for one in self.recent]),
                (_("rejected"), "var(--bad)", [one.rejected for one in self.recent]),
            ],
        )

    @cached_property
    def reasons(self) -> list[Reason]:
        return source_traffic.reasons(self.source.name)

    @cached_property
    def rejected(self) -> list[traffic.Rejected]:
        return traffic.rejected(REJECTED_ROWS, BODY_LENGTH, source=self.source.name, reason=self.reason)

    @cached_property
    def seen(self) -> list[SeenEvent]:
        return source_traffic.seen(self.source.name, self.since)

    @property
    def shown_events(self) -> list[SeenEvent]:
        return self.seen if self.shows_all else self.seen[:SHOWN_EVENTS]

    @property
    def hidden_events(self) -> int:
        return len(self.seen) - len(self.shown_events)

    @cached_property
    def job(self) -> Job | None:
        """The newest replay of this source's events, while it is fresh."""
        rows = Job.objects.filter(kind="replay", params__source=self.source.name)
        return rows.filter(created_at__gte=self.now - dt.timedelta(hours=1)).order_by("-pk").first()
