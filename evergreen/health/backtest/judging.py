"""How well scores foretold who was lost: AUC, lift, bands, false greens, lead time. Pure; each figure with its sample size.

A row is an ending (``customers.endings``) seen from some days before. Healthy is high, so that a score foretells a loss by being low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from evergreen.base import measures, rankings
from evergreen.base.rankings import Area, Gain

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
Words = NDArray[np.str_]

BANDS = ("green", "yellow", "red")
# Below these no verdict is given (peers.md 3.11, EG-CSM: none under 30 renewals or 12 months).
LEAST_ENDINGS = 30
LEAST_LOSSES = 10
LEAST_DAYS = 365
# The lowest share of scores in which losses are looked for.
DECILE = 0.1
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Seen:
    """Endings as seen from ``lead_days`` before, arrays of one length.

    ``seen_on`` is the day of the snapshot that was scored, -1 without any. ``score`` is NaN without a snapshot or where data was
    insufficient; ``coverage`` is NaN without a snapshot. ``marks`` has a row a measure: 0 to 100, NaN where missing; ``costs``
    likewise the points that it could still have added.
    """

    lead_days: int
    account: Ints
    on: Ints
    is_lost: Flags
    decided_on: Ints
    cents: Ints
    seen_on: Ints
    score: Reals
    band: Words
    coverage: Reals
    marks: Reals
    costs: Reals

    def __len__(self) -> int:
        return len(self.on)

    def chosen(self, mask: Flags) -> Seen:
        parts = {
            one.name: getattr(self, one.name)[mask]
            for one in fields(self)
            if one.name not in {"lead_days", "marks", "costs"}
        }
        return replace(self, **parts, marks=self.marks[:, mask], costs=self.costs[:, mask])


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with Wilson's 95% interval; ``of`` is the sample size. Without a sample there is no share."""

    n: int
    of: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def rate(n: int, of: int) -> Rate:
    """Wilson, Journal of the American Statistical Association 22 (1927)."""
    if not of:
        return Rate(n, of)
    share, square = n / of, _Z95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z95 / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return Rate(n, of, share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class BandRow:
    """What became of the endings that stood in a band: ``lost`` of how many, and what they were worth a year."""

    band: str
    lost: Rate
    cents: int
    lost_cents: int


@dataclass(frozen=True, slots=True)
class LeadFigures:
    """A scorecard's record so many days before.

    ``endings`` = ``scored`` + ``insufficient`` + ``without_snapshot``. ``decided`` of the scored ones were signed or recorded as
    lost before the day of the score; ``area_undecided`` leaves these out. ``lift`` is the loss rate in the lowest tenth of scores
    over that of all. ``false_greens`` are losses that stood in green, ``caught`` those that stood in red, of all scored losses.
    """

    lead_days: int
    endings: int
    without_snapshot: int
    insufficient: int
    scored: int
    lost: int
    accounts: int
    decided: int
    coverage: float | None
    base_rate: Rate
    area: Area | None
    area_undecided: Area | None
    lift: float | None
    lowest: int
    bands: tuple[BandRow, ...]
    false_greens: Rate
    caught: Rate


def figures(seen: Seen) -> LeadFigures:
    """The record of one scorecard at one lead."""
    scored = seen.chosen(~np.isnan(seen.score))
    lost = int(scored.is_lost.sum())
    early = scored.decided_on <= scored.seen_on
    open_still = scored.chosen(~early)
    green, red = scored.band == "green", scored.band == "red"
    return LeadFigures(
        lead_days=seen.lead_days,
        endings=len(seen),
        without_snapshot=int((seen.seen_on < 0).sum()),
        insufficient=int(((seen.seen_on >= 0) & np.isnan(seen.score)).sum()),
        scored=len(scored),
        lost=lost,
        accounts=int(np.unique(scored.account).size),
        decided=int(early.sum()),
        coverage=float(scored.coverage.mean()) if len(scored) else None,
        base_rate=rate(lost, len(scored)),
        area=rankings.area(scored.is_lost, -scored.score, scored.account) if len(scored) else None,
        area_undecided=rankings.area(open_still.is_lost, -open_still.score, open_still.account)
        if len(open_still) and early.any()
        else None,
        lift=measures.lift(scored.is_lost, -scored.score, DECILE) if len(scored) else None,
        lowest=max(1, math.floor(DECILE * len(scored) + 1e-9)) if len(scored) else 0,
        bands=tuple(_band(scored, band) for band in BANDS),
        false_greens=rate(int((green & scored.is_lost).sum()), lost),
        caught=rate(int((red & scored.is_lost).sum()), lost),
    )


def _band(scored: Seen, band: str) -> BandRow:
    mine = scored.band == band
    gone = mine & scored.is_lost
    return BandRow(
        band,
        rate(int(gone.sum()), int(mine.sum())),
        int(scored.cents[mine].sum()),
        int(scored.cents[gone].sum()),
    )


@dataclass(frozen=True, slots=True)
class LeadTime:
    """How long before their loss accounts stood below green, or in red, without a break.

    ``red_days`` and ``below_green_days`` are medians over the ``losses`` that stood there at their last score (``in_red``,
    ``below_green``), in whole days of the grid, None without any. ``quarter_days`` is the first quarter of ``red_days``.
    """

    losses: int
    below_green: int
    in_red: int
    below_green_days: float | None
    red_days: float | None
    quarter_days: float | None


def lead_time(days_before: Sequence[int], bands: Words) -> LeadTime:
    """``days_before`` rises; ``bands`` has a row a loss and a column a day of it ('' or insufficient_data: no score).

    A loss counts where any of its days has a score. Counting begins at the newest day with a score, and ends at the first older day
    that is greener; days without a score in between break nothing and add nothing.
    """
    losses = below = red = 0
    below_days, red_days = [], []
    for row in bands:
        known = [
            (ahead, band) for ahead, band in zip(days_before, row.tolist(), strict=True) if band in BANDS
        ]
        if not known:
            continue
        losses += 1
        run_red, run_below = _run(known, ("red",)), _run(known, ("red", "yellow"))
        if run_red is not None:
            red += 1
            red_days.append(run_red)
        if run_below is not None:
            below += 1
            below_days.append(run_below)
    return LeadTime(
        losses=losses,
        below_green=below,
        in_red=red,
        below_green_days=float(np.median(below_days)) if below_days else None,
        red_days=float(np.median(red_days)) if red_days else None,
        quarter_days=float(np.quantile(red_days, 0.25)) if red_days else None,
    )


def _run(known: Sequence[tuple[int, str]], wanted: tuple[str, ...]) -> int | None:
    """The oldest day of the unbroken run that holds the newest one; None where the newest is not of it."""
    oldest = None
    for ahead, band in known:
        if band not in wanted:
            break
        oldest = ahead
    return oldest


@dataclass(frozen=True, slots=True)
class FalseGreen:
    """A loss that stood in green: what can be learned from. ``weakest`` are the measures that cost it most, with the points."""

    account: int
    on: int
    score: float
    coverage: float
    cents: int
    weakest: tuple[tuple[str, float], ...]


def false_greens(seen: Seen, keys: Sequence[str], most: int = 200) -> list[FalseGreen]:
    """Those that cost most first."""
    green = seen.chosen((seen.band == "green") & seen.is_lost)
    order = np.lexsort((green.account, -green.cents))[:most]
    found = []
    for place in order.tolist():
        costs = green.costs[:, place]
        known = np.flatnonzero(costs >= 0.5)
        weakest = known[np.argsort(-costs[known], kind="stable")][:3]
        found.append(
            FalseGreen(
                account=int(green.account[place]),
                on=int(green.on[place]),
                score=float(green.score[place]),
                coverage=float(green.coverage[place]),
                cents=int(green.cents[place]),
                weakest=tuple((keys[one], float(costs[one])) for one in weakest.tolist()),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group's record: how many endings were scored and lost, the loss rate, and its own AUC."""

    group: str
    lost: Rate
    area: Area | None
    false_greens: int


def by_group(seen: Seen, groups: Words) -> list[GroupRow]:
    """One row a group, the most endings first. ``groups`` names each row's group ('' for none)."""
    scored = ~np.isnan(seen.score)
    found = []
    for group in np.unique(groups[scored]):
        part = seen.chosen(scored & (groups == group))
        found.append(
            GroupRow(
                group=str(group),
                lost=rate(int(part.is_lost.sum()), len(part)),
                area=rankings.area(part.is_lost, -part.score, part.account),
                false_greens=int(((part.band == "green") & part.is_lost).sum()),
            )
        )
    return sorted(found, key=lambda row: (-row.lost.of, row.group))


@dataclass(frozen=True, slots=True)
class Compared:
    """Two scorecards on the endings that both scored."""

    lead_days: int
    endings: int
    lost: int
    first: Area | None
    second: Area | None
    gain: Gain | None


def compared(first: Seen, second: Seen) -> Compared:
    """The same endings scored by two cards, in the same order. ``gain`` is the second's AUC less the first's."""
    both = ~np.isnan(first.score) & ~np.isnan(second.score)
    one, other = first.chosen(both), second.chosen(both)
    truths, accounts = one.is_lost, one.account
    return Compared(
        lead_days=first.lead_days,
        endings=int(both.sum()),
        lost=int(truths.sum()),
        first=rankings.area(truths, -one.score, accounts),
        second=rankings.area(truths, -other.score, accounts),
        gain=rankings.gain(truths, -one.score, -other.score, accounts),
    )


def warnings(seen: Seen) -> list[str]:
    """Why the figures are too thin for a verdict: any of few_endings, few_losses, short_history, unranked, little_scored."""
    scored = seen.chosen(~np.isnan(seen.score))
    lost = int(scored.is_lost.sum())
    found = []
    if len(scored) < LEAST_ENDINGS:
        found.append("few_endings")
    if lost < LEAST_LOSSES:
        found.append("few_losses")
    if not len(scored) or int(scored.on.max() - scored.on.min()) < LEAST_DAYS:
        found.append("short_history")
    if len(scored) and lost == len(scored):
        found.append("unranked")
    if len(seen) and len(scored) < 0.5 * len(seen):
        found.append("little_scored")
    return found
