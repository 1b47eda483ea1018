"""The list of accounts: its filters as they stand in an address, its order, its rows and its sums.

Everything here reads columns of ``Account`` alone. Unfiltered, a page comes from the sorted column's index;
filtered, from one pass over the index ``account_list``, so that the time hardly grows with the book.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.db import connection
from django.db.models import Count, Exists, F, Field, Func, OrderBy, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.expressions import Expression
from django.db.models.functions import NullIf, StrIndex

from evergreen.base import money
from evergreen.base.models import User
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for, sees_every_account

Params = Mapping[str, Sequence[str]]
BANDS = ("green", "yellow", "red", "insufficient_data")
GAPS = ("owner", "end", "live", "decision_maker")
TEXT_LENGTH = 100

# What each sort key reads. Names are ours, never the reader's.
SORTS: dict[str, str] = {
    "name": "name_key",
    "external_id": "external_id",
    "tier": "tier",
    "stage": "stage",
    "health": "score",
    "change": "change_30d",
    "risk": "risk_90d",
    "arr": "arr_base_cents",
    "renewal": "renewal_on",
    "conversation": "last_conversation_on",
    "active": "last_active_on",
    "users": "active_users_28d",
    "alerts": "open_alerts",
    "tickets": "tickets_open",
    "overdue": "overdue_days",
    "owner": "owner__name",
    "team": "team__name",
    "industry": "industry",
    "region": "region",
    "size": "size",
    "touch_model": "touch_model",
    "edition": "edition__key",
    "signed": "signed_on",
    "live": "live_on",
}
_ORDERED: dict[str, Sequence[str]] = {
    "stage": [stage.value for stage in Account.Stage],
    "tier": [tier.value for tier in Account.Tier],
    "touch_model": [model.value for model in Account.TouchModel],
}
DEFAULT_SORT = "-arr"
# Orders with an index of their own, how much of its head is looked at first, and from how many matches on.
INDEXED = frozenset(
    {"name", "external_id", "health", "change", "risk", "arr", "renewal", "conversation", "users"}
)
HEAD = 3_000
MANY = 2_000


class _Unindexed(Func):
    """A column that SQLite must not look up through an index of its own (its planner has no statistics)."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of accounts is narrowed to. Several values of a field mean any of them.

    Ranges are (least, most), both inclusive, None for open. ``renewal`` is in days from today, ``arr`` in
    minor units of the vendor's currency. ``owners`` holds keys as text, ``me`` and ``none``.
    """

    text: str = ""
    owners: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    stages: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    renewal: tuple[int | None, int | None] = (None, None)
    arr: tuple[int | None, int | None] = (None, None)
    score: tuple[int | None, int | None] = (None, None)
    has_alerts: bool | None = None

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Totals:
    """A list in figures: accounts, their ARR in the vendor's currency, accounts by band.

    ``unconverted`` counts by currency the paying accounts left out of the ARR because no exchange rate is known.
    """

    count: int
    arr_cents: int
    bands: dict[str, int]
    unconverted: dict[str, int]


def filters_from(params: Params, currency: str) -> Filters:
    """Filters as an address says them; values that mean nothing are left out."""

    def among(name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        return tuple(value for value in dict.fromkeys(params.get(name, ())) if value in allowed)

    def texts(name: str, most: int) -> tuple[str, ...]:
        return tuple(value[:most] for value in dict.fromkeys(params.get(name, ())) if value.strip())

    owners = [v for v in dict.fromkeys(params.get("owner", ())) if v in {"me", "none"} or _is_key(v)]
    alerts = _last(params, "alerts")
    return Filters(
        text=_last(params, "q").strip()[:TEXT_LENGTH],
        owners=tuple(owners),
        teams=tuple(int(value) for value in dict.fromkeys(params.get("team", ())) if _is_key(value)),
        stages=among("stage", Account.Stage.values),
        tiers=among("tier", [*Account.Tier.values, "none"]),
        bands=among("band", BANDS),
        industries=texts("industry", 80),
        tags=texts("tag", 80),
        gaps=among("gap", GAPS),
        segments=texts("segment", 40),
        renewal=(_whole(params, "renewal_min"), _whole(params, "renewal_max")),
        arr=(_cents(params, "arr_min", currency), _cents(params, "arr_max", currency)),
        score=(_whole(params, "score_min"), _whole(params, "score_max")),
        has_alerts={"yes": True, "no": False}.get(alerts),
    )


def _last(params: Params, name: str) -> str:
    values = params.get(name, ())
    return values[-1] if values else ""


def _is_key(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 19


def _whole(params: Params, name: str) -> int | None:
    text = _last(params, name).strip()
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 9 else None


def _cents(params: Params, name: str, currency: str) -> int | None:
    try:
        amount = Decimal(_last(params, name).strip().replace(",", ""))
    except InvalidOperation:
        return None
    return (
        money.to_minor(amount, currency) if amount.is_finite() and abs(amount) < Decimal(10) ** 13 else None
    )


def selected(user: User, filters: Filters, today: dt.date) -> QuerySet[Account]:
    """The accounts that the user may see and the filters let through, in no order."""
    rows = accounts_for(user).order_by()
    for name, values in (
        ("stage", filters.stages),
        ("tier", tuple("" if value == "none" else value for value in filters.tiers)),
        ("band", filters.bands),
        ("industry", filters.industries),
    ):
        if values:
            rows = _where(rows, name, "in", values)
    for name, (least, most) in (
        ("arr_base_cents", filters.arr),
        ("score", filters.score),
        ("renewal_on", tuple(_day(today, days) for days in filters.renewal)),
    ):
        rows = rows if least is None else _where(rows, name, "gte", least)
        rows = rows if most is None else _where(rows, name, "lte", most)
    if filters.has_alerts is not None:
        rows = _where(rows, "open_alerts", "gt" if filters.has_alerts else "lte", 0)
    if filters.teams:
        rows = rows.filter(team__in=filters.teams)
    if filters.owners:
        rows = rows.filter(_owned(user, filters.owners))
    if filters.segments:
        rows = rows.filter(
            pk__in=SegmentMember.objects.filter(segment__in=filters.segments).values("account")
        )
    for gap in filters.gaps:
        rows = rows.filter(missing(gap))
    for tag in filters.tags:
        rows = rows.filter(_tagged(tag))
    if filters.text:
        rows = rows.filter(Q(name__icontains=filters.text) | Q(external_id__istartswith=filters.text))
    return rows


def missing(gap: str) -> Q:
    """Living accounts whose owner, contract end, live date or decision maker is not known (trials: owner)."""
    living = ~Q(stage=Account.Stage.CHURNED)
    if gap == "owner":
        return living & Q(owner__isnull=True)
    living &= ~Q(stage=Account.Stage.TRIAL)
    if gap == "end":
        return living & Q(renewal_on__isnull=True)
    if gap == "live":
        return living & Q(live_on__isnull=True)
    deciding = Contact.objects.filter(
        account=OuterRef("pk"), role=Contact.ChainRole.DECISION_MAKER, left_on__isnull=True
    )
    return living & ~Q(Exists(deciding))


def _where(rows: QuerySet[Account], name: str, lookup: str, value: Any) -> QuerySet[Account]:
    plain = f"unindexed_{name}"
    if plain not in rows.query.annotations:
        field = cast("Field[Any, Any]", Account._meta.get_field(name))
        rows = rows.alias(**{plain: _Unindexed(F(name), output_field=field)})
    return rows.filter(**{f"{plain}__{lookup}": value})


def _day(today: dt.date, days: int | None) -> dt.date | None:
    return None if days is None else today + dt.timedelta(days=max(-36_500, min(36_500, days)))


def _owned(user: User, owners: Sequence[str]) -> Q:
    found = Q(owner__in=[user.pk if owner == "me" else int(owner) for owner in owners if owner != "none"])
    return found | Q(owner__isnull=True) if "none" in owners else found


def _tagged(tag: str) -> Q:
    if connection.vendor == "postgresql":
        return Q(tags__contains=[tag])
    # SQLite keeps JSON as text: the tag stands in it between quotes, as the field writes it.
    return Q(tags__icontains=json.dumps(tag))


def ordered(rows: QuerySet[Account], sort: str, *, by_index: bool) -> QuerySet[Account]:
    """Rows in the order of a sort key (``-`` first: descending), unknown values last, ties by name then key.

    ``by_index`` lets the database walk the column's own index: right for an unfiltered list only.
    """
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    expression = _expression(key, by_index=by_index)
    order = OrderBy(expression, descending=descending, nulls_last=True)
    return rows.order_by(order, OrderBy(F("pk"), descending=descending))


def _expression(key: str, *, by_index: bool) -> Expression | F:
    name = SORTS[key]
    if name in _ORDERED:
        # Where the word stands in the list of words: one look a row, unlike a CASE of as many branches.
        return StrIndex(Value(" ".join(_ORDERED[name])), NullIf(F(name), Value("")))
    return F(name) if by_index else _Unindexed(F(name))


def sort_from(params: Params) -> str:
    """The sort key of an address, else the default."""
    sort = _last(params, "sort")
    return sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT


def page_keys(
    user: User,
    filters: Filters,
    sort: str,
    today: dt.date,
    offset: int,
    limit: int,
    *,
    matches: int | None = None,
) -> list[int]:
    """Keys of the accounts on one page, in order; reads an index alone.

    ``matches`` is how many accounts the list has, where that is known: of a list that takes in much of the book, the
    first pages are looked for at the head of the sorted column's index before everything is read.
    """
    rows = selected(user, filters, today)
    if not filters and sees_every_account(user):
        return list(ordered(rows, sort, by_index=True).values_list("pk", flat=True)[offset : offset + limit])
    last = offset + limit
    if matches is not None and matches >= MANY and last <= HEAD // 6 and sort.removeprefix("-") in INDEXED:
        head = ordered(Account.objects.order_by(), sort, by_index=True).values("pk")[:HEAD]
        found = ordered(rows.filter(pk__in=head), sort, by_index=False).values_list("pk", flat=True)[:last]
        # What stands first among the head stands first of all; too few of them say nothing.
        if len(keys := list(found)) == last:
            return keys[offset:]
    return list(ordered(rows, sort, by_index=False).values_list("pk", flat=True)[offset:last])


def rows_of(keys: Sequence[int]) -> list[Account]:
    """The accounts with these keys, in this order, with owner, team and edition."""
    found = Account.objects.select_related("owner", "team", "edition").in_bulk(list(keys))
    return [found[key] for key in keys if key in found]


def totals(user: User, filters: Filters, today: dt.date) -> Totals:
    """Count, ARR and bands of a list, in one pass over an index, and what the ARR leaves out."""
    rows = selected(user, filters, today)
    if not filters and sees_every_account(user):
        found = rows.values_list("band").annotate(n=Count("pk"), arr=Sum("arr_base_cents"))
        groups = {band: (n, arr or 0) for band, n, arr in found}
    else:
        figures = rows.aggregate(
            n=Count("pk"),
            arr=Sum("arr_base_cents"),
            **{band: Count("pk", filter=Q(band=band)) for band in BANDS},
        )
        groups = {band: (figures[band], 0) for band in BANDS}
        rest = figures["n"] - sum(n for n, _ in groups.values())
        groups[""] = (rest, figures["arr"] or 0)
    return Totals(
        count=sum(n for n, _ in groups.values()),
        arr_cents=sum(arr for _, arr in groups.values()),
        bands={band: groups.get(band, (0, 0))[0] for band in BANDS},
        unconverted=_unconverted(rows),
    )


def _unconverted(rows: QuerySet[Account]) -> dict[str, int]:
    found = rows.filter(arr_base_cents=None, arr_cents__gt=0).order_by().values_list("arr_currency")
    return dict(found.annotate(n=Count("pk")))
