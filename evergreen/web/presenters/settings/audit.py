"""The audit log as an address asks for it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from evergreen.base import clock
from evergreen.base.models import AuditEntry, User

ROWS = 100
# Words for what audit verbs are made of; what has none shows as it is kept.
NOUNS: dict[str, str | Promise] = {
    "account": pgettext_lazy("noun", "account"),
    "accounts": pgettext_lazy("noun", "accounts"),
    "acquisition_cost": pgettext_lazy("noun", "cost of winning accounts"),
    "lever_cost": pgettext_lazy("noun", "cost of a lever"),
    "alert": pgettext_lazy("noun", "alert"),
    "apikey": pgettext_lazy("noun", "API key"),
    "attachment": pgettext_lazy("noun", "attachment"),
    "calendar": pgettext_lazy("noun", "working calendar"),
    "calendarday": pgettext_lazy("noun", "working calendar"),
    "contact": pgettext_lazy("noun", "contact"),
    "contract": pgettext_lazy("noun", "contract"),
    "conversation": pgettext_lazy("noun", "conversation"),
    "edition": pgettext_lazy("noun", "edition"),
    "export": pgettext_lazy("noun", "export"),
    "feature": pgettext_lazy("noun", "feature"),
    "file": pgettext_lazy("noun", "file"),
    "invoice": pgettext_lazy("noun", "receivable"),
    "job": pgettext_lazy("noun", "job"),
    "key": pgettext_lazy("noun", "write key"),
    "kpi": pgettext_lazy("noun", "KPI"),
    "kpitarget": pgettext_lazy("noun", "KPI target"),
    "kpivalue": pgettext_lazy("noun", "KPI value"),
    "line": pgettext_lazy("noun", "contract line"),
    "merger": pgettext_lazy("noun", "merge"),
    "note": pgettext_lazy("noun", "note"),
    "portfolio": pgettext_lazy("noun", "portfolio"),
    "product": pgettext_lazy("noun", "product"),
    "rate": pgettext_lazy("noun", "exchange rate"),
    "receivable": pgettext_lazy("noun", "receivable"),
    "rule": pgettext_lazy("noun", "alert rule"),
    "scorecard": pgettext_lazy("noun", "scorecard"),
    "setting": pgettext_lazy("noun", "setting"),
    "source": pgettext_lazy("noun", "source"),
    "staff": pgettext_lazy("noun", "member of staff"),
    "task": pgettext_lazy("noun", "task"),
    "tasks": pgettext_lazy("noun", "tasks"),
    "team": pgettext_lazy("noun", "team"),
    "ticket": pgettext_lazy("noun", "ticket"),
    "upload": pgettext_lazy("noun", "file"),
    "unmatched": pgettext_lazy("noun", "unmatched names"),
    "user": pgettext_lazy("noun", "member of staff"),
    "waiting": pgettext_lazy("noun", "unmatched name"),
    "work_order": pgettext_lazy("noun", "work order"),
    "workorder": pgettext_lazy("noun", "work order"),
}
DEEDS: dict[str, str | Promise] = {
    "added": pgettext_lazy("deed", "added"),
    "assigned": pgettext_lazy("deed", "given to somebody"),
    "cancelled": pgettext_lazy("deed", "cancelled"),
    "changed": pgettext_lazy("deed", "changed"),
    "cause_set": pgettext_lazy("deed", "cause said"),
    "closed": pgettext_lazy("deed", "closed"),
    "created": pgettext_lazy("deed", "created"),
    "deactivated": pgettext_lazy("deed", "access closed"),
    "deleted": pgettext_lazy("deed", "deleted"),
    "dropped": pgettext_lazy("deed", "dropped"),
    "edited": pgettext_lazy("deed", "changed"),
    "ended": pgettext_lazy("deed", "ended"),
    "escalated": pgettext_lazy("deed", "told to a manager"),
    "exported": pgettext_lazy("deed", "exported"),
    "finished": pgettext_lazy("deed", "finished"),
    "forgotten": pgettext_lazy("deed", "taken out"),
    "id_added": pgettext_lazy("deed", "id added"),
    "id_removed": pgettext_lazy("deed", "id taken away"),
    "ignored": pgettext_lazy("deed", "ignored"),
    "loaded": pgettext_lazy("deed", "loaded"),
    "made": pgettext_lazy("deed", "made"),
    "noticed": pgettext_lazy("deed", "brought back"),
    "opened": pgettext_lazy("deed", "opened"),
    "owner_assigned": pgettext_lazy("deed", "given to an owner"),
    "paid": pgettext_lazy("deed", "paid"),
    "password_set": pgettext_lazy("deed", "password set"),
    "pinned": pgettext_lazy("deed", "pinned"),
    "published": pgettext_lazy("deed", "published"),
    "reactivated": pgettext_lazy("deed", "access opened again"),
    "recorded": pgettext_lazy("deed", "written down"),
    "removed": pgettext_lazy("deed", "removed"),
    "renamed": pgettext_lazy("deed", "renamed"),
    "reopened": pgettext_lazy("deed", "opened again"),
    "responded": pgettext_lazy("deed", "answered"),
    "revoked": pgettext_lazy("deed", "taken back"),
    "set": pgettext_lazy("deed", "set"),
    "snoozed": pgettext_lazy("deed", "put off"),
    "started": pgettext_lazy("deed", "started"),
    "taken": pgettext_lazy("deed", "taken up"),
    "tags_set": pgettext_lazy("deed", "tags set"),
    "teams_set": pgettext_lazy("deed", "teams set"),
    "line_ended": pgettext_lazy("deed", "line ended"),
    "holds_all_features": pgettext_lazy("deed", "holds all features"),
    "unpinned": pgettext_lazy("deed", "unpinned"),
    "updated": pgettext_lazy("deed", "changed"),
    "uploaded": pgettext_lazy("deed", "brought in"),
}
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Line:
    entry: AuditEntry
    objects: str
    before: str
    after: str

    @property
    def words(self) -> str:
        return verb_words(self.entry.verb)


class Audit:
    """Entries of the address, newest first: by whom, what, on which kind of thing, from which day to which."""

    def __init__(self, query: QueryDict, zone: str) -> None:
        self.by, self.verb, self.kind = (query.get(name, "") for name in ("by", "verb", "kind"))
        self.since, self.until = _day(query.get("from", "")), _day(query.get("to", ""))
        self.number = query.get("page", "1")
        self.zone = clock.zone(zone)

    @cached_property
    def rows(self) -> QuerySet[AuditEntry]:
        rows = AuditEntry.objects.select_related("by").order_by("-at", "-pk")
        if self.by == "nobody":
            rows = rows.filter(by__isnull=True)
        elif self.by.isdecimal() and len(self.by) < 19:
            rows = rows.filter(by=int(self.by))
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.verb:
            rows = rows.filter(verb=self.verb)
        if self.since:
            rows = rows.filter(at__gte=clock.day_start(self.since, self.zone))
        if self.until:
            rows = rows.filter(at__lt=clock.day_end(self.until, self.zone))
        return rows

    @cached_property
    def page(self) -> Page[AuditEntry]:
        return Paginator(self.rows, ROWS).get_page(self.number)

    @cached_property
    def lines(self) -> list[Line]:
        return [
            Line(entry, _objects(entry), _words(entry.before), _words(entry.after))
            for entry in self.page.object_list
        ]

    @cached_property
    def kinds(self) -> list[tuple[str, str]]:
        kinds = AuditEntry.objects.order_by("kind").values_list("kind", flat=True).distinct()
        return [(kind, str(NOUNS.get(kind, kind))) for kind in kinds]

    @cached_property
    def verbs(self) -> list[tuple[str, str]]:
        rows = AuditEntry.objects.filter(kind=self.kind) if self.kind else AuditEntry.objects.all()
        verbs = rows.order_by("verb").values_list("verb", flat=True).distinct()
        return [(verb, verb_words(verb)) for verb in verbs]

    @cached_property
    def staff(self) -> list[User]:
        return list(User.objects.all())


def verb_words(verb: str) -> str:
    """What was done, in words: “account.owner_assigned” is “account: owner assigned”."""
    noun, _dot, rest = verb.partition(".")
    done, _dot, undone = rest.partition(".")
    words = str(DEEDS.get(done, done.replace("_", " ")))
    if undone:
        words += _(" (undone)")
    return _("%(noun)s: %(deed)s") % {"noun": NOUNS.get(noun, noun), "deed": words}


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _objects(entry: AuditEntry) -> str:
    shown = ", ".join(str(key) for key in entry.object_ids[:3])
    rest = entry.objects_count - 3
    return f"{shown} +{rest}" if rest > 0 else shown


def _words(value: Any) -> str:
    """A JSON value to read, clipped; nothing for nothing."""
    if not value:
        return ""
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
