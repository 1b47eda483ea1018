"""Whether this process has more to do than it can: then a share of the requests is told to come again."""

from __future__ import annotations

import asyncio
import math

_TICK = 0.025
# So late may the event loop be, smoothed over a second; a request waits some three turns of it for its answer.
_FREE, _FULL = 0.05, 0.45
# To refuse a small request costs nearly as much as to take it: refusing all would leave no time for any.
_MOST = 0.75
_SMOOTH = 1.0
_IDLE_TICKS = 40
# With fewer requests under way it is not they who keep the process busy, and refusing them would not help.
_FEW = 64


class Pressure:
    """How late the event loop is, as a share of the requests to refuse: none below 50 ms, three of four from 350 ms on.

    One long turn (a page, a pause of the machine) does not move it much; a second of them does.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late = 0.0
        self._owed = 0.0
        self._due = 0.0
        self._quiet = 0

    def is_too_much(self, under_way: int) -> bool:
        """Whether the request that has just come, one of so many without an answer yet, is one too many."""
        if (loop := asyncio.get_running_loop()) is not self._loop:
            self._loop, self._late = loop, 0.0
            self._wait(loop)
        self._quiet = 0
        if self._late <= _FREE or under_way < _FEW:
            self._owed = 0.0
            return False
        self._owed += min(_MOST, (self._late - _FREE) / (_FULL - _FREE))
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + _TICK
        loop.call_at(self._due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - self._due
        self._late += (late - self._late) * -math.expm1(-(late + _TICK) / _SMOOTH)
        self._quiet += 1
        if self._quiet > _IDLE_TICKS:  # nobody has asked for a second: look again with the next request
            self._loop = None
        else:
            self._wait(loop)
