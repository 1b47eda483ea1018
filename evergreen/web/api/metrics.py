"""Metrics by API, read only: what is defined, built in or declared, and the newest figures of an account."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.metrics import queries, registry
from evergreen.metrics.rules import Metric
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import Failure
from evergreen.web.api.keys import account_reached

router = Router(tags=["Metrics"])


class Defined(Schema):
    """A metric as its page explains it. ``definition`` is word for word; money is in minor units of the account's currency."""

    key: str
    name: dict[str, str]
    explanation: dict[str, str]
    kind: str
    unit: dict[str, str]
    group: str
    source: str
    window_days: int
    definition: str
    version: int
    owner: str
    is_own: bool


class Figures(Schema):
    """The newest figures of an account; null where there is no value."""

    account: str
    day: dt.date | None
    currency: str
    values: dict[str, Any]


class Asked(Schema):
    account: str = Field(description="The account's external id.")
    metric: str = Field("", description="Only this metric.")


_FAILURES = {401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure}


@router.get(
    "/metrics", response={200: list[Defined], 401: Failure, 403: Failure, 429: Failure},
    auth=Holder("metrics.read"), summary="The metrics in use", url_name="metrics",
)  # fmt: skip
def defined(request: HttpRequest) -> list[dict[str, Any]]:
    """Built-in metrics first, then the vendor's own."""
    return [_told(metric) for metric in registry.metrics().values()]


def _told(metric: Metric) -> dict[str, Any]:
    fields = (
        "key",
        "name",
        "explanation",
        "kind",
        "unit",
        "group",
        "source",
        "window_days",
        "version",
        "owner",
        "is_own",
    )
    return {**{field: getattr(metric, field) for field in fields}, "definition": metric.formula_text()}  # fmt: skip


@router.get(
    "/metrics/values", response={200: Figures, **_FAILURES}, auth=Holder("metrics.read"),
    summary="The newest figures of an account", url_name="metric-values",
)  # fmt: skip
def values(request: KeyedRequest, asked: Query[Asked]) -> dict[str, Any]:
    """As the newest night computed them. Amounts are left out where the key's person sees none."""
    key = request.auth
    account = account_reached(key, asked.account, _("the figures of an account"))
    newest = queries.newest(account)
    sees_money = key.staff is None or key.staff.sees_money
    told = newest.values if newest else {}
    shown = {
        metric.key: told.get(metric.key)
        for metric in registry.metrics().values()
        if (sees_money or metric.kind != "money") and asked.metric in ("", metric.key)
    }
    return {
        "account": account.external_id,
        "day": newest.day if newest else None,
        "currency": newest.currency if newest else "",
        "values": shown,
    }
