"""A metric explained: definition, versions, who uses it, how the accounts spread today and over time, how fresh it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import duckdb
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.alerts.rules import SHIPPED
from evergreen.base.models import Job, User
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics import freshness, queries, registry, source_fields
from evergreen.metrics.declared import filling, previews
from evergreen.metrics.declared.telling import said as in_words
from evergreen.metrics.models import DeclaredMetric, MetricVersion, Use
from evergreen.metrics.rules import Formula, Metric, Rows
from evergreen.web import formats
from evergreen.web.presenters.accounts.columns import metric_key
from evergreen.web.presenters.charts import Mark, Series, over_time
from evergreen.web.presenters.metrics.listing import unit_words, use_names, use_words, window_words
from evergreen.web.presenters.metrics.spread import Spread, living

HISTORY_DAYS = 180


class MetricPage:
    """What a metric's page shows to a person: figures over the living accounts that the person may see."""

    def __init__(self, user: User, key: str) -> None:
        self.declared = (
            DeclaredMetric.objects.select_related("owner").filter(key=key).first()
            if key.startswith(registry.PREFIX)
            else None
        )
        metric = registry.find(key)
        if metric is None:
            raise Http404("There is no such metric.")
        self.user, self.metric = user, metric
        self.name = formats.named(dict(self.metric.name))
        self.explanation = formats.named(dict(self.metric.explanation))
        self.unit, self.window = unit_words(self.metric), window_words(self.metric)
        self.hides_money = self.metric.kind == "money" and not user.sees_money

    @property
    def in_list(self) -> str:
        """The list of accounts with this metric as a column."""
        columns = ",".join(("tier", "stage", "health", "owner", metric_key(self.metric.key)))
        return f"{reverse('accounts')}?{urlencode({'cols': columns})}"

    @property
    def formula(self) -> str:
        return self.metric.formula_text()

    @property
    def in_words(self) -> str:
        return in_words(self.metric)

    @property
    def source(self) -> str:
        if isinstance(self.metric.of, Formula):
            return _("other metrics")
        return formats.named(dict(source_fields.sources()[self.metric.source].name))

    @property
    def missing(self) -> str:
        """What it means when there is no value."""
        of = self.metric.of
        if isinstance(of, Formula):
            return _("Missing when an input is missing or a divisor is 0.")
        if self.metric.is_count:
            return _("0 once its source has any row for you; missing before that.")
        if isinstance(of, Rows) and of.empty is not None:
            return _("%(value)s where there is no such row.") % {"value": of.empty}
        return _("Missing where there is no such row.")

    @property
    def better(self) -> str:
        return {"up": _("more is better"), "down": _("less is better")}.get(self.metric.better, "")

    @cached_property
    def inputs(self) -> list[Metric]:
        """The metrics that a formula reads."""
        read = registry.read_by(self.metric)
        return [one for one in map(registry.find, sorted(read)) if one is not None]

    @cached_property
    def versions(self) -> list[MetricVersion]:
        """Those of a declared metric, newest first."""
        if self.declared is None:
            return []
        return list(self.declared.versions.select_related("made_by").order_by("-number"))

    @property
    def counts_from(self) -> dt.date | None:
        return self.versions[0].counts_from if self.versions else None

    @property
    def count(self) -> int:
        return self.spread.count if self.spread is not None else 0

    @property
    def has_coverage(self) -> bool:
        """Whether the newest night computed it."""
        counts = self.counts_from is None or (self.day is not None and self.counts_from <= self.day)
        return self.spread is not None and self.spread.of > 0 and counts and not self.is_retired

    @property
    def is_retired(self) -> bool:
        return self.declared is not None and self.declared.is_retired

    @property
    def is_in_files(self) -> bool:
        return self.declared is not None and self.declared.is_in_files

    @property
    def problem(self) -> str:
        """Why it is not computed any more."""
        return registry.current().broken.get(self.metric.key, "")

    @cached_property
    def filling(self) -> Job | None:
        """The newest computing of past days."""
        jobs = Job.objects.filter(kind=filling.JOB, params__metric=self.metric.key)
        return jobs.order_by("-pk").first() if self.declared else None

    @cached_property
    def first_day(self) -> dt.date | None:
        """The oldest day that past days can be computed of."""
        if self.declared is None or self.is_retired:
            return None
        days = self._days
        before = self.counts_from
        return days[0] if days and before and days[0] < before else None

    @cached_property
    def _days(self) -> list[dt.date]:
        try:
            return queries.snapshot_days()
        except store.LakeError:
            return []

    @cached_property
    def used_by(self) -> list[tuple[str, str]]:
        """What refers to it: (words, address)."""
        found = []
        names = use_names()
        for kind, ref in Use.objects.filter(metric=self.metric.key).values_list("kind", "ref"):
            address = reverse(kind, args=[ref]) if kind in {"scorecard", "segment", "metric"} else ""
            found.append((use_words(kind, ref, names), address))
        for other in registry.metrics().values():
            if not other.is_own and self.metric.key in registry.read_by(other):
                said = _("metric %(name)s") % {"name": formats.named(dict(other.name))}
                found.append((said, reverse("metric", args=[other.key])))
        for rule in SHIPPED.values():
            if self.metric.key in _RULE_METRICS.get(rule.key, ()):
                said = _("alert rule %(name)s") % {"name": formats.named(dict(rule.name))}
                found.append((said, reverse("alert-rule", args=[rule.key])))
        return found

    @cached_property
    def day(self) -> dt.date | None:
        return queries.newest_day()

    @cached_property
    def _living(self) -> set[int]:
        return living(self.user)

    @cached_property
    def spread(self) -> Spread | None:
        """Values of the accounts that the person sees on the newest day; None before the first night."""
        if self.day is None or self.hides_money:
            return None
        try:
            values = queries.values_on(self.metric.key, self.day)
            missing = previews.stored_missing(self.metric, self.day)
        except (store.LakeError, duckdb.BinderException):
            return None
        return Spread(self.metric, values, self._living, missing)

    @cached_property
    def fresh(self) -> list[tuple[str, dt.date | None]]:
        """Each source that it reads, with the day of its newest row."""
        names = source_fields.sources()
        try:
            return [
                (formats.named(dict(names[source].name)), day)
                for source, day in freshness.newest_rows(self.metric).items()
            ]
        except store.LakeError:
            return []

    @cached_property
    def _spans(self) -> list[dict[str, Any]]:
        if self.day is None or self.hides_money:
            return []
        since = self.day - dt.timedelta(days=HISTORY_DAYS)
        return queries.spread(self.metric.key, sorted(self._living), since, self.day)

    @cached_property
    def history(self) -> dict[str, Any] | None:
        """Median and quarter marks over the last half year, as a chart with the days on which a version began to count."""
        by = {"share": 100, "money": 0.01}.get(self.metric.kind, 1.0)
        unit = "%" if self.metric.kind == "share" else ""
        if len(self._spans) < 2:
            return None
        first = self._spans[0]["day"]
        marks = [
            Mark(f"v{one.number}", on=one.counts_from) for one in self.versions if one.counts_from > first
        ]
        return _over_time(self._spans, by, unit, marks)

    @property
    def restated(self) -> list[dt.date]:
        """Days of the chart of which some account was restated after the day."""
        return [row["day"] for row in self._spans if row["restated"]]

    @property
    def history_unit(self) -> str:
        units = {"share": "", "date": _("days before the day"), "money": _("in the accounts' currencies")}
        return units.get(self.metric.kind, self.unit)

    def file_rows(self) -> list[tuple[object, ...]]:
        """The values of the newest day, a row an account, headings first."""
        found: list[tuple[object, ...]] = [
            (_("Account id"), _("Account"), _("Owner"), _("Day"), self.metric.key)
        ]
        if self.day is None or self.hides_money:
            return found
        values = queries.values_on(self.metric.key, self.day)
        by_account = dict(zip(values.accounts.tolist(), values.values.tolist(), strict=True))
        rows = (
            Account.objects.filter(pk__in=self._living).select_related("owner").order_by("external_id", "pk")
        )
        for account in rows:
            value = by_account.get(account.pk)
            found.append((account.external_id, account.name, account.owner, self.day, self._told(value)))
        return found

    def _told(self, value: float | None) -> object:
        if value is None or self.day is None:
            return None
        if self.metric.kind == "date":
            return self.day - dt.timedelta(days=round(value))
        return round(value) if self.metric.column_type == "BIGINT" else value


# Which metrics the shipped alert rules look at (alerts.rules.Facts).
_RULE_METRICS = {
    "no_activity": ("working_days_inactive", "last_active_on"),
    "renewal_due": ("days_to_renewal", "renewal_on", "mrr_cents"),
    "invoice_overdue": ("overdue_days", "overdue_cents", "invoices_overdue"),
}


def _over_time(rows: Sequence[dict[str, Any]], by: float, unit: str, marks: Iterable[Mark]) -> dict[str, Any]:
    def series(name: str, key: str, color: str) -> Series:
        return Series(name, [(row["day"], round(row[key] * by, 2)) for row in rows], color)

    return over_time(
        [
            series(_("Median"), "median", "var(--c1)"),
            series(_("A quarter below"), "low", "var(--c5)"),
            series(_("A quarter above"), "high", "var(--c2)"),
        ],
        marks=marks,
        unit=unit,
    )
