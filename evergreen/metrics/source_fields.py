"""The columns of each source: what a metric may aggregate, look back over, and narrow by.

A condition over the columns narrows a source (``fields``); amounts are aggregated but not compared, for they stand in
the accounts' own currencies. Texts of the trade are {zh, en}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
from django.db.models import Choices
from django.utils import translation

from evergreen.base.conditions import Field, Kind
from evergreen.customers.models import Contact
from evergreen.desk.models import Ticket
from evergreen.metrics import records
from evergreen.metrics.rules import Words
from evergreen.work.models import Conversation


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``role`` says what it serves for: ``number``, ``whole``, ``money``, ``date``, ``flag`` or ``text``."""

    key: str
    role: str
    name: Words


@dataclass(frozen=True, slots=True)
class Source:
    """One source. ``name`` is what its rows are; ``keeps_days``: how far back rows that are over still stand in it."""

    key: str
    name: Words
    columns: Mapping[str, Column]
    keeps_days: int = 0

    def of_role(self, *roles: str) -> list[Column]:
        return [column for column in self.columns.values() if column.role in roles]


def _words(zh: str, en: str) -> Words:
    return {"zh": zh, "en": en}


_NAMES: dict[str, tuple[Words, int]] = {
    "usage": (_words("使用行为（按日汇总）", "uses of the product, rolled up by day"), 56),
    "people": (_words("使用过产品的终端用户", "end users ever seen"), 0),
    "account_days": (_words("有使用行为的日子", "days with use"), 0),
    "nps": (_words("每位联系人最近一次 NPS 作答", "each contact's newest NPS answer"), 180),
    "csat": (_words("满意度作答", "CSAT answers"), 180),
    "tickets": (_words("工单", "tickets"), 90),
    "lines": (_words("合同行", "contract lines"), 0),
    "ces": (_words("CES 作答", "CES answers"), 180),
    "answers": (_words("问卷作答", "survey answers"), 180),
    "surveys": (_words("已发问卷", "surveys sent"), 0),
    "opened": (_words("已开通的用户", "users opened and not closed"), 0),
    "trainings": (_words("完成的培训", "trainings completed"), 0),
    "milestones": (_words("计划的里程碑", "milestones planned"), 0),
    "needs": (_words("客户需求", "needs stated"), 0),
    "newcomers": (_words("近 56 天的新用户", "end users of the last 56 days"), 0),
    "first_features": (_words("用过的功能", "features ever used"), 0),
    "marked": (_words("客户档案上的日期", "accounts with a first value"), 0),
    "cadence": (_words("分层沟通节奏", "accounts with a cadence"), 0),
    "entitlement": (_words("客户的版本", "accounts with an edition"), 0),
    "receivables": (_words("已到期的应收", "receivables due by the day"), 0),
    "conversations": (_words("双向沟通", "two-way conversations"), 0),
    "contacts": (_words("联系人", "contacts"), 0),
    "kpis": (_words("有近期数值的业务指标", "KPIs with a current value"), 0),
}
_COLUMNS: dict[str, Words] = {
    "account_days.day": _words("日期", "day"),
    "account_days.users": _words("当天用户数", "users of the day"),
    "account_days.events": _words("当天行为数", "uses of the day"),
    "account_days.seconds": _words("当天使用秒数", "seconds of the day"),
    "nps.day": _words("作答日", "day of the answer"),
    "nps.score": _words("评分（0–10）", "score, 0 to 10"),
    "nps.weight": _words("权重", "weight"),
    "nps.points": _words("加权得分", "weighted points"),
    "csat.day": _words("作答日", "day of the answer"),
    "csat.score": _words("评分", "score"),
    "account_days.sessions": _words("当天会话数", "sessions of the day"),
    "account_days.online_hours": _words("当天在线小时数", "hours online of the day"),
    "ces.day": _words("作答日", "day of the answer"),
    "ces.score": _words("评分", "score"),
    "answers.day": _words("作答日", "day of the answer"),
    "answers.score": _words("评分", "score"),
    "surveys.day": _words("发送日", "day sent"),
    "surveys.state": _words("问卷类型", "kind of survey"),
    "opened.day": _words("开通日", "day opened"),
    "opened.is_activated": _words("已激活", "ever used anything"),
    "trainings.day": _words("完成日", "day completed"),
    "trainings.subject": _words("课程", "course"),
    "milestones.due_on": _words("到期日", "due"),
    "milestones.is_due": _words("已到期", "due by the day"),
    "milestones.is_met": _words("已达成", "met"),
    "needs.weight": _words("权重", "weight"),
    "needs.is_met": _words("已满足", "met"),
    "needs.is_planned": _words("已排期", "planned"),
    "newcomers.day": _words("首次使用日", "first use"),
    "newcomers.is_ramped": _words("已用到核心功能", "reached a core feature"),
    "newcomers.ramp_days": _words("上手天数", "days to the first core feature"),
    "first_features.day": _words("首次使用日", "first use"),
    "first_features.feature": _words("功能", "feature"),
    "first_features.is_core": _words("核心功能", "core feature"),
    "first_features.is_advanced": _words("高级功能", "advanced feature"),
    "first_features.adds_data": _words("新增数据的功能", "feature that adds data"),
    "marked.first_value_on": _words("首次见效日", "first value"),
    "cadence.kept": _words("节奏达成比例", "share of days kept"),
    "tickets.resolution_hours": _words("解决小时数", "hours to the solution"),
    "tickets.response_met": _words("首次响应达标（1/0）", "first answer in time, 1 or 0"),
    "tickets.resolution_met": _words("解决达标（1/0）", "solved in time, 1 or 0"),
    "tickets.solved_at_once": _words("一次解决（1/0）", "solved at first contact, 1 or 0"),
    "tickets.was_reopened": _words("曾重开（1/0）", "reopened, 1 or 0"),
    "tickets.is_negative": _words("负面情绪（1/0）", "negative, 1 or 0"),
    "conversations.is_meeting": _words("会议或拜访", "meeting or visit"),
    "lines.list_cents": _words("目录价月费", "monthly fee at list price"),
    "lines.net_cents": _words("有目录价的月费", "monthly fee where a list price is known"),
    "kpis.deviation": _words("偏离基线（倍波动）", "deviation from the baseline, in spreads"),
    "people.day": _words("首次使用日", "first use"),
    "people.source": _words("数据源", "source"),
    "usage.event": _words("行为名称", "event"),
    "usage.feature": _words("功能", "feature"),
    "usage.kind": _words("行为类型", "kind of event"),
    "usage.source": _words("数据源", "source"),
    "usage.is_core": _words("核心功能", "core feature"),
    "usage.is_advanced": _words("高级功能", "advanced feature"),
    "usage.adds_data": _words("新增数据的功能", "feature that adds data"),
    "tickets.opened_on": _words("提交日", "opened on"),
    "tickets.is_open": _words("未关闭", "open at the day's end"),
    "tickets.is_closed": _words("已关闭", "closed by the day's end"),
    "tickets.weight": _words("严重度权重", "severity weight"),
    "tickets.response_minutes": _words("首次响应分钟数", "minutes to the first answer"),
    "tickets.satisfaction": _words("工单满意度", "satisfaction, 1 to 5"),
    "tickets.priority": _words("优先级", "priority"),
    "tickets.is_escalated": _words("已升级", "escalated"),
    "tickets.is_complaint": _words("客诉", "complaint"),
    "lines.start_on": _words("开始日", "start"),
    "lines.end_on": _words("结束日", "end"),
    "lines.mrr_cents": _words("月费", "monthly fee"),
    "lines.seats": _words("席位", "seats"),
    "lines.is_subscription": _words("订阅", "subscription begun by the day"),
    "lines.is_paying": _words("付费订阅有效", "paying and in force"),
    "lines.edition": _words("版本", "edition"),
    "entitlement.features": _words("版本内功能数", "features of the editions"),
    "receivables.open_cents": _words("未付金额", "amount still open"),
    "receivables.days_late": _words("逾期天数", "days late"),
    "receivables.is_overdue": _words("已逾期", "overdue"),
    "conversations.on_day": _words("沟通日", "day of the conversation"),
    "conversations.with_decision_maker": _words("有决策者参加", "with a decision maker"),
    "conversations.kind": _words("沟通方式", "kind of conversation"),
    "conversations.minutes": _words("分钟数", "minutes"),
    "contacts.is_here": _words("在职", "has not left"),
    "contacts.is_decision_maker": _words("决策者", "decision maker"),
    "contacts.role": _words("决策链角色", "place in the decision chain"),
    "kpis.has_target": _words("有目标", "has a target"),
    "kpis.is_on_target": _words("达标", "on target"),
}
_DAY, _NUMBER, _TEXT, _FLAG = pa.date32(), pa.float64(), pa.string(), pa.bool_()
# What the lake's sources have (sources.lake_sources) and what the roll-up has.
_LAKE: dict[str, dict[str, pa.DataType]] = {
    "usage": {"event": _TEXT, "feature": _TEXT, "kind": _TEXT, "source": _TEXT, "is_core": _FLAG, "is_advanced": _FLAG,
              "adds_data": _FLAG},
    "people": {"source": _TEXT, "day": _DAY},
    "newcomers": {"day": _DAY, "is_ramped": _FLAG, "ramp_days": pa.int64()},
    "account_days": {"day": _DAY, "users": pa.int64(), "events": pa.int64(), "seconds": _NUMBER, "sessions": pa.int64(),
                     "online_hours": _NUMBER},
    "first_features": {"day": _DAY, "feature": _TEXT, "is_core": _FLAG, "is_advanced": _FLAG, "adds_data": _FLAG},
    "nps": {"day": _DAY, "score": _NUMBER, "weight": _NUMBER, "points": _NUMBER},
    "csat": {"day": _DAY, "score": _NUMBER},
    "ces": {"day": _DAY, "score": _NUMBER},
    "answers": {"day": _DAY, "score": _NUMBER},
    "surveys": {"day": _DAY, "state": _TEXT},
    "opened": {"day": _DAY, "is_activated": _FLAG},
    "trainings": {"day": _DAY, "subject": _TEXT},
    "milestones": {"due_on": _DAY, "is_due": _FLAG, "is_met": _FLAG},
    "needs": {"weight": _NUMBER, "is_met": _FLAG, "is_planned": _FLAG},
}  # fmt: skip
_CHOICES: dict[str, type[Choices]] = {
    "tickets.priority": Ticket.Priority,
    "conversations.kind": Conversation.Kind,
    "contacts.role": Contact.ChainRole,
}
# Columns that say whose a row is.
_KEYS = frozenset({"account_id", "tenant"})


