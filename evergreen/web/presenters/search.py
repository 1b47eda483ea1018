"""What a search finds: accounts, contacts, tickets, tasks and notes that the person may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.listing import Filters, page_keys, rows_of
from evergreen.customers.models import Contact, Note
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.desk.models import Ticket
from evergreen.web import formats
from evergreen.work.models import Task

LEAST = 1
MOST_LETTERS = 100


@dataclass(frozen=True, slots=True)
class Hit:
    url: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Section:
    label: str
    hits: list[Hit]


def found(user: User, text: str, limit: int) -> list[Section]:
    """At most ``limit`` hits of each kind, kinds without hits left out. Empty for an empty text."""
    words = text.strip()[:MOST_LETTERS]
    if len(words) < LEAST:
        return []
    mine = Q() if sees_every_account(user) else Q(account__in=accounts_for(user))
    sections = [
        Section(_("Accounts"), _accounts(user, words, limit)),
        Section(_("Contacts"), _contacts(mine, words, limit)),
        Section(_("Tickets"), _tickets(mine, words, limit)),
        Section(_("Tasks"), _tasks(user, mine, words, limit)),
        Section(_("Notes"), _notes(mine, words, limit)),
    ]
    return [section for section in sections if section.hits]


def _accounts(user: User, words: str, limit: int) -> list[Hit]:
    keys = page_keys(user, Filters(text=words), "name", formats.today(), 0, limit)
    rows = rows_of(keys)
    return [
        Hit(reverse("account", args=[row.pk]), row.name, str(row.owner) if row.owner else _("no owner"))
        for row in rows
    ]


def _contacts(mine: Q, words: str, limit: int) -> list[Hit]:
    asked = Q(name__icontains=words) | Q(email__icontains=words) | Q(phone__icontains=words)
    rows = Contact.objects.filter(asked & mine).select_related("account").order_by("name")[:limit]
    return [
        Hit(
            reverse("account", args=[row.account_id]) + "?tab=people",
            row.name,
            f"{row.title} · {row.account}",
        )
        for row in rows
    ]


def _tickets(mine: Q, words: str, limit: int) -> list[Hit]:
    asked = Q(subject__icontains=words) | Q(external_id__istartswith=words)
    rows = Ticket.objects.filter(asked & mine).select_related("account").order_by("-opened_at")[:limit]
    return [
        Hit(
            reverse("account", args=[row.account_id]) + "?tab=tickets",
            f"#{row.external_id} {row.subject}",
            str(row.account),
        )
        for row in rows
    ]


def _tasks(user: User, mine: Q, words: str, limit: int) -> list[Hit]:
    # Titles made by rules are {zh, en}, those of people {text}.
    asked = Q(title__zh__icontains=words) | Q(title__en__icontains=words) | Q(title__text__icontains=words)
    own = Q(assignee=user) | Q(account__isnull=True, created_by=user)
    seen = own | (Q(account__isnull=False) if sees_every_account(user) else mine)
    rows = Task.objects.filter(asked & seen).select_related("account").order_by("-created_at")[:limit]
    return [
        Hit(
            reverse("account", args=[row.account_id]) if row.account_id else "/tasks/",
            formats.named(row.title),
            " · ".join(filter(None, [str(row.account or ""), row.get_state_display()])),
        )
        for row in rows
    ]


def _notes(mine: Q, words: str, limit: int) -> list[Hit]:
    rows = (
        Note.objects.filter(mine, body__icontains=words)
        .select_related("account", "by")
        .order_by("-at")[:limit]
    )
    return [
        Hit(
            reverse("account", args=[row.account_id]) + f"?tab=timeline&kind=note#note-{row.pk}",
            Truncator(row.body.replace("\n", " ")).chars(60),
            f"{row.account} · {formats.day(row.at)}",
        )
        for row in rows
    ]
