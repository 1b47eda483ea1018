"""Answers for segments, made by the worker and kept; and what levers cost the vendor."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.foresight.twin import anchoring, asking, groups
from evergreen.foresight.twin.dynamics import TooLittleHistoryError
from evergreen.foresight.twin.levers import LEVERS
from evergreen.foresight.twin.models import LeverCost, Outlook
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import queries as segments


def make(segment: str, user: User, *, now: dt.datetime, tell: groups.Tell | None = None) -> Outlook:
    """Simulate the accounts of a segment (blank: all) that a person may see and keep the answer in the place of the one before.

    ValidationError where there is nothing to learn from, or no account to simulate.
    """
    visible = accounts_for(user)
    if segment:
        visible = segments.members(Segment.objects.get(key=segment), user)
    wanted = list(visible.order_by().values_list("pk", flat=True))
    if not wanted:
        raise ValidationError(
            _("There is no account in it that you may see. Nothing was computed. Choose another segment.")
        )
    try:
        # Those drawn of a big segment may lie outside the accounts that teach.
        learned = asking.newest(groups.chosen(wanted).tolist())
    except TooLittleHistoryError:
        raise ValidationError(
            _(
                "It takes about nine months of snapshots to learn from; the operator makes those of the past by “evergreen night --from DAY "
                "--to DAY --every week”."
            )
        ) from None
    anchors = anchoring.anchors(learned.panel, groups.chosen(wanted).tolist(), learned.on)
    report = groups.ask(learned, wanted, asking.measured_effects(), anchors=anchors, tell=tell)
    if not report["accounts"]:
        raise ValidationError(
            _(
                "None of its accounts can be simulated: on the day of the newest snapshot nothing of them was in force, or their use is not "
                "known. Choose another segment."
            )
        )
    asker = None if sees_every_account(user) else user
    with transaction.atomic():
        Outlook.objects.filter(segment=segment, asker=asker).delete()
        return Outlook.objects.create(
            segment=segment, asker=asker, day=learned.on, made_at=now, report=report
        )


def kept(segment: str, user: User) -> Outlook | None:
    """The answer that a person may see, or None."""
    asker = None if sees_every_account(user) else user
    return Outlook.objects.filter(segment=segment, asker=asker).first()


def costs() -> dict[str, LeverCost]:
    """What each lever costs an account; levers whose cost nobody gave, or gave in a currency that the vendor left, are absent."""
    currency = base.setting("currency")
    return {
        one.lever: one for one in LeverCost.objects.filter(currency=currency).select_related("changed_by")
    }


@transaction.atomic
def set_cost(lever: str, cost_cents: int | None, *, by: User, now: dt.datetime) -> None:
    """Say what a lever costs at one account, in minor units of the vendor's currency; None or 0 takes it back."""
    known = {one.key for one in LEVERS}
    if lever not in known:
        raise ValidationError(
            _("%(found)s is no lever: allowed are %(allowed)s. Nothing was changed.")
            % {"found": lever, "allowed": ", ".join(sorted(known))}
        )
    row = LeverCost.objects.filter(lever=lever).first()
    before = {"cost_cents": row.cost_cents, "currency": row.currency} if row else {}
    after = {"cost_cents": cost_cents, "currency": base.setting("currency")} if cost_cents else {}
    if before == after:
        return
    if after:
        LeverCost.objects.update_or_create(
            lever=lever, defaults={**after, "changed_by": by, "changed_at": now}
        )
    else:
        LeverCost.objects.filter(lever=lever).delete()
    audit("lever_cost.changed", "lever_cost", [lever], by=by, now=now, before=before, after=after)
