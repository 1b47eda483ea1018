"""A world as it was: only what had happened and was known by the end of a day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tests.metrics.oracle.world import World


def cut(world: World, day: dt.date) -> World:
    """The world without anything that happened or became known after the day. What carries no time of its own (the
    role of a contact, marks of a ticket that was closed by then) stays as it is."""
    end = world.midnight(day + dt.timedelta(days=1))

    def by(moment: dt.datetime | None) -> dt.datetime | None:
        return moment if moment is not None and moment < end else None

    accounts = []
    for told in world.accounts:
        if told.known >= end:
            continue
        later = sorted((at, was) for at, was in told.tiers_before if at >= end)
        accounts.append(
            replace(
                told,
                tier=later[0][1] if later else told.tier,
                tiers_before=tuple((at, was) for at, was in told.tiers_before if at < end),
                first_value=told.first_value if told.first_value and told.first_value <= day else None,
                events=[e for e in told.events if e.known < end and e.at < end],
                tickets=[
                    replace(t, answered=by(t.answered), closed=by(t.closed), mark=t.mark if by(t.closed) else None)
                    for t in told.tickets
                    if t.known < end and t.opened < end
                ],
                lines=[line for line in told.lines if line.known < end],
                invoices=[
                    replace(i, paid=i.paid if i.paid_on and i.paid_on <= day else 0,
                            paid_on=i.paid_on if i.paid_on and i.paid_on <= day else None)
                    for i in told.invoices
                    if i.known < end
                ],
                people=[
                    replace(p, left=p.left if p.left and p.left <= day else None) for p in told.people if p.known < end
                ],
                talks=[talk for talk in told.talks if talk.known < end and talk.at < end],
                values=[r for r in told.values if r.known < end],
                targets=[r for r in told.targets if r.known < end],
                pk=0,
            )
        )  # fmt: skip
    return replace(world, day=day, accounts=accounts)
