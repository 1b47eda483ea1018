"""The drawn flow: steps below each other, and beside them the ways that do not simply lead to the next one.

A row is one step; left of it stand lanes, one for each step that is jumped to: every way to it joins its lane, and the lane ends in an
arrow at the step. Ways back are drawn with dashes. A row's drawing is stretched to the height of its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LANE = 14
_NODE = 8


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line of a row's drawing in a box ``width`` wide and 100 high."""

    path: str
    is_back: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The drawing beside one step. ``head`` is whether a lane's arrow ends at it."""

    strokes: tuple[Stroke, ...]
    head: bool


@dataclass(frozen=True, slots=True)
class _Lane:
    """Every jump to one step in one direction: from ``sources`` to ``target``, rows counted from the top."""

    target: int
    sources: tuple[int, ...]
    is_back: bool

    @property
    def span(self) -> tuple[int, int]:
        return min(self.target, *self.sources), max(self.target, *self.sources)


def drawn(keys: Sequence[str], targets: Sequence[Sequence[str]]) -> tuple[int, list[Row]]:
    """The width in pixels and a row for each step. ``targets`` are the steps that each may lead to; unknown ones are left out."""
    place = {key: n for n, key in enumerate(keys)}
    ways = [sorted({place[to] for to in leads if to in place}) for leads in targets]
    lanes = _placed(_lanes(ways))
    count = max(lanes.values(), default=-1) + 1
    width = _NODE * 2 + count * LANE
    x = width - _NODE
    rows = []
    for n in range(len(keys)):
        strokes = []
        if n and n in ways[n - 1]:
            strokes.append(Stroke(f"M{x} 0V50"))
        if n + 1 in ways[n]:
            strokes.append(Stroke(f"M{x} 50V100"))
        for lane, number in lanes.items():
            strokes.extend(_strokes(lane, n, x, x - _NODE - (number + 0.5) * LANE))
        rows.append(Row(tuple(strokes), any(lane.target == n for lane in lanes)))
    return width, rows


def _lanes(ways: Sequence[Sequence[int]]) -> list[_Lane]:
    sources: dict[tuple[int, bool], list[int]] = {}
    for n, leads in enumerate(ways):
        for to in leads:
            if to != n + 1:
                sources.setdefault((to, to <= n), []).append(n)
    return [_Lane(to, tuple(of), back) for (to, back), of in sources.items()]


def _placed(lanes: Iterable[_Lane]) -> dict[_Lane, int]:
    """Lanes side by side: the shortest nearest to the steps, none over another."""
    placed: dict[_Lane, int] = {}
    for lane in sorted(lanes, key=lambda one: (one.span[1] - one.span[0], one.span)):
        low, high = lane.span
        taken = {number for other, number in placed.items() if low <= other.span[1] and other.span[0] <= high}
        placed[lane] = next(number for number in range(len(placed) + 1) if number not in taken)
    return placed


def _strokes(lane: _Lane, n: int, x: float, side: float) -> list[Stroke]:
    """What a lane at ``side`` draws in row ``n``, where steps stand at ``x``."""
    low, high = lane.span
    if not low <= n <= high:
        return []
    if n == lane.target:
        # The arms of its sources come in from where they stand, with the arrow.
        turns = [y for y, is_there in ((0, n > low), (100, n < high)) if is_there]
        return [_arm(x, side, y, lane) for y in turns] or [Stroke(f"M{x} 50H{side}", lane.is_back)]
    passes = low < n < high
    found = [Stroke(f"M{side} 0V100", lane.is_back)] if passes else []
    if n in lane.sources:
        found.append(_arm(x, side, 100 if lane.target > n else 0, lane))
    return found


def _arm(x: float, side: float, y: float, lane: _Lane) -> Stroke:
    """From the step level into the lane, upwards or downwards."""
    return Stroke(f"M{x} 50C{side} 50 {side} 50 {side} {y}", lane.is_back)
