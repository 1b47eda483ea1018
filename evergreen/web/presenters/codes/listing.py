"""The list of contact codes as an address asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.models import User
from evergreen.touches.codes.looking import Line, codes_for, lines_of
from evergreen.touches.models import ContactCode, Tie
from evergreen.web.presenters.account.heading import may_edit

OVER, UNKNOWN, FAULTS = "over", "unknown", "faults"
MOST = 5_000


def state_of(code: ContactCode) -> tuple[str, str]:
    """(in words, tone) of how a code stands."""
    if code.ended_at is not None:
        return pgettext("contact code", "over"), "none"
    if code.fault:
        return pgettext("contact code", "does not work"), "bad"
    if not code.config_id:
        return pgettext("contact code", "being made"), "info"
    return pgettext("contact code", "in use"), "good"


class CodeList:
    """What the page of contact codes shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any]) -> None:
        self.user, self.vendor = user, vendor
        self.text = query.get("q", "").strip()[:100]
        self.state = query.get("state", "") if query.get("state") in {OVER, UNKNOWN, FAULTS} else ""
        self.mine = query.get("mine") == "yes"
        self.number = query.get("page", "1")

    @cached_property
    def _unknown(self) -> QuerySet[Tie, Any]:
        return Tie.objects.filter(contact=None, is_aside=False).exclude(state="").values("state")

    def _of(self, state: str) -> QuerySet[ContactCode]:
        rows = codes_for(self.user).filter(ended_at__isnull=state != OVER)
        if state == UNKNOWN:
            rows = rows.filter(key__in=self._unknown)
        return rows.exclude(fault="") if state == FAULTS else rows

    @cached_property
    def rows(self) -> QuerySet[ContactCode]:
        rows = self._of(self.state)
        if self.text:
            rows = rows.filter(
                Q(name__icontains=self.text) | Q(account__name__icontains=self.text) | Q(contact__name__icontains=self.text)
            )  # fmt: skip
        if self.mine:
            led = ContactCode.objects.filter(staff=self.user).values("pk")
            rows = rows.filter(Q(account__owner=self.user, follows_owner=True) | Q(pk__in=led))
        return rows.order_by("-made_at", "-pk")

    @cached_property
    def page(self) -> Any:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @property
    def shown(self) -> list[tuple[Line, str, str]]:
        return [(one, *state_of(one.code)) for one in lines_of(list(self.page.object_list))]

    @property
    def states(self) -> list[tuple[str, str, int]]:
        words = {
            "": pgettext("contact codes", "In use"), UNKNOWN: _("Somebody to name"), FAULTS: _("That do not work"),
            OVER: pgettext("contact codes", "Over"),
        }  # fmt: skip
        return [(key, label, self._of(key).count()) for key, label in words.items()]

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.state or self.mine)

    @property
    def all_lines(self) -> list[Line]:
        return lines_of(list(self.rows[:MOST]))


def file_rows(lines: Sequence[Line]) -> Iterator[list[object]]:
    """Codes as the rows of a file, headings first."""
    yield [
        _("Name"), _("Account"), _("Contact"), _("Leads to"), _("Came by it"), _("Unknown people"), _("Last came"), _("Made"), _("State"), _("Fault"),
    ]  # fmt: skip
    for one in lines:
        code = one.code
        yield [
            code.name, code.account.name if code.account else "", code.contact.name if code.contact else "",
            "; ".join(map(str, one.members)), one.came, one.unknown, one.last_at, code.made_at, state_of(code)[0], code.fault,
        ]  # fmt: skip
