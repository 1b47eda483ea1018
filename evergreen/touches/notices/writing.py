"""Write notices, begin and stop telling them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.languages import LANGUAGES
from evergreen.base.models import User
from evergreen.base.queries import vendor_day
from evergreen.customers.models import Feature
from evergreen.touches import actions as touches
from evergreen.touches import values
from evergreen.touches.language import TemplateError, parse
from evergreen.touches.models import Notice
from evergreen.touches.notices.reaching import ORIGIN, USED_DAYS, accounts_of
from evergreen.touches.recipients import Recipients, read_ways

State = Notice.State


def problems_of(given: Mapping[str, Any]) -> list[str]:
    """Every mistake in a notice as it was written."""
    found = []
    if given.get("kind") not in Notice.Kind.values:
        found.append(
            _("Kind: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": given.get("kind"), "allowed": ", ".join(Notice.Kind.values)}
        )
    for name, said in (
        ("title", _("A title is missing.")),
        ("text", _("A text is missing, in Chinese, in English or in both.")),
    ):
        if not any(str(given.get(name, {}).get(one, "")).strip() for one in LANGUAGES):
            found.append(said)
    for one in LANGUAGES:
        for part in ("title", "text"):
            try:
                parse(str(given.get(part, {}).get(one, "")), values.known())
            except TemplateError as error:
                found += error.problems
    if not isinstance(given.get("happens_on"), dt.date):
        found.append(_("The day is missing: write it as 2026-12-31."))
    listed, known = read_ways(given.get("by"))
    if not listed:
        found.append(
            _("By: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": given.get("by") or "", "allowed": ", ".join(known)}
        )
    strange = set(given.get("features", ())) - set(Feature.objects.values_list("key", flat=True))
    if strange:
        found.append(_("There is no feature %(keys)s.") % {"keys": ", ".join(sorted(strange))})
    return found


@transaction.atomic
def save_notice(notice: Notice | None, given: Mapping[str, Any], *, by: User, now: dt.datetime) -> Notice:
    """Write a notice that nobody was told yet. Raises ValidationError with every mistake."""
    if notice is not None and notice.state != State.DRAFT:
        raise ValidationError(_("It was told already: write another notice."))
    if problems := problems_of(given):
        raise ValidationError(problems)
    made = notice or Notice(created_at=now, created_by=by)
    for name in ("title", "text", "points"):
        told = {one: str(given.get(name, {}).get(one, "")).strip() for one in LANGUAGES}
        setattr(made, name, {one: text for one, text in told.items() if text})
    made.kind, made.features, made.happens_on = (
        given["kind"],
        list(given.get("features", [])),
        given["happens_on"],
    )
    made.by = read_ways(given["by"])[0]
    made.save()
    audit(
        "notice.saved",
        "notice",
        [made.pk],
        by=by,
        now=now,
        after={"kind": made.kind, "features": made.features},
    )
    return made


@transaction.atomic
def start_notice(notice: Notice, *, by: User, now: dt.datetime) -> None:
    """Begin to tell it; the worker does it. Raises ValidationError where no channel fits, or it was begun before."""
    held = Notice.objects.select_for_update().get(pk=notice.pk)
    if held.state != State.DRAFT:
        raise ValidationError(_("It was told already: write another notice."))
    try:
        Recipients(()).of(0, "first", held.by)
    except LookupError as error:
        raise ValidationError(str(error)) from error
    held.state, held.started_at = State.RUNNING, now
    held.used_from = vendor_day(now) - dt.timedelta(days=USED_DAYS)
    held.total = len(accounts_of(held))
    held.save()
    audit("notice.started", "notice", [held.pk], by=by, now=now, after={"accounts": held.total})


@transaction.atomic
def stop_notice(notice: Notice, *, by: User, now: dt.datetime) -> int:
    """Tell nobody more, and withdraw messages that have not gone out. Tasks stay. Returns how many were withdrawn."""
    held = Notice.objects.select_for_update().get(pk=notice.pk)
    held.state, held.ended_at = State.STOPPED, held.ended_at or now
    held.save(update_fields=["state", "ended_at"])
    count = touches.withdraw_planned(ORIGIN, [str(held.pk)], now=now)
    audit("notice.stopped", "notice", [held.pk], by=by, now=now, after={"withdrawn": count})
    return count


@transaction.atomic
def remove_notice(notice: Notice, *, by: User, now: dt.datetime) -> None:
    """Delete a draft. Raises ValidationError for one that was told."""
    if notice.state != State.DRAFT:
        raise ValidationError(_("It was told, so it stays."))
    audit("notice.removed", "notice", [notice.pk], by=by, now=now, before={"kind": notice.kind})
    notice.delete()
