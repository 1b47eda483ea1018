"""Roll-outs step by step, and pilots on the most valuable accounts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.conditions import fields_of, holds
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.metrics.segments.newest import newest_values
from evergreen.playbooks import rules
from evergreen.playbooks.actions.entering import enter_pilot
from evergreen.playbooks.actions.versions import switch
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Pilot, PilotAccount, Playbook, PlaybookVersion, Rollout
from evergreen.playbooks.staged import running_pilot

WINDOWS = (28, 56, 90)


@transaction.atomic
def start_rollout(
    playbook: Playbook, shares: str, days: int, *, by: User | None, now: dt.datetime
) -> Rollout:
    """Let a playbook in step by step from now on; one that is off is switched on. Raises ValidationError for shares that do not rise to
    100, for another window than 28, 56, 90 days, while another one runs, and for what ``switch`` refuses."""
    _published(playbook)
    try:
        steps = rules.rising(shares)
    except ValueError:
        raise ValidationError(
            _(
                "Steps: found “%(found)s”. Allowed: two to eight rising shares, the last 100, such as 10, 25, 50, 100. Nothing was changed."
            )
            % {"found": shares}
        ) from None
    if days not in WINDOWS:
        raise ValidationError(
            _("Days: found %(found)s. Allowed: %(allowed)s. Nothing was changed.")
            % {"found": days, "allowed": ", ".join(map(str, WINDOWS))}
        )
    if playbook.rollouts.exclude(state=Rollout.State.DONE).exists() or running_pilot(playbook):
        raise ValidationError(
            _("A roll-out or a pilot of it runs already: end that first. Nothing was changed.")
        )
    made = Rollout.objects.create(
        playbook=playbook, shares=list(steps), days=days, stage_since=now, started_at=now, started_by=by
    )
    switch(playbook, True, by=by, now=now)
    audit(
        "rollout.started",
        "rollout",
        [made.pk],
        by=by,
        now=now,
        after={"playbook": playbook.key, "shares": list(steps)},
    )
    return made


@transaction.atomic
def raise_rollout(rollout: Rollout, *, by: User | None, now: dt.datetime) -> Rollout:
    """Let the next share in; with the last one it is done. Raises ValidationError for one that does not run."""
    held = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if held.state != Rollout.State.RUNNING:
        raise ValidationError(_("This roll-out does not run: go on with it first. Nothing was changed."))
    before = {"share": held.share, "state": held.state}
    held.at = min(held.at + 1, len(held.shares) - 1)
    return _moved(held, "rollout.raised", before, by, now)


@transaction.atomic
def resume_rollout(rollout: Rollout, *, by: User | None, now: dt.datetime) -> Rollout:
    """Go on with a stopped roll-out at the share that it had, as a new stage. Raises ValidationError for another."""
    held = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if held.state != Rollout.State.STOPPED:
        raise ValidationError(_("This roll-out is not stopped. Load the page again."))
    return _moved(held, "rollout.resumed", {"share": held.share, "state": held.state}, by, now)


def _moved(held: Rollout, verb: str, before: dict[str, object], by: User | None, now: dt.datetime) -> Rollout:
    is_over = held.share == 100
    held.state = Rollout.State.DONE if is_over else Rollout.State.RUNNING
    held.stage_since, held.note, held.ended_at = now, "", now if is_over else None
    held.save()
    switch(held.playbook, True, by=by, now=now)
    audit(verb, "rollout", [held.pk], by=by, now=now, before=before, after={"share": held.share})
    return held


@transaction.atomic
def stop_rollout(rollout: Rollout, why: str, *, by: User | None, now: dt.datetime) -> bool:
    """Stop a roll-out and switch its playbook off: nobody enters, and who is inside stands still. Returns whether it ran until now."""
    told = why.strip()[:300]
    stopped = Rollout.objects.filter(pk=rollout.pk, state=Rollout.State.RUNNING).update(
        state=Rollout.State.STOPPED, note=told
    )
    if stopped:
        switch(rollout.playbook, False, by=by, now=now)
        audit(
            "rollout.stopped",
            "rollout",
            [rollout.pk],
            by=by,
            now=now,
            after={"why": told, "share": rollout.share},
        )
    return bool(stopped)


def candidates(playbook: Playbook, *, with_strategic: bool, now: dt.datetime) -> tuple[list[int], int]:
    """(the accounts of a pilot, the most valuable first; how many paying accounts there are). Of the most valuable fifth of the paying
    accounts by ARR: who is not in the red, not strategic unless that is wanted, not inside, and meets the entry condition."""
    version, book = _published(playbook), Book(now)
    of = book.definition(version)
    paying = Account.objects.exclude(stage=Account.Stage.CHURNED).filter(arr_base_cents__gt=0)
    ordered = list(paying.order_by("-arr_base_cents", "pk").values_list("pk", flat=True))
    top = ordered[: math.ceil(len(ordered) * rules.TOP / 100)]
    asked = frozenset(rules.NEVER_COMPARED) | (fields_of(of.entry) if of.entry is not None else frozenset())
    values = newest_values(set(top), asked, book.fields)
    inside = set(
        playbook.enrolments.filter(account__in=top, ended_at=None).values_list("account_id", flat=True)
    )
    barred = {
        field: never
        for field, never in rules.NEVER_COMPARED.items()
        if not (with_strategic and field == "tier")
    }
    found = [
        pk
        for pk in top
        if pk in values
        and pk not in inside
        and all(values[pk].get(field) != never for field, never in barred.items())
        and (of.entry is None or holds(of.entry, values[pk], book.today))
    ]
    return found, len(ordered)


@transaction.atomic
def start_pilot(
    playbook: Playbook, holdout: int, *, with_strategic: bool, by: User | None, now: dt.datetime
) -> tuple[Pilot, int]:
    """Draw the sides of the most valuable fifth by strata of value and let one side in; a playbook that is off is switched on. Returns the
    pilot and the entries. Raises ValidationError for another share than 20, 25, 30, 50 percent, for fewer than ten accounts, while
    another pilot or a roll-out runs, and for what ``switch`` refuses."""
    if holdout not in rules.PILOT_HOLDOUTS:
        raise ValidationError(
            _("Held out: found %(found)s%%. Allowed: %(allowed)s. Nothing was changed.")
            % {"found": holdout, "allowed": ", ".join(f"{one}%" for one in sorted(rules.PILOT_HOLDOUTS))}
        )
    if playbook.rollouts.exclude(state=Rollout.State.DONE).exists() or running_pilot(playbook):
        raise ValidationError(
            _("A roll-out or a pilot of it runs already: end that first. Nothing was changed.")
        )
    chosen, _paying = candidates(playbook, with_strategic=with_strategic, now=now)
    if len(chosen) < rules.LEAST_PILOT:
        raise ValidationError(
            _("%(found)s accounts could take part; a pilot needs %(least)s at least. Nothing was changed.")
            % {"found": len(chosen), "least": rules.LEAST_PILOT}
        )
    pilot = Pilot.objects.create(
        playbook=playbook,
        top=rules.TOP,
        holdout=holdout,
        with_strategic=with_strategic,
        started_at=now,
        started_by=by,
    )
    _draw(pilot, chosen)
    switch(playbook, True, by=by, now=now)
    entered = enter_pilot(pilot, by=by, now=now)
    audit(
        "pilot.started",
        "pilot",
        [pilot.pk],
        by=by,
        now=now,
        after={"playbook": playbook.key, "accounts": len(chosen), "holdout": holdout},
    )
    return pilot, entered


def _draw(pilot: Pilot, chosen: Sequence[int]) -> None:
    drawn = rules.sides(chosen, pilot.holdout, f"{pilot.playbook.key}:pilot:{pilot.pk}")
    PilotAccount.objects.bulk_create(
        (
            PilotAccount(
                pilot=pilot, account_id=one.account, stratum=one.stratum, is_held_out=one.is_held_out
            )
            for one in drawn
        ),
        batch_size=500,
    )


@transaction.atomic
def end_pilot(pilot: Pilot, *, stays_on: bool, by: User | None, now: dt.datetime) -> None:
    """End a pilot: with ``stays_on`` everybody may enter from now on, else the playbook is switched off. Raises ValidationError for one
    that is over."""
    if not Pilot.objects.filter(pk=pilot.pk, ended_at=None).update(ended_at=now):
        raise ValidationError(_("This pilot is over already. Load the page again."))
    if not stays_on:
        switch(pilot.playbook, False, by=by, now=now)
    audit("pilot.ended", "pilot", [pilot.pk], by=by, now=now, after={"stays_on": stays_on})


def _published(playbook: Playbook) -> PlaybookVersion:
    version = playbook.versions.filter(state=PlaybookVersion.State.PUBLISHED).first()
    if version is None:
        raise ValidationError(_("Publish the playbook first: nobody can enter a draft. Nothing was changed."))
    return version
