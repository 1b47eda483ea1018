"""The page of one analysis: its form, its figure, what may be done with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.models import Job, User
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.metrics.analytics import queries
from evergreen.metrics.analytics.actions import may_change
from evergreen.metrics.analytics.jobs import KIND
from evergreen.metrics.analytics.models import Analysis
from evergreen.metrics.analytics.questions import (
    KINDS,
    SPLITS,
    WITHIN,
    Kind,
    Question,
    QuestionError,
    What,
    read,
)
from evergreen.metrics.analytics.reading import Reading
from evergreen.web import formats
from evergreen.web.presenters.analytics.figures import Figure, figure_of, written
from evergreen.web.presenters.analytics.naming import (
    Names,
    kind_question,
    kind_word,
    split_word,
    unit_word,
    within_word,
)

Choices = list[tuple[str, str]]
_DAYS = (28, 90, 180, 365, 730)
_MOST_NAMES = 200


class AnalysisPage:
    """One question of a person, read from the address; ``problems`` say what cannot be asked."""

    def __init__(self, user: User, kind: Kind, asked: QueryDict, today: dt.date) -> None:
        self.user, self.kind, self.today = user, kind, today
        self.asked = asked
        self.problems: list[tuple[str, str, str]] = []
        self.names = Names()
        said = {name: value for name, value in asked.items() if isinstance(value, str)}
        try:
            self.question = read(kind, said, asked.getlist("what"))
        except QuestionError as error:
            self.problems = error.problems
            self.question = Question(kind)

    # ---- what is asked ----

    @property
    def title(self) -> str:
        return self.saved.name if self.saved else kind_word(self.kind)

    @property
    def line(self) -> str:
        return kind_question(self.kind)

    @property
    def query(self) -> str:
        """All of the question, for addresses."""
        return self.question.query()

    @property
    def address(self) -> str:
        return f"{reverse('analysis', args=[self.kind])}?{self.query}"

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        kept = [(name, value) for name, value in self.question.filters.items()]
        if self.question.days != 90 and not self.question.since:
            kept.append(("days", str(self.question.days)))
        tail = f"?{urlencode(kept)}" if kept else ""
        return [(reverse("analysis", args=[one]) + tail, kind_word(one), one == self.kind) for one in KINDS]

    @cached_property
    def account(self) -> Account | None:
        """The one account that is asked about, if the person may see it."""
        said = self.question.account
        return accounts_for(self.user).filter(pk=int(said)).first() if said else None

    @cached_property
    def filters(self) -> list[str]:
        return self.names.filters(self.question, self.account)

    # ---- the form ----

    @cached_property
    def reading(self) -> Reading | None:
        return queries.reading(self.question, self.user, self.today)

    @cached_property
    def uses(self) -> list[tuple[str, Choices]]:
        """Features and events to choose from, in groups."""
        if self.reading is None:
            return []
        features: Choices = [
            (f"feature:{key}", self.names.features.get(key, key)) for key in self.reading.features
        ]
        events: Choices = [(f"event:{name}", name) for name in self.reading.events[:_MOST_NAMES]]
        chosen = {str(what) for what in self.question.what}
        absent = chosen - {key for key, _name in (*features, *events)} - {"any"}
        for text in sorted(absent):
            if (what := What.read(text)) is not None:
                (features if what.kind == "feature" else events).append((text, self.names.what(what)))
        if self.kind == "paths":
            return (
                [(_("Features"), features)] if self.question.nodes == "features" else [(_("Events"), events)]
            )
        return [(_("Features"), features), (_("Events"), events)]

    @property
    def slots(self) -> list[tuple[int, str]]:
        """The fields for what is asked: those filled and, where more may be, an empty one."""
        chosen = [str(what) for what in self.question.what]
        most = {"funnel": 8, "trend": 5}.get(self.kind, 1)
        least = 2 if self.kind == "funnel" else 1
        count = min(most, max(least, len(chosen) + (most > 1)))
        chosen += [""] * (count - len(chosen))
        return list(enumerate(chosen, 1))

    @property
    def has_what(self) -> bool:
        return self.kind != "penetration"

    @property
    def fields(self) -> list[tuple[str, str, str, Choices]]:
        """The other fields of this kind: name, words, value, choices."""
        q = self.question
        units: Choices = [(unit, unit_word(unit, 2)) for unit in ("users", "accounts")]
        by_kind: dict[str, list[tuple[str, str, str, Choices]]] = {
            "trend": [
                ("measure", _("Counted"), q.measure, [*units, ("uses", unit_word("uses", 2))]),
                ("window", _("Over"), str(q.window), [("1", _("1 day")), ("7", _("7 days")), ("28", _("28 days"))]),
            ],
            "funnel": [
                ("within", _("Within"), q.within, [(key, within_word(key)) for key in WITHIN]),
                ("unit", _("Followed"), q.unit, units),
            ],
            "retention": [
                ("cohort", _("Begins with"), q.cohort, [("first_use", _("first use")), ("contract", _("contract start (accounts)"))]),
                ("unit", _("Followed"), q.follows, units),
                ("period", _("Periods"), q.period, [("week", _("week")), ("month", _("month"))]),
            ],
            "paths": [
                ("direction", _("Shown"), q.direction, [("after", _("what follows")), ("before", _("what precedes"))]),
                ("nodes", _("Steps are"), q.nodes, [("features", _("features")), ("events", _("events"))]),
                ("levels", _("Steps"), str(q.levels), [(str(n), str(n)) for n in range(1, 6)]),
            ],
        }  # fmt: skip
        return by_kind.get(self.kind, [])

    @property
    def splits(self) -> Choices:
        return (
            [("", split_word("")), *((by, split_word(by)) for by in SPLITS)] if self.kind != "paths" else []
        )

    @property
    def spans(self) -> list[tuple[str, str, bool]]:
        """Ranges that move with the days: value, words, is it this one."""
        return [(str(n), formats.days(n), not self.question.since and self.question.days == n) for n in _DAYS]

    @cached_property
    def narrowing(self) -> list[tuple[str, str, str, Choices]]:
        """Filters: name, words, value, choices; each of the person's own accounts."""
        q, mine = self.question, accounts_for(self.user).order_by()

        def held(column: str) -> list[str]:
            return sorted({value for value in mine.values_list(column, flat=True).distinct() if value})

        return [
            ("segment", split_word("segment"), q.segment, sorted(self.names.segments.items())),
            ("tier", split_word("tier"), q.tier, [(key, str(word)) for key, word in Account.Tier.choices]),
            ("stage", split_word("stage"), q.stage, [(key, str(word)) for key, word in Account.Stage.choices]),
            ("industry", split_word("industry"), q.industry, [(one, one) for one in held("industry")]),
            ("edition", split_word("edition"), q.edition, sorted(self.names.editions.items())),
            ("owner", split_word("owner"), q.owner, [(one, self.names.people.get(one) or one) for one in held("owner__email")]),
            ("role", split_word("role"), q.role, [(key, str(word)) for key, word in Contact.ChainRole.choices]),
        ]  # fmt: skip

    # ---- the figure ----

    @property
    def lacks(self) -> str:
        """What must be chosen before there is a figure."""
        if self.kind == "funnel" and len(self.question.steps) < 2:
            return _("Choose at least two steps: the first one, and what should follow.")
        if self.kind == "paths" and not self.question.main.key:
            return _("Choose a feature or event: the paths lead from it or to it.")
        return ""

    @cached_property
    def found(self) -> queries.Found:
        return queries.found(self.question, self.user, self.today)

    @cached_property
    def figure(self) -> Figure | None:
        """The figure, where it can be had at once."""
        if self.problems or self.lacks or self.found.answer is None:
            return None
        made = figure_of(self.question, self.found.answer, self.names)
        return None if made.is_empty else made

    @cached_property
    def job(self) -> Job | None:
        """The person's newest job for this question, while it is under way or after it failed."""
        rows = Job.objects.filter(
            kind=KIND, created_by=self.user, params__kind=self.kind, params__query=self.query
        )
        newest = rows.order_by("-created_at", "-pk").first()
        return newest if newest is not None and newest.state != Job.State.DONE else None

    def file_rows(self) -> list[Sequence[object]]:
        """The figure as the rows of a file, headings first; none where there is no figure."""
        if self.figure is None:
            return []
        head, rows = self.figure.table()
        return [head, *written(rows)]

    @property
    def file_name(self) -> str:
        return f"{self.kind}-{self.today:%Y-%m-%d}.csv"

    # ---- saved ----

    @cached_property
    def saved(self) -> Analysis | None:
        """The saved analysis that the address names, if the person may open it."""
        key = self.asked.get("saved", "")
        if not (key.isascii() and key.isdecimal() and len(key) < 19):
            return None
        return queries.analyses_for(self.user).filter(pk=int(key)).first()

    @property
    def may_change(self) -> bool:
        return self.saved is not None and may_change(self.saved, self.user)

    @property
    def has_changed(self) -> bool:
        """Whether the address asks for something else than what was saved."""
        return self.saved is not None and self.saved.query != self.query

    @property
    def kept_parameters(self) -> dict[str, Any]:
        """Parameters of the address that no field of the form holds."""
        said: dict[str, Any] = {}
        if self.saved:
            said["saved"] = self.saved.pk
        if self.question.account:
            said["account"] = self.question.account
        return said
