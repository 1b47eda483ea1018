"""What a playbook brought, against the accounts that were held out of it: outcomes some days after each entered, or would have."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.alerts.trying.past import cards_now
from evergreen.base import clock
from evergreen.base.queries import vendor_zone
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import day as day_of
from evergreen.metrics.queries import snapshot_span
from evergreen.outcomes.experiments import statistics
from evergreen.playbooks.models import Enrolment, Playbook, Refusal

if TYPE_CHECKING:
    import duckdb

WINDOWS = (28, 56, 90)
# Figures of the snapshot that are compared, the first of all outcomes being whether the account is still a customer.
METRICS = ("active_users_28d", "events_28d", "core_depth")
KEPT, HEALTH = "kept", "health_score"
HELD_OUT, IN = "held_out", "in"
# The difference that should be seen, relative to the held-out accounts.
_WANTED = 0.1
_RATE_DAYS = 90
_NEWEST_WITHIN = 7


@dataclass(frozen=True, slots=True)
class Compared:
    """``units`` that entered (or were held out) at least ``days`` ago; ``unripe`` came later. ``ratio`` is how likely the sizes are by
    chance, ``readings`` as ``tables.compare`` tells them; ``needed`` units in all show a tenth of difference in health, at the present
    rate in ``months`` more.
    """

    days: int
    units: int
    unripe: int
    held_out: int
    ratio: float | None
    readings: tuple[dict[str, Any], ...]
    needed: int
    months: float | None


def compare(con: duckdb.DuckDBPyConnection, playbook: Playbook, share: int, days: int) -> Compared:
    """Accounts that entered a playbook beside a holdout of ``share`` percent against those held out, ``days`` after; each counts
    once, from its first occasion. Strategic accounts, those in the red and those put in by hand are on neither side."""
    units = _units(playbook)
    span = snapshot_span(con)
    newest = span.newest if span else dt.date.min
    ripe = [one for one in units if one[1] + dt.timedelta(days=days) <= newest]
    counts = {arm: sum(of == arm for _pk, _on, of in ripe) for arm in (HELD_OUT, IN)}
    ratio = None
    if min(counts.values()) and share:
        ratio = statistics.sample_ratio((counts[HELD_OUT], counts[IN]), (share, 100 - share))
    readings = _readings(con, ripe, days, newest) if min(counts.values()) else ()
    needed, months = _outlook(readings, units, share, newest)
    return Compared(
        days, len(ripe), len(units) - len(ripe), counts[HELD_OUT], ratio, readings, needed, months
    )


def _units(playbook: Playbook) -> list[tuple[int, dt.date, str]]:
    """(account, day of its first occasion, arm) of everybody who is compared."""
    zone, found = vendor_zone(), dict[int, tuple[dt.date, str]]()
    entered = Enrolment.objects.filter(playbook=playbook, is_compared=True).values_list(
        "account_id", "entered_at"
    )
    out = Refusal.objects.filter(playbook=playbook, reason=Refusal.Reason.HOLDOUT).values_list(
        "account_id", "at"
    )
    for arm, rows in ((IN, entered), (HELD_OUT, out)):
        for account, at in rows.order_by():
            on = clock.local_day(at, zone)
            if account not in found or on < found[account][0]:
                found[account] = (on, arm)
    return [(account, on, arm) for account, (on, arm) in sorted(found.items())]


def _readings(
    con: duckdb.DuckDBPyConnection, units: list[tuple[int, dt.date, str]], days: int, newest: dt.date
) -> tuple[dict[str, Any], ...]:
    con.register("compared_units", pa.table({
        "account_id": pa.array([one[0] for one in units], pa.int64()),
        "before": pa.array([one[1] - dt.timedelta(days=1) for one in units], pa.date32()),
        "until": pa.array([one[1] + dt.timedelta(days=days) for one in units], pa.date32()),
    }))  # fmt: skip
    con.register("compared_cards", cards_now())
    names = ", ".join(METRICS)
    # The newest night by a day, at most a week old: history may have been told week by week.
    told = con.execute(
        "WITH seen AS (SELECT seen.account_id, seen.day, score AS health_score, "
        + names
        + " FROM lake.snapshots seen"
        " JOIN compared_cards cards ON cards.account_id = seen.account_id LEFT JOIN lake.scores now ON now.account_id = seen.account_id"
        " AND now.day = seen.day AND now.tenant = '' AND now.scorecard = cards.scorecard WHERE seen.tenant = '')"
        " SELECT units.account_id, "
        + ", ".join(
            f"CASE WHEN {side}.day > units.{by} - {_NEWEST_WITHIN} THEN {side}.{name} END AS {side}_{name}"
            for name in (HEALTH, *METRICS)
            for side, by in (("former", "before"), ("later", "until"))
        )
        + " FROM compared_units units"
        " ASOF LEFT JOIN seen former ON former.account_id = units.account_id AND former.day <= units.before"
        " ASOF LEFT JOIN seen later ON later.account_id = units.account_id AND later.day <= units.until"
        " ORDER BY units.account_id"
    ).fetchnumpy()
    con.unregister("compared_units")
    con.unregister("compared_cards")
    is_in = np.array([arm == IN for _pk, _on, arm in units])
    kept = _kept(units, days, newest)
    found = [{"outcome": KEPT, "kind": "flag", "arm": IN, **_told(kept[~is_in], kept[is_in], None)}]
    for name in (HEALTH, *METRICS):
        before, after = (_numbers(told[f"{side}_{name}"]) for side in ("former", "later"))
        both = (before[~is_in], before[is_in])
        found.append(
            {"outcome": name, "kind": "number", "arm": IN, **_told(after[~is_in], after[is_in], both)}
        )
    return tuple(found)


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """A column of figures with what is missing as no number."""
    found: np.ndarray[Any, Any] = np.ma.filled(np.ma.asarray(column, dtype=float), math.nan)
    return found


def _told(
    a: np.ndarray[Any, Any],
    b: np.ndarray[Any, Any],
    before: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None,
) -> dict[str, Any]:
    return asdict(statistics.read(a, b, covariates=before))


def _kept(units: list[tuple[int, dt.date, str]], days: int, newest: dt.date) -> np.ndarray[Any, Any]:
    """1 for accounts that were not lost within the window, 0 for those that were."""
    first = min(on for _pk, on, _arm in units)
    ended = read_endings(first, newest)
    lost: dict[int, list[dt.date]] = {}
    for account, on, is_lost in zip(ended.account, ended.on, ended.is_lost, strict=True):
        if is_lost:
            lost.setdefault(int(account), []).append(day_of(int(on)))
    return np.array([
        0.0 if any(on <= gone <= on + dt.timedelta(days=days) for gone in lost.get(account, ())) else 1.0
        for account, on, _arm in units
    ])  # fmt: skip


def _outlook(
    readings: tuple[dict[str, Any], ...], units: list[tuple[int, dt.date, str]], share: int, newest: dt.date
) -> tuple[int, float | None]:
    """(units in all that show a tenth of difference in health, months until there are so many)."""
    health = next((one for one in readings if one["outcome"] == HEALTH and one["control"]["n"] > 1), None)
    if health is None or not 0 < share < 100:
        return 0, None
    # Arms of unequal size need more units: by 1 / 4p(1 - p).
    uneven = 4 * (share / 100) * (1 - share / 100)
    wanted = math.ceil(
        statistics.needed(health["control"]["mean"], health["control"]["variance"], _WANTED) / uneven
    )
    recent = sum(on > newest - dt.timedelta(days=_RATE_DAYS) for _pk, on, _arm in units)
    missing = max(0, wanted - len(units))
    return wanted, (missing / recent * _RATE_DAYS / 30.44 if recent else None) if missing else 0.0
