"""Reads of risks, for pages and the command."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import words


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


def riskiest(horizon_days: int, most: int) -> list[Told]:
    """The accounts most likely to be lost within a horizon."""
    rows = Risk.objects.filter(horizon_days=horizon_days).select_related("account")
    return [
        Told(
            row.account.external_id,
            row.account.name,
            row.day,
            horizon_days,
            row.probability,
            [words.reason(told) for told in row.reasons],
        )
        for row in rows.order_by("-probability", "account_id")[:most]
    ]


def why_none(horizon_days: int) -> str:
    """Why there is no risk of a horizon, and what to do."""
    newest = ChurnModel.objects.filter(horizon_days=horizon_days).first()
    if newest is None:
        return (
            f"Nothing was learned for {horizon_days} days yet. The worker learns every week after the night; "
            f"`evergreen churn refit --horizon-days {horizon_days}` learns now."
        )
    if ChurnModel.objects.filter(horizon_days=horizon_days, state=ChurnModel.State.CHAMPION).exists():
        return "A model serves, but no night has passed since. Run `evergreen night`."
    return f"No model serves for {horizon_days} days: {newest.reason}"
