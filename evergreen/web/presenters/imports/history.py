"""Past days: which are computed, and which span to compute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property

import duckdb
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.customers.models import ContractLine
from evergreen.events import store
from evergreen.metrics import queries as metrics

MOST_DAYS = 3_660
SPANS = (30, 90, 180, 365, 730)


class History:
    """What is computed so far, and the span that the form begins with."""

    def __init__(self, query: Mapping[str, str], today: dt.date) -> None:
        self.query, self.today = query, today
        self.yesterday = today - dt.timedelta(days=1)

    @cached_property
    def days(self) -> list[dt.date]:
        try:
            return metrics.snapshot_days()
        except (store.LakeError, duckdb.Error):
            return []

    @property
    def missing(self) -> int:
        """Days without figures between the first and the last that have some."""
        if not self.days:
            return 0
        return (self.days[-1] - self.days[0]).days + 1 - len(self.days)

    @cached_property
    def first_known(self) -> dt.date | None:
        """The first day of which anything is known: an event or a contract."""
        try:
            event = store.scalar(store.reading(), "SELECT min(day) FROM lake.account_days")
        except (store.LakeError, duckdb.Error):
            event = None
        line = ContractLine.objects.order_by("start_on").values_list("start_on", flat=True).first()
        known = [day for day in (event, line) if isinstance(day, dt.date)]
        return min(known) if known else None

    @property
    def first(self) -> dt.date:
        """From where the form proposes to compute: what is known, at most a year back."""
        year = self.yesterday - dt.timedelta(days=364)
        return max(year, self.first_known) if self.first_known and self.first_known < self.yesterday else year

    @property
    def spans(self) -> list[tuple[int, dt.date]]:
        return [(days, self.yesterday - dt.timedelta(days=days - 1)) for days in SPANS]


def span_from(post: Mapping[str, str], today: dt.date) -> tuple[dt.date, dt.date]:
    """The span that a form asks for. Raises ValidationError with every mistake."""
    days, problems = [], []
    for name, words in (("from", _("first")), ("to", _("last"))):
        try:
            days.append(dt.date.fromisoformat(post.get(name, "")))
        except ValueError:
            said = _("The %(which)s day “%(found)s” is no day: choose one, such as %(example)s.")
            problems.append(
                said % {"which": words, "found": post.get(name, ""), "example": today - dt.timedelta(days=1)}
            )
    if problems:
        raise ValidationError(problems)
    first, last = days
    if first > last:
        problems.append(_("The first day is after the last one: exchange them."))
    if last >= today:
        said = _("%(day)s has not ended yet; the newest possible day is %(most)s.")
        problems.append(said % {"day": last, "most": today - dt.timedelta(days=1)})
    if (last - first).days >= MOST_DAYS:
        problems.append(_("At most %(most)s days go at once.") % {"most": MOST_DAYS})
    if problems:
        raise ValidationError([*problems, _("Nothing was started.")])
    return first, last
