"""Reads of risks, for pages and the command."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Avg, QuerySet

from evergreen.base.languages import in_words
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import words
from evergreen.foresight.risks.refitting import HORIZONS
from evergreen.foresight.risks.words import Words

# Which horizons are shown first: with contracts of a year a month is late to act.
SHOWN_FIRST = (90, 180, 30)


@dataclass(frozen=True, slots=True)
class Told:
    """An account's risk with its reasons as phrases in the reader's language, the strongest first."""

    account: str
    name: str
    day: dt.date
    horizon_days: int
    probability: float
    reasons: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "day": self.day.isoformat()}


def risks_of(accounts: QuerySet[Account], horizon_days: int) -> QuerySet[Risk]:
    """The risks of some accounts (``customers.queries.accounts_for`` is whose a person may see), the highest first."""
    rows = Risk.objects.filter(horizon_days=horizon_days, account__in=accounts.order_by())
    return rows.order_by("-probability", "account_id")


def riskiest(horizon_days: int, most: int) -> list[Told]:
    """The accounts of the whole book most likely to be lost within a horizon; for the command, which no reader's rights bind."""
    rows = risks_of(Account.objects.all(), horizon_days).select_related("account")
    return [
        Told(
            row.account.external_id,
            row.account.name,
            row.day,
            horizon_days,
            row.probability,
            [words.reason(told) for told in row.reasons],
        )
        for row in rows[:most]
    ]


def average(horizon_days: int) -> float | None:
    """The mean risk of the whole book: what a risk is compared with, whoever looks."""
    found: float | None = Risk.objects.filter(horizon_days=horizon_days).aggregate(mean=Avg("probability"))[
        "mean"
    ]
    return found


def champion(horizon_days: int) -> ChurnModel | None:
    """The model in service, without its body."""
    rows = ChurnModel.objects.filter(horizon_days=horizon_days, state=ChurnModel.State.CHAMPION)
    return rows.defer("body").first()


def attempts(horizon_days: int) -> QuerySet[ChurnModel]:
    """What was learned for a horizon, the newest first, without bodies."""
    return ChurnModel.objects.filter(horizon_days=horizon_days).defer("body")


def horizons() -> list[int]:
    """The horizons that pages offer, the one to look at first at the front; others that were learned by hand after them."""
    learned = set(ChurnModel.objects.values_list("horizon_days", flat=True))
    return [*SHOWN_FIRST, *sorted(learned - set(HORIZONS))]


def why_none(horizon_days: int) -> Words:
    """Why there is no risk of a horizon, and what to do, as {zh, en}."""
    newest = attempts(horizon_days).first()
    if newest is None:
        return {
            "zh": f"还没有学习过 {horizon_days} 天的模型。后台进程每周在夜间计算之后学习；`evergreen churn refit --horizon-days {horizon_days}` 可立即学习。",
            "en": f"Nothing was learned for {horizon_days} days yet. The worker learns every week after the night; "
            f"`evergreen churn refit --horizon-days {horizon_days}` learns now.",
        }
    if champion(horizon_days) is not None:
        return {
            "zh": "模型已在用，但此后还没有过夜间计算。请运行 `evergreen night`。",
            "en": "A model serves, but no night has passed since. Run `evergreen night`.",
        }
    return {
        "zh": f"没有 {horizon_days} 天的模型在用：{in_words(newest.why, 'zh')}",
        "en": f"No model serves for {horizon_days} days: {in_words(newest.why, 'en')}",
    }


def history(
    account_id: int, horizon_days: int, since: dt.date, until: dt.date
) -> list[tuple[dt.date, float]]:
    """What was told of an account by day, whichever model served."""
    rows = store.reading().execute(
        "SELECT day, probability FROM lake.risks WHERE account_id = ? AND horizon_days = ? AND tenant = ''"
        " AND day BETWEEN ? AND ? ORDER BY day",
        [account_id, horizon_days, since, until],
    )
    return [(day, float(value)) for day, value in rows.fetchall()]
