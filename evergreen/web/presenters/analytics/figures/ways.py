"""Funnels, retention and paths as sentence, drawing and rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from evergreen.metrics.analytics.cohorts import next_period
from evergreen.web import formats
from evergreen.web.presenters.analytics import drawings
from evergreen.web.presenters.analytics.figures.answered import Figure, Row, colored
from evergreen.web.presenters.analytics.naming import unit_word, within_word


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of a funnel: how many reached it, as shares of the first and of the step before, and how soon."""

    number: int
    name: str
    count: int
    of_first: float | None
    of_before: float | None
    lost: int
    seconds: float | None

    @property
    def took(self) -> str:
        return span(self.seconds)


def span(seconds: float | None) -> str:
    """A length of time in its largest unit, with one decimal."""
    if seconds is None:
        return formats.DASH
    for size, words in ((86_400, _("%(n)s d")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= size:
            return words % {"n": formats.number(seconds / size, 1)}
    return _("%(n)s s") % {"n": formats.number(seconds, 1)}


class FunnelFigure(Figure):
    @cached_property
    def groups(self) -> list[tuple[str, list[StepLine]]]:
        return [(self.group(line["group"]), self._steps(line)) for line in self.answer["lines"]]

    def _steps(self, line: dict[str, Any]) -> list[StepLine]:
        counts = [self.scaled(count) for count in line["steps"]]
        found = []
        for at, what in enumerate(self.question.steps):
            before = counts[at - 1] if at else counts[0]
            found.append(
                StepLine(
                    number=at,
                    name=self.names.what(what),
                    count=counts[at],
                    of_first=counts[at] / counts[0] if counts[0] else None,
                    of_before=counts[at] / before if before else None,
                    lost=before - counts[at],
                    seconds=line["seconds"][at],
                )
            )
        return found

    @property
    def is_empty(self) -> bool:
        return not self.groups

    @property
    def option(self) -> dict[str, Any] | None:
        if not self.question.by:
            return None
        labels = [self.names.what(what) for what in self.question.steps]
        return drawings.grouped_shares(
            labels,
            [
                (group, colored(at), [one.of_first for one in steps])
                for at, (group, steps) in enumerate(self.groups)
            ],
        )

    @property
    def sentence(self) -> str:
        _group, steps = self.groups[0]
        first, last = steps[0], steps[-1]
        worst = min(steps[1:], key=lambda one: (1.0 if one.of_before is None else one.of_before, one.number))
        said = {
            "n": formats.number(first.count),
            "unit": unit_word(self.question.unit, first.count),
            "share": formats.percent(last.of_first),
            "within": within_word(self.question.within),
            "step": worst.name,
            "lost": formats.number(worst.lost),
        }
        if self.question.by:
            each = [f"{group} {formats.percent(steps[-1].of_first)}" for group, steps in self.groups]
            return _("Who reaches the last step within %(within)s: %(each)s.") % {
                **said,
                "each": ", ".join(each),
            }
        return (
            _(
                "%(share)s of %(n)s %(unit)s reach the last step within %(within)s; most are lost before %(step)s (%(lost)s)."
            )
            % said
        )

    @property
    def open_days(self) -> int:
        """Days at the range's end whose entries have not had their whole window yet."""
        newest = dt.date.fromisoformat(self.answer.get("newest", self.answer["until"]))
        size = {"m": 0, "h": 0, "d": 1}[self.question.within[-1]] * int(self.question.within[:-1])
        return max(0, min(size, len(self.days)) - (newest - self.until).days)

    @property
    def formula(self) -> str:
        return _(
            "Who did the first step in the range, and then each next one in this order within the window; the time is the median of each one's quickest way."
        )

    def table(self) -> tuple[list[str], list[Row]]:
        head = [
            _("Group"), _("Step"), _("Reached"), _("of the first"), _("of the one before"), _("Median seconds from the first"),
        ]  # fmt: skip
        rows: list[Row] = [
            [group, one.name, one.count, one.of_first, one.of_before, one.seconds]
            for group, steps in self.groups
            for one in steps
        ]
        return head, rows


@dataclass(frozen=True, slots=True)
class Cell:
    """The share of a cohort that came at an age; ``tone`` from 0 to 10; ``is_open`` while its period is not over."""

    age: int
    count: int
    share: float
    tone: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class CohortLine:
    start: dt.date
    size: int
    cells: list[Cell]


class RetentionFigure(Figure):
    @cached_property
    def cohorts(self) -> list[CohortLine]:
        found = []
        for row in self.answer["cohorts"]:
            size, back = row["size"], row["back"]
            cells = [
                Cell(age, count, count / size, round(count / size * 10), row["open"] and age == len(back) - 1)
                for age, count in enumerate(back)
            ]
            found.append(CohortLine(dt.date.fromisoformat(row["start"]), size, cells))
        return sorted(found, key=lambda one: one.start)

    @property
    def has_open(self) -> bool:
        """Whether a period that is not over is among those shown."""
        return any(cell.is_open for line in self.cohorts for cell in line.cells)

    @property
    def ages(self) -> range:
        return range(max((len(one["back"]) for one in self.answer["cohorts"]), default=0))

    @property
    def is_empty(self) -> bool:
        return not self.answer["cohorts"]

    def curve(self, group: int) -> list[tuple[int, float | None]]:
        """Of all cohorts of a group whose period at an age is over: how many came ÷ how many they were."""
        points: list[tuple[int, float | None]] = []
        for age in self.ages:
            came = were = 0
            for row in self.answer["cohorts"]:
                over = len(row["back"]) - (1 if row["open"] else 0)
                if row["group"] == group and age < over:
                    came, were = came + row["back"][age], were + row["size"]
            points.append((age, came / were if were else None))
        return points

    @property
    def curves(self) -> list[tuple[str, list[tuple[int, float | None]]]]:
        groups = sorted({row["group"] for row in self.answer["cohorts"]})
        return [(self.group(group) or _("all cohorts"), self.curve(group)) for group in groups]

    @property
    def option(self) -> dict[str, Any]:
        named = [(name, colored(at), points) for at, (name, points) in enumerate(self.curves)]
        return drawings.curves(named, _("weeks") if self.question.period == "week" else _("months"))

    @property
    def sentence(self) -> str:
        points = [(age, share) for age, share in self.curves[0][1] if share is not None and age]
        size = sum(one["size"] for one in self.answer["cohorts"])
        said = {"n": formats.number(size), "unit": unit_word(self.question.follows, size)}
        if not points or self.question.by:
            return _("%(n)s %(unit)s began in the range.") % said
        age, share = points[min(3, len(points) - 1)]
        said |= {"share": formats.percent(share), "age": str(age)}
        if self.question.period == "week":
            return _("%(n)s %(unit)s began in the range; in week %(age)s after it %(share)s came.") % said
        return _("%(n)s %(unit)s began in the range; in month %(age)s after it %(share)s came.") % said

    @property
    def formula(self) -> str:
        return _(
            "Of those who began in a week or month, the share with a use in the n-th week or month after it (0 is the same one)."
        )

    def ends(self, start: dt.date) -> dt.date:
        return next_period(start, self.question.period) - dt.timedelta(days=1)

    def table(self) -> tuple[list[str], list[Row]]:
        head = [_("Group"), _("Began"), _("Size"), *(str(age) for age in self.ages)]
        rows: list[Row] = [
            [self.group(row["group"]), row["start"], row["size"], *row["back"]]
            for row in self.answer["cohorts"]
        ]
        return head, rows


class PathsFigure(Figure):
    @cached_property
    def ways(self) -> list[tuple[list[str], int]]:
        return [
            ([self.node(place) for place in nodes], self.scaled(times))
            for nodes, times in self.answer["ways"]
        ]

    def node(self, place: int) -> str:
        if place == drawings.EDGE:
            return _("session ends") if self.question.direction == "after" else _("session begins")
        if place < 0:
            return _("others")
        key = str(self.answer["labels"][place])
        return self.names.features.get(key, key) if self.question.nodes == "features" else key

    @property
    def times(self) -> int:
        return self.scaled(self.answer["times"])

    @property
    def is_empty(self) -> bool:
        return not self.answer["ways"]

    @property
    def option(self) -> dict[str, Any]:
        return drawings.sankey(
            self.names.what(self.question.main), self.ways, goes_on=self.question.direction == "after"
        )

    @cached_property
    def next(self) -> list[tuple[str, int, float]]:
        """What comes right after (or before): words, times, share."""
        counts: dict[str, int] = {}
        for nodes, times in self.ways:
            counts[nodes[0]] = counts.get(nodes[0], 0) + times
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [(name, count, count / self.times) for name, count in ranked]

    @property
    def sentence(self) -> str:
        name, _count, share = self.next[0]
        said = {
            "what": self.names.what(self.question.main),
            "n": formats.number(self.times),
            "next": name,
            "share": formats.percent(share),
        }
        if self.question.direction == "after":
            return _("%(what)s was used %(n)s times; what most often came next (%(share)s): %(next)s.") % said
        return _("%(what)s was used %(n)s times; what most often came before (%(share)s): %(next)s.") % said

    @property
    def formula(self) -> str:
        return _(
            "Within a session (no pause of more than 30 minutes); repeats in a row count once; each time counts, not each person."
        )

    def table(self) -> tuple[list[str], list[Row]]:
        head = [*(str(level) for level in range(1, self.question.levels + 1)), _("Times")]
        rows: list[Row] = [[*nodes, times] for nodes, times in sorted(self.ways, key=lambda way: -way[1])]
        return head, rows
