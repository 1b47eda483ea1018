"""What a suggestion would bring in a year, by what the vendor's own contracts cost. Pure; money in minor units of its currency."""

from __future__ import annotations

import math

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import Flags, Ints
from evergreen.foresight.expansion.past import Standing
from evergreen.foresight.expansion.signs import FULL_SHARE, SOON_WEEKS

# Prices are read from so many contracts of about the same size, and from no fewer than three.
_NEAR, _LEAST = 10, 3


def typical_share(seats: Reals, had: Reals) -> float:
    """The share by which past buyers of seats enlarged, their median; 10 % while nobody did."""
    known = had > 0
    return float(np.median(seats[known] / had[known])) if known.any() else 0.1


def seats_wanted(standing: Standing, share: float) -> Reals:
    """How many more seats each would take: those that bring the use of half a year hence down to 90 %, at least what buyers
    took of late (``share`` of theirs), at least one.
    """
    change = np.where(standing.low > 0, standing.change, 0.0)
    ahead = np.fmax(standing.level + change * SOON_WEEKS, standing.used)
    needed = np.ceil(np.nan_to_num(ahead) / FULL_SHARE) - standing.seats
    return np.asarray(np.fmax(np.fmax(needed, np.round(share * standing.seats)), 1.0))


def of_edition(standing: Standing, targets: Ints) -> Reals:
    """What each would pay a year more in its target edition: the median price a seat of the ten holders nearest in seats, times its
    own seats (without seats: their median price), less what it pays. NaN where fewer than three hold it or nothing would be added.
    """
    found = np.full(len(standing), np.nan)
    sizes = np.log1p(np.where(standing.seats > 0, standing.seats, standing.cents))
    by_seat = standing.seats > 0
    for target in np.unique(targets).tolist():
        for is_by_seat in (True, False):
            holders = np.flatnonzero(
                (standing.edition == target) & (by_seat == is_by_seat) & (standing.cents > 0)
            )
            asked = np.flatnonzero((targets == target) & (by_seat == is_by_seat))
            if len(holders) < _LEAST or not len(asked):
                continue
            price = standing.cents[holders] / np.where(is_by_seat, standing.seats[holders], 1.0)
            each = _near_median(sizes[asked], sizes[holders], price)
            more = each * np.where(is_by_seat, standing.seats[asked], 1.0) - standing.cents[asked]
            found[asked] = np.where(more > 0, more, np.nan)
    return found


def of_product(standing: Standing, cents: Reals, holds: Flags) -> Reals:
    """What each would pay a year for a product: the median of what the ten holders that spend about as much pay for it.

    ``cents`` is what each pays for it now, ``holds`` whether it has it.
    """
    holders = np.flatnonzero(holds & (cents > 0))
    if len(holders) < _LEAST:
        return np.full(len(standing), np.nan)
    other = np.log1p(np.fmax(standing.cents - np.nan_to_num(cents), 0.0))
    return _near_median(other, other[holders], cents[holders])


def _near_median(asked: Reals, sizes: Reals, prices: Reals) -> Reals:
    order = np.argsort(sizes, kind="stable")
    sizes, prices = sizes[order], prices[order]
    width = min(_NEAR, len(sizes))
    # Ten neighbours in order of size stand together: the window about the place where the asked one would stand.
    first = np.clip(np.searchsorted(sizes, asked) - width // 2, 0, len(sizes) - width)
    windows = np.lib.stride_tricks.sliding_window_view(prices, width)
    return np.asarray(np.median(windows, axis=1)[first])


def rounded(value: float) -> int | None:
    """Whole minor units; None for what is not known."""
    return None if math.isnan(value) else round(value)
