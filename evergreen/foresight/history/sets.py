"""Rows to learn from or to foretell: an account on a Monday, what was known of it, and whether it was lost within the horizon."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evergreen.base import queries as base
from evergreen.base.clock import local_day
from evergreen.base.measures import Reals, Truths
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import Ints, day, number
from evergreen.customers.models import Account, ContractLine, FieldChange
from evergreen.foresight.history import contracts, use
from evergreen.foresight.history.contracts import Known, Stages
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.foresight.learning.encoding import Encoder, Read, rows
from evergreen.foresight.learning.judging import Thinned, thinned
from evergreen.health.backtest.rescoring import look_back
from evergreen.metrics import registry

if TYPE_CHECKING:
    import duckdb

_QUIET_YEARS = 2
# Two columns that rank rows alike to this degree are one.
_ALIKE = 0.98
_COMPARED_ROWS = 4_000
# Metrics that contracts and use tell to the day themselves, and those of a single day: rows are Mondays, nights are not.
_TOLD_BESIDE = frozenset(
    {
        "mrr_cents",
        "arr_cents",
        "seats_bought",
        "discount",
        "renewal_on",
        "days_to_renewal",
        "first_start_on",
        "contract_age_days",
        "last_active_on",
        "days_since_active",
        "active_users_1d",
    }
)
_WORDS = ("edition", "tier", "industry", "region")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by day and account. ``read`` holds every column's values, ``lost`` is None where the outcome is not asked for.

    ``weight`` is how many rows each stands for, where rows of those who stayed were left out.
    """

    account: Ints
    day: Ints
    read: Read
    lost: Truths | None
    weight: Reals

    def chosen(self, mask: Any) -> Rows:
        lost = None if self.lost is None else self.lost[mask]
        return Rows(self.account[mask], self.day[mask], rows(self.read, mask), lost, self.weight[mask])

    @property
    def labels(self) -> Truths:
        """Whether each was lost. Raises ValueError where that was not asked for."""
        if self.lost is None:
            raise ValueError("These rows are to be foretold: nobody knows yet who is lost.")
        return self.lost


@dataclass(frozen=True, slots=True)
class Records:
    """What the records say, read once for many days."""

    lines: Known
    stages: Stages

    @classmethod
    def read(cls) -> Records:
        return cls(contracts.read(), contracts.read_stages())


def known_until(today: dt.date) -> dt.date | None:
    """The last day up to which renewals would be known: the loss of a contract that ended later cannot be told from silence.

    That is today where contracts still come in as they used to: where the newest began no longer ago than the longest pause between
    beginnings within two years. In a history that was loaded and then stopped it is the day on which the newest contract began or
    the newest loss was recorded.
    """
    since = today - dt.timedelta(days=365 * _QUIET_YEARS)
    begun = (
        ContractLine.objects.filter(start_on__lte=today)
        .order_by("start_on")
        .values_list("start_on", flat=True)
        .distinct()
    )
    starts = list(begun.filter(start_on__gte=since)) or list(begun)[-1:]
    if not starts:
        return None
    losses = FieldChange.objects.filter(field="stage", new=Account.Stage.CHURNED, known_at__date__lte=today)
    newest_loss = losses.order_by("-known_at").values_list("known_at", flat=True).first()
    newest = max([starts[-1], *([local_day(newest_loss, base.vendor_zone())] if newest_loss else [])])
    pauses = [(later - earlier).days for earlier, later in pairwise(starts)]
    return today if (today - newest).days <= max(pauses, default=0) else newest


def build(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[dt.date],
    *,
    horizon_days: int,
    grace_days: int,
    of_events: Sequence[str],
    records: Records | None = None,
    until: dt.date | None = None,
    most: int | None = None,
    every: int = 1,
) -> Rows:
    """The rows of every Monday in ``days``, nothing in ``read`` known later than the day's end.

    Whether each was lost is told where ``until`` is given, the last day whose renewals are known: lost is who has a recorded loss
    or an end without anything after it, and the grace over, from the day after the Monday to ``horizon_days`` after it. ``most``
    leaves out rows of those who stayed, at random, so that about so many remain; every loss stays. ``every`` takes only each so-manieth
    account, with all its rows: of a big book.
    """
    records = records or Records.read()
    lines = records.lines if every == 1 else records.lines.chosen(records.lines.account % every == 0)
    standings = [
        contracts.standing(lines, number(one), horizon_days, grace_days, records.stages.gone_on(number(one)))
        for one in days
    ]
    account = _joined([each.account for each in standings], np.int64)
    on = _joined([np.full(len(s.account), number(d)) for s, d in zip(standings, days, strict=True)], np.int64)
    lost = None if until is None else lost_within(account, on, horizon_days, grace_days, until)
    kept = Thinned(np.arange(len(account)), np.ones(len(account)))
    if most is not None and lost is not None:
        kept = thinned(lost, most)
    numbers = {
        name: _joined([each.numbers[name] for each in standings], np.float64)[kept.rows]
        for name in (standings[0].numbers if standings else ())
    }
    edition = _joined([each.edition for each in standings], object)[kept.rows]
    account, on = account[kept.rows], on[kept.rows]
    first = use.first_day(con)
    read: dict[str, Any] = {f"contract:{name}": values for name, values in numbers.items()}
    if first is not None and len(account):
        found = use.features(con, account, on, numbers["tenure_days"], of_events, number(first))
        read |= {name if ":" in name else f"use:{name}": values for name, values in found.items()}
    read |= _figures(con, account, on)
    read["record:edition"] = edition
    read |= of_accounts(account, on)
    return Rows(account, on, read, None if lost is None else lost[kept.rows], kept.weights)


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)


