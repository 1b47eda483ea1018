"""The fields that conditions ask for, of some accounts, from records alone: their own fields and the newest figures as rows.

What ``standing`` is for all accounts in the lake, this is for the few that a page or a run of a playbook looks at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.conditions import Field, Fields
from evergreen.customers.models import Account
from evergreen.metrics import registry
from evergreen.metrics.models import Newest
from evergreen.metrics.segments import fields as catalogue

_CHUNK = 2_000


def newest_values(
    accounts: Collection[int], asked: Collection[str], fields: Fields
) -> dict[int, dict[str, Any]]:
    """Of each account that is there: the value of every field asked for, as ``conditions.holds`` takes them.

    Two queries for each 2,000 accounts, one where only accounts' own fields are asked for. Figures are those of the newest
    snapshot; money stands in whole units of the vendor's currency and is missing where there is no rate.
    """
    metric_of = catalogue.metric_of()
    figured = {key: metric_of[key] for key in asked if key in metric_of}
    own = {key: catalogue.COLUMNS[key] for key in asked if key in catalogue.COLUMNS}
    custom = [fields[key] for key in asked if key.startswith(catalogue.CUSTOM) and key in fields]
    found: dict[int, dict[str, Any]] = {}
    keys = sorted(accounts)
    for at in range(0, len(keys), _CHUNK):
        chunk = keys[at : at + _CHUNK]
        columns = [*own.values(), *(["custom"] if custom else [])]
        for pk, *values in Account.objects.filter(pk__in=chunk).order_by().values_list("pk", *columns):
            told = dict(zip(own, values, strict=False))
            if custom:
                told |= _custom(values[-1] or {}, custom)
            found[pk] = told
        if figured:
            _add_figures(found, chunk, figured)
    return found


def _custom(kept: Mapping[str, Any], asked: Collection[Field]) -> dict[str, Any]:
    return {
        one.key: catalogue.custom_value(kept.get(one.key.removeprefix(catalogue.CUSTOM)), one.kind)
        for one in asked
    }


def _add_figures(found: dict[int, dict[str, Any]], chunk: list[int], figured: Mapping[str, str]) -> None:
    kinds = {key: registry.metric(metric).kind for key, metric in figured.items()}
    rates: dict[dt.date, dict[str, Decimal]] = {}
    rows = Newest.objects.filter(pk__in=chunk).values_list("pk", "day", "currency", "values")
    for pk, day, currency, values in rows:
        if pk not in found:
            continue
        if day not in rates:
            rates[day] = base.rates(day)
        for key, metric in figured.items():
            found[pk][key] = _figure(values.get(metric), kinds[key], currency, rates[day])


def _figure(value: Any, kind: str, currency: str, rates: Mapping[str, Decimal]) -> Any:
    if value is None:
        return None
    if kind == "date":
        return dt.date.fromisoformat(value) if isinstance(value, str) else value
    if kind == "money":
        if currency not in rates:
            return None
        return Decimal(str(value)) * rates[currency] / Decimal(10) ** money.exponent(currency)
    return value
