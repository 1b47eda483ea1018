"""A split or a branch of a playbook: what became of whom each way was given, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.events import store
from evergreen.outcomes.experiments import following, splits
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.playbooks.models import PlaybookVersion
from evergreen.playbooks.rules import Branch, Definition, Split
from evergreen.web import formats
from evergreen.web.presenters.experiments import outcome_names
from evergreen.web.presenters.playbooks.effect import Told
from evergreen.web.presenters.playbooks.words import Words

_SHARES = (splits.GOAL, following.KEPT, following.NRR, following.GRR)


def dividing(of: Definition | None) -> list[Split | Branch]:
    """The steps of a version that send accounts different ways, in their order."""
    return [step for step in (of.steps if of is not None else ()) if isinstance(step, Split | Branch)]


def way_names(of: Definition, step: Split | Branch, words: Words) -> dict[str, str]:
    """The ways of a step by the step that they lead to, in words; two that lead to steps of one title are told apart by number."""
    number = {one.key: n for n, one in enumerate(of.steps, start=1)}
    keys = [key for key in dict.fromkeys(_ways(step)) if key in number]
    told = {key: words.step(of.steps[number[key] - 1], of).title for key in keys}
    alike = {title for title in told.values() if list(told.values()).count(title) > 1}
    return {key: f"{title} ({number[key]})" if title in alike else title for key, title in told.items()}


def _ways(step: Split | Branch) -> list[str]:
    if isinstance(step, Split):
        return [to for _share, to in step.arms]
    return [*(to for _condition, to in step.ways), step.otherwise]


class SplitPage(Told):
    """A split read as an experiment: its first way against each other one."""

    is_drawn = True

    def __init__(
        self, version: PlaybookVersion, of: Definition, split: Split, words: Words, days: str
    ) -> None:
        super().__init__(days)
        self.version, self.of, self.split = version, of, split
        self.names = way_names(of, split, words)
        self.condition = ""

    @cached_property
    def found(self) -> Compared:
        return splits.compared(store.reading(), self.version, self.split, self.days)

    @property
    def control(self) -> str:
        return self.names[self.found.arms[0].key]

    @property
    def is_alone(self) -> bool:
        """Whether every arm leads to one step: there is nothing to compare."""
        return len(self.found.arms) < 2

    @property
    def spared(self) -> str:
        """Where those go who take no part."""
        return self.split.spared

    @property
    def earlier(self) -> list[int]:
        """The other versions whose accounts count too."""
        known = splits.alike(self.version, self.of, self.split.key)
        rows = PlaybookVersion.objects.filter(pk__in=known).exclude(pk=self.version.pk)
        return list(rows.order_by("number").values_list("number", flat=True))


@dataclass(frozen=True, slots=True)
class Line:
    """One way of a branch: accounts, and each outcome before and after in words."""

    name: str
    n: int
    cells: tuple[tuple[str, str], ...]


class BranchPage(Told):
    """A branch: the ways beside each other. Nothing was drawn, so nothing is tested."""

    is_drawn = False

    def __init__(
        self, version: PlaybookVersion, of: Definition, branch: Branch, words: Words, days: str
    ) -> None:
        super().__init__(days)
        self.version, self.of, self.branch = version, of, branch
        self.names = way_names(of, branch, words)
        self.condition = _("; ").join(words.condition(condition) for condition, _to in branch.ways)

    @property
    def heads(self) -> list[str]:
        names = outcome_names()
        return [names[key] for key in (following.KEPT, following.NRR, following.HEALTH, *following.METRICS)]

    @cached_property
    def lines(self) -> list[Line]:
        keys = (following.KEPT, following.NRR, following.HEALTH, *following.METRICS)
        return [
            Line(self.names[one.way], one.n, tuple(_cell(key, *one.means[key]) for key in keys))
            for one in splits.sorted_ways(store.reading(), self.version, self.branch, self.days)
        ]


def _cell(key: str, before: float | None, after: float | None) -> tuple[str, str]:
    if key in _SHARES:
        return "", formats.percent(after, 1)
    return formats.number(before, 1), formats.number(after, 1)
