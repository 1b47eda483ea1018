"""The end users of every account: which seat, which role, from when to when, how eager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evergreen.flow.demo.catalogue import ROLES
from evergreen.flow.demo.extent import Extent, Floats, Whole
from evergreen.flow.demo.feeling import Feelings, Kind, along
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.terms import Life

_TENURE_DAYS = 1_500
_ROLE_SHARES = (0.26, 0.10, 0.14, 0.12, 0.20, 0.09, 0.05, 0.04)
_LEAVING_DAYS = 60


@dataclass(frozen=True, slots=True)
class People:
    """Arrays of length n: account, role, first and last day (half-open), eagerness, the level below which one stops.

    ``seat`` (n × days) says whether the person's seat is bought and given to somebody on the day.
    """

    keys: list[str]
    account: Whole
    tenant: list[str]
    role: Whole
    since: Whole
    until: Whole
    eager: Floats
    stops_below: Floats
    seat: npt.NDArray[np.bool_]


def presence(lives: Sequence[Life], extent: Extent) -> Floats:
    """How far each account is there on each day: 1 under contract, sinking before a loss, 0 without one."""
    found = np.zeros((len(lives), extent.days), np.float32)
    for life in lives:
        for start, end in life.spans(extent):
            found[life.place, max(0, start) : max(0, min(end, extent.days))] = 1
        if life.lost_on is not None:
            end = extent.index(life.lost_on)
            first = max(0, end - _LEAVING_DAYS)
            if 0 < end <= extent.days:
                found[life.place, first:end] *= np.linspace(1, 0.3, _LEAVING_DAYS)[-(end - first) :]
    return found


def people(book: Sequence[Company], lives: Sequence[Life], felt: Feelings, extent: Extent) -> People:
    """Everybody who uses the product at some time of the story."""
    chance = extent.chance("people")
    rows: list[tuple[str, int, str, int, int, int, float, float]] = []
    seats: list[npt.NDArray[np.bool_]] = []
    for company, life in zip(book, lives, strict=True):
        filled = _filled(company, life, felt, extent, chance)
        badly = felt.of(company.place, Kind.BAD_ONBOARDING)
        for slot in range(int(np.ceil(filled.max()))):
            taken = filled > slot + 0.5 if company.star is None else filled >= slot + 0.5
            if not taken.any():
                continue
            for row in _holders(company, slot, int(taken.argmax()), bool(badly), extent, chance):
                rows.append((f"{company.key}-u{len(rows):05d}", company.place, _tenant(company, slot), *row))
                seats.append(taken)
    keys, account, tenant, role, since, until, eager, stops = zip(*rows, strict=True) if rows else ([],) * 8
    return People(
        list(keys), np.array(account, np.int64), list(tenant), np.array(role, np.int64), np.array(since, np.int64),
        np.array(until, np.int64), np.array(eager, np.float32), np.array(stops, np.float32), np.array(seats),
    )  # fmt: skip


def _filled(
    company: Company, life: Life, felt: Feelings, extent: Extent, chance: np.random.Generator
) -> Floats:
    """Seats that are given to somebody on each day."""
    bought = np.zeros(extent.days, np.float32)
    for term in life.terms:
        for line in term.lines:
            if line.seats:
                start, end = max(0, extent.index(line.start)), max(0, extent.index(line.end))
                bought[start:end] += line.seats
    # Between a late renewal's end and its signing people go on working.
    for start, end in life.spans(extent):
        start, end = max(0, start), min(max(0, end), extent.days)
        if end > start and bought[start:end].max() == 0 and start > 0:
            bought[start:end] = bought[start - 1]
    if company.star is not None:
        return bought * along(company.star.filled, extent)
    share = 0.66 + 0.26 * float(felt.share[company.place].mean()) + chance.normal(0, 0.07)
    given = np.maximum(bought * np.clip(share, 0.35, 1.0), np.where(bought > 0, 1, 0))
    return np.asarray(given, np.float32)


def _holders(
    company: Company,
    slot: int,
    first: int,
    badly_onboarded: bool,
    extent: Extent,
    chance: np.random.Generator,
) -> list[tuple[int, int, int, float, float]]:
    """The people who hold one seat, one after the other: (role, since, until, eager, stops below)."""
    role = int(chance.choice(len(ROLES), p=_ROLE_SHARES)) if slot > 1 else (0 if slot == 0 else 5)
    since = first
    if first > 0 and company.star is None:
        # The first seats are given out after a start, more slowly where the start went badly.
        since += 12 + int(chance.exponential(60 if badly_onboarded else 13))
    found = []
    while since < extent.days:
        until = since + 20 + int(chance.exponential(_TENURE_DAYS))
        stops = chance.uniform(0, 0.5) if chance.random() < 0.75 else 0.0
        found.append((role, since, until, chance.normal(0, 0.5), stops))
        since = until + int(chance.integers(3, 25))
    return found


def _tenant(company: Company, slot: int) -> str:
    return company.tenants[slot % len(company.tenants)][0] if company.tenants else ""
