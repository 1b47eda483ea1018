"""Tickets from files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from evergreen.base.upserts import Loaded
from evergreen.desk.actions.loading import load_tickets
from evergreen.events.imports import fields, references
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.kinds import (
    Record,
    RecordLoader,
    account_lookup,
    set_choices,
    set_texts,
    set_values,
    unknown_account,
)

FIELDS = (
    Field("id", Kind.KEY, "工单编号", "Ticket id", required=True,
        names="ticket_id ticket ticket_number case_id case_number 工单号 编号 id"),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id customer_id company_id organization_id 客户id 客户ID 客户"),
    Field("requester", Kind.KEY, "提单人", "Requester",
        names="requester_id contact_id requester_email 提交人 联系人",
        about="Id or e-mail of a contact; names the account where the row has none."),
    Field("assignee", Kind.TEXT, "处理人", "Assignee",
        names="assignee_email agent agent_email 受理人 客服",
        about="E-mail of a member of staff."),
    Field("subject", Kind.TEXT, "主题", "Subject", most=300, names="title summary 标题 问题 问题描述"),
    Field("priority", Kind.CHOICE, "优先级", "Priority", choices=fields.PRIORITIES,
        names="severity urgency 紧急程度 严重程度"),
    Field("state", Kind.CHOICE, "状态", "State", choices=fields.TICKET_STATES,
        names="status ticket_status 工单状态"),
    Field("opened", Kind.MOMENT, "创建时间", "Opened", required=True,
        names="opened_at created_at created submitted_at open_date 提交时间 提单时间 开单时间 创建日期"),
    Field("first_response", Kind.MOMENT, "首次响应时间", "First response",
        names="first_response_at first_reply_at 首次回复时间"),
    Field("first_response_minutes", Kind.NUMBER, "首次响应分钟数", "First response minutes", most=100000000,
        names="first_response_time_minutes reply_time_minutes 首次响应时长 响应时长"),
    Field("closed", Kind.MOMENT, "关闭时间", "Closed",
        names="closed_at resolved_at solved_at close_date 解决时间 关单时间"),
    Field("resolution_hours", Kind.NUMBER, "解决小时数", "Resolution hours", most=1000000,
        names="resolution_time_hours hours_to_resolve 解决时长",
        about="Used where no closing time is given."),
    Field("reopened", Kind.WHOLE, "重开次数", "Times reopened", most=30000,
        names="reopens reopened_count 重新打开次数"),
    Field("replies", Kind.WHOLE, "回复次数", "Replies", most=30000,
        names="replies_count public_replies agent_replies 回复数 客服回复次数",
        about="Answers to the customer: at most one and never reopened is solved at once."),
    Field("sentiment", Kind.CHOICE, "情绪", "Sentiment", choices=fields.SENTIMENTS,
        names="customer_sentiment mood 情感 客户情绪"),
    Field("escalated", Kind.FLAG, "是否升级", "Escalated", names="escalation_flag is_escalated 升级"),
    Field("complaint", Kind.FLAG, "是否投诉", "Complaint", names="is_complaint 客诉 投诉"),
    Field("satisfaction", Kind.NUMBER, "满意度", "Satisfaction", least=1, most=5,
        names="satisfaction_score csat rating 满意度评分 评分"),
)  # fmt: skip


class TicketLoader(RecordLoader):
    """Customers' requests for help."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._contacts = references.contacts()
        self._staff = references.staff()

    def look_up(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)
        self._contacts.learn(item.get("requester") for item in items)
        self._staff.learn(item.get("assignee") for item in items)

    def build(self, item: Item) -> dict[str, Any]:
        account = self._accounts.get(item.get("account"))
        requester = self._contacts.get(item.get("requester"))
        if item.get("account") and account is None:
            raise unknown_account(self.context, item, "account")
        if account is None and requester is None:
            raise unknown_account(self.context, item, "requester", "account")
        account_id = account.pk if account else requester.account_id if requester else 0
        if item.get("requester") and (requester is None or requester.account_id != account_id):
            item.warn("unknown_contact")
            requester = None
        row: dict[str, Any] = {
            "external_id": item.get("id"),
            "account_id": account_id,
            "opened_at": item.get("opened"),
            "known_at": self.context.known_at(item.get("opened")),
        }
        if "requester" in item.values:
            row["requester_id"] = requester.pk if requester else None
        if "assignee" in item.values:
            row["assignee_id"] = self._staff.get(item.values["assignee"])
            if item.values["assignee"] and row["assignee_id"] is None:
                item.warn("unknown_owner")
        set_texts(row, item, "subject", "sentiment")
        set_values(row, item, replies="replies")
        if "satisfaction" in item.values:
            mark: Decimal | None = item.values["satisfaction"]
            row["satisfaction"] = mark if mark is None else mark.quantize(Decimal("0.01"))
        set_choices(
            row,
            item,
            priority="priority",
            reopened="reopened_count",
            escalated="is_escalated",
            complaint="is_complaint",
        )
        self._course(row, item)
        return row

    def _course(self, row: dict[str, Any], item: Item) -> None:
        """When it was answered and closed, from times or from durations, and what state that makes."""
        values, opened = item.values, row["opened_at"]
        answered, closed = values.get("first_response"), values.get("closed")
        if answered is None and values.get("first_response_minutes") is not None:
            answered = opened + dt.timedelta(minutes=float(values["first_response_minutes"]))
        if closed is None and values.get("resolution_hours") is not None:
            closed = opened + dt.timedelta(hours=float(values["resolution_hours"]))
        if {"first_response", "first_response_minutes"} & values.keys():
            row["first_response_at"] = answered
        if {"closed", "resolution_hours"} & values.keys():
            row["closed_at"] = closed
            row["state"] = "closed" if closed else "open"
        if values.get("state") is not None:
            row["state"] = values["state"]
            if closed is not None and values["state"] != "closed":
                item.warn("open_but_closed")
        if closed is not None and closed < opened:
            item.warn("closed_before_opened")
        if answered is not None and answered < opened:
            item.warn("answered_before_opened")
        if answered is not None and closed is not None and answered > closed >= opened:
            item.warn("answered_after_closing")
        if opened > self.context.now:
            item.warn("in_the_future")

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_tickets(rows, **self.options())


RECORD = Record(
    "tickets",
    "工单",
    "Tickets",
    FIELDS,
    TicketLoader,
    needs=(("id",), ("account", "requester"), ("opened",)),
)
