"""How every account stood on past days, as it was known at their ends: held contracts, use, growth, the signs that it will buy more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals
from evergreen.customers.lines import NEVER, NONE, Flags, Ints
from evergreen.foresight.expansion import growth
from evergreen.foresight.expansion.buying import Lines
from evergreen.health.backtest.rescoring import asked, kept_scores, look_back

if TYPE_CHECKING:
    import duckdb

KEYS = (
    "users_opened", "active_users_28d", "events_28d", "events_trend", "features_used_28d", "features_in_edition",
    "feature_adoption", "advanced_features_used_28d", "core_depth", "stickiness", "contract_age_days",
)  # fmt: skip
_WEEK, _MONTH_DAYS = 7, 28
MOST_ROWS = 300_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Accounts with something in force on a day, by day and account; one value a row in each.

    ``product`` and ``edition`` are of the dearest line (NONE where not named), ``cents`` what a year of all costs, ``seats`` those
    contracted (0: not sold by seats), ``seat_cents`` a seat's year by their own contract, ``until`` the earliest end (NEVER without
    one). ``used`` are the seats in use: users opened where that is told, else users active in 28 days; ``level``, ``change``,
    ``low``, ``high``: their level and change a week with its 90 % interval. ``score`` is the health, ``figures`` metrics.
    """

    account: Ints
    day: Ints
    product: Ints
    edition: Ints
    cents: Reals
    seats: Reals
    seat_cents: Reals
    until: Ints
    used: Reals
    level: Reals
    change: Reals
    low: Reals
    high: Reals
    score: Reals
    figures: dict[str, Reals]

    def __len__(self) -> int:
        return len(self.account)

    def chosen(self, mask: Flags | Ints) -> Standing:
        plain = {one.name: getattr(self, one.name)[mask] for one in fields(self) if one.name != "figures"}
        return Standing(**plain, figures={key: values[mask] for key, values in self.figures.items()})


def standing(con: duckdb.DuckDBPyConnection, lines: Lines, days: Sequence[int], scorecard: str) -> Standing:
    """The standing on each of some days, oldest first. On the last one of everybody; of a large book on the others of a share of the
    accounts, always the same ones, so that about 300,000 rows teach.
    """
    parts = max(1, math.ceil(len(np.unique(lines.account)) * len(days) / MOST_ROWS))
    some = lines.chosen(_mixed(lines.account) % parts == 0)
    held = [_held((lines if day == days[-1] else some).held_on(day), day) for day in days]
    account, on = (
        np.concatenate([one[name] for one in held]).astype(np.int64) for name in ("account", "day")
    )
    figures = look_back(con, account, on, KEYS).columns
    level, change, low, high, used = _growth(con, account, on)

    def joined(name: str) -> Reals:
        return np.concatenate([one[name] for one in held]).astype(np.float64)

    return Standing(
        account=account,
        day=on,
        product=joined("product").astype(np.int64),
        edition=joined("edition").astype(np.int64),
        cents=joined("cents"),
        seats=joined("seats"),
        seat_cents=joined("seat_cents"),
        until=joined("until").astype(np.int64),
        used=used,
        level=level,
        change=change,
        low=low,
        high=high,
        score=kept_scores(con, account, on, scorecard),
        figures=dict(figures),
    )


def _mixed(account: Ints) -> Ints:
    """Numbers of accounts in no order (Knuth's multiplication), so that a share of them is no special one."""
    return (account * 2_654_435_761) % (1 << 32) >> 7


def _held(lines: Lines, day: int) -> dict[str, NDArray[np.generic]]:
    """What each account held on a day."""
    account, place = np.unique(lines.account, return_inverse=True)
    size = len(account)

    def summed(values: Reals) -> Reals:
        return np.bincount(place, np.nan_to_num(values), minlength=size).astype(np.float64)

    by_seat = lines.seats > 0
    seats = summed(lines.seats)
    until = np.full(size, NEVER, np.int64)
    np.minimum.at(until, place, lines.end)
    order = np.lexsort((-np.nan_to_num(lines.cents), place))
    dearest = order[np.diff(place[order], prepend=-1) != 0] if size else order
    with np.errstate(invalid="ignore", divide="ignore"):
        seat_cents = np.where(seats > 0, summed(np.where(by_seat, lines.cents, 0.0)) / seats, np.nan)
    return {
        "account": account,
        "day": np.full(size, day, np.int64),
        "product": lines.product[dearest],
        "edition": lines.edition[dearest] if size else np.full(0, NONE, np.int64),
        "cents": summed(lines.cents),
        "seats": seats,
        "seat_cents": seat_cents,
        "until": until,
    }


def _growth(
    con: duckdb.DuckDBPyConnection, account: Ints, on: Ints
) -> tuple[Reals, Reals, Reals, Reals, Reals]:
    """Level, change a week with its interval, and the newest of the seats in use, from the weekly values of half a year."""
    size = len(account)
    found = tuple(np.full(size, np.nan) for _each in range(5))
    for day in np.unique(on).tolist():
        rows = np.flatnonzero(on == day)
        weeks = day - _WEEK * np.arange(growth.WEEKS)[::-1]
        past = look_back(
            con,
            np.tile(account[rows], growth.WEEKS),
            np.repeat(weeks, len(rows)),
            ("users_opened", "active_users_28d"),
        ).columns
        shape = (growth.WEEKS, len(rows))
        opened, active = past["users_opened"].reshape(shape), past["active_users_28d"].reshape(shape)
        # Who tells of users opened is measured by them throughout; their zero is that nothing is told.
        values = np.where((opened[-1] > 0)[None, :], np.where(opened > 0, opened, np.nan), active)
        told = (*growth.slopes(values), values[-1])
        for column, one in zip(found, told, strict=True):
            column[rows] = one
    level, change, low, high, used = found
    return level, change, low, high, used


def use_of_features(con: duckdb.DuckDBPyConnection, account: Ints, on: Ints) -> tuple[list[str], Reals]:
    """How often each feature was used in the 28 days up to each row's day, as known then: rows × features."""
    names = [
        name
        for (name,) in con.execute(
            "SELECT DISTINCT feature FROM lake.usage WHERE feature IS NOT NULL ORDER BY feature"
        ).fetchall()
    ]
    found = np.zeros((len(account), len(names)))
    if not len(account) or not names:
        return names, found
    con.register("asked_use", asked(account, on))
    rows = con.execute(
        "WITH span AS (SELECT min(day) AS first, max(day) AS last FROM asked_use),"
        " daily AS (SELECT account_id, feature, usage.day, known_on, sum(count) AS n FROM lake.usage usage, span"
        f" WHERE feature IS NOT NULL AND usage.day > first - {_MONTH_DAYS} AND usage.day <= last GROUP BY ALL)"
        " SELECT place, feature, sum(n)::DOUBLE AS n FROM asked_use wanted JOIN daily ON wanted.account_id = daily.account_id"
        f" AND daily.day <= wanted.day AND daily.day > wanted.day - {_MONTH_DAYS} AND known_on <= wanted.day GROUP BY ALL"
    ).fetchnumpy()
    con.unregister("asked_use")
    column = {name: place for place, name in enumerate(names)}
    places = np.array([column[name] for name in rows["feature"].tolist()], np.int64)
    found[np.asarray(rows["place"], np.int64), places] = np.asarray(rows["n"], np.float64)
    return names, found
