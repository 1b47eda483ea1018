"""What values and targets share: rows checked, compared with what stands, kept with the history before them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.base import changes
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import Outcome
from evergreen.customers.models import Account
from evergreen.events.imports import references
from evergreen.events.kpis import rules
from evergreen.events.kpis.models import Kpi, Report

R = TypeVar("R", bound=Report)
Place = tuple[int, int, dt.date]  # account, KPI, first day


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was not kept: its place among those given, the field, what was found, what is allowed, what next."""

    row: int
    field: str
    found: str
    allowed: str
    next: str


@dataclass(slots=True)
class Recorded:
    """Of each row in order what became of it, None where it was refused (``refusals`` says why)."""

    outcomes: list[Outcome | None]
    refusals: list[Refusal] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return self.outcomes.count(outcome)


class RefusedError(Exception):
    def __init__(self, field: str, found: Any, allowed: str, next: str) -> None:
        super().__init__(field)
        self.field, self.found, self.allowed, self.next = field, shown(found), allowed, next

    def at(self, row: int) -> Refusal:
        return Refusal(row, self.field, self.found, self.allowed, self.next)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that may be kept: its place among those given, where it belongs, and what it says."""

    row: int
    place: Place
    says: dict[str, Any]
    known_at: dt.datetime


class Checks:
    """Looks up accounts and KPIs of a batch; raises RefusedError for rows that cannot be kept."""

    def __init__(
        self,
        accounts: Sequence[tuple[str | int, str]],
        kpis: Sequence[str],
        allowed: QuerySet[Account] | None,
    ) -> None:
        """``accounts`` are (id, system); ``allowed`` narrows whose rows may be written."""
        self._lookups: dict[str, references.Lookup[references.AccountRef]] = {}
        for system in {system for _key, system in accounts}:
            lookup = references.accounts(system)
            lookup.learn(key for key, of in accounts if of == system and isinstance(key, str))
            self._lookups[system] = lookup
        self._allowed = None
        if allowed is not None:
            found = {pk for key, system in accounts if (pk := self._found(key, system)) is not None}
            self._allowed = set(allowed.filter(pk__in=found).values_list("pk", flat=True))
        # Held until the transaction ends: two batches of the same KPI follow each other, and a KPI that is being
        # deleted takes no value.
        asked = Kpi.objects.filter(key__in=set(kpis)).order_by("pk").select_for_update()
        self.kpis = {kpi.key: kpi for kpi in asked}

    def account(self, key: str | int, system: str) -> int:
        found = self._found(key, system)
        if found is None or (self._allowed is not None and found not in self._allowed):
            raise RefusedError(
                "account",
                f"{system}:{key}" if system else key,
                _("the id of an account that is loaded and that you may write"),
                _("Load the account first, or correct its id; ids of another system need their “system”."),
            )
        return found

    def kpi(self, key: str) -> Kpi:
        kpi = self.kpis.get(key)
        if kpi is None:
            known = list(
                Kpi.objects.filter(is_retired=False).order_by("key").values_list("key", flat=True)[:30]
            )
            raise RefusedError(
                "kpi",
                key,
                ", ".join(known) or _("a KPI that is declared; there is none yet"),
                _("Declare it under Settings → KPIs, or correct its key."),
            )
        if kpi.is_retired:
            raise RefusedError(
                "kpi",
                key,
                _("a KPI that is in use"),
                _("It is retired. Take it back into use under Settings → KPIs."),
            )
        return kpi

    def value(self, kpi: Kpi, given: Any, field: str) -> float | None:
        """The number, or None for null, which takes back what was said."""
        if given is None:
            return None
        number = rules.as_number(given)
        if number is None:
            raise RefusedError(
                field,
                given,
                _("a number such as %(example)s, not in quotes, or null to take it back")
                % {"example": "0.87" if kpi.unit == Kpi.Unit.SHARE else "1234.5"},
                _("Correct the value and send the row again."),
            )
        if (kpi.least is not None and number < kpi.least) or (kpi.most is not None and number > kpi.most):
            raise RefusedError(
                field,
                given,
                bounds_words(kpi),
                _("Correct the value (a share of 87% is 0.87), or the bounds under Settings → KPIs."),
            )
        return number

    def _found(self, key: str | int, system: str) -> int | None:
        if isinstance(key, int):
            return key
        found = self._lookups[system].get(key)
        return found.pk if found else None


def bounds_words(kpi: Kpi) -> str:
    """What a KPI that has a bound allows: 0 to 1, 0 at least."""
    if kpi.least is None:
        return _("%(most)s at most") % {"most": f"{kpi.most:g}"}
    if kpi.most is None:
        return _("%(least)s at least") % {"least": f"{kpi.least:g}"}
    return _("%(least)s to %(most)s") % {"least": f"{kpi.least:g}", "most": f"{kpi.most:g}"}


def shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def standing_rows(model: type[R], wanted: Sequence[Wanted]) -> dict[Place, R]:
    """What stands at the places of a batch, one query."""
    if not wanted:
        return {}
    days = [one.place[2] for one in wanted]
    rows = model._default_manager.filter(
        account__in={one.place[0] for one in wanted},
        kpi__in={one.place[1] for one in wanted},
        starts_on__range=(min(days), max(days)),
        stands=True,
    )
    return {(row.account_id, row.kpi_id, row.starts_on): row for row in rows}


def keep(
    model: type[R],
    wanted: Sequence[Wanted],
    recorded: Recorded,
    *,
    verb: str,
    source: str,
    by: User | None,
    now: dt.datetime,
    dry_run: bool,
) -> None:
    """Write what differs from what stands, within the caller's transaction, with one audit entry.

    The first report of a place is known at its own ``known_at``; one that corrects another is known now.
    """
    standing = standing_rows(model, wanted)
    made: list[R] = []
    replaced: list[int] = []
    for one in wanted:
        stood = standing.get(one.place)
        if stood is None and one.says["value"] is None:
            recorded.outcomes[one.row] = Outcome.UNCHANGED  # nothing to take back
            continue
        if stood is not None and all(getattr(stood, name) == value for name, value in one.says.items()):
            recorded.outcomes[one.row] = Outcome.UNCHANGED
            continue
        account, kpi, starts_on = one.place
        if stood is None:
            recorded.outcomes[one.row], known_at = Outcome.CREATED, one.known_at
        else:
            recorded.outcomes[one.row], known_at = Outcome.UPDATED, max(now, stood.known_at)
            replaced.append(stood.pk)
        made.append(
            model(
                account_id=account,
                kpi_id=kpi,
                starts_on=starts_on,
                known_at=known_at,
                source=source,
                by=by,
                **one.says,
            )
        )
    if dry_run or not made:
        return
    model._default_manager.filter(pk__in=replaced).update(stands=False)
    rows = model._default_manager.bulk_create(made, batch_size=1_000)
    audit(
        verb,
        changes.kind_of(model),
        [row.pk for row in rows],
        by=by,
        now=now,
        after={
            "origin": source,
            "counts": dict(Counter(one.value for one in recorded.outcomes if one is not None)),
        },
    )
