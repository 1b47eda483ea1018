"""One survey: what came of it within a span, who answered what, who was left out, its waves."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from evergreen.base.models import User
from evergreen.customers.queries import accounts_for
from evergreen.events.scales import GROUPS, group_of
from evergreen.touches.models import Ask, Message, Survey, Wave
from evergreen.touches.surveys import rules
from evergreen.touches.surveys.answering import scale_of
from evergreen.touches.surveys.waves import next_quarter, progress
from evergreen.web import formats
from evergreen.web.presenters.surveys.listing import figure, figure_words
from evergreen.web.presenters.surveys.themes import MOST, Read, ThemeLine, read

_MOST_THEMES = 12
SPANS = {"90": 90, "365": 365, "all": 0}
GROUP_WORDS: dict[str, str | Promise] = {
    "detractor": pgettext_lazy("answers", "Detractors (0–6)"), "passive": pgettext_lazy("answers", "Passives (7–8)"),
    "promoter": pgettext_lazy("answers", "Promoters (9–10)"), "dissatisfied": pgettext_lazy("answers", "Dissatisfied (1–2)"),
    "satisfied": pgettext_lazy("answers", "Satisfied (4–5)"), "hard": pgettext_lazy("answers", "Hard (1–3)"),
    "easy": pgettext_lazy("answers", "Easy (5–7)"),
}  # fmt: skip
_TONES = {
    "detractor": "bad",
    "dissatisfied": "bad",
    "hard": "bad",
    "promoter": "good",
    "satisfied": "good",
    "easy": "good",
}
_SPAN_WORDS: dict[str, str | Promise] = {
    "90": gettext_lazy("Asked in 90 days"), "365": gettext_lazy("in a year"), "all": gettext_lazy("ever"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of the scale: how many gave it; ``height`` of its bar, 0 to 60, the most frequent one's being 60."""

    mark: int
    count: int
    height: int
    tone: str

    @property
    def top(self) -> int:
        return 60 - self.height


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a question: how many chose it, and their share of those who answered the question."""

    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class AnswerLine:
    ask: Ask
    tone: str
    told: tuple[tuple[str, str], ...]
    felt: str


class SurveyPage:
    """What the page of a survey shows for an address, of the accounts that the person sees."""

    def __init__(
        self, user: User, survey: Survey, query: QueryDict, vendor: Mapping[str, Any], now: dt.datetime
    ) -> None:
        self.user, self.survey, self.vendor, self.now = user, survey, vendor, now
        self.span = query.get("span", "") if query.get("span", "") in SPANS else "365"
        known = [name for name, _least, _most in GROUPS.get(survey.kind, ())]
        self.group = query.get("group", "") if query.get("group", "") in known else ""
        self.text = query.get("q", "").strip()[:100]
        self.with_comment = query.get("comment") == "yes"
        self.theme = query.get("theme", "")[:100]
        self.number = query.get("page", "1")

    @cached_property
    def _asks(self) -> QuerySet[Ask]:
        rows = Ask.objects.filter(survey=self.survey, account__in=accounts_for(self.user))
        days = SPANS[self.span]
        return rows.filter(asked_at__gte=self.now - dt.timedelta(days=days)) if days else rows

    @cached_property
    def answers(self) -> QuerySet[Ask]:
        """Answers that fit the filters, the newest first."""
        rows = self._asks.exclude(answered_at=None).select_related("account", "contact")
        for name, least, most in GROUPS.get(self.survey.kind, ()):
            if name == self.group:
                rows = rows.filter(score__range=(least, most))
        if self.text:
            rows = rows.filter(
                Q(account__name__icontains=self.text)
                | Q(contact__name__icontains=self.text)
                | Q(comment__icontains=self.text)
            )
        if self.with_comment:
            rows = rows.exclude(comment="")
        if self.theme:
            meant = next((one.asks for one in self.read.themes if one.address == self.theme), frozenset())
            rows = rows.filter(pk__in=meant)
        return rows.order_by("-answered_at", "-pk")

    @cached_property
    def read(self) -> Read:
        """The newest comments within the span: what they are about and how they feel."""
        rows = self._asks.exclude(answered_at=None).exclude(comment="").select_related("account", "survey")
        return read(list(rows.order_by("-answered_at", "-pk")[:MOST]))

    @property
    def themes(self) -> tuple[ThemeLine, ...]:
        return self.read.themes[:_MOST_THEMES]

    @cached_property
    def page(self) -> Page[Ask]:
        return Paginator(self.answers, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def lines(self) -> list[AnswerLine]:
        return [self._line(one) for one in self.page.object_list]

    def _line(self, ask: Ask) -> AnswerLine:
        group = group_of(self.survey.kind, ask.score) if ask.score is not None else ""
        return AnswerLine(ask, _TONES.get(group, ""), tuple(self.told(ask)), self.read.tones.get(ask.pk, ""))

    def told(self, ask: Ask) -> Iterator[tuple[str, str]]:
        """The further answers in words: (question, answer)."""
        for question in self.survey.questions:
            value = ask.answers.get(question["key"])
            if value:
                yield formats.named(question["label"]), _in_words(question, value)

    @cached_property
    def fates(self) -> dict[str, int]:
        """How many were asked, what came of the invitations, who was left out."""
        state = Message.State
        rows = self._asks
        went = Q(held="") & (Q(message__state=state.ACCEPTED) | ~Q(answered_at=None))
        return {
            "sent": rows.filter(went).count(),
            "answered": rows.exclude(answered_at=None).count(),
            "waiting": rows.filter(held="", answered_at=None, message__state__in=(state.PLANNED, state.CLAIMED, state.HANDED_OVER)).count(),
            "not_sent": rows.filter(held="", answered_at=None, message__state__in=(state.REFUSED, state.HELD_BACK, state.WITHDRAWN, state.UNKNOWN)).count(),
            "throttled": rows.filter(held=Ask.Held.THROTTLED).count(),
            "nobody": rows.filter(held=Ask.Held.NO_CONTACT).count(),
        }  # fmt: skip

    @property
    def rate(self) -> str:
        return (
            formats.percent(self.fates["answered"] / self.fates["sent"])
            if self.fates["sent"]
            else formats.DASH
        )

    @cached_property
    def _scores(self) -> Counter[int]:
        rows = self._asks.exclude(answered_at=None).exclude(score=None).values_list("score", flat=True)
        return Counter(one for one in rows if one is not None)

    @property
    def figure(self) -> str:
        return figure(self.survey.kind, list(self._scores.elements())) or formats.DASH

    @property
    def figure_words(self) -> str:
        return figure_words(self.survey.kind)

    @property
    def marks(self) -> list[Mark]:
        most = max(self._scores.values(), default=0)
        return [
            Mark(
                mark,
                self._scores[mark],
                round(60 * self._scores[mark] / most) if most else 0,
                _TONES.get(group_of(self.survey.kind, mark), "warn"),
            )
            for mark in scale_of(self.survey.kind)
        ]

    @cached_property
    def questions(self) -> list[tuple[str, int, list[Option]]]:
        """Each further question with options: how many answered it, and by option."""
        asked = [one for one in self.survey.questions if one["kind"] != rules.TEXT]
        if not asked:
            return []
        given = list(self._asks.exclude(answered_at=None).values_list("answers", flat=True))
        found = []
        for question in asked:
            told = [one[question["key"]] for one in given if one.get(question["key"])]
            counts = Counter(key for value in told for key in (value if isinstance(value, list) else [value]))
            options = [
                Option(
                    formats.named(option),
                    counts[option["key"]],
                    100 * counts[option["key"]] / len(told) if told else 0.0,
                )
                for option in question["options"]
            ]
            found.append((formats.named(question["label"]), len(told), options))
        return found

    @property
    def groups(self) -> list[tuple[str, str]]:
        return [(name, str(GROUP_WORDS[name])) for name, _least, _most in GROUPS.get(self.survey.kind, ())]

    @property
    def spans(self) -> list[tuple[str, str]]:
        return [(key, str(_SPAN_WORDS[key])) for key in SPANS]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.group or self.text or self.with_comment or self.theme)

    @cached_property
    def waves(self) -> list[tuple[Wave, int, int, int]]:
        """The newest waves: (wave, share done in percent, gone out, answered)."""
        rows = self.survey.waves.select_related("started_by").order_by("-started_at")[:8]
        return [
            (one, round(100 * one.done / one.total) if one.total else 100, *progress(one)) for one in rows
        ]

    @property
    def runs(self) -> bool:
        """Whether a wave is under way."""
        return any(one.ended_at is None for one, *_rest in self.waves)

    @property
    def quarter(self) -> str:
        return next_quarter(self.now)[0]


def _in_words(question: Mapping[str, Any], value: str | list[str]) -> str:
    if question["kind"] == rules.TEXT:
        return str(value)
    names = {option["key"]: formats.named(option) for option in question["options"]}
    chosen = value if isinstance(value, list) else [value]
    return pgettext("list", ", ").join(names.get(one, one) for one in chosen)


def file_rows(page: SurveyPage) -> Iterator[list[object]]:
    """Answers as the rows of a file, headings first."""
    labels = [formats.named(one["label"]) for one in page.survey.questions]
    yield [
        _("Account"),
        _("Account id"),
        _("Contact"),
        _("Asked"),
        _("Answered"),
        _("Score"),
        _("Group"),
        _("Comment"),
        *labels,
    ]
    for one in page.answers.iterator(chunk_size=2_000):
        told = dict(page.told(one))
        group = group_of(page.survey.kind, one.score) if one.score is not None else ""
        yield [
            one.account.name, one.account.external_id, one.contact.name if one.contact else "", one.asked_at, one.answered_at, one.score,
            str(GROUP_WORDS.get(group, "")), one.comment, *(told.get(label, "") for label in labels),
        ]  # fmt: skip
