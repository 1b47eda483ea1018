"""What stands before a playbook's door beside its definition: a roll-out that has let in a share so far, a pilot that lets in its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from evergreen.playbooks.models import Pilot, Playbook, Rollout
from evergreen.playbooks.rules import Definition

PILOT = "pilot"


@dataclass(frozen=True, slots=True)
class Door:
    """``of``: the definition with the share that is held out now. ``chosen``: the accounts that a pilot lets in, ``held``: those that it
    holds out; both None without a pilot."""

    of: Definition
    chosen: frozenset[int] | None = None
    held: frozenset[int] | None = None

    def keeps_out(self, account: int, *, is_by_hand: bool) -> bool:
        """Whether the pilot refuses an account: whom it holds out always, others unless somebody puts them in."""
        if self.chosen is None or self.held is None:
            return False
        return account in self.held or (account not in self.chosen and not is_by_hand)


@dataclass(frozen=True, slots=True)
class Stage:
    """Percent held out of a playbook now, and since when (None: since ever)."""

    held_out: int
    since: dt.datetime | None


def stage(playbook: Playbook, of: Definition) -> Stage:
    """The share that is held out now: the definition's, or what a roll-out has not let in yet where that is more."""
    last = playbook.rollouts.first()
    if last is None:
        return Stage(of.holdout, None)
    if last.state == Rollout.State.DONE:
        return Stage(of.holdout, last.ended_at)
    return Stage(max(of.holdout, 100 - last.share), last.stage_since)


def running_pilot(playbook: Playbook) -> Pilot | None:
    """The pilot that runs, None without one."""
    return playbook.pilots.filter(ended_at=None).first()


def door(playbook: Playbook, of: Definition) -> Door:
    """How accounts are let in now."""
    held_out = stage(playbook, of).held_out
    staged = of if held_out == of.holdout else replace(of, holdout=held_out)
    pilot = running_pilot(playbook)
    if pilot is None:
        return Door(staged)
    sides: dict[bool, set[int]] = {True: set(), False: set()}
    for account, is_out in pilot.accounts.order_by().values_list("account_id", "is_held_out"):
        sides[is_out].add(account)
    return Door(staged, frozenset(sides[False]), frozenset(sides[True]))
