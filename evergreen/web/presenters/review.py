"""The service review in words: what was done in a quarter, what it cost, what came of it, what is proposed, what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from evergreen.alerts.models import Rule
from evergreen.alerts.words import rule_name
from evergreen.outcomes import review
from evergreen.outcomes.models import ReviewDecision
from evergreen.outcomes.review import CHANNEL, KINDS, PLAYBOOK, RULE, STEP, Line
from evergreen.playbooks.models import Playbook
from evergreen.touches.models import Channel
from evergreen.web import formats

KIND_WORDS: dict[str, str | Promise] = {
    PLAYBOOK: gettext_lazy("Playbooks"), STEP: pgettext_lazy("review", "Steps"), CHANNEL: gettext_lazy("Channels"), RULE: gettext_lazy("Alert rules"),
}  # fmt: skip
VOLUME: dict[str, str | Promise] = {
    PLAYBOOK: gettext_lazy("Entered"), STEP: gettext_lazy("Tasks or messages"), CHANNEL: gettext_lazy("Messages"), RULE: pgettext_lazy("review", "Opened"),
}  # fmt: skip
GOOD: dict[str, str | Promise] = {
    PLAYBOOK: gettext_lazy("Reached the goal"), STEP: gettext_lazy("Finished, not refused"), CHANNEL: gettext_lazy("Arrived"), RULE: gettext_lazy("Useful"),
}  # fmt: skip
WHY: dict[str, str | Promise] = {
    "nobody": gettext_lazy("on, and used by nobody"), "goal": gettext_lazy("under 10% of those who ended reached the goal"),
    "dropped": gettext_lazy("under 30% of its tasks were finished"), "refused": gettext_lazy("more than 2% refused further messages"),
    "failed": gettext_lazy("more than 20% did not arrive"), "noise": gettext_lazy("under 30% of the judged alerts were useful"),
}  # fmt: skip
_PROPOSALS: dict[str, str | Promise] = {
    "retire": gettext_lazy("retire it"),
    "change": gettext_lazy("change it"),
}


@dataclass(frozen=True, slots=True)
class ReviewLine:
    line: Line
    name: str
    cost: str
    proposal: str
    why: str
    decided: ReviewDecision | None

    @property
    def mark(self) -> str:
        """What names it in a form."""
        return f"{self.line.kind}|{self.line.key}"


class ReviewPage:
    """What the page shows for a quarter and a kind."""

    def __init__(self, quarter: str, kind: str, newest: str) -> None:
        self.quarter, self.kind, self.newest = quarter, kind if kind in KINDS else PLAYBOOK, newest
        self.first, self.last = review.quarter_days(quarter)

    @cached_property
    def all(self) -> list[ReviewLine]:
        decided = {
            (one.kind, one.key): one
            for one in ReviewDecision.objects.filter(quarter=self.quarter).select_related("by")
        }
        return [self._shown(one, decided.get((one.kind, one.key))) for one in review.lines(self.quarter)]

    @property
    def lines(self) -> list[ReviewLine]:
        """Those of the kind shown: with a proposal first, then by volume."""
        mine = [one for one in self.all if one.line.kind == self.kind]
        return sorted(mine, key=lambda one: (not one.proposal, -one.line.volume, one.name))

    @property
    def kinds(self) -> list[tuple[str, str, int, int]]:
        """(kind, its word, things, proposals without a decision)."""
        return [
            (kind, str(KIND_WORDS[kind]), sum(one.line.kind == kind for one in self.all),
             sum(one.line.kind == kind and bool(one.proposal) and one.decided is None for one in self.all))
            for kind in KINDS
        ]  # fmt: skip

    @property
    def volume_word(self) -> str:
        return str(VOLUME[self.kind])

    @property
    def good_word(self) -> str:
        return str(GOOD[self.kind])

    @property
    def has_cost(self) -> bool:
        return self.kind in {PLAYBOOK, STEP}

    @property
    def quarters(self) -> list[str]:
        """The quarter shown and those around it, up to the newest."""
        found, at = [], self.newest
        for _n in range(8):
            found.append(at)
            at = before(at)
        return found if self.quarter in found else [*found, self.quarter]

    @property
    def decisions(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in ReviewDecision.Decision.choices]

    def _shown(self, line: Line, decided: ReviewDecision | None) -> ReviewLine:
        cost = _hours(line.minutes) if line.kind in {PLAYBOOK, STEP} else ""
        return ReviewLine(
            line,
            self._name(line),
            cost,
            str(_PROPOSALS.get(line.proposal, "")),
            str(WHY.get(line.why, "")),
            decided,
        )

    def _name(self, line: Line) -> str:
        playbook, _colon, step = line.key.partition(":")
        if line.kind == CHANNEL:
            return self._channels.get(line.key, line.key)
        if line.kind == RULE:
            return self._rules.get(line.key, line.key)
        name = self._playbooks.get(playbook, playbook)
        return f"{name} · {step}" if step else name

    @cached_property
    def _playbooks(self) -> dict[str, str]:
        return {one.key: formats.named(one.name) for one in Playbook.objects.order_by()}

    @cached_property
    def _channels(self) -> dict[str, str]:
        return dict(Channel.objects.values_list("key", "name"))

    @cached_property
    def _rules(self) -> dict[str, str]:
        return {one.key: rule_name(one, formats.language()) for one in Rule.objects.order_by()}


def before(quarter: str) -> str:
    """The quarter before."""
    year, _dash, number = quarter.partition("-Q")
    return f"{year}-Q{int(number) - 1}" if number != "1" else f"{int(year) - 1}-Q4"


def _hours(minutes: int) -> str:
    if minutes < 60:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": formats.number(minutes)}
    return _("%(n)s h") % {"n": formats.number(minutes / 60, 1)}


def file_rows(page: ReviewPage) -> Iterator[list[object]]:
    """Every line of the quarter as the rows of a file, headings first."""
    yield [
        _("Quarter"),
        _("Kind"),
        _("Name"),
        _("Key"),
        _("Volume"),
        _("Minutes"),
        _("Good"),
        _("Judged"),
        _("Proposal"),
        _("Why"),
        _("Decision"),
        _("Note"),
    ]
    for one in page.all:
        line, decided = one.line, one.decided
        yield [
            page.quarter, str(KIND_WORDS[line.kind]), one.name, line.key, line.volume, line.minutes, line.good, line.judged, one.proposal, one.why,
            decided.get_decision_display() if decided else "", decided.note if decided else "",
        ]  # fmt: skip
