"""What segments may ask of an account: its own fields, its health as lists show it, every metric, and custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.conditions import Field, Kind
from evergreen.base.languages import spoken
from evergreen.customers.models import Account
from evergreen.metrics import registry
from evergreen.metrics.rules import Metric
from evergreen.metrics.source_fields import choice_names

CUSTOM = "custom."
_BANDS = {
    "green": {"zh": "绿", "en": "green"},
    "yellow": {"zh": "黄", "en": "yellow"},
    "red": {"zh": "红", "en": "red"},
    "insufficient_data": {"zh": "数据不足", "en": "insufficient data"},
}
_KINDS = {
    "count": Kind.WHOLE,
    "days": Kind.WHOLE,
    "number": Kind.NUMBER,
    "share": Kind.SHARE,
    "money": Kind.MONEY,
    "date": Kind.DATE,
}
# Fields of an account: kind, Chinese and English name, and the column that holds it.
_OWN: dict[str, tuple[Kind, str, str, str]] = {
    "name": (Kind.TEXT, "客户名称", "Account name", "name"),
    "external_id": (Kind.TEXT, "客户编号", "Account id", "external_id"),
    "stage": (Kind.CHOICE, "阶段", "Stage", "stage"),
    "tier": (Kind.CHOICE, "分层", "Tier", "tier"),
    "touch_model": (Kind.CHOICE, "服务模式", "Touch model", "touch_model"),
    "industry": (Kind.TEXT, "行业", "Industry", "industry"),
    "region": (Kind.TEXT, "地区", "Region", "region"),
    "employees": (Kind.WHOLE, "员工人数", "Employees", "size"),
    "owner": (Kind.TEXT, "负责人邮箱", "Owner's e-mail", "owner__email"),
    "team": (Kind.TEXT, "团队", "Team", "team__name"),
    "product": (Kind.TEXT, "产品", "Product", "edition__product__key"),
    "edition": (Kind.TEXT, "版本", "Edition", "edition__key"),
    "tags": (Kind.TAGS, "标签", "Tags", "tags"),
    "stage_since": (Kind.DATE, "进入阶段日期", "In this stage since", "stage_since"),
    "signed_on": (Kind.DATE, "签约日期", "Signed", "signed_on"),
    "kickoff_on": (Kind.DATE, "启动日期", "Kick-off", "kickoff_on"),
    "live_on": (Kind.DATE, "上线日期", "Live", "live_on"),
    "first_value_on": (Kind.DATE, "首次见效日期", "First value", "first_value_on"),
    "health_score": (Kind.NUMBER, "健康分", "Health score", "score"),
    "health_band": (Kind.CHOICE, "健康度", "Health", "band"),
    "health_change_30d": (Kind.NUMBER, "健康分 30 天变化", "Health change in 30 days", "change_30d"),
    "churn_risk": (Kind.SHARE, "断约概率（90 天内）", "Churn risk within 90 days", "risk_90d"),
    "open_alerts": (Kind.WHOLE, "未关闭预警", "Open alerts", "open_alerts"),
}
COLUMNS = {key: column for key, (_kind, _zh, _en, column) in _OWN.items()}


# Amounts stand in whole units here, so their fields are not called cents.
def metric_of() -> dict[str, str]:
    """The metric behind each field that is one."""
    return {key.removesuffix("_cents"): key for key in registry.metrics()}


def all_fields() -> dict[str, Field]:
    """Every field by its key, accounts' own first."""
    currency = base.setting("currency")
    known = registry.metrics()
    metrics = {field: _of_metric(field, known[key], currency) for field, key in metric_of().items()}
    found = {**_own(), **metrics}
    for key, kind in custom_kinds().items():
        name = f"{CUSTOM}{key}"
        found[name] = Field(name, kind, {"zh": key, "en": key}, group=_("Custom fields"))
    return found


def field(key: str) -> Field | None:
    """A field that is not of the vendor's own making, without asking the records; None for a custom one."""
    if key in _OWN:
        return _own()[key]
    metric = registry.find(metric_of().get(key, ""))
    return _of_metric(key, metric, "") if metric is not None else None


def _own() -> dict[str, Field]:
    choices: dict[str, Mapping[str, Mapping[str, str]]] = {
        "stage": choice_names(Account.Stage),
        "tier": choice_names(Account.Tier),
        "touch_model": choice_names(Account.TouchModel),
        "health_band": _BANDS,
    }
    return {
        key: Field(key, kind, {"zh": zh, "en": en}, choices=choices.get(key, {}), group=_("Account"))
        for key, (kind, zh, en, _column) in _OWN.items()
    }


def _of_metric(key: str, metric: Metric, currency: str) -> Field:
    is_money = metric.kind == "money"
    language = spoken()
    unit = (
        currency
        if is_money
        else metric.unit.get(language, "") or (_("days") if metric.kind == "days" else "")
    )
    group = registry.groups()[metric.group][language]
    return Field(key, _KINDS[metric.kind], metric.name, unit=unit, group=group, is_money=is_money)


def custom_kinds() -> dict[str, Kind]:
    """The custom fields that accounts have, by what their values are."""
    table = Account._meta.db_table
    if connection.vendor == "postgresql":
        sql = (
            "SELECT DISTINCT one.key, jsonb_typeof(one.value) FROM "
            f"{table}, jsonb_each(custom) AS one WHERE custom <> '{{}}'::jsonb"
        )
    else:
        sql = (
            f"SELECT DISTINCT one.key, one.type FROM {table}, json_each(custom) AS one WHERE custom <> '{{}}'"
        )
    types: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql)
        for key, kind in cursor.fetchall():
            types.setdefault(str(key), set()).add(str(kind))
    return {key: _kind_of(kinds - {"null"}) for key, kinds in sorted(types.items())}


def _kind_of(types: set[str]) -> Kind:
    if types and types <= {"true", "false", "boolean"}:
        return Kind.FLAG
    if types and types <= {"integer", "real", "number"}:
        return Kind.NUMBER
    return Kind.TEXT


def custom_value(value: Any, kind: Kind) -> Any:
    """A custom field's value as its kind has it; None where it is something else."""
    match kind:
        case Kind.FLAG:
            return value if isinstance(value, bool) else None
        case Kind.NUMBER:
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            return float(value) if is_number else None
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value)
