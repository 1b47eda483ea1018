"""A roll-out's stage judged: whether it does harm, helps, or cannot be told yet; and the night's watch that stops what does harm."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext as _

from evergreen.base.queries import setting
from evergreen.outcomes.experiments import holdouts
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.outcomes.experiments.following import HEALTH, KEPT, NRR
from evergreen.playbooks import actions
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import PlaybookVersion, Rollout
from evergreen.playbooks.rules import Definition, PlaybookError
from evergreen.playbooks.staged import stage

if TYPE_CHECKING:
    import duckdb

# What must not fall. Looked at every night, so by the reading that stays valid however often one looks.
GUARDS = (KEPT, NRR, HEALTH)
# A share is not raised by proposal before so many accounts of each side are past the window.
LEAST = 20


class Verdict(StrEnum):
    """What a stage says."""

    WAITS = "waits"
    HARM = "harm"
    NO_HARM = "no_harm"
    HELPS = "helps"


@dataclass(frozen=True, slots=True)
class Judged:
    """``harmed`` are the guarded outcomes that fell beyond chance; ``helped``: health rose beyond chance (end fixed beforehand)."""

    verdict: Verdict
    found: Compared
    harmed: tuple[str, ...]


def judge(con: duckdb.DuckDBPyConnection, rollout: Rollout, of: Definition) -> Judged:
    """The stage of a roll-out judged by the accounts whose first occasion came in it. The last stage has nobody to compare with but the
    definition's own holdout."""
    now = stage(rollout.playbook, of)
    found = holdouts.compared(con, rollout.playbook, now.held_out, rollout.days, now.since)
    told = {one["outcome"]: one for one in found.readings}
    harmed = tuple(
        key for key in GUARDS if key in told and (always := told[key]["sequential"]) and always["high"] < 0
    )
    health = told.get(HEALTH, {}).get("absolute")
    if harmed:
        verdict = Verdict.HARM
    elif any(arm.units < LEAST for arm in found.arms):
        verdict = Verdict.WAITS
    else:
        verdict = Verdict.HELPS if health and health["low"] > 0 else Verdict.NO_HARM
    return Judged(verdict, found, harmed)


def watch(con: duckdb.DuckDBPyConnection, *, now: dt.datetime) -> int:
    """Stop every running roll-out that does harm. One whose published version cannot be read any more is left to its page. Returns how
    many were stopped."""
    book, stopped = Book(now), 0
    for rollout in (
        Rollout.objects.filter(state=Rollout.State.RUNNING).select_related("playbook").order_by("pk")
    ):
        version = rollout.playbook.versions.filter(state=PlaybookVersion.State.PUBLISHED).first()
        if version is None:
            continue
        try:
            judged = judge(con, rollout, book.definition(version))
        except PlaybookError:
            continue
        if judged.verdict == Verdict.HARM:
            stopped += actions.stop_rollout(rollout, _why(judged), by=None, now=now)
    return stopped


def _why(judged: Judged) -> str:
    with translation.override(setting("language")):
        names = {
            KEPT: _("Still a customer"),
            NRR: _("Net revenue retention (NRR)"),
            HEALTH: _("Health score"),
        }
        told = ", ".join(str(names[key]) for key in judged.harmed)
        return _("Against those held out, %(n)s days after, it made worse beyond chance: %(what)s.") % {
            "n": judged.found.days, "what": told,
        }  # fmt: skip
