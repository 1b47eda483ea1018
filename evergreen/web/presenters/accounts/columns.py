"""Columns of the accounts table: how a cell looks, and what an export writes. Every metric may be a column too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evergreen.base import money
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.metrics import registry, words
from evergreen.metrics.models import Newest
from evergreen.metrics.rules import Metric
from evergreen.web import formats
from evergreen.web.templatetags import evergreen as parts

DAYS_SILENT = 60
_METRIC = "metric."


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom and when cells are drawn; ``asked`` are the keys of the columns that the address names."""

    user: User
    today: dt.date
    currency: str
    asked: tuple[str, ...] = ()


Cell = Callable[[Account, Reader], "SafeString | str"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``sort`` is its key in ``customers.listing.SORTS`` or its own (``ordering``); ``export`` gives text, number or date.

    Amounts are in the vendor's currency; in the account's own where the column is one of a ``metric``.
    """

    key: str
    label: str | Promise
    cell: Cell
    export: Callable[[Account, Reader], Any]
    sort: str = ""
    is_number: bool = False
    is_shown: bool = False
    is_money: bool = False
    metric: str = ""


def _name(account: Account, reader: Reader) -> SafeString:
    return format_html(
        '<a class="name" href="{}">{}</a>', reverse("account", args=[account.pk]), account.name
    )


def editable(account: Account, field: str, shown: SafeString | str) -> SafeString:
    """A value that becomes a choice when it is pressed."""
    return format_html(
        '<button type="button" class="inline-edit" hx-get="{}" hx-target="closest td" title="{}">{}</button>',
        reverse("account-field", args=[account.pk, field]),
        gettext("Change"),
        shown,
    )


def owner_cell(account: Account, reader: Reader) -> SafeString:
    shown = (
        format_html("{}", account.owner)
        if account.owner
        else format_html('<span class="muted">{}</span>', gettext("nobody"))
    )
    return editable(account, "owner", shown) if may_reassign(reader.user, account) else shown


def may_reassign(user: User, account: Account) -> bool:
    """Those who assign may always; an owner may hand over what is theirs, anyone take what is nobody's."""
    return user.may_assign or account.owner_id in {None, user.pk}


def stage_cell(account: Account, reader: Reader) -> SafeString:
    return editable(account, "stage", account.get_stage_display())


def tier_cell(account: Account, reader: Reader) -> SafeString:
    shown = parts.pill(account.get_tier_display()) if account.tier else SafeString(formats.DASH)
    return editable(account, "tier", shown)


def _health(account: Account, reader: Reader) -> SafeString:
    if not account.band:
        return format_html('<span class="muted">{}</span>', gettext("not yet"))
    change = parts.delta(account.change_30d)
    return format_html("{} <small>{}</small>", parts.band(account.score, account.band), change)


def _arr(account: Account, reader: Reader) -> str:
    return formats.money_short(*formats.arr_of(account, reader.currency))


def _arr_value(account: Account, reader: Reader) -> Decimal | None:
    cents = account.arr_base_cents
    return None if cents is None else money.to_major(cents, reader.currency)


def _renewal(account: Account, reader: Reader) -> SafeString | str:
    if account.renewal_on is None:
        return formats.DASH
    days = (account.renewal_on - reader.today).days
    shown = formats.days(days) if days >= 0 else formats.days_until(account.renewal_on, reader.today)
    return format_html('<span title="{}">{}</span>', account.renewal_on.isoformat(), shown)


def _ago(day: dt.date | None, reader: Reader, silent: int = 0) -> SafeString | str:
    if day is None:
        return formats.DASH
    days = (reader.today - day).days
    tone = "bad-ink" if silent and days >= silent else ""
    return format_html('<span class="{}" title="{}">{}</span>', tone, day.isoformat(), formats.days(days))


def _alerts(account: Account, reader: Reader) -> SafeString | str:
    return parts.pill(account.open_alerts, "bad", True) if account.open_alerts else formats.DASH


def _tags(account: Account, reader: Reader) -> SafeString:
    return format_html_join(" ", '<span class="pill">{}</span>', ((tag,) for tag in account.tags[:6]))


def _overdue(account: Account, reader: Reader) -> SafeString | str:
    if not account.overdue_days:
        return formats.DASH
    return format_html('<span class="bad-ink">{}</span>', formats.days(account.overdue_days))


def _edition(account: Account) -> str:
    return formats.named(account.edition.name) if account.edition else ""


COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("name", _("Account"), _name, lambda a, r: a.name, "name", is_shown=True),
        Column(
            "tier",
            _("Tier"),
            tier_cell,
            lambda a, r: a.get_tier_display() if a.tier else "",
            "tier",
            is_shown=True,
        ),
        Column("stage", _("Stage"), stage_cell, lambda a, r: a.get_stage_display(), "stage", is_shown=True),
        Column("health", _("Health · 30 days"), _health, lambda a, r: a.score, "health", is_shown=True),
        Column(
            "band",
            _("Band"),
            lambda a, r: formats.band_word(a.band) if a.band else "",
            lambda a, r: formats.band_word(a.band) if a.band else "",
        ),
        Column(
            "change",
            _("Change in 30 days"),
            lambda a, r: parts.delta(a.change_30d, 1),
            lambda a, r: a.change_30d,
            "change",
            is_number=True,
        ),
        Column(
            "risk",
            _("Risk of being lost, 90 days"),
            lambda a, r: formats.percent(a.risk_90d, 1),
            lambda a, r: a.risk_90d,
            "risk",
            is_number=True,
        ),
        Column("arr", _("ARR"), _arr, _arr_value, "arr", is_number=True, is_shown=True, is_money=True),
        Column("renewal", _("Renewal in"), _renewal, lambda a, r: a.renewal_on, "renewal", True, True),
        Column(
            "conversation",
            _("Last conversation"),
            lambda a, r: _ago(a.last_conversation_on, r, DAYS_SILENT),
            lambda a, r: a.last_conversation_on,
            "conversation",
            is_number=True,
            is_shown=True,
        ),
        Column("alerts", _("Alerts"), _alerts, lambda a, r: a.open_alerts, "alerts", True, True),
        Column("owner", _("Owner"), owner_cell, lambda a, r: str(a.owner or ""), "owner", is_shown=True),
        Column(
            "external_id",
            _("External id"),
            lambda a, r: a.external_id,
            lambda a, r: a.external_id,
            "external_id",
        ),
        Column("team", _("Team"), lambda a, r: str(a.team or ""), lambda a, r: str(a.team or ""), "team"),
        Column("industry", _("Industry"), lambda a, r: a.industry, lambda a, r: a.industry, "industry"),
        Column("region", _("Region"), lambda a, r: a.region, lambda a, r: a.region, "region"),
        Column(
            "size", _("Employees"), lambda a, r: formats.number(a.size), lambda a, r: a.size, "size", True
        ),
        Column(
            "touch_model",
            _("Touch model"),
            lambda a, r: a.get_touch_model_display(),
            lambda a, r: a.get_touch_model_display() if a.touch_model else "",
            "touch_model",
        ),
        Column("edition", _("Edition"), lambda a, r: _edition(a), lambda a, r: _edition(a), "edition"),
        Column(
            "users",
            _("Active users 28 d"),
            lambda a, r: formats.number(a.active_users_28d),
            lambda a, r: a.active_users_28d,
            "users",
            True,
        ),
        Column(
            "active",
            _("Last used"),
            lambda a, r: _ago(a.last_active_on, r),
            lambda a, r: a.last_active_on,
            "active",
            True,
        ),
        Column(
            "tickets",
            _("Open tickets"),
            lambda a, r: formats.number(a.tickets_open),
            lambda a, r: a.tickets_open,
            "tickets",
            True,
        ),
        Column("overdue", _("Overdue for"), _overdue, lambda a, r: a.overdue_days, "overdue", True),
        Column("tags", _("Tags"), _tags, lambda a, r: ", ".join(a.tags)),
        Column(
            "signed",
            _("Signed"),
            lambda a, r: formats.day(a.signed_on),
            lambda a, r: a.signed_on,
            "signed",
            True,
        ),
        Column("live", _("Live"), lambda a, r: formats.day(a.live_on), lambda a, r: a.live_on, "live", True),
    )
}


