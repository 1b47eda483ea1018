"""Letting a playbook in step by step, and a pilot on the most valuable accounts: what would be seen, how it stands, what is proposed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.events import store
from evergreen.outcomes.experiments import holdouts, pilots, rollouts
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.outcomes.experiments.pilots import Planned
from evergreen.outcomes.experiments.rollouts import Judged, Verdict
from evergreen.playbooks import actions, rules
from evergreen.playbooks.models import Pilot, Playbook, Rollout
from evergreen.web import formats
from evergreen.web.presenters.playbooks.effect import Told


def _names() -> Mapping[str, str]:
    return {holdouts.HELD_OUT: _("held out"), holdouts.IN: _("let in")}


class RolloutTold(Told):
    """A roll-out: its steps, how its stage stands, what is proposed."""

    def __init__(self, rollout: Rollout, of: rules.Definition) -> None:
        super().__init__(str(rollout.days))
        self.rollout, self.of, self.names = rollout, of, _names()

    @cached_property
    def judged(self) -> Judged:
        return rollouts.judge(store.reading(), self.rollout, self.of)

    @cached_property
    def found(self) -> Compared:
        return self.judged.found

    @property
    def steps(self) -> list[tuple[int, str]]:
        """Each share with whether it is past, now or to come."""
        return [
            (share, "now" if n == self.rollout.at else "past" if n < self.rollout.at else "later")
            for n, share in enumerate(self.rollout.shares)
        ]

    @property
    def next_share(self) -> int:
        return int(self.rollout.shares[min(self.rollout.at + 1, len(self.rollout.shares) - 1)])

    @property
    def proposal(self) -> str:
        """What to do next, in a sentence."""
        said = {"share": self.next_share, "days": self.rollout.days, "least": rollouts.LEAST}
        match self.judged.verdict:
            case Verdict.HARM:
                return _("Stop: against those held out it makes something worse beyond chance.")
            case Verdict.HELPS:
                return (
                    _(
                        "Let in %(share)s%%: after %(days)s days health is better beyond chance, and nothing is worse."
                    )
                    % said
                )
            case Verdict.NO_HARM:
                return _("Let in %(share)s%%: after %(days)s days nothing is worse beyond chance.") % said
        return (
            _("Wait: each side needs %(least)s accounts that came in this step %(days)s days ago or earlier.")
            % said
        )

    @property
    def is_proposed(self) -> bool:
        return self.judged.verdict in (Verdict.HELPS, Verdict.NO_HARM)


class PilotTold(Told):
    """A pilot and what it brought."""

    def __init__(self, pilot: Pilot, days: str) -> None:
        super().__init__(days)
        self.pilot, self.names = pilot, _names()

    @cached_property
    def found(self) -> Compared:
        return pilots.compared(store.reading(), self.pilot, self.days)

    @cached_property
    def sides(self) -> tuple[int, int]:
        """(let in, held out)."""
        out = self.pilot.accounts.filter(is_held_out=True).count()
        return self.pilot.accounts.count() - out, out

    @property
    def ready_on(self) -> dt.date:
        """The day from which there is something to read."""
        return (self.pilot.started_at + dt.timedelta(days=self.days)).date()


class StagingPage:
    """What there is to start, and what runs. ``with_strategic``, ``days``: as the address asks for them."""

    def __init__(
        self, playbook: Playbook, of: rules.Definition, now: dt.datetime, *, with_strategic: bool, days: str
    ) -> None:
        self.playbook, self.of, self.now = playbook, of, now
        self.with_strategic, self._days = with_strategic, days

    @cached_property
    def rollout(self) -> RolloutTold | None:
        """The newest roll-out that is not done."""
        last = self.playbook.rollouts.exclude(state=Rollout.State.DONE).first()
        return RolloutTold(last, self.of) if last is not None else None

    @cached_property
    def pilot(self) -> PilotTold | None:
        """The newest pilot, running or over."""
        last = self.playbook.pilots.first()
        return PilotTold(last, self._days) if last is not None else None

    @property
    def pilot_runs(self) -> bool:
        return self.pilot is not None and self.pilot.pilot.ended_at is None

    @property
    def is_free(self) -> bool:
        """Whether something may be started."""
        return self.rollout is None and not self.pilot_runs

    @property
    def done(self) -> list[Rollout]:
        return list(self.playbook.rollouts.filter(state=Rollout.State.DONE)[:10])

    @cached_property
    def _candidates(self) -> tuple[list[int], int]:
        return actions.candidates(self.playbook, with_strategic=self.with_strategic, now=self.now)

    @property
    def candidates(self) -> str:
        """Who could take part in a pilot, in a sentence."""
        found, paying = self._candidates
        told = ngettext(
            "%(n)s of the %(top)s most valuable of %(paying)s paying accounts could take part.",
            "%(n)s of the %(top)s most valuable of %(paying)s paying accounts could take part.",
            len(found),
        )
        top = -(-paying * rules.TOP // 100)
        return told % {
            "n": formats.number(len(found)),
            "top": formats.number(top),
            "paying": formats.number(paying),
        }

    @property
    def may_pilot(self) -> bool:
        return len(self._candidates[0]) >= rules.LEAST_PILOT

    @cached_property
    def planned(self) -> list[Planned]:
        return pilots.planned(store.reading(), self._candidates[0])

    @property
    def shares(self) -> str:
        return ", ".join(map(str, rules.STEPS))
