"""Events from files: what end users did, loaded as history into the lake."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.base import clock
from evergreen.base.upserts import Outcome
from evergreen.events import arrivals, store
from evergreen.events.actions import create_source
from evergreen.events.imports import fields, references
from evergreen.events.imports.catalogue import Catalogue
from evergreen.events.imports.columns import Columns, Different, Mask, words
from evergreen.events.imports.context import Context, Item, RejectedError
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.event_columns import Place, PlainEvents, digest
from evergreen.events.imports.records.kinds import Loader, Record, account_lookup, unknown_account

if TYPE_CHECKING:
    import duckdb

FIELDS = (
    Field("id", Kind.KEY, "消息编号", "Message id",
        names="event_id message_id usage_id insert_id uuid 事件编号 编号 id",
        about="The same id of the same source adds nothing. Without it the whole row is the id."),
    Field("name", Kind.TEXT, "事件名称", "Event name", required=True,
        names="event event_name event_type action 事件 行为"),
    Field("kind", Kind.CHOICE, "类型", "Kind", choices=fields.EVENT_KINDS,
        names="event_kind",
        about=(
            "usage: counted before, a row a span; system: says something of the account, counts as no "
            "use."
        )),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id company_id customer_id group_id 客户id 客户ID 客户"),
    Field("subscription", Kind.KEY, "订阅编号", "Subscription id",
        names="subscription_id line_id contract_line_id 合同行编号"),
    Field("tenant", Kind.KEY, "租户", "Tenant", names="tenant_id workspace_id 租户编号"),
    Field("contact", Kind.KEY, "联系人", "Contact", names="contact_id contact_email 联系人编号"),
    Field("end_user", Kind.KEY, "终端用户", "End user",
        names="user_id user distinct_id visitor_id 用户 用户id 用户ID 账号"),
    Field("time", Kind.MOMENT, "时间", "Time", required=True,
        names="timestamp ts event_time occurred_at usage_date date day created_at 发生时间 日期"),
    Field("count", Kind.WHOLE, "次数", "Count", most=10 ** 12, names="usage_count times 使用次数 数量"),
    Field("seconds", Kind.NUMBER, "秒数", "Seconds", most=10 ** 12,
        names="duration usage_duration_secs duration_seconds 时长 使用时长"),
    Field("feature", Kind.TEXT, "功能", "Feature", most=60, names="feature_name module 功能名称 模块"),
)  # fmt: skip

_ACCOUNT_FIELDS = ("subscription", "tenant", "account", "contact")


class EventLoader(Loader):
    """Events by the hundred thousand: resolved and appended a chunk at a time, each chunk one transaction
    of the lake.
    """

    chunk = 50_000
    reads_columns = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.source = context.mapping.source or "file"
        self._accounts = account_lookup(context)
        self._lines = references.lines()
        self._tenants = references.tenants()
        self._contacts = references.contacts()
        self._catalogue = Catalogue(context)
        self.named_by = [name for name in _ACCOUNT_FIELDS if name in context.mapping.cells]
        self._stack = ExitStack()
        self._con: duckdb.DuckDBPyConnection | None = None

    def load(self, items: Sequence[Item]) -> None:
        self._look_up(items)
        rows: list[dict[str, Any]] = []
        without_id: list[tuple[dict[str, Any], str]] = []
        for item in items:
            try:
                row = self.build(item, self.place(item))
            except RejectedError as error:
                self.context.reject(item, error.rejection)
                continue
            if item.warnings:
                self.context.tally.warn(item)
            if row["message_id"] is None:
                without_id.append((row, self.said(item)))
            rows.append(row)
        ids = self._ids(pa.array([said for _row, said in without_id], pa.string()))
        for (row, _said), id_ in zip(without_id, ids.to_pylist(), strict=True):
            row["message_id"] = id_
        if rows:
            self._append(_table(rows), until=items[-1].number)

    def load_columns(self, columns: Columns) -> Mask:
        """Takes the rows that name one account by nothing but its own id or its tenant's and have nothing odd."""
        plain = self.plain(columns)
        plain.take_places(_ACCOUNT_FIELDS, self._plain_places)
        if "feature" in self.context.mapping.cells:
            self._catalogue.learn_features(name for name in plain.field("feature").values if name)
        names = plain.field("feature")
        features = Different([self._catalogue.feature(name) for name in names.values], names.codes)
        ids = plain.ids()
        if ids is None:
            ids = self._ids(plain.said(self.context.columns, self.named_by))
        if len(ids):
            self._append(plain.table(features, ids), until=columns.first + columns.size - 1)
        return ~plain.fits

    def _ids(self, said: pa.Array) -> pa.Array:
        """The ids of rows that have none: what each says, and how often the file said it before."""
        times = self.context.seen.times_of_each(said)
        return pc.binary_join_element_wise("row", said, times.cast(pa.string()), "-")

    def plain(self, columns: Columns) -> PlainEvents:
        """What of a chunk can be read by column, with its times."""
        plain = PlainEvents(columns, self.context.mapping.cells)
        plain.take_times(self.context.now, self._known)
        return plain

    def _plain_places(self, items: Sequence[Item]) -> list[Place | None]:
        self._look_up(items)
        found: list[Place | None] = []
        for item in items:
            try:
                place = self.place(item)
            except RejectedError:
                found.append(None)
                continue
            is_odd = item.warnings or place.line is not None or place.contact is not None
            found.append(None if is_odd else place)
        return found

    def close(self) -> None:
        self._stack.close()

    def _look_up(self, items: Sequence[Item]) -> None:
        for name, lookup in (
            ("account", self._accounts),
            ("subscription", self._lines),
            ("tenant", self._tenants),
            ("contact", self._contacts),
        ):
            if name in self.context.mapping.cells:
                lookup.learn(item.get(name) for item in items)
        if "feature" in self.context.mapping.cells:
            self._catalogue.learn_features(item.get("feature") for item in items if item.get("feature"))

    def place(self, item: Item) -> Place:
        """The row's account: through its subscription, its tenant, its own id, its contact, in this order."""
        found: list[Place] = []
        told = item.values.get
        named = next((key for name in self.named_by if (key := told(name))), None)
        if line := self._lines.get(told("subscription")):
            found.append(Place(line.account_id, line.tenant, named, line=line))
        if tenant := self._tenants.get(told("tenant")):
            found.append(Place(tenant.account_id, tenant.key, named))
        if account := self._accounts.get(told("account")):
            found.append(Place(account.pk, "", named))
        if contact := self._contacts.get(told("contact")):
            found.append(Place(contact.account_id, "", named, contact=contact))
        if not found:
            given = [name for name in _ACCOUNT_FIELDS if told(name)]
            raise unknown_account(self.context, item, *(given or self.named_by))
        if told("subscription") and found[0].line is None:
            raise unknown_account(self.context, item, "subscription")
        if any(place.account_id != found[0].account_id for place in found[1:]):
            item.warn("other_account")
        return found[0]

    def build(self, item: Item, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = item.values
        told = values.get
        kind = told("kind") or "track"
        occurred: dt.datetime = values["time"]
        known = self._known(kind, occurred)
        count = values["count"] if told("count") is not None else 1
        self._compare(item, place, occurred, count)
        seconds = told("seconds")
        contact = place.contact
        return {
            "kind": kind,
            "name": told("name"),
            "account_id": place.account_id,
            "tenant": place.tenant,
            "account_key": place.named,
            "end_user": told("end_user") or ((contact.end_user or contact.key or None) if contact else None),
            "occurred_at": occurred.replace(tzinfo=None),
            "known_at": known.replace(tzinfo=None),
            "count": count,
            "seconds": None if seconds is None else float(seconds),
            "feature": self._catalogue.feature(told("feature")),
            "properties": self._properties(item),
            "message_id": told("id"),
        }

    def _compare(self, item: Item, place: Place, occurred: dt.datetime, count: int) -> None:
        if place.line is not None:
            day = clock.local_day(occurred, self.context.vendor_zone)
            if day < place.line.start_on:
                item.warn("usage_before_start")
            elif place.line.end_on is not None and day >= place.line.end_on:
                item.warn("usage_after_end")
        if count == 0:
            item.warn("count_is_zero")
        if occurred > self.context.now:
            item.warn("in_the_future")

    def _known(self, kind: str, occurred: dt.datetime) -> dt.datetime:
        if not self.context.is_history:
            return self.context.now.astimezone(dt.UTC)
        return self._span_end(occurred) if kind == "usage" else occurred

    def _span_end(self, moment: dt.datetime) -> dt.datetime:
        """The last instant of the span that a pre-counted row stands for: only then was it known."""
        zone = self.context.vendor_zone
        local = moment.astimezone(zone)
        if self.context.mapping.span == "hour":
            after = local.replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=1)
            return after.astimezone(dt.UTC) - dt.timedelta(microseconds=1)
        return clock.day_end(self.last_of_span(local.date()), zone) - dt.timedelta(microseconds=1)

    def last_of_span(self, day: dt.date) -> dt.date:
        """The last day of the week or month (``format.span``) of a day; the day itself where it is counted by day."""
        match self.context.mapping.span:
            case "week":
                return day + dt.timedelta(days=6 - day.weekday())
            case "month":
                return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
        return day

    def _properties(self, item: Item) -> str | None:
        properties = item.values.get("properties")
        if not properties:
            return None
        given = {name: value for name, value in properties.items() if value is not None}
        return json.dumps(given, ensure_ascii=False, separators=(",", ":")) if given else None

    def said(self, item: Item) -> str:
        """A digest of all that a row says, whatever the order of its columns. With how often the file said it
        before it is the id of a row that has none: the same file again adds nothing.
        """
        said = zip(self.context.columns, item.cells, strict=False)
        return digest([text for column, cell in said if (text := words(column, cell))])

    def _append(self, table: pa.Table, until: int) -> None:
        context = self.context
        received = context.now.astimezone(dt.UTC).replace(tzinfo=None)
        same = {"source": self.source, "received_at": received, "backfilled": context.is_history}
        for name, value in same.items():
            table = table.append_column(
                arrivals.EVENT_SCHEMA.field(name),
                pa.repeat(pa.scalar(value), table.num_rows).cast(arrivals.EVENT_SCHEMA.field(name).type),
            )
        if context.dry_run:
            appended = arrivals.trial(self._connection(), table, home=context.home)
        else:
            con = self._connection()
            with arrivals.appending(context.home), store.transaction(con, context.home):
                appended = arrivals.append(
                    con,
                    table,
                    origin=context.origin,
                    until=until,
                    zone=str(context.vendor_zone),
                    now=context.now,
                    home=context.home,
                )
        context.tally.count(Outcome.CREATED, appended.stored)
        context.tally.count(Outcome.DUPLICATE, appended.duplicates)
        context.tally.warn_of("same_id_other_content", appended.conflicts)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """One connection for the whole file."""
        if self._con is None:
            self._con = self._stack.enter_context(store.session(self.context.home))
            if self.context.dry_run:
                # The ids tried so far are held beside the lake; beyond this they go to disk.
                self._con.execute("SET memory_limit = '512MB'")
            else:
                create_source(self.source, now=self.context.now, by=self.context.by)
        return self._con


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    fields = [field for field in arrivals.EVENT_SCHEMA if field.name in rows[0]]
    return pa.table({field.name: pa.array([row[field.name] for row in rows], field.type) for field in fields})


RECORD = Record(
    "events",
    "行为事件",
    "Events",
    FIELDS,
    EventLoader,
    needs=(("name",), ("time",), _ACCOUNT_FIELDS),
    takes=frozenset({"properties", "features"}),
)
