"""A kind of step that speaks to customers, for tests: what it said stands in the effects, as any kind's does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from evergreen.playbooks import kinds
from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.models import Effect


class _Hello:
    key = "hello"
    keys: tuple[str, ...] = ()
    is_message = True
    max_lateness_hours: int | None = 24

    def __init__(self, fails: set[int]) -> None:
        self._fails = fails

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        if any(order.enrolment.account_id in self._fails for order in orders):
            raise ValueError("no address")


@contextmanager
def hello(fails: Collection[int] = ()) -> Iterator[None]:
    """Let there be a kind ``hello`` that fails for some accounts."""
    kinds.register(_Hello(set(fails)))
    try:
        yield
    finally:
        kinds._KINDS.pop("hello")


def spoken() -> list[tuple[int, str]]:
    """(account, step) of each hello, in their order."""
    return list(
        Effect.objects.filter(kind="hello").order_by("at", "pk").values_list("enrolment__account", "step")
    )
