"""Several workers at the same instant; their tests use the fixture ``real_database``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

WORKERS = 4


def at_once(do: Callable[[int], Any]) -> list[Any]:
    """What each of several threads got, all begun at the same instant; an exception is a result too."""
    barrier = Barrier(WORKERS)

    def run(number: int) -> Any:
        try:
            barrier.wait(timeout=20)
            return do(number)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))