@cache
def sources() -> dict[str, Source]:
    """Every source with its columns."""
    schemas: dict[str, Mapping[str, pa.DataType]] = dict(_LAKE)
    for key, schema in records.SCHEMAS.items():
        schemas[key] = {one.name: one.type for one in schema}
    return {key: _source(key, schema) for key, schema in schemas.items()}


def _source(key: str, schema: Mapping[str, pa.DataType]) -> Source:
    name, keeps = _NAMES.get(key, (_words(key, key), 0))
    columns = {
        column: Column(column, _role(column, kind), _COLUMNS.get(f"{key}.{column}", _words(column, column)))
        for column, kind in schema.items()
        if column not in _KEYS
    }
    return Source(key, name, columns, keeps)


def _role(column: str, kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "money" if column.endswith("_cents") else "whole"
    if pa.types.is_floating(kind):
        return "number"
    return "date" if pa.types.is_date(kind) else "flag" if pa.types.is_boolean(kind) else "text"


_KINDS = {
    "whole": Kind.WHOLE,
    "number": Kind.NUMBER,
    "date": Kind.DATE,
    "flag": Kind.FLAG,
    "text": Kind.TEXT,
}


@cache
def fields(source: str) -> dict[str, Field]:
    """The columns of a source that a condition may ask about."""
    found = {}
    for column in sources()[source].columns.values():
        if column.role not in _KINDS:
            continue
        choices = _CHOICES.get(f"{source}.{column.key}")
        kind = Kind.CHOICE if choices else _KINDS[column.role]
        found[column.key] = Field(
            column.key, kind, column.name, choices=choice_names(choices) if choices else {}
        )
    return found


def choice_names(choices: type[Choices]) -> dict[str, dict[str, str]]:
    """The names of choices in both languages."""
    found: dict[str, dict[str, str]] = {value: {} for value in choices.values}
    for language, code in (("zh", "zh-hans"), ("en", "en")):
        with translation.override(code):
            for value, label in choices.choices:
                found[value][language] = str(label)
    return found
