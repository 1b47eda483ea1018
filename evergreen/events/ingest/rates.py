"""How many requests a second a source may send (``EVERGREEN_INGEST_RATE``; not set: no limit)."""

from __future__ import annotations

import time

_BURST_SECONDS = 2.0


class Rates:
    """A bucket of tokens for each source: it fills at the allowed rate and holds two seconds' worth."""

    def __init__(self, per_second: int) -> None:
        self._rate = float(per_second)
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_for(self, source: str) -> float:
        """Take one token; 0 when there was one, else the seconds until the next."""
        if not self._rate:
            return 0.0
        now = time.monotonic()
        full = self._rate * _BURST_SECONDS
        tokens, at = self._buckets.get(source, (full, now))
        tokens = min(full, tokens + (now - at) * self._rate)
        if tokens < 1:
            self._buckets[source] = (tokens, now)
            return (1 - tokens) / self._rate
        self._buckets[source] = (tokens - 1, now)
        return 0.0
