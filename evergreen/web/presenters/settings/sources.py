"""Sources with their keys and traffic, what was rejected, whose events nobody knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from evergreen.events import traffic
from evergreen.events.models import EndUser, Source, WriteKey

DAYS = 28
ROWS = 50


@dataclass(frozen=True, slots=True)
class Line:
    source: Source
    keys: list[WriteKey]
    events: int
    newest_at: dt.datetime | None

    @property
    def in_force(self) -> int:
        return sum(key.revoked_at is None for key in self.keys)


class Sources:
    """What the page of sources shows."""

    def __init__(self, today: dt.date) -> None:
        self.since = today - dt.timedelta(days=DAYS - 1)

    @cached_property
    def lines(self) -> list[Line]:
        seen = {row.source: row for row in traffic.by_source(self.since)}
        sources = Source.objects.prefetch_related("keys").order_by("name")
        return [
            Line(
                source,
                sorted(source.keys.all(), key=lambda key: (key.revoked_at is not None, -key.pk)),
                seen[source.name].events if source.name in seen else 0,
                seen[source.name].newest_at if source.name in seen else None,
            )
            for source in sources
        ]

    @cached_property
    def rejected_count(self) -> int:
        return traffic.rejected_count()

    @cached_property
    def rejected(self) -> list[traffic.Rejected]:
        return traffic.rejected(ROWS)

    @cached_property
    def unmatched_count(self) -> int:
        return EndUser.objects.filter(account__isnull=True).count()
