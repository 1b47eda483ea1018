"""What winning the accounts cost: a team that is paid every month, and so much more for each account won."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from evergreen.base.models import User
from evergreen.flow.demo.vendor import Vendor
from evergreen.outcomes.actions import set_acquisition_cost
from evergreen.outcomes.portfolio.periods import moved

_TEAM, _EACH = 58_000_00, 13_500_00
_NOTES = {3: "春季行业展会", 9: "秋季客户大会"}


def write(vendor: Vendor, *, by: User) -> None:
    """The costs of every closed month of the story, entered on the fifth of the next one."""
    extent = vendor.extent
    chance = extent.chance("costs")
    won = Counter(
        next(term.start for term in life.terms if not term.is_trial).replace(day=1)
        for life in vendor.lives
        if any(not term.is_trial for term in life.terms)
    )
    month = extent.first.replace(day=1)
    while (following := moved(month, 1)) <= extent.last:
        spent = _TEAM + _EACH * won[month]
        fair = 1.25 if month.month in _NOTES else 1.0
        cents = round(spent * fair * float(chance.uniform(0.9, 1.12)) / 100_00) * 100_00
        entered = min(following + dt.timedelta(days=4), extent.last)
        set_acquisition_cost(
            month, cents, note=_NOTES.get(month.month, ""), by=by, now=extent.moment(entered, 11)
        )
        month = following
