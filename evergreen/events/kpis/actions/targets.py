"""Targets of KPIs, account by account: from which day on, by when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.base import clock, queries
from evergreen.base.models import User
from evergreen.base.upserts import Outcome
from evergreen.customers.models import Account
from evergreen.events.kpis import rules
from evergreen.events.kpis.actions.reports import Checks, Recorded, RefusedError, Wanted, keep, shown
from evergreen.events.kpis.models import KpiTarget


@dataclass(frozen=True, slots=True)
class Aimed:
    """What a KPI of an account is to reach: ``value`` from ``starts_on`` on, by ``due_on``. None takes it back."""

    account: str | int
    kpi: str
    value: Any
    starts_on: dt.date
    due_on: dt.date | None = None
    system: str = ""


def set_kpi_targets(
    rows: Sequence[Aimed],
    *,
    source: str,
    by: User | None,
    now: dt.datetime,
    is_history: bool = False,
    accounts: QuerySet[Account] | None = None,
    dry_run: bool = False,
) -> Recorded:
    """Keep targets, at most 5,000 rows a call, in one transaction, by the same rules as values.

    A target holds until the next one of the same account and KPI begins. ``is_history``: one that is new is known
    from its first day on, where that is past.
    """
    if len(rows) > rules.BATCH:
        raise ValueError(
            f"{len(rows)} rows are given, at most {rules.BATCH} are allowed in a call: split them."
        )
    recorded = Recorded([None] * len(rows))
    zone = queries.vendor_zone()
    with transaction.atomic():
        checks = Checks([(row.account, row.system) for row in rows], [row.kpi for row in rows], accounts)
        wanted: dict[Any, Wanted] = {}
        for number, row in enumerate(rows):
            try:
                one = _checked(checks, number, row, zone, now, is_history=is_history)
                same = wanted.setdefault(one.place, one)
                if same is not one:
                    _check_equal(same, one, row)
                    recorded.outcomes[number] = Outcome.DUPLICATE
            except RefusedError as error:
                recorded.refusals.append(error.at(number))
        keep(
            KpiTarget,
            list(wanted.values()),
            recorded,
            verb="kpitarget.set",
            source=source,
            by=by,
            now=now,
            dry_run=dry_run,
        )
    return recorded


def _checked(
    checks: Checks, number: int, row: Aimed, zone: ZoneInfo, now: dt.datetime, *, is_history: bool
) -> Wanted:
    kpi = checks.kpi(row.kpi)
    account = checks.account(row.account, row.system)
    value = checks.value(kpi, row.value, "target")
    due_on = None if value is None else row.due_on
    if due_on is not None and due_on < row.starts_on:
        raise RefusedError(
            "target_by",
            due_on,
            _("%(day)s or later, the day from which the target counts") % {"day": row.starts_on},
            _("Correct one of the two days."),
        )
    known_at = min(clock.day_start(row.starts_on, zone), now) if is_history else now
    return Wanted(number, (account, kpi.pk, row.starts_on), {"value": value, "due_on": due_on}, known_at)


def _check_equal(first: Wanted, second: Wanted, row: Aimed) -> None:
    if first.says != second.says:
        raise RefusedError(
            "target",
            shown(row.value),
            _("one target from a day on; row %(row)s of the same call says %(value)s")
            % {"row": first.row, "value": shown(first.says["value"])},
            _("Send the one that is right."),
        )
