"""The groups of accounts that the demo vendor's team looks at, told by every night of the story."""

from __future__ import annotations

from evergreen.flow.demo import cast
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.records import Kept
from evergreen.metrics.segments.actions import save_segment

_SEGMENTS = (
    (
        "renewal_window", "续约窗口", "Renewal window",
        "到期前 90 天：确认预算、决策人和去年的成效。",
        "renewal_on in next 90 days and stage != churned",
    ),
    (
        "cooling", "使用降温", "Cooling off",
        "用的人比上期少三成以上，先打电话再发邮件。",
        "active_users_trend < -30% and active_users_prev_28d >= 5",
    ),
    (
        "key_accounts_at_risk", "重点客户有风险", "Key accounts at risk",
        "战略或成长客户，健康分低，或很久没见到决策人。",
        "tier in (strategic, growth) and (health_score < 60 or days_since_decision_conversation > 90) and not stage = churned",
    ),
    (
        "seats_nearly_full", "席位将满", "Seats nearly full",
        "席位用到九成以上，而且健康：可以谈扩容。",
        "seat_utilisation >= 90% and health_band = green",
    ),
    (
        "quiet", "两周没有使用", "Two weeks without use",
        "连续 10 个工作日没人登录的付费客户。",
        "working_days_inactive >= 10 and mrr > 0",
    ),
)  # fmt: skip


def write(extent: Extent, kept: Kept) -> None:
    """Make the segments as the story begins."""
    by, now = kept.staff[cast.OPERATOR.email], extent.moment(extent.first, 2)
    for key, zh, en, note, condition in _SEGMENTS:
        save_segment(key, name={"zh": zh, "en": en}, note=note, condition=condition, by=by, now=now)
