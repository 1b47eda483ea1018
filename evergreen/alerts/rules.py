"""When a rule's condition holds: pure decisions over one account's facts of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Params = Mapping[str, Any]
Figures = dict[str, Any]
RENEWAL = "renewal_due"


# How many of the newest working days ``Use`` holds.
LAST_DAYS = 5


@dataclass(frozen=True, slots=True)
class Use:
    """Uses of the product on the newest working days, oldest first, what is usual for each, how far they usually stray from it, and
    from how many working days that is known (``usage``).
    """

    seen: tuple[float, ...]
    usual: tuple[float, ...]
    spread: float
    days: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at for one account on one day. None = not known; money in minor units."""

    account_id: int
    score: float | None
    band: str
    yellow: float
    change_7d: float | None
    drop_alerts: bool
    working_days_inactive: int | None
    last_active_on: str | None
    days_to_renewal: int | None
    renewal_on: str | None
    mrr_cents: int
    overdue_days: int
    overdue_cents: int
    invoices_overdue: int
    currency: str
    is_talked_to: bool = False
    days_since_conversation: int | None = None
    contract_age_days: int | None = None
    known_days: int = 0
    cadence_days: int = 0
    use: Use | None = None


@dataclass(frozen=True, slots=True)
class Shipped:
    """A rule as it ships: names, severity (3 high … 1 low), default thresholds, and what its condition is.

    ``holds`` gives the figures while the condition holds, else None; it is told whether an alert is open already, so
    that an open one clears only beyond a margin (hysteresis). ``is_on``: from the start; ``most`` are the largest thresholds allowed.
    """

    key: str
    name: Mapping[str, str]
    explanation: Mapping[str, str]
    severity: int
    params: Params
    holds: Callable[[Facts, Params, bool], Figures | None]
    is_on: bool = True
    most: Params = field(default_factory=dict)