def _figures(con: duckdb.DuckDBPyConnection, account: Ints, on: Ints) -> dict[str, Reals]:
    """Every metric of the newest snapshot of the week up to the day; dates as days before it."""
    wanted = {key: metric for key, metric in registry.metrics().items() if key not in _TOLD_BESIDE}
    past = look_back(con, account, on, wanted)
    return {f"metric:{key}": values for key, values in past.columns.items() if not np.isnan(values).all()}


def of_accounts(account: Ints, on: Ints) -> dict[str, NDArray[np.object_]]:
    """Industry and region as they stand, the tier as it was."""
    told = {
        pk: (industry, region, tier)
        for pk, industry, region, tier in Account.objects.values_list("pk", "industry", "region", "tier")
    }
    nothing = ("", "", "")
    found: dict[str, NDArray[np.object_]] = {}
    for place, name in enumerate(_WORDS[2:]):
        found[f"record:{name}"] = np.array([told.get(pk, nothing)[place] for pk in account.tolist()], object)
    tiers = np.array([told.get(pk, nothing)[2] for pk in account.tolist()], object)
    zone = base.vendor_zone()
    changes: dict[int, list[tuple[int, str]]] = defaultdict(list)
    moved = FieldChange.objects.filter(field="tier").order_by("known_at", "pk")
    for pk, old, at in moved.values_list("account_id", "old", "known_at"):
        changes[pk].append((number(local_day(at, zone)), old))
    for place in np.flatnonzero(np.isin(account, np.fromiter(changes, np.int64, len(changes)))).tolist():
        # Before the first change that came later stood what that one took the place of.
        later = (old for known, old in changes[int(account[place])] if known > on[place])
        tiers[place] = next(later, tiers[place])
    return {**found, "record:tier": tiers}


def lost_within(account: Ints, on: Ints, horizon_days: int, grace_days: int, until: dt.date) -> Truths:
    """Whether a loss of the account falls on the days after the row's up to the horizon."""
    if not len(on):
        return np.zeros(0, np.bool_)
    found = read_endings(day(int(on.min()) - grace_days - 366), until, grace_days=grace_days)
    lost = found.chosen(found.is_lost)
    # The earlier of the record and the end with its grace is when it was known.
    key = np.sort((lost.account << 24) + lost.decided_on)
    place = np.searchsorted(key, (account << 24) + on, "right")
    inside = place < len(key)
    found_lost = np.zeros(len(on), np.bool_)
    found_lost[inside] = key[place[inside]] <= (account[inside] << 24) + on[inside] + horizon_days
    return found_lost


def columns(of: Rows) -> tuple[Column, ...]:
    """The columns that rows differ in and that say something another one does not: of two that rank rows alike the first."""
    kinds = {name: Kind.WORDS if name.startswith("record:") else Kind.NUMBER for name in of.read}
    every = tuple(Column(name, kind) for name, kind in kinds.items())
    size = len(of.account)
    step = max(1, size // _COMPARED_ROWS)
    sample = of.chosen(np.arange(0, size, step)).read
    encoder = Encoder.learn(every, sample)
    ranked = encoder.matrix(sample).ranked
    chosen: list[NDArray[np.float64]] = []
    kept = []
    there = {source.column for source in encoder.ranked_sources}
    place = {source.column: at for at, source in enumerate(encoder.ranked_sources) if source.word is None}
    for column in every:
        if column.name not in there:
            continue
        if column.kind is Kind.NUMBER:
            values = ranked[:, place[column.name]]
            spread = values.std()
            scaled = (values - values.mean()) / spread if spread > 0 else values * 0
            if not spread or any(abs(float((scaled * one).mean())) >= _ALIKE for one in chosen):
                continue
            chosen.append(scaled)
        kept.append(column)
    return tuple(kept)


def like(of: Rows, names: Collection[str]) -> Rows:
    """The rows with just these columns; those they lack are missing."""
    size = len(of.account)

    def empty(name: str) -> Any:
        return np.full(size, "", object) if name.startswith("record:") else np.full(size, np.nan)

    read: Mapping[str, Any] = {name: of.read[name] if name in of.read else empty(name) for name in names}
    return replace(of, read=read)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of the same columns after one another."""
    read = {name: np.concatenate([part.read[name] for part in parts]) for name in parts[0].read}
    lost = None if parts[0].lost is None else np.concatenate([part.labels for part in parts])
    account, on, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("account", "day", "weight")
    )
    return Rows(account, on, read, lost, weight)
