"""The queue of what waits for an account: narrowed by the address, with suggestions for the rows shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.events.models import Source
from evergreen.events.unmatched import suggesting
from evergreen.events.unmatched.queries import Kind, Queue, Waiting, waiting, with_mails
from evergreen.events.unmatched.suggesting import Suggestion

ROWS = 50
# A file holds suggestions for so many rows; comparing names for thousands would take minutes.
SUGGESTED_ROWS = 500
WAITS, IGNORED = "waiting", "ignored"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the queue with the accounts that it may belong to."""

    row: Waiting
    suggestions: list[Suggestion]

    @property
    def is_key(self) -> bool:
        return self.row.ref.kind == Kind.ACCOUNT_KEY

    @property
    def first(self) -> Suggestion | None:
        return self.suggestions[0] if self.suggestions else None

    @property
    def reasons(self) -> list[tuple[Suggestion, str]]:
        return [(one, reason(one)) for one in self.suggestions]


class QueuePage:
    """What the page shows for an address."""

    def __init__(self, query: QueryDict) -> None:
        self.state = IGNORED if query.get("state") == IGNORED else WAITS
        self.kind = query.get("kind", "") if query.get("kind", "") in Kind.values else ""
        self.source = query.get("source", "")[:60]
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    @cached_property
    def queue(self) -> Queue:
        return waiting()

    @cached_property
    def rows(self) -> list[Waiting]:
        """The rows of the address, the most events first."""
        return [row for row in self._narrowed if row.is_ignored == (self.state == IGNORED)]

    @cached_property
    def _narrowed(self) -> list[Waiting]:
        words = self.text.casefold()
        return [
            row
            for row in self.queue.rows
            if (not self.kind or row.ref.kind == self.kind)
            and (not self.source or row.ref.source == self.source)
            and (not words or words in row.ref.value.casefold() or words in row.company.casefold())
        ]

    @cached_property
    def page(self) -> Page[Waiting]:
        return Paginator(self.rows, ROWS).get_page(self.number)

    @cached_property
    def lines(self) -> list[Line]:
        return lines(list(self.page.object_list))

    @cached_property
    def states(self) -> list[tuple[str, str, int]]:
        aside = sum(row.is_ignored for row in self._narrowed)
        return [(WAITS, _("Waiting"), len(self._narrowed) - aside), (IGNORED, _("Ignored"), aside)]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [
            ("", _("All")),
            (Kind.ACCOUNT_KEY.value, _("Account keys")),
            (Kind.END_USER.value, _("End users")),
        ]

    @cached_property
    def sources(self) -> list[str]:
        """Sources that something waits of, and the one asked for."""
        return sorted({row.ref.source for row in self.queue.rows} | ({self.source} if self.source else set()))

    @cached_property
    def has_sources(self) -> bool:
        return Source.objects.exists()

    @cached_property
    def events(self) -> int:
        return sum(row.events for row in self.rows)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kind or self.source or self.text)


def lines(rows: list[Waiting]) -> list[Line]:
    """Rows with their suggestions."""
    told = with_mails(rows)
    found = suggesting.suggestions(told)
    return [Line(row, found[row.ref]) for row in told]


def reason(one: Suggestion) -> str:
    """Why an account is suggested, in words."""
    words = {
        suggesting.DECLARED: _("%(evidence)s is declared as a domain of this account"),
        suggesting.CONTACTS: _("contacts with addresses under %(evidence)s are of this account alone"),
        suggesting.SHARED: _("several accounts have contacts with addresses under %(evidence)s"),
        suggesting.NAME: _("its name is like “%(evidence)s”"),
    }
    return words[one.reason] % {"evidence": one.evidence}


def file_rows(rows: list[Waiting]) -> Iterator[list[object]]:
    """The queue as the rows of a file, headings first."""
    yield [
        _("Source"), _("Account key"), _("End user"), _("Company"), _("Events"), _("End users"), _("First seen"), _("Last seen"), _("Sample"),
        _("Mail domains"), _("Suggested account"), _("Score"), _("Why"),
    ]  # fmt: skip
    for at in range(0, len(rows), ROWS):
        some = rows[at : at + ROWS]
        for line in lines(some) if at < SUGGESTED_ROWS else [Line(row, []) for row in some]:
            row, first = line.row, line.first
            yield [
                row.ref.source, row.ref.value if line.is_key else "", "" if line.is_key else row.ref.value, row.company, row.events,
                row.end_users, row.first_at, row.last_at, " / ".join(row.samples), " ".join(row.mails),
                first.name if first else "", first.score if first else "", reason(first) if first else "",
            ]  # fmt: skip
