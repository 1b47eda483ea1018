"""Whether this process has more to do than it can: then those who send most are told to come again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

_TICK = 0.025
# So late may the event loop be, smoothed over a second; a request waits some three turns of it for its answer.
_FREE, _FULL = 0.05, 0.45
# To refuse a small request costs nearly as much as to take it: refusing all would leave no time for any.
_MOST = 0.75
_SMOOTH = 1.0
# So much of a turn's lateness counts, and for so long: a machine that stood still for seconds is not one with too much to
# do, and what came meanwhile is soon answered.
_LONGEST, _WEIGHT = 0.4, 0.1
_IDLE_TICKS = 40
# With fewer requests under way it is not they who keep the process busy, and refusing them would not help.
_FEW = 64
_FORGOTTEN = 0.01


class Pressure:
    """How late the event loop is, as a share of the requests to refuse: none below 50 ms, three of four from 350 ms on.

    One long turn (a page, a pause of the machine, however long) does not move it much; several in a row do. The share is taken
    from the sources that send most: whoever sends less than what is left for each is never refused.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late = 0.0
        self._due = 0.0
        self._quiet = 0
        self._counts: dict[str, float] = {}
        self._shares: Mapping[str, float] = {}
        self._owed: dict[str, float] = {}

    def is_too_much(self, source: str, under_way: int) -> bool:
        """Whether the request that has just come, one of so many without an answer yet, is one too many."""
        if (loop := asyncio.get_running_loop()) is not self._loop:
            self._loop, self._late = loop, 0.0
            self._counts, self._shares = {}, {}
            self._wait(loop)
        self._quiet = 0
        self._counts[source] = self._counts.get(source, 0.0) + 1.0
        if not self._shares or under_way < _FEW:
            return False
        owed = self._owed.get(source, 0.0) + self._shares.get(source, 0.0)
        self._owed[source] = owed % 1.0
        return owed >= 1.0

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + _TICK
        loop.call_at(self._due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - self._due
        kept = math.exp(-(late + _TICK) / _SMOOTH)
        counted = min(late, _LONGEST)
        self._late = counted + (self._late - counted) * math.exp(-(min(late, _WEIGHT) + _TICK) / _SMOOTH)
        share = min(_MOST, (self._late - _FREE) / (_FULL - _FREE))
        self._shares = shares(self._counts, share) if share > 0 else {}
        self._counts = {name: n * kept for name, n in self._counts.items() if n * kept > _FORGOTTEN}
        if not self._shares:
            self._owed.clear()
        self._quiet += 1
        if self._quiet > _IDLE_TICKS:  # nobody has asked for a second: look again with the next request
            self._loop = None
        else:
            self._wait(loop)


def shares(counts: Mapping[str, float], share: float) -> dict[str, float]:
    """The share of its requests that each source is refused, so that ``share`` of all are.

    Nobody is refused below one level, the same for all; whoever is above is cut down to it.
    """
    left = sum(counts.values()) * (1.0 - share)
    level = 0.0
    for place, count in enumerate(sorted(counts.values())):
        level = left / (len(counts) - place)
        if count >= level:
            break
        left -= count
    return {name: 1.0 - level / count for name, count in counts.items() if count > level}
