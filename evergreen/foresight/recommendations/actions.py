"""What is written of recommendations: candidates offered, what was shown (or held back), what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.foresight.recommendations.models import Candidate, Exposure, ItemKind
from evergreen.foresight.recommendations.recommending import Recommendation

AGAIN = dt.timedelta(hours=1)


def offer(
    kind: str,
    key: str,
    name: Mapping[str, str],
    *,
    feature: str,
    by_room: str,
    audience: Mapping[str, Any] | None = None,
    address: str = "",
    is_on: bool = True,
) -> Candidate:
    """Offer something about a feature, or say anew what it is; the room that owns it calls this whenever it changes.

    ValidationError for a kind that may not be offered, or features and touches, which are known here.
    """
    offered = set(ItemKind.values) - {ItemKind.FEATURE, ItemKind.TOUCH}
    if kind not in offered:
        raise ValidationError(
            _("“%(found)s” cannot be offered; allowed are %(allowed)s. Nothing was changed.")
            % {"found": kind, "allowed": ", ".join(sorted(offered))}
        )
    row, _created = Candidate.objects.update_or_create(
        kind=kind,
        key=key,
        defaults={
            "name": dict(name),
            "feature": feature,
            "audience": dict(audience or {}),
            "address": address,
            "is_on": is_on,
            "offered_by": by_room,
        },
    )
    return row


@transaction.atomic
def expose(
    account: Account, items: Iterable[Recommendation], *, is_held: bool, now: dt.datetime, end_user: str = ""
) -> None:
    """Note what was shown, or would have been but for the holdout; each item once, with its first and newest time."""
    keys = [(one.kind, one.key) for one in items]
    if not keys:
        return
    rows = Exposure.objects.filter(account=account, end_user=end_user).values_list(
        "kind", "key", "pk", "last_at"
    )
    there = {(kind, key): (pk, last) for kind, key, pk, last in rows}
    Exposure.objects.bulk_create(
        (
            Exposure(
                account=account,
                end_user=end_user,
                kind=kind,
                key=key,
                is_held=is_held,
                first_at=now,
                last_at=now,
            )
            for kind, key in keys
            if (kind, key) not in there
        ),
        ignore_conflicts=True,
    )
    # A page that is looked at again and again need not be written down each time.
    stale = [there[one][0] for one in keys if one in there and now - there[one][1] > AGAIN]
    if stale:
        Exposure.objects.filter(pk__in=stale).update(last_at=now)


@transaction.atomic
def note_outcome(
    account: Account,
    kind: str,
    key: str,
    outcome: str,
    *,
    by: User | None,
    now: dt.datetime,
    end_user: str = "",
) -> Exposure:
    """Note that something shown was seen, taken up or dismissed; the last word stands, and *seen* takes back no other.

    ValidationError for an unknown outcome and for what was never shown.
    """
    if outcome not in Exposure.Outcome.values:
        raise ValidationError(
            _("The outcome is %(found)s; allowed are %(allowed)s. Nothing was changed.")
            % {"found": outcome or "-", "allowed": ", ".join(Exposure.Outcome.values)}
        )
    row = Exposure.objects.filter(
        account=account, end_user=end_user, kind=kind, key=key, is_held=False
    ).first()
    if row is None:
        raise ValidationError(
            _(
                "%(kind)s %(key)s was not recommended there. Ask for recommendations first. Nothing was changed."
            )
            % {"kind": kind or "-", "key": key or "-"}
        )
    if row.outcome == outcome or (outcome == Exposure.Outcome.SEEN and row.outcome):
        return row
    before = row.outcome
    row.outcome, row.outcome_at = outcome, now
    row.save(update_fields=["outcome", "outcome_at"])
    if by is not None:
        audit(
            "recommendation.answered", "exposure", [row.pk], by=by, now=now,
            before={"outcome": before}, after={"outcome": outcome},
        )  # fmt: skip
    return row
