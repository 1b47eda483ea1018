"""Values of a metric over accounts: how they lie, who is highest and lowest, and why some have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.metrics import registry, words
from evergreen.metrics.models import Newest
from evergreen.metrics.queries import Values
from evergreen.metrics.rules import Formula, Metric, Rows
from evergreen.web import formats
from evergreen.web.presenters.charts import bars

BARS = 20
ENDS = 8


@dataclass(frozen=True, slots=True)
class Row:
    account: Account
    value: str


def living(user: User) -> set[int]:
    """The accounts that a person may see and that have not left."""
    rows = accounts_for(user).order_by().exclude(stage=Account.Stage.CHURNED)
    return set(rows.values_list("pk", flat=True))


class Spread:
    """Values over the accounts of a person; ``missing`` says which of these lack which input of a formula."""

    def __init__(
        self,
        metric: Metric,
        values: Values,
        accounts: set[int],
        missing: Mapping[str, set[int]] | None = None,
    ) -> None:
        mine = np.isin(values.accounts, np.fromiter(accounts, np.int64, len(accounts)))
        self.metric, self._accounts, self._missing = metric, accounts, missing or {}
        self.day, self.keys, self.values = values.day, values.accounts[mine], values.values[mine]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def of(self) -> int:
        return len(self._accounts)

    @property
    def coverage(self) -> float | None:
        """The share of the accounts that have a value."""
        return self.count / self.of if self.of else None

    @property
    def missing_count(self) -> int:
        return self.of - self.count

    @cached_property
    def reasons(self) -> list[str]:
        """Why accounts have no value, with how many; a formula's first missing input tells."""
        if not self.missing_count:
            return []
        without = self._accounts - set(self.keys.tolist())
        if not isinstance(self.metric.of, Formula):
            return [self._said(len(without), _source_reason(self.metric))]
        found = []
        for key, accounts in self._missing.items():
            if lacking := without & accounts:
                known = registry.find(key)
                name = formats.named(dict(known.name)) if known else key
                found.append(self._said(len(lacking), _("%(name)s is missing") % {"name": name}))
                without -= lacking
        if without:
            found.append(self._said(len(without), _("a divisor is 0, or the formula itself says missing")))
        return found

    def _said(self, count: int, why: str) -> str:
        text = ngettext("%(n)s account: %(why)s", "%(n)s accounts: %(why)s", count)
        return text % {"n": formats.number(count), "why": why}

    @cached_property
    def quarters(self) -> list[tuple[str, str]]:
        """Lowest, quarter marks, highest."""
        if not self.count:
            return []
        marks = np.quantile(self.values, [0, 0.25, 0.5, 0.75, 1])
        names = [_("Lowest"), _("A quarter below"), _("Median"), _("A quarter above"), _("Highest")]
        return [(name, self.say(float(mark))) for name, mark in zip(names, marks, strict=True)]

    @cached_property
    def histogram(self) -> dict[str, Any]:
        """Accounts by value between the 1st and the 99th hundredth; what lies outside stands in the end bars."""
        values = self.values
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
        order = np.argsort(sign * self.values, kind="stable")[:ENDS]
        keys = [int(key) for key in self.keys[order]]
        accounts = Account.objects.select_related("owner").in_bulk(keys)
        currencies = dict(Newest.objects.filter(account__in=keys).values_list("account_id", "currency"))
        return [
            Row(accounts[key], self.say(float(value), currencies.get(key, "")))
            for key, value in zip(keys, self.values[order], strict=True)
            if key in accounts
        ]

    def say(self, value: float, currency: str = "") -> str:
        """A value in words; of date metrics the days since."""
        return said(self.metric, value, currency)


def said(metric: Metric, value: float, currency: str = "") -> str:
    """A value in words; of date metrics the days since."""
    if metric.kind == "date":
        return _("%(days)s before") % {"days": formats.days(round(value))}
    if metric.kind == "share":
        return formats.percent(value)
    if metric.kind == "money":
        return formats.money_short(round(value), currency or "CNY")
    unit = words.unit_of(metric, formats.language())
    text = formats.number(value, 1)
    return f"{text} {unit}" if unit else text


def _source_reason(metric: Metric) -> str:
    if metric.is_count or (isinstance(metric.of, Rows) and metric.of.empty is not None):
        return _("its source has no row of yours yet, or the account came after the day")
    return _("no row of its source fits")
