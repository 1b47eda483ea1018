"""What a playbook would have done over the last 90 nights, in words and figures."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base import clock
from evergreen.base.models import User
from evergreen.base.queries import vendor_zone
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.events import store
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks import rules
from evergreen.playbooks.models import Refusal
from evergreen.playbooks.trying import Run, Trial, trial
from evergreen.web import formats
from evergreen.web.presenters.charts import Series, over_time
from evergreen.web.presenters.playbooks.words import REASONS, Words, joined

SHOWN = 10


@dataclass(frozen=True, slots=True)
class TrialLine:
    """An account that would have entered, and what would have been done with it."""

    account: Account
    run: Run
    done: str
    ends: str


class TrialPage:
    """A definition held against the past. ``key``: of the playbook, by which accounts are split; ``export``: where the file is."""

    def __init__(self, user: User, key: str, of: rules.Definition | None, export: str = "") -> None:
        self.user, self.key, self.of, self.export = user, key, of, export

    @cached_property
    def trial(self) -> Trial | None:
        return trial(store.reading(), self.key, self.of) if self.of is not None else None

    @cached_property
    def _titles(self) -> dict[str, str]:
        words = Words(hides_money=not self.user.sees_money)
        return {step.key: words.step(step, self.of).title for step in self.of.steps} if self.of else {}

    @property
    def is_by_hand_alone(self) -> bool:
        return self.of is not None and all(one.kind == "by_hand" for one in self.of.triggers)

    @property
    def sentence(self) -> str:
        found = self.trial
        if found is None:
            return ""
        if not found.runs:
            return _("Nobody would have entered.")
        said = ngettext(
            "%(n)s account would have entered", "%(n)s accounts would have entered", found.accounts
        )
        told = said % {"n": formats.number(found.accounts)}
        if len(found.runs) > found.accounts:
            told += _(", %(n)s times in all") % {"n": formats.number(len(found.runs))}
        return told + _(".")

    @property
    def steps(self) -> list[tuple[str, int, bool]]:
        """Each step that would have been gone through, in the playbook's order: (title, times, whether it does something)."""
        found = self.trial
        if found is None or self.of is None:
            return []
        done, acts = found.done, found.acts
        return [
            (self._titles[one.key], done[one.key], bool(acts[one.key]))
            for one in self.of.steps
            if done[one.key]
        ]

    @property
    def a_week(self) -> str:
        """How many acts a week it makes, which is what somebody has to work through."""
        found = self.trial
        if found is None or found.nights < 2:
            return ""
        days = (found.last - found.first).days + 1
        return formats.number(sum(found.acts.values()) / days * 7, 1)

    @property
    def endings(self) -> list[tuple[str, int]]:
        """How the runs would stand on the last night, the commonest first."""
        found = self.trial
        counts = Counter(
            _("still inside") if run.state == "waiting" else self._ends(run)
            for run in (found.runs if found else ())
        )
        return counts.most_common()

    @property
    def refusals(self) -> list[tuple[str, int]]:
        names = dict(Refusal.Reason.choices)
        found = self.trial.refused if self.trial else {}
        return [(str(names[reason]), n) for reason, n in sorted(found.items(), key=lambda row: -row[1])]

    @property
    def chart(self) -> dict[str, Any] | None:
        found = self.trial
        if found is None or len(found.runs) < 3:
            return None
        zone = vendor_zone()
        days = Counter(clock.local_day(run.entered_at, zone) for run in found.runs)
        span = [found.first + dt.timedelta(days=n + 1) for n in range((found.last - found.first).days + 1)]
        return over_time(
            [Series(_("would have entered"), [(day, days[day]) for day in span], "var(--c5)", kind="bar")],
            least=0,
        )

    @cached_property
    def lines(self) -> list[TrialLine]:
        """The accounts with most ARR that the reader may see."""
        return self._lines()[:SHOWN]

    def _lines(self) -> list[TrialLine]:
        runs = self.trial.runs if self.trial else ()
        rows = (
            accounts_for(self.user)
            .filter(pk__in={run.account for run in runs})
            .select_related("owner")
            .order_by()
        )
        seen = {one.pk: one for one in rows}
        told = [
            TrialLine(seen[run.account], run, self._done(run), self._ends(run))
            for run in runs
            if run.account in seen
        ]
        return sorted(told, key=lambda line: (-(line.account.arr_base_cents or 0), line.run.entered_at))

    def _done(self, run: Run) -> str:
        zone = vendor_zone()
        return joined(
            f"{self._titles.get(one.step, one.step)} ({formats.day(clock.local_day(one.at, zone))})"
            for one in run.way
            if one.acts
        )

    def _ends(self, run: Run) -> str:
        if run.state == "waiting":
            return _("still inside: %(step)s") % {"step": self._titles.get(run.step, run.step)}
        return str(REASONS.get(run.reason, run.reason))

    @property
    def assumed(self) -> str:
        """The fields that are taken as they stand now, by name."""
        found = self.trial
        known = catalogue.all_fields() if found and found.assumed else {}
        return joined(
            known[key].label(formats.language()) for key in (found.assumed if found else ()) if key in known
        )

    def rows(self) -> Iterator[list[object]]:
        """Every run that the reader may see as rows of a file, headings first."""
        yield [_("Account"), _("Account id"), _("Owner"), _("Entered"), _("Done"), _("State"), _("Ended")]
        for line in self._lines():
            run = line.run
            yield [
                line.account.name,
                line.account.external_id,
                line.account.owner,
                run.entered_at,
                line.done,
                line.ends,
                run.ended_at,
            ]
