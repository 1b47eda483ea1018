"""A metric explained: definition, formula, who uses it, how the accounts spread today and over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.alerts.rules import SHIPPED
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.events import store
from evergreen.metrics import formula, queries, registry, words
from evergreen.metrics.models import Newest, Use
from evergreen.metrics.rules import Formula, Metric, Rows, Usage
from evergreen.web import formats
from evergreen.web.presenters.charts import Series, bars, over_time
from evergreen.web.presenters.metrics.listing import unit_words, use_names, use_words, window_words

BARS = 20
ENDS = 8
HISTORY_DAYS = 180


@dataclass(frozen=True, slots=True)
class Row:
    account: Account
    value: str


class MetricPage:
    """What a metric's page shows to a person: figures over the living accounts that the person may see."""

    def __init__(self, user: User, key: str) -> None:
        metric = registry.find(key)
        if metric is None:
            raise Http404("There is no such metric.")
        self.user, self.metric = user, metric
        self.name = formats.named(dict(self.metric.name))
        self.explanation = formats.named(dict(self.metric.explanation))
        self.unit, self.window = unit_words(self.metric), window_words(self.metric)
        self.hides_money = self.metric.kind == "money" and not user.sees_money

    @property
    def formula(self) -> str:
        return self.metric.formula_text()

    @property
    def source(self) -> str:
        of = self.metric.of
        if isinstance(of, Formula):
            return _("other metrics")
        if isinstance(of, Usage):
            return _("use of the product: the daily roll-up of events")
        names = {
            "tickets": _("tickets"),
            "lines": _("contract lines"),
            "receivables": _("receivables"),
            "conversations": _("conversations"),
            "contacts": _("contacts"),
            "nps": _("NPS answers"),
            "csat": _("CSAT answers"),
            "ces": _("CES answers"),
            "answers": _("survey answers"),
            "surveys": _("surveys sent (events)"),
            "opened": _("users opened and closed (events)"),
            "trainings": _("training completed (events)"),
            "milestones": _("milestones planned and met (events)"),
            "needs": _("needs stated (events)"),
            "newcomers": _("end users of the last 56 days"),
            "first_features": _("features ever used"),
            "marked": _("the account's record"),
            "cadence": _("conversations, held against the tier's cadence"),
            "people": _("end users ever seen"),
            "account_days": _("days with use"),
            "entitlement": _("editions"),
            "kpis": _("the customer's own KPIs"),
        }
        return names.get(of.source, of.source)

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
        of = self.metric.of
        if not isinstance(of, Formula):
            return []
        return [one for key, one in registry.metrics().items() if key in formula.inputs(of.text)]

    @cached_property
    def used_by(self) -> list[tuple[str, str]]:
        """What refers to it: (words, address)."""
        found = []
        names = use_names()
        for kind, ref in Use.objects.filter(metric=self.metric.key).values_list("kind", "ref"):
            address = reverse(kind, args=[ref]) if kind in {"scorecard", "segment"} else ""
            found.append((use_words(kind, ref, names), address))
        for other in registry.metrics().values():
            if isinstance(other.of, Formula) and self.metric.key in formula.inputs(other.of.text):
                said = _("metric %(name)s") % {"name": formats.named(dict(other.name))}
                found.append((said, reverse("metric", args=[other.key])))
        for rule in SHIPPED.values():
            if self.metric.key in _RULE_METRICS.get(rule.key, ()):
                said = _("alert rule %(name)s") % {"name": formats.named(dict(rule.name))}
                found.append((said, reverse("alert-rules") + f"#{rule.key}"))
        return found

    @cached_property
    def day(self) -> dt.date | None:
        return queries.newest_day()

    @cached_property
    def _living(self) -> set[int]:
        rows = accounts_for(self.user).order_by().exclude(stage=Account.Stage.CHURNED)
        return set(rows.values_list("pk", flat=True))

    @cached_property
    def found(self) -> queries.Values | None:
        """Values of the accounts that the person sees on the newest day; None before the first night."""
        if self.day is None or self.hides_money:
            return None
        try:
            values = queries.values_on(self.metric.key, self.day)
        except store.LakeError:
            return None
        mine = np.isin(values.accounts, np.fromiter(self._living, np.int64, len(self._living)))
        return queries.Values(values.day, values.accounts[mine], values.values[mine])

    @property
    def count(self) -> int:
        return 0 if self.found is None else len(self.found.values)

    @property
    def missing_count(self) -> int:
        return len(self._living) - self.count

    @cached_property
    def quarters(self) -> list[tuple[str, str]]:
        """Lowest, quarter marks, highest."""
        if self.found is None or not self.count:
            return []
        marks = np.quantile(self.found.values, [0, 0.25, 0.5, 0.75, 1])
        names = [_("Lowest"), _("A quarter below"), _("Median"), _("A quarter above"), _("Highest")]
        return [(name, self.say(float(mark))) for name, mark in zip(names, marks, strict=True)]

    @cached_property
    def histogram(self) -> dict[str, Any]:
        """Accounts by value between the 1st and the 99th hundredth; what lies outside stands in the end bars."""
        assert self.found is not None
        values = self.found.values
        low, high = (float(mark) for mark in np.quantile(values, [0.01, 0.99]))
        if low == high:
            return bars([self.say(low)], [(_("Accounts"), "var(--c1)", [len(values)])])
        whole = self.metric.kind in {"count", "days"} and high - low < BARS
        edges = np.arange(low, high + 2) - 0.5 if whole else np.linspace(low, high, BARS + 1)
        counts, _edges = np.histogram(np.clip(values, low, high), edges)
        labels = [self.say(float(edge + 0.5 if whole else edge)) for edge in edges[:-1]]
        return bars(labels, [(_("Accounts"), "var(--c1)", [int(n) for n in counts])])

    @cached_property
    def highest(self) -> list[Row]:
        return self._ends(-1)

    @cached_property
    def lowest(self) -> list[Row]:
        return self._ends(1)

    def _ends(self, sign: int) -> list[Row]:
        if self.found is None:
            return []
        order = np.argsort(sign * self.found.values, kind="stable")[:ENDS]
        keys = [int(key) for key in self.found.accounts[order]]
        accounts = Account.objects.select_related("owner").in_bulk(keys)
        currencies = dict(Newest.objects.filter(account__in=keys).values_list("account_id", "currency"))
        return [
            Row(accounts[key], self.say(float(value), currencies.get(key, "")))
            for key, value in zip(keys, self.found.values[order], strict=True)
            if key in accounts
        ]

    def say(self, value: float, currency: str = "") -> str:
        """A value in words; of date metrics the days since."""
        kind = self.metric.kind
        if kind == "date":
            return _("%(days)s before") % {"days": formats.days(round(value))}
        if kind == "share":
            return formats.percent(value)
        if kind == "money":
            return formats.money_short(round(value), currency or "CNY")
        unit = words.unit(self.metric.key, formats.language())
        text = formats.number(value, 1)
        return f"{text} {unit}" if unit else text

    @cached_property
    def history(self) -> dict[str, Any] | None:
        """Median and quarter marks over the last half year, as a chart."""
        if self.day is None or self.hides_money:
            return None
        since = self.day - dt.timedelta(days=HISTORY_DAYS)
        rows = queries.spread(self.metric.key, sorted(self._living), since, self.day)
        by = {"share": 100, "money": 0.01}.get(self.metric.kind, 1.0)
        unit = "%" if self.metric.kind == "share" else ""
        return _over_time(rows, by, unit) if len(rows) > 1 else None

    @property
    def history_unit(self) -> str:
        units = {"share": "", "date": _("days before the day"), "money": _("in the accounts' currencies")}
        return units.get(self.metric.kind, self.unit)


# Which metrics the shipped alert rules look at (alerts.rules.Facts).
_RULE_METRICS = {
    "no_activity": ("working_days_inactive", "last_active_on"),
    "renewal_due": ("days_to_renewal", "renewal_on", "mrr_cents"),
    "invoice_overdue": ("overdue_days", "overdue_cents", "invoices_overdue"),
}


def _over_time(rows: Sequence[dict[str, Any]], by: float, unit: str) -> dict[str, Any]:
    def series(name: str, key: str, color: str) -> Series:
        return Series(name, [(row["day"], round(row[key] * by, 2)) for row in rows], color)

    return over_time(
        [
            series(_("Median"), "median", "var(--c1)"),
            series(_("A quarter below"), "low", "var(--c5)"),
            series(_("A quarter above"), "high", "var(--c2)"),
        ],
        unit=unit,
    )
