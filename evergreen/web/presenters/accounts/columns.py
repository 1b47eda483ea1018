"""Columns of the accounts table: how a cell looks, and what an export writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evergreen.base import money
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.web import formats
from evergreen.web.templatetags import evergreen as parts

DAYS_SILENT = 60


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom and when cells are drawn."""

    user: User
    today: dt.date
    currency: str


Cell = Callable[[Account, Reader], "SafeString | str"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``sort`` is its key in ``customers.listing.SORTS``; ``export`` gives text, number or date."""

    key: str
    label: str | Promise
    cell: Cell
    export: Callable[[Account, Reader], Any]
    sort: str = ""
    is_number: bool = False
    is_shown: bool = False
    is_money: bool = False


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


def shown(keys: Sequence[str], user: User) -> list[Column]:
    """The columns chosen or shown by default, the name first; money only for who sees it."""
    chosen = [COLUMNS[key] for key in dict.fromkeys(keys) if key in COLUMNS and key != "name"]
    if not chosen:
        chosen = [column for column in COLUMNS.values() if column.is_shown and column.key != "name"]
    return [COLUMNS["name"], *(column for column in chosen if user.sees_money or not column.is_money)]
