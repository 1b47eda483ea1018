"""A person's verdict in the place of a score, with a reason and a last day."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.health import queries
from evergreen.health.models import Override, Scorecard

MOST_DAYS = 180


@transaction.atomic
def override(
    account: Account,
    value: float,
    *,
    reason: str,
    expires_on: dt.date,
    scorecard: Scorecard | None = None,
    level: str = Override.Level.ACCOUNT,
    key: str = "",
    by: User | None,
    now: dt.datetime,
) -> Override:
    """Set the score of an account, or a dimension's or a measure's mark on a scorecard; takes the place of an earlier verdict on
    the same. It counts from today's scoring to the end of ``expires_on``, at most 180 days.

    Raises ValidationError by field.
    """
    today = base.vendor_day(now)
    last = today + dt.timedelta(days=MOST_DAYS)
    problems: dict[str, str] = {}
    if not 0 <= value <= 100:
        problems["value"] = _("Found: %(found)s. Allowed: 0 to 100.") % {"found": f"{value:g}"}
    if len(reason.strip()) < 3:
        problems["reason"] = _("Say why: whoever reads the score sees it.")
    if not today <= expires_on <= last:
        said = _("Found: %(found)s. Allowed: from %(first)s to %(last)s.")
        problems["expires_on"] = said % {"found": expires_on, "first": today, "last": last}
    if level == Override.Level.ACCOUNT:
        scorecard, key = None, ""
    else:
        allowed = _keys(scorecard, level)
        if key not in allowed:
            said = _("Found: %(found)s. Allowed: %(allowed)s.")
            problems["key"] = said % {"found": key or "-", "allowed": ", ".join(allowed) or "-"}
    if problems:
        raise ValidationError(problems)
    for former in in_force(today).filter(account=account, level=level, scorecard=scorecard, key=key):
        _end(former, by=by, now=now)
    made = Override.objects.create(
        account=account,
        level=level,
        scorecard=scorecard,
        key=key,
        value=value,
        reason=reason.strip()[:300],
        starts_on=today,
        expires_on=expires_on,
        made_by=by,
        made_at=now,
    )
    audit("score.overridden", "account", [account.pk], by=by, now=now, after=_told(made))
    return made


@transaction.atomic
def end_override(given: Override, *, by: User | None, now: dt.datetime) -> bool:
    """Take a verdict back before its last day. False where it has ended already."""
    row = Override.objects.select_for_update().get(pk=given.pk)
    if row.ended_at is not None:
        return False
    _end(row, by=by, now=now)
    return True


def in_force(day: dt.date) -> queries.Overridden:
    """The verdicts that count on a day."""
    return queries.overrides_on(day)


def _end(row: Override, *, by: User | None, now: dt.datetime) -> None:
    row.ended_at, row.ended_by = now, by
    # It counts up to the day before: scores of days that are over keep it.
    row.expires_on = min(row.expires_on, base.vendor_day(now) - dt.timedelta(days=1))
    row.save(update_fields=["ended_at", "ended_by", "expires_on"])
    audit("score.override_ended", "account", [row.account_id], by=by, now=now, before=_told(row))


def _keys(scorecard: Scorecard | None, level: str) -> list[str]:
    """The dimensions or measures of a scorecard that may be overridden; an additive one has none."""
    if scorecard is None:
        return []
    card = queries.definition(queries.current_version(scorecard))
    if card.additive:
        return []
    if level == Override.Level.DIMENSION:
        return list(dict.fromkeys(measure.dimension for measure in card.measures if measure.dimension))
    return [measure.key for measure in card.measures]


def _told(row: Override) -> dict[str, object]:
    return {
        "level": row.level,
        "scorecard": row.scorecard.key if row.scorecard else "",
        "key": row.key,
        "value": row.value,
        "reason": row.reason,
        "expires_on": row.expires_on.isoformat(),
    }
