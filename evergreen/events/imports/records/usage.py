"""Use that the product counted before: a row says how much an account did in a span of days, known when it is over."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.events.imports.columns import Columns
from evergreen.events.imports.context import Context, Item, RejectedError
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.mapping import MappingError
from evergreen.events.imports.records.event_columns import SAID, Place, PlainEvents, PlainUsage, joined
from evergreen.events.imports.records.events import EventLoader
from evergreen.events.imports.records.kinds import Record

_LONGEST_SPAN = 366
_MOST_USERS = 100_000

FIELDS = (
    Field("id", Kind.KEY, "编号", "Id",
        names="usage_id 编号",
        about="The same id of the same source adds nothing. Without it account, event, feature and span are the id."),
    Field("event", Kind.TEXT, "事件名称", "Event name", required=True,
        names="name event_name event_type action 事件 行为"),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id company_id customer_id group_id 客户id 客户ID 客户"),
    Field("subscription", Kind.KEY, "订阅编号", "Subscription id",
        names="subscription_id line_id contract_line_id 合同行编号"),
    Field("tenant", Kind.KEY, "租户", "Tenant", names="tenant_id workspace_id 租户编号"),
    Field("from", Kind.DATE, "起始日期", "From", required=True,
        names="start since week month day date period_start 开始日期 周 月 日期"),
    Field("to", Kind.DATE, "结束日期", "To",
        names="end until period_end 截止日期",
        about="The last day of the span. Without it the span ends with the day, week or month of its first day (format.span)."),
    Field("count", Kind.WHOLE, "次数", "Count", most=10 ** 12, names="n times uses usage_count 使用次数 数量"),
    Field("active_days", Kind.WHOLE, "活跃天数", "Active days", most=_LONGEST_SPAN,
        names="days_active 使用天数", about="Days of the span on which it was used."),
    Field("active_users", Kind.WHOLE, "活跃用户数", "Active users", most=_MOST_USERS,
        names="users users_active 活跃人数 使用人数", about="Different end users who used it in the span."),
    Field("last_day", Kind.DATE, "最近使用日", "Last day",
        names="last_active last_used_on 最后使用日期", about="The last day of the span on which it was used."),
    Field("seconds", Kind.NUMBER, "秒数", "Seconds", most=10 ** 12,
        names="duration duration_seconds 时长 使用时长"),
    Field("feature", Kind.TEXT, "功能", "Feature", most=60, names="feature_name module 功能名称 模块"),
)  # fmt: skip

_SPAN_FIELDS = ("from", "to", "last_day", "active_days", "active_users", "count")


@dataclass(frozen=True, slots=True)
class Span:
    """What a row says of its days: when it ended and was known (naive UTC), how often, and the rest as the event's properties."""

    occurred_at: dt.datetime
    known_at: dt.datetime
    count: int
    properties: str


class UsageLoader(EventLoader):
    """Rows of counted use become events of kind usage; the roll-up spreads them over their days (events/spans.py)."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if context.mapping.span == "hour" and "to" not in context.mapping.cells:
            raise MappingError(
                [_("format.span: found hour; allowed: day, week, month, or a column for the last day (to).")]
            )

    def build(self, item: Item, place: Place) -> dict[str, Any]:
        told = item.values.get
        span = self.span(item)
        self._compare_days(item, place)
        seconds = told("seconds")
        return {
            "kind": "usage",
            "name": told("event"),
            "account_id": place.account_id,
            "tenant": place.tenant,
            "account_key": place.named,
            "occurred_at": span.occurred_at,
            "known_at": span.known_at,
            "count": span.count,
            "seconds": None if seconds is None else float(seconds),
            "feature": self._catalogue.feature(told("feature")),
            "properties": span.properties,
            "message_id": told("id"),
        }

    def plain(self, columns: Columns) -> PlainEvents:
        plain = PlainUsage(columns, self.context.mapping.cells)
        plain.take_spans(_SPAN_FIELDS, self._plain_spans)
        return plain

    def span(self, item: Item) -> Span:
        """The row's span. Raises RejectedError where its days contradict each other."""
        told = item.values.get
        first: dt.date = item.values["from"]
        last = told("to") or self.last_of_span(first)
        days, users, last_day = told("active_days"), told("active_users"), told("last_day")
        self._check_days(first, last, days, last_day)
        count = told("count")
        if count is None and days is None and users is None:
            raise self.context.refuse(
                "count",
                "",
                _("a count, active days or active users"),
                _("The row does not say how much it was used."),
            )
        if not (count or days or users):
            item.warn("count_is_zero")
        elif count and days == 0:
            item.warn("used_on_no_day")
        ended = self._end_of(last)
        if ended > self.context.now:
            item.warn("in_the_future")
        known = ended if self.context.is_history else self.context.now.astimezone(dt.UTC)
        said = {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "active_days": days,
            "active_users": users,
            "last_day": last_day.isoformat() if last_day else None,
        }
        given = {name: value for name, value in said.items() if value is not None}
        text = json.dumps(given, separators=(",", ":"))
        return Span(ended.replace(tzinfo=None), known.replace(tzinfo=None), count or 0, text)

    def said(self, item: Item) -> str:
        told = item.values.get
        text = joined([told(name) for name in (*self.named_by, *SAID)])
        return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

    def _plain_spans(self, items: Sequence[Item]) -> list[Span | None]:
        found: list[Span | None] = []
        for item in items:
            try:
                span = self.span(item) if item.values["from"] is not None else None
            except RejectedError:
                span = None
            found.append(None if item.warnings else span)
        return found

    def _check_days(self, first: dt.date, last: dt.date, days: int | None, last_day: dt.date | None) -> None:
        refuse = self.context.refuse
        if last < first:
            raise refuse(
                "to", last, _("%(start)s or later") % {"start": first}, _("The row ends before it starts.")
            )
        length = (last - first).days + 1
        if length > _LONGEST_SPAN:
            raise refuse(
                "to",
                last,
                _("at most %(n)s days from %(start)s on") % {"n": _LONGEST_SPAN, "start": first},
                _("The span is too long."),
            )
        if last_day is not None and not first <= last_day <= last:
            raise refuse(
                "last_day",
                last_day,
                _("a day from %(first)s to %(last)s") % {"first": first, "last": last},
                _("The last day lies outside its span."),
            )
        most = ((last_day or last) - first).days + 1
        if days is not None and days > most:
            raise refuse(
                "active_days",
                days,
                _("at most %(n)s: the days from %(first)s to %(last)s")
                % {"n": most, "first": first, "last": last_day or last},
                _("More active days than the span has."),
            )

    def _compare_days(self, item: Item, place: Place) -> None:
        if place.line is None:
            return
        first: dt.date = item.values["from"]
        last = item.values.get("to") or self.last_of_span(first)
        if last < place.line.start_on:
            item.warn("usage_before_start")
        elif place.line.end_on is not None and first >= place.line.end_on:
            item.warn("usage_after_end")

    def _end_of(self, last: dt.date) -> dt.datetime:
        end = clock.day_end(last, self.context.vendor_zone) - dt.timedelta(microseconds=1)
        return end.astimezone(dt.UTC)


RECORD = Record(
    "usage",
    "汇总使用量",
    "Counted use",
    FIELDS,
    UsageLoader,
    needs=(
        ("event",),
        ("from",),
        ("account", "tenant", "subscription"),
        ("count", "active_days", "active_users"),
    ),
    takes=frozenset({"features"}),
)