def asked(query: QueryDict) -> tuple[str, ...]:
    """The keys of the columns that an address names."""
    return tuple(key for text in query.getlist("cols") for key in text.split(","))


def shown(keys: Sequence[str], user: User) -> list[Column]:
    """The columns chosen or shown by default, the name first; money only for who sees it."""
    known = COLUMNS | of_metrics() if any(key.startswith(_METRIC) for key in keys) else COLUMNS
    chosen = [known[key] for key in dict.fromkeys(keys) if key in known and key != "name"]
    if not chosen:
        chosen = [column for column in COLUMNS.values() if column.is_shown and column.key != "name"]
    return [COLUMNS["name"], *visible(chosen, user)]


def visible(columns: Iterable[Column], user: User) -> list[Column]:
    return [column for column in columns if user.sees_money or not column.is_money]


def of_metrics() -> dict[str, Column]:
    """A column a metric in use, by key."""
    columns = map(_of_metric, registry.metrics().values())
    return {column.key: column for column in columns}


def metric_key(metric: str) -> str:
    """The key of a metric's column."""
    return f"{_METRIC}{metric}"


def metric_of(column: str) -> str:
    """The key of the metric that a column of this key shows; empty where it shows none."""
    return column.removeprefix(_METRIC) if column.startswith(_METRIC) else ""


def with_figures(accounts: list[Account], columns: Sequence[Column]) -> list[Account]:
    """The accounts with their newest figures where a column shows one: one query more."""
    if any(column.metric for column in columns):
        prefetch_related_objects(accounts, "newest")
    return accounts


def _of_metric(metric: Metric) -> Column:
    def cell(account: Account, reader: Reader) -> str:
        newest = _newest(account)
        value = newest.values.get(metric.key) if newest else None
        if newest is None or value is None:
            return formats.DASH
        return words.value_text(metric.key, value, formats.language(), newest.currency)

    def export(account: Account, reader: Reader) -> Any:
        newest = _newest(account)
        value = newest.values.get(metric.key) if newest else None
        if newest is None or value is None:
            return None
        if metric.kind == "money":
            return money.to_major(value, newest.currency)
        return dt.date.fromisoformat(value) if metric.kind == "date" else value

    key, is_money = metric_key(metric.key), metric.kind == "money"
    return Column(
        key, formats.named(dict(metric.name)), cell, export, sort="" if is_money else key, is_number=True,
        is_money=is_money, metric=metric.key,
    )  # fmt: skip


def _newest(account: Account) -> Newest | None:
    """None before the first night; read beforehand by ``with_figures``."""
    found: Newest | None = getattr(account, "newest", None)
    return found
