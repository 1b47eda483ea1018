"""What a playbook brought, against the accounts held out of it, in words."""

from __future__ import annotations

from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.events import store
from evergreen.metrics import registry
from evergreen.outcomes.experiments import holdouts, statistics
from evergreen.outcomes.experiments.holdouts import Compared
from evergreen.playbooks import rules
from evergreen.playbooks.models import Playbook
from evergreen.web import formats
from evergreen.web.presenters.experiments import Outcome


class EffectPage:
    """``days``: after entry, as the address asks for it."""

    def __init__(self, playbook: Playbook, of: rules.Definition | None, days: str) -> None:
        self.playbook, self.of = playbook, of
        self.days = (
            int(days) if days.isdecimal() and int(days[:9]) in holdouts.WINDOWS else holdouts.WINDOWS[0]
        )

    @property
    def windows(self) -> list[tuple[int, str]]:
        return [(days, formats.days(days)) for days in holdouts.WINDOWS]

    @cached_property
    def found(self) -> Compared | None:
        if self.of is None or not self.of.holdout:
            return None
        return holdouts.compare(store.reading(), self.playbook, self.of.holdout, self.days)

    @property
    def is_uneven(self) -> bool:
        return (
            self.found is not None
            and self.found.ratio is not None
            and self.found.ratio < statistics.RATIO_ALPHA
        )

    @property
    def outlook(self) -> str:
        """How many accounts it takes, and how long."""
        found = self.found
        if found is None or not found.needed:
            return ""
        if not found.months:
            return _("%(n)s accounts show a tenth of difference in health; so many are there.") % {
                "n": formats.number(found.needed)
            }
        return _("A tenth of difference in health needs %(n)s accounts; at the rate of the last 90 days that is in %(months)s months.") % {
            "n": formats.number(found.needed), "months": formats.number(found.months, 1),
        }  # fmt: skip

    @property
    def outcomes(self) -> list[Outcome]:
        found = self.found
        if found is None:
            return []
        names = {holdouts.KEPT: _("Still a customer"), holdouts.HEALTH: _("Health score")}
        names |= {key: formats.named(registry.metric(key).name) for key in holdouts.METRICS}
        ratio = 1.0 if found.ratio is None else found.ratio
        told = [
            {**one, "outcome": names[one["outcome"]], "arm": _("in the playbook")} for one in found.readings
        ]
        return [Outcome(one, _("held out"), ratio) for one in told]
