"""Planted faults that named tests must catch: who tests the tests.

A control replaces a piece of one source file, in a copy of the checkout and never in the checkout itself. Its
tests must fail there and pass without the fault. Add one with every promise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Control:
    """One fault: ``find`` stands exactly once in ``file`` and becomes ``put``; ``tests`` are pytest's node ids.

    ``breaks`` is the promise that the fault breaks, as a sentence.
    """

    key: str
    breaks: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]
