"""Alert rules that ship as conditions and as events. They are off until somebody switches them on; the detectors (``rules``) are on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evergreen.alerts.firing import Watch


@dataclass(frozen=True, slots=True)
class Conditioned:
    """A rule of a condition: its names, what it is for, its severity (3 high … 1 low), the condition as text."""

    key: str
    name: Mapping[str, str]
    note: Mapping[str, str]
    severity: int
    condition: str
    clear_nights: int = 1


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule of an event: its names, what it is for, its severity, what it waits for, after how many quiet nights it closes."""

    key: str
    name: Mapping[str, str]
    note: Mapping[str, str]
    severity: int
    watch: Watch
    clear_nights: int


WATCHED: dict[str, Watched] = {
    one.key: one
    for one in (
        Watched(
            "wecom_removed",
            {"zh": "客户联系人删除了企业微信", "en": "A contact removed us in WeCom"},
            {
                "zh": "联系人在企业微信里删除了我们的成员：换个方式问清原因，再找第二个联系人。",
                "en": "A contact removed one of us in WeCom: ask why by another way, and find a second contact.",
            },
            3,
            Watch("wecom.removed", count=1, minutes=10, property="by", value="customer", cool_down_hours=0),
            14,
        ),
    )
}
CONDITIONED: dict[str, Conditioned] = {
    one.key: one
    for one in (
        Conditioned(
            "churn_risk_high",
            {"zh": "断约概率高", "en": "Churn risk is high"},
            {"zh": "先看原因，再定风险计划。", "en": "Read the reasons first, then plan against them."},
            3,
            "churn_risk >= 30%",
            3,
        ),
        Conditioned(
            "core_unused",
            {"zh": "核心功能 28 天没人用", "en": "Core features unused for 28 days"},
            {
                "zh": "上线已过 90 天，核心功能却没人用：送上使用指引。",
                "en": "Live for more than 90 days and nobody uses a core feature: send the guide.",
            },
            2,
            "contract_age_days > 90 and core_events_28d = 0",
        ),
        Conditioned(
            "not_activated_90d",
            {"zh": "头 90 天没有激活", "en": "Not activated in the first 90 days"},
            {
                "zh": "签约 30 天以上、90 天以内，还没有人激活。",
                "en": "Signed 30 to 90 days ago, and nobody was activated.",
            },
            3,
            "contract_age_days between 30 and 90 and activated_users = 0",
        ),
        Conditioned(
            "use_falling",
            {"zh": "使用量下滑", "en": "Use is falling"},
            {
                "zh": "活跃用户比前 28 天少三成以上（按工作日折算）。",
                "en": "A third fewer active users than in the 28 days before, by working day.",
            },
            2,
            "active_users_trend <= -30% and active_users_prev_28d >= 5",
            3,
        ),
        Conditioned(
            "kpi_off",
            {"zh": "业务指标低于基线", "en": "A KPI is below its baseline"},
            {
                "zh": "客户的业务指标低于它自己的惯常区间（2.5 倍偏差）。",
                "en": "A number of the customer's business is below its own usual range of 2.5 spreads.",
            },
            2,
            "kpi_deviation <= -2.5",
        ),
        Conditioned(
            "chain_gap",
            {"zh": "决策链缺口", "en": "Gap in the decision chain"},
            {
                "zh": "没有已知的决策者，或 90 天没有和决策者谈过，或只剩一个联系人。",
                "en": "No known decision maker, no conversation with one for 90 days, or a single contact left.",
            },
            2,
            "contract_age_days > 30 and (decision_makers = 0 or days_since_decision_conversation > 90 or contacts_live <= 1)",
        ),
        Conditioned(
            "sla_missed",
            {"zh": "工单超时", "en": "SLA missed"},
            {"zh": "28 天内有工单没按承诺响应或解决。", "en": "A ticket of the last 28 days was not answered or solved as promised."},
            2,
            "response_in_sla < 100% or resolution_in_sla < 100%",
        ),
        Conditioned(
            "fit_low",
            {"zh": "匹配度低于 30%", "en": "Fit below 30%"},
            {"zh": "产品满足的需求不到三成：交接时就要讲清楚。", "en": "The product meets under 30% of the needs: say so at hand-over."},
            2,
            "fit < 30%",
        ),
        Conditioned(
            "seats_full",
            {"zh": "席位将满（机会）", "en": "Seats nearly full (opportunity)"},
            {"zh": "已买席位用到九成：谈增购。", "en": "Nine of ten seats are used: talk about more."},
            1,
            "seat_utilisation >= 90% and seats_bought >= 5",
            7,
        ),
        Conditioned(
            "detractor",
            {"zh": "NPS 贬损者", "en": "NPS detractors"},
            {"zh": "近期回答的 NPS 为负：24 小时内回访。", "en": "The recent NPS is below zero: call back within 24 hours."},
            2,
            "nps < 0",
        ),
    )
}  # fmt: skip
