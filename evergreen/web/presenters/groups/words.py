"""What a group lacks and what to do about it, in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from evergreen.touches.groups.looking import Line
from evergreen.touches.groups.rules import POINTS

TONES = {"good": "good", "fair": "warn", "poor": "bad"}
BANDS = {
    "good": pgettext_lazy("group", "does well"),
    "fair": pgettext_lazy("group", "needs care"),
    "poor": pgettext_lazy("group", "does badly"),
}
PARTS = {
    "people": gettext_lazy("two or more people of the customer are in it"),
    "decider": gettext_lazy("somebody who decides is in it: decision maker, champion or sponsor"),
    "owner": gettext_lazy("the group's or the account's owner is in it"),
    "written": gettext_lazy("something went out to it in the last 30 days, or it is younger"),
    "staying": gettext_lazy("in the last 30 days no more customers left than came"),
}
_NEXT = {
    "people": gettext_lazy("Invite the daily users: only %(people)s of the customer in it."),
    "decider": gettext_lazy("Invite whoever decides: nobody of them is in it."),
    "owner": gettext_lazy("Its owner is not in it: join, or hand it over."),
    "written": gettext_lazy("Nothing went out for 30 days: write to it."),
    "staying": gettext_lazy("%(left)s left and %(came)s came in 30 days: ask why."),
}
HELD = {
    "ended": gettext_lazy("it is over"),
    "no_channel": gettext_lazy("its channel is gone"),
    "no_owner": gettext_lazy("it has no owner who could post it"),
    "no_account": gettext_lazy("it belongs to no account"),
}


def next_step(line: Line) -> str:
    """What to do first; '' for a group that lacks nothing."""
    if not line.health.missing:
        return ""
    seen = line.seen
    told = {"people": seen.people, "left": seen.left, "came": seen.came}
    return str(_NEXT[line.health.missing[0]]) % told


def parts(line: Line) -> list[tuple[str, int, bool]]:
    """The parts of a group's health: what is looked at, its points, whether it holds."""
    return [(str(PARTS[name]), points, name not in line.health.missing) for name, points in POINTS.items()]


def formula() -> str:
    """How health is computed, in words."""
    told = " + ".join(f"{points}" for points in POINTS.values())
    return _("%(points)s points for what holds; 80 and more does well, below 50 badly.") % {"points": told}
