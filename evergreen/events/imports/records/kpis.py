"""KPI values and targets from files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.upserts import Outcome
from evergreen.events.imports import numbers
from evergreen.events.imports.context import Context, Item, RejectedError
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.formats import UnreadableError
from evergreen.events.imports.records.kinds import Loader, Record, account_lookup, unknown_account
from evergreen.events.kpis import periods
from evergreen.events.kpis.actions import (
    Aimed,
    Recorded,
    Refusal,
    Reported,
    record_kpi_values,
    set_kpi_targets,
)
from evergreen.events.kpis.models import Kpi
from evergreen.events.kpis.queries import kpis_called

FIELDS = (
    Field("account", Kind.KEY, "客户编号", "Account id", required=True,
        names="account_id customer_id company_id 客户id 客户ID 客户"),
    Field("kpi", Kind.TEXT, "业务指标", "KPI", required=True, most=100,
        names="kpi_key indicator measure 指标 指标编号 指标名称", about="Its key, or its Chinese or English name"),
    Field("period", Kind.TEXT, "期间", "Period", most=40,
        names="month quarter week day date 月份 季度 周 日期 月",
        about="2026-10, 2026-Q4, 2026-W42, 2026-10-17, as the KPI's period, or a date in it"),
    Field("value", Kind.TEXT, "指标值", "Value", most=60,
        names="actual amount 数值 实际值 值", about="A number; a share as 0.87 or 87%"),
    Field("target", Kind.TEXT, "目标值", "Target", most=60, names="goal target_value 目标"),
    Field("target_from", Kind.DATE, "目标生效日期", "Target from",
        names="target_start 目标开始日期 目标起始日期", about="Without it the first day of the period"),
    Field("target_by", Kind.DATE, "目标达成日期", "Target by",
        names="target_due deadline 目标截止日期 目标日期"),
)  # fmt: skip


class KpiLoader(Loader):
    """Values, targets, or both of them in a row."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._kpis: dict[str, Kpi] = kpis_called()

    def load(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)
        values: dict[int, Reported] = {}
        aims: dict[int, Aimed] = {}
        bad: set[int] = set()
        for place, item in enumerate(items):
            try:
                value, aim = self._read(item)
                if self._is_repeated(item, value, aim):
                    continue
            except RejectedError as error:
                self.context.reject(item, error.rejection)
                continue
            if value is not None:
                values[place] = value
            if aim is not None:
                aims[place] = aim
        outcomes: dict[int, Outcome] = {}
        # A row is loaded as a whole or not at all: what would be refused of either part is known before one is written.
        for dry_run in (True, self.context.dry_run):
            outcomes.clear()
            for recorded, rows in (
                (self._record(values, dry_run=dry_run), list(values)),
                (self._aim(aims, dry_run=dry_run), list(aims)),
            ):
                for refusal in recorded.refusals:
                    place = rows[refusal.row]
                    if place not in bad:
                        bad.add(place)
                        self.context.reject(items[place], self._rejected(refusal).rejection)
                for place, outcome in zip(rows, recorded.outcomes, strict=True):
                    if outcome is not None:
                        outcomes[place] = _stronger(outcome, outcomes.get(place))
            for place in bad:
                values.pop(place, None)
                aims.pop(place, None)
                outcomes.pop(place, None)
        for place, outcome in outcomes.items():
            self.context.tally.count(outcome)
            self.context.tally.warn(items[place])

    def _read(self, item: Item) -> tuple[Reported | None, Aimed | None]:
        account = self._accounts.get(item.get("account"))
        if account is None:
            raise unknown_account(self.context, item, "account")
        kpi = self._kpis.get(str(item.get("kpi")).casefold())
        key = kpi.key if kpi else str(item.get("kpi"))
        period = item.get("period")
        given, target = item.get("value"), item.get("target")
        if given is None and target is None:
            raise self.context.refuse(
                "value", "", _("a value or a target"), _("The row says neither a value nor a target.")
            )
        value = aim = None
        if given is not None:
            if period is None:
                raise self.context.refuse(
                    "period", "", _("the period of the value"), _("A value needs its period.")
                )
            value = Reported(account.pk, key, period, self._number(item, "value", kpi))
        if target is not None:
            since = item.get("target_from") or self._start(kpi, period)
            if since is None:
                raise self.context.refuse(
                    "target_from",
                    period or "",
                    _("the day from which the target counts, or its period"),
                    _("A target needs its first day."),
                )
            aim = Aimed(account.pk, key, self._number(item, "target", kpi), since, item.get("target_by"))
        return value, aim

    def _number(self, item: Item, name: str, kpi: Kpi | None) -> float:
        """A number as files write it; per cent where the KPI is a share."""
        text = str(item.get(name)).strip()
        is_share = text.endswith(("%", "％"))
        if is_share and kpi is not None and kpi.unit != Kpi.Unit.SHARE:
            raise self.context.refuse(
                name, text, _("a number without %: this KPI is no share"), _("The value cannot be read.")
            )
        try:
            found = numbers.number(text[:-1].strip() if is_share else text, self.context.formats)
        except UnreadableError as error:
            raise self.context.refuse(name, error.found, error.allowed, error.reason) from None
        return float(found / 100 if is_share else found)

    def _start(self, kpi: Kpi | None, period: str | None) -> dt.date | None:
        if kpi is None:
            return self.context.today  # the row is refused for its KPI
        return periods.read(kpi.span, period) if period else None

    def _is_repeated(self, item: Item, value: Reported | None, aim: Aimed | None) -> bool:
        """Whether the file said all of the row before. The same place with another number is rejected."""
        told = []
        for name, row in (("value", value), ("target", aim)):
            if row is None:
                continue
            when = row.starts_on if isinstance(row, Aimed) else self._place(row)
            said = f"{row.value}:{row.due_on}" if isinstance(row, Aimed) else str(row.value)
            first = self.context.seen.first(f"kpi {name}", f"{row.account}:{row.kpi}:{when}", said)
            if first is not None and first != said:
                raise self.context.refuse(
                    name,
                    item.get(name),
                    _("one %(what)s a period; the file said %(first)s before")
                    % {"what": _("value") if name == "value" else _("target"), "first": first.split(":")[0]},
                    _("The file contradicts itself. A KPI of a shorter period takes both."),
                )
            told.append(first is not None)
        if not all(told):
            return False
        self.context.tally.count(Outcome.DUPLICATE)
        return True

    def _place(self, row: Reported) -> str:
        start = self._start(self._kpis.get(row.kpi.casefold()), str(row.period))
        return str(start or row.period)

    def _record(self, rows: dict[int, Reported], *, dry_run: bool) -> Recorded:
        return record_kpi_values(list(rows.values()), **self._options(), dry_run=dry_run)

    def _aim(self, rows: dict[int, Aimed], *, dry_run: bool) -> Recorded:
        return set_kpi_targets(list(rows.values()), **self._options(), dry_run=dry_run)

    def _options(self) -> dict[str, Any]:
        context = self.context
        source = context.mapping.source or "file"
        return {"source": source, "by": context.by, "now": context.now, "is_history": context.is_history}

    def _rejected(self, refusal: Refusal) -> RejectedError:
        return self.context.refuse(refusal.field, refusal.found, refusal.allowed, refusal.next)


def _stronger(one: Outcome, other: Outcome | None) -> Outcome:
    """What became of a row that says a value and a target: the more that was done of either."""
    order = (Outcome.DUPLICATE, Outcome.UNCHANGED, Outcome.UPDATED, Outcome.CREATED)
    return one if other is None else max(one, other, key=order.index)


RECORD = Record(
    "kpis",
    "业务指标",
    "KPIs",
    FIELDS,
    KpiLoader,
    needs=(("account",), ("kpi",), ("value", "target")),
)
