"""What a playbook brought, against the accounts held out of it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.events import store
from evergreen.outcomes.experiments import comparing, holdouts, sizes
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.playbooks import rules
from evergreen.playbooks.models import Playbook
from evergreen.playbooks.staged import stage
from evergreen.web import formats
from evergreen.web.presenters.experiments import Outcome, outcome_names


def window(days: str) -> int:
    """Days after, as an address asks for them."""
    known = comparing.WINDOWS
    return int(days) if days.isdecimal() and int(days[:9]) in known else known[0]


class Told:
    """A comparison in words. ``names``: of its arms; ``days``: after, as the address asks for it."""

    names: Mapping[str, str]

    def __init__(self, days: str) -> None:
        self.days = window(days)

    @property
    def windows(self) -> list[tuple[int, str]]:
        return [(days, formats.days(days)) for days in comparing.WINDOWS]

    @cached_property
    def found(self) -> Compared | None:
        raise NotImplementedError

    @property
    def is_uneven(self) -> bool:
        found = self.found
        return found is not None and found.ratio is not None and found.ratio < sizes.RATIO_ALPHA

    @property
    def has_many(self) -> bool:
        """Whether more than one arm is held against the first."""
        return self.found is not None and len(self.found.arms) > 2

    @property
    def ratio(self) -> str:
        """How likely the arms' sizes are by chance."""
        found = self.found
        return "" if found is None or found.ratio is None else f"{found.ratio:.4f}"

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Each arm with its planned share and its accounts."""
        arms = self.found.arms if self.found is not None else ()
        return [(self.names[arm.key], formats.percent(arm.share / 100), arm.units) for arm in arms]

    @property
    def outlook(self) -> str:
        """How many accounts it takes, how long, and how sure a difference would be seen by now."""
        found = self.found
        if found is None or not found.needed:
            return ""
        power = _("With those that are there it would be seen in %(power)s of cases.") % {
            "power": formats.percent(found.power)
        }
        said = {"n": formats.number(found.needed)}
        if found.months is None:
            told = _(
                "A tenth of difference in health needs %(n)s accounts; nobody came in the last 90 days, so it is not known when they are there."
            )
            return f"{told % said} {power}"
        if not found.months:
            return _("%(n)s accounts show a tenth of difference in health; so many are there.") % said
        told = _(
            "A tenth of difference in health needs %(n)s accounts; at the rate of the last 90 days that is in %(months)s months."
        ) % {**said, "months": formats.number(found.months, 1)}
        return f"{told} {power}"

    @cached_property
    def outcomes(self) -> list[Outcome]:
        found = self.found
        if found is None:
            return []
        names, ratio = outcome_names(), 1.0 if found.ratio is None else found.ratio
        control = self.names[found.arms[0].key]
        told = [
            {**one, "outcome": names[one["outcome"]], "arm": self.names[one["arm"]]} for one in found.readings
        ]
        return [Outcome(one, control, ratio) for one in told]


class EffectPage(Told):
    """``days``: after entry, as the address asks for it."""

    def __init__(self, playbook: Playbook, of: rules.Definition | None, days: str) -> None:
        super().__init__(days)
        self.playbook, self.of = playbook, of
        self.names = {holdouts.HELD_OUT: _("held out"), holdouts.IN: _("in the playbook")}

    @cached_property
    def found(self) -> Compared | None:
        now = stage(self.playbook, self.of) if self.of is not None else None
        if now is None or not now.held_out:
            return None
        return holdouts.compared(store.reading(), self.playbook, now.held_out, self.days, now.since)

    @property
    def held_out(self) -> int:
        return self.found.arms[0].units if self.found is not None else 0
