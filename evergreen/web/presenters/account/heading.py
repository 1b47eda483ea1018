"""The heading of an account: who they are in one line, their state in pills, the tabs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evergreen.base.models import User
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.events.connections import presence
from evergreen.events.connections.models import SourceRow
from evergreen.web import formats

TABS = {
    "overview": gettext_lazy("Overview"),
    "usage": gettext_lazy("Use"),
    "kpis": gettext_lazy("KPIs"),
    "ahead": gettext_lazy("Twelve months ahead"),
    "people": gettext_lazy("People"),
    "contracts": gettext_lazy("Contracts and payments"),
    "tickets": gettext_lazy("Tickets"),
    "timeline": gettext_lazy("Timeline"),
}
_STAGE_TONES = {Account.Stage.CHURNED: "bad", Account.Stage.RENEWAL: "warn"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A pill: words, tone, with a dot or not, and where it leads."""

    text: str
    tone: str = ""
    dot: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    line: str
    marks: list[Mark]
    tabs: list[tuple[str, str, bool]]


def heading(account: Account, tab: str, today: dt.date) -> Heading:
    return Heading(_line(account, today), _marks(account, today), _tabs(account, tab))


def tab_of(text: str | None) -> str:
    return text if text in TABS else "overview"


def _line(account: Account, today: dt.date) -> str:
    size = ""
    if account.size:
        words = ngettext("%(n)s employee", "%(n)s employees", account.size)
        size = words % {"n": formats.number(account.size)}
    since = account.signed_on
    age = _("customer for %(time)s") % {"time": formats.tenure(since, today)} if since else ""
    owner = _("owner %(name)s") % {"name": account.owner} if account.owner else _("no owner")
    team = _("team %(name)s") % {"name": account.team} if account.team else ""
    parent = _("part of %(name)s") % {"name": account.parent} if account.parent else ""
    facts = [account.industry, size, account.region, age, owner, team, parent]
    return " · ".join(filter(None, facts))


def _marks(account: Account, today: dt.date) -> list[Mark]:
    marks = []
    if account.tier:
        marks.append(Mark(str(account.get_tier_display())))
    if account.touch_model:
        marks.append(Mark(str(account.get_touch_model_display())))
    marks.append(
        Mark(str(account.get_stage_display()), _STAGE_TONES.get(Account.Stage(account.stage), "info"))
    )
    if account.open_alerts:
        words = ngettext("%(n)s alert", "%(n)s alerts", account.open_alerts)
        marks.append(Mark(words % {"n": account.open_alerts}, "bad", True, "#attention"))
    if account.renewal_on:
        days = (account.renewal_on - today).days
        tone = "bad" if days < 30 else "warn" if days <= 90 else ""
        marks.append(Mark(_renewal(days), tone))
    for row in gone_of(account)[:3]:
        said = _("gone from %(name)s since %(day)s")
        marks.append(
            Mark(said % {"name": row.connection.name, "day": formats.day(row.gone_at)}, "warn", True)
        )
    marks += [Mark(tag) for tag in account.tags[:8]]
    return marks


def gone_of(account: Account) -> list[SourceRow]:
    """Sources that no longer have this account, or one that was merged into it."""
    names = Account.everything.filter(merged_into=account).values_list("external_id", flat=True)
    return presence.gone_from("accounts", [account.external_id, *names])


def _renewal(days: int) -> str:
    if days < 0:
        return ngettext("ended %(n)s day ago", "ended %(n)s days ago", -days) % {"n": -days}
    if not days:
        return _("ends today")
    return ngettext("ends in %(n)s day", "ends in %(n)s days", days) % {"n": days}


def _tabs(account: Account, tab: str) -> list[tuple[str, str, bool]]:
    base = reverse("account", args=[account.pk])
    return [
        (base if key == "overview" else f"{base}?tab={key}", str(label), key == tab)
        for key, label in TABS.items()
    ]


def may_edit(user: User) -> bool:
    """Partners read; everybody else writes on the accounts that they see."""
    return user.role != Role.PARTNER