def _health_red(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    if facts.score is None:
        # Data went missing: an open alert stays, a new one is not raised on no knowledge.
        return {} if is_open else None
    line = facts.yellow + (params["clear_margin"] if is_open else 0)
    if facts.score >= line:
        return None
    return {"score": round(facts.score, 1), "threshold": facts.yellow}


def _health_drop(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    if facts.change_7d is None or facts.score is None or not facts.drop_alerts:
        return None
    line = params["points"] - (params["clear_margin"] if is_open else 0)
    if -facts.change_7d < line:
        return None
    return {"change": round(facts.change_7d, 1), "score": round(facts.score, 1)}


def _no_activity(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    days = facts.working_days_inactive
    if days is None or days < params["working_days"]:
        return None
    return {"working_days": days, "last_active_on": facts.last_active_on}


def _renewal_due(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    days = facts.days_to_renewal
    if days is None or not 0 <= days <= params["days"]:
        return None
    return {
        "days": days,
        "renewal_on": facts.renewal_on,
        "mrr_cents": facts.mrr_cents,
        "currency": facts.currency,
    }


def _invoice_overdue(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    if facts.overdue_days < params["days"]:
        return None
    return {
        "days": facts.overdue_days,
        "cents": facts.overdue_cents,
        "invoices": facts.invoices_overdue,
        "currency": facts.currency,
    }


def _silence(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    if not facts.is_talked_to or not facts.cadence_days:
        return None
    # Whom nobody ever talked to waits since the contract began, or since we heard of the account: what was said before
    # that nobody loaded, and a vendor's first day must not be a day of reproaches.
    days = facts.days_since_conversation
    if days is None and facts.contract_age_days is None:
        return None
    waited = min(facts.contract_age_days or 0, facts.known_days) if days is None else days
    if waited <= facts.cadence_days * params["percent"] / 100:
        return None
    return {"days": waited, "cadence": facts.cadence_days, "has_talked": days is not None}


def _usage_off(facts: Facts, params: Params, is_open: bool) -> Figures | None:
    use = facts.use
    if use is None or use.days < params["history_days"]:
        return None
    n = max(1, min(LAST_DAYS, int(params["low_days"])))
    seen, usual = use.seen[-n:], use.usual[-n:]
    if sum(usual) / n < params["least_usual"]:
        return None
    # One use more or less is no deviation, however steady an account is.
    spread = max(use.spread, 1.0)
    below = [(expected - found) / spread for found, expected in zip(seen, usual, strict=True)]
    # It opens when every one of the days is low, and closes when every one is back: a single good day ends nothing.
    holds = (
        max(below) >= params["spreads"] - params["spread_margin"]
        if is_open
        else min(below) >= params["spreads"]
    )
    if not holds:
        return None
    return {
        "seen": round(sum(seen) / n, 1),
        "usual": round(sum(usual) / n, 1),
        "times": round(sum(below) / n, 1),
        "days": n,
    }


SHIPPED: dict[str, Shipped] = {
    rule.key: rule
    for rule in (
        Shipped(
            "health_red",
            {"zh": "健康度进入红区", "en": "Health in the red"},
            {
                "zh": "健康度低于所用模型的黄区下限；回到下限以上 3 分才关闭。",
                "en": "The score is below the yellow band of the account's scorecard; closes 3 points above it.",
            },
            3,
            {"clear_margin": 3},
            _health_red,
        ),
        Shipped(
            "health_drop",
            {"zh": "健康度骤降", "en": "Health fell"},
            {
                "zh": "7 天内下降 10 分以上（只用于 28 天口径的模型）；降幅回到 5 分以内关闭。",
                "en": "Fell 10 points or more in 7 days, on 28-day scorecards only; closes when the fall is under 5.",
            },
            2,
            {"points": 10, "clear_margin": 5},
            _health_drop,
        ),
        Shipped(
            "no_activity",
            {"zh": "长时间未使用", "en": "No activity"},
            {
                "zh": "连续 10 个工作日没有使用行为（按厂商日历，节假日不计）。",
                "en": "No use for 10 working days of the vendor's calendar; holidays do not count.",
            },
            3,
            {"working_days": 10},
            _no_activity,
        ),
        Shipped(
            RENEWAL,
            {"zh": "续约窗口打开", "en": "Renewal window open"},
            {"zh": "最早到期的订阅在 90 天内到期。", "en": "The earliest subscription ends within 90 days."},
            1,
            {"days": 90},
            _renewal_due,
        ),
        Shipped(
            "invoice_overdue",
            {"zh": "账单逾期", "en": "Invoice overdue"},
            {
                "zh": "有应收款过了到期日还没有付清。",
                "en": "A receivable is past its due date and not fully paid.",
            },
            2,
            {"days": 1},
            _invoice_overdue,
        ),
        Shipped(
            "silence",
            {"zh": "失联：我们没有联系", "en": "Silence: we have not called"},
            {
                "zh": "超过分层沟通节奏仍没有任何沟通（节奏在设置里）；技术触达的客户不算。",
                "en": "No conversation for longer than the tier's cadence, which the settings name; accounts by tech touch are left out.",
            },
            1,
            {"percent": 100},
            _silence,
        ),
        Shipped(
            "usage_off",
            {"zh": "使用量偏离自身规律", "en": "Use strays from its own rhythm"},
            {
                "zh": "最近 3 个工作日的使用次数，每天都比同一星期几的惯常值低 2.5 倍偏差以上（偏差按中位数绝对偏差计）。",
                "en": "Uses on each of the last 3 working days are 2.5 spreads or more below what is usual on that weekday (median absolute deviation).",
            },
            2,
            {"spreads": 2.5, "spread_margin": 1, "low_days": 3, "history_days": 28, "least_usual": 10},
            _usage_off,
            is_on=False,
            most={"low_days": LAST_DAYS, "history_days": 60},
        ),
    )
}


def priority(severity: int, arr_base_cents: int | None) -> int:
    """Severity × ARR in the vendor's minor units; accounts without ARR still sort by severity."""
    return severity * max(arr_base_cents or 0, 1)


_Row = TypeVar("_Row")


def beyond(rows: Sequence[_Row], most: int, never_waits: Sequence[bool]) -> list[_Row]:
    """Of rows in the order of their importance those beyond the first ``most``; those that never wait take places first. 0: no limit."""
    if not most:
        return []
    free = max(0, most - sum(never_waits))
    ordinary = [row for row, never in zip(rows, never_waits, strict=True) if not never]
    return ordinary[free:]


def may_reopen(closed_on: dt.date | None, closed_by_person: bool, day: dt.date, quiet_days: int) -> bool:
    """Whether a rule may open again: a person's verdict stands for the quiet days, a clearing does not."""
    if closed_on is None or not closed_by_person:
        return True
    return (day - closed_on).days >= quiet_days
