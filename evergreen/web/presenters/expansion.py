"""The list of who may buy more as an address asks for it, and how far to believe it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import ALL, MINE, NOBODY
from evergreen.foresight.expansion import telling, words
from evergreen.foresight.expansion.actions import ORIGIN
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion
from evergreen.web import formats
from evergreen.web.csv_text import amount
from evergreen.web.presenters.work_lists import WorkList, who_from
from evergreen.work.models import Task

SORTS = {
    "value": ("-expected_cents", "pk"),
    "chance": ("-chance", "-expected_cents", "pk"),
    "renewal": (F("account__renewal_on").asc(nulls_last=True), "-expected_cents", "pk"),
    "newest": ("-since", "-expected_cents", "pk"),
}
State = Suggestion.State


@dataclass(frozen=True, slots=True)
class Line:
    """A suggestion in words, with its task."""

    row: Suggestion
    title: str
    evidence: list[str]
    rests_on: str
    neighbours: list[Account]
    task: Task | None


def lines(rows: list[Suggestion], visible: QuerySet[Account]) -> list[Line]:
    """Suggestions in words; two queries whatever their number. Look-alikes are named as far as the reader sees them."""
    wanted = {pk for row in rows for pk in row.evidence.get("neighbours", [])}
    accounts = {one.pk: one for one in visible.filter(pk__in=wanted).order_by()} if wanted else {}
    origins = {f"{row.pk}:{row.since:%Y%m%d}": row.pk for row in rows}
    tasks = {
        origins[task.origin_id]: task
        for task in Task.objects.filter(origin_kind=ORIGIN, origin_id__in=list(origins)).select_related(
            "assignee"
        )
    }
    return [
        Line(
            row,
            words.title(row),
            words.evidence(row),
            words.rests_on(row),
            [accounts[pk] for pk in row.evidence.get("neighbours", []) if pk in accounts],
            tasks.get(row.pk),
        )
        for row in rows
    ]


class SuggestionList(WorkList):
    """What the page shows for an address."""

    def __init__(
        self, user: User, query: QueryDict, vendor: Mapping[str, Any], visible: QuerySet[Account]
    ) -> None:
        self.user, self.vendor, self.visible = user, vendor, visible.order_by()
        self.who = who_from(user, query.get("who", ""), default=ALL)
        self.state = query.get("state", "") if query.get("state", "") in State.values else State.OPEN.value
        self.kind = query.get("kind", "") if query.get("kind", "") in Suggestion.Kind.values else ""
        # Whoever may not see amounts is given no order that tells them.
        self.sort = query.get("sort", "") if query.get("sort", "") in SORTS else ""
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    def _owned(self) -> QuerySet[Suggestion]:
        accounts = self.visible
        if self.who == NOBODY:
            accounts = accounts.filter(owner__isnull=True)
        elif self.who != ALL:
            accounts = accounts.filter(owner=self.user.pk if self.who == MINE else int(self.who))
        rows = telling.rows().filter(account__in=accounts)
        rows = rows.filter(kind=self.kind) if self.kind else rows
        return rows.filter(account__name__icontains=self.text) if self.text else rows

    @cached_property
    def rows(self) -> QuerySet[Suggestion]:
        """The suggestions of the address in its order."""
        rows = self._owned().filter(state=self.state)
        if self.state != State.OPEN and not self.sort:
            return rows.order_by(F("ended_on").desc(nulls_last=True), "-pk")
        fallback = "value" if self.user.sees_money else "chance"
        sort = self.sort if self.sort != "value" or self.user.sees_money else fallback
        return rows.order_by(*SORTS[sort or fallback])

    @cached_property
    def page(self) -> Page[Suggestion]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def lines(self) -> list[Line]:
        return lines(list(self.page.object_list), self.visible)

    @cached_property
    def sums(self) -> dict[str, Any]:
        """Counts by state, and what the open ones are worth."""
        of = {state: Count("pk", filter=Q(state=state)) for state in State.values}
        is_open = Q(state=State.OPEN)
        return (
            self._owned()
            .order_by()
            .aggregate(
                **of,
                expected=Sum("expected_cents", filter=is_open),
                won_cents=Sum("won_cents", filter=Q(state=State.WON)),
            )
        )

    @cached_property
    def states(self) -> list[tuple[str, str, int]]:
        names = {
            State.OPEN: pgettext("suggestions", "Open"),
            State.WON: _("Won"),
            State.DISMISSED: _("Dismissed"),
            State.FADED: _("No longer so"),
        }
        return [(state.value, name, self.sums[state.value]) for state, name in names.items()]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Suggestion.Kind.choices]

    @property
    def sorts(self) -> list[tuple[str, str]]:
        names = {
            "value": _("Expected value"),
            "chance": _("Most likely"),
            "renewal": _("Renewal soonest"),
            "newest": _("Newest first"),
        }
        return [(key, name) for key, name in names.items() if key != "value" or self.user.sees_money]

    @property
    def reasons(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Suggestion.Reason.choices]

    @cached_property
    def learning(self) -> ExpansionLearning | None:
        return telling.newest()

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kind or self.text)


def file_rows(rows: QuerySet[Suggestion], *, sees_money: bool, currency: str) -> Iterator[list[object]]:
    """Suggestions as the rows of a file, headings first."""
    amounts = [_("A year"), _("Expected"), _("Currency")] if sees_money else []
    yield [
        _("Account"), _("Account id"), _("Owner"), _("Kind"), _("Suggestion"), _("Within 90 days"), _("State"), _("Why"), _("Since"),
        _("As of"), *amounts,
    ]  # fmt: skip
    for row in rows.iterator(chunk_size=2_000):
        cells: list[object] = [
            row.account.name, row.account.external_id, row.account.owner, row.get_kind_display(), words.title(row), round(row.chance, 4),
            row.get_state_display(), "; ".join(words.evidence(row)), row.since, row.day,
        ]  # fmt: skip
        if sees_money:
            cells += [amount(row.value_cents, currency), amount(row.expected_cents, currency), currency]
        yield cells


@dataclass(frozen=True, slots=True)
class Judged:
    """A kind's figures in words: how the list would have done."""

    kind: str
    sentence: str
    area: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of a kind: how many past cases with and without it bought."""

    name: str
    with_: float | None
    without: float | None
    cases: float
    odds: float


class Record:
    """How far to believe the list: the newest learning as the page shows it."""

    def __init__(self, learning: ExpansionLearning | None) -> None:
        self.learning = learning
        self.report: dict[str, Any] = learning.report if learning else {}

    @cached_property
    def judged(self) -> list[Judged]:
        labels = {**dict(Suggestion.Kind.choices), "all": _("All together")}
        return [
            Judged(str(labels[row["kind"]]), _sentence(row), _area(row), row)
            for row in self.report.get("judged", [])
        ]

    @cached_property
    def tables(self) -> list[tuple[str, Mapping[str, Any], list[Sign]]]:
        labels = dict(Suggestion.Kind.choices)
        return [
            (
                str(labels[kind]),
                table,
                [
                    Sign(
                        words.sign(name),
                        _share(one["with_bought"], one["with_cases"]),
                        _share(one["without_bought"], one["without_cases"]),
                        one["with_cases"],
                        one["odds"],
                    )
                    for name, one in table["signs"].items()
                ],
            )
            for kind, table in self.report.get("tables", {}).items()
        ]


def _share(bought: float, cases: float) -> float | None:
    return bought / cases if cases else None


def _area(row: Mapping[str, Any]) -> str:
    if row["auc"] is None or row["auc_low"] is None:
        return formats.DASH
    return f"{row['auc']:.2f} ({row['auc_low']:.2f}–{row['auc_high']:.2f})"


def _sentence(row: Mapping[str, Any]) -> str:
    """What a person who worked the top of the list would have found."""
    if not row["positives"]:
        return _("Nobody bought in the judged months, so nothing can be said.")
    rate = row["positives"] / row["n"]
    if row["auc_low"] is not None and row["auc_low"] <= 0.5 <= row["auc_high"]:
        return _(
            "%(n)s accounts bought: too few, or too much like the others, to say that the order is better than chance."
        ) % {"n": formats.number(row["accounts_bought"])}
    return _("Of the tenth at the top of the list %(top)s bought within 90 days, of all %(rate)s.") % {
        "top": formats.percent(min(1.0, rate * (row["lift10"] or 0)), 1),
        "rate": formats.percent(rate, 1),
    }
