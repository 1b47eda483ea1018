"""Writes of the outcomes room."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.outcomes.models import AcquisitionCost, ReviewDecision
from evergreen.outcomes.review import Line

KIND = "acquisition_cost"


@transaction.atomic
def set_acquisition_cost(
    month: dt.date, cost_cents: int | None, *, note: str = "", by: User | None, now: dt.datetime
) -> AcquisitionCost | None:
    """What winning accounts cost in a month, in the vendor's currency; None takes it back.

    The audit keeps what stood before. An equal amount and note change nothing. Raises ValidationError by field.
    """
    month = month.replace(day=1)
    if cost_cents is not None and not 0 <= cost_cents < 10**15:
        raise ValidationError(
            {
                "cost": _("Found: %(found)s. Allowed: an amount from 0 on. Nothing was saved.")
                % {"found": cost_cents / 100}
            }
        )
    held = AcquisitionCost.objects.select_for_update().filter(month=month).first()
    before = _said(held)
    if cost_cents is None:
        if held is None:
            return None
        key = held.pk
        held.delete()
        audit(
            "acquisition_cost.removed",
            KIND,
            [key],
            by=by,
            now=now,
            before=before,
            after={"month": str(month)},
        )
        return None
    row = held or AcquisitionCost(month=month)
    currency = base.setting("currency")
    if held and (held.cost_cents, held.currency, held.note) == (cost_cents, currency, note):
        return held
    row.cost_cents, row.currency, row.note = cost_cents, currency, note[:200]
    row.changed_at, row.changed_by = now, by
    row.save()
    audit("acquisition_cost.set", KIND, [row.pk], by=by, now=now, before=before, after=_said(row))
    return row


def _said(row: AcquisitionCost | None) -> dict[str, object]:
    if row is None:
        return {}
    return {"month": str(row.month), "cost_cents": row.cost_cents, "currency": row.currency, "note": row.note}


@transaction.atomic
def decide_review(
    line: Line, quarter: str, decision: str, note: str, *, by: User, now: dt.datetime
) -> ReviewDecision:
    """Write down what a service review decided on something, with its figures; the newest decision of a quarter counts. Raises
    ValidationError for a decision that there is not.
    """
    if decision not in ReviewDecision.Decision.values:
        raise ValidationError(
            _("Decision: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": decision, "allowed": ", ".join(ReviewDecision.Decision.values)}
        )
    figures = {
        "volume": line.volume,
        "minutes": line.minutes,
        "good": line.good,
        "judged": line.judged,
        "proposal": line.proposal,
    }
    made, _is_new = ReviewDecision.objects.update_or_create(
        quarter=quarter, kind=line.kind, key=line.key, defaults={"decision": decision, "note": note.strip()[:300], "figures": figures, "at": now, "by": by},
    )  # fmt: skip
    audit(
        "review.decided",
        "review",
        [made.pk],
        by=by,
        now=now,
        after={"what": f"{line.kind} {line.key}", "decision": decision},
    )
    return made
