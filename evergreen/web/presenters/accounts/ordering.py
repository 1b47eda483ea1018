"""The order of the list of accounts: by a column of its own, or by the newest figure of a metric."""

from __future__ import annotations

import datetime as dt

from django.db.models import F, FloatField, OrderBy, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, NullIf

from evergreen.base.models import User
from evergreen.customers import listing
from evergreen.customers.models import Account
from evergreen.metrics import registry
from evergreen.metrics.rules import Metric
from evergreen.web.presenters.accounts import columns


def sort_from(params: listing.Params, user: User) -> str:
    """The sort key of an address, else the default. Who sees no money cannot sort by it."""
    wanted = (params.get("sort") or [""])[-1]
    if _metric(wanted) is not None:
        return wanted
    sort = listing.sort_from(params)
    return "name" if sort.removeprefix("-") == "arr" and not user.sees_money else sort


def page_keys(
    user: User, filters: listing.Filters, sort: str, today: dt.date, offset: int, limit: int, *, matches: int
) -> list[int]:
    """Keys of the accounts on one page, in order; ``matches`` is how many accounts the list has."""
    if _metric(sort) is None:
        return listing.page_keys(user, filters, sort, today, offset, limit, matches=matches)
    return list(_ordered(user, filters, sort, today).values_list("pk", flat=True)[offset : offset + limit])


def all_keys(user: User, filters: listing.Filters, sort: str, today: dt.date) -> list[int]:
    """Keys of every account of a list, in its order."""
    return list(_ordered(user, filters, sort, today).values_list("pk", flat=True))


def _ordered(user: User, filters: listing.Filters, sort: str, today: dt.date) -> QuerySet[Account]:
    rows = listing.selected(user, filters, today)
    metric, descending = _metric(sort), sort.startswith("-")
    if metric is None:
        return listing.ordered(rows, sort, by_index=False)
    # Of the row that the cells show, where a date is text that sorts as dates do. SQLite tells a null of JSON as the word.
    figure = NullIf(KeyTextTransform(metric.key, "newest__values"), Value("null"))
    known = figure if metric.kind == "date" else Cast(figure, FloatField())
    order = OrderBy(known, descending=descending, nulls_last=True)
    return rows.order_by(order, OrderBy(F("pk"), descending=descending))


def _metric(sort: str) -> Metric | None:
    """What a sort key of a metric's column reads. Amounts of unlike currencies have no order."""
    metric = registry.metrics().get(columns.metric_of(sort.removeprefix("-")))
    return None if metric is None or metric.kind == "money" else metric
