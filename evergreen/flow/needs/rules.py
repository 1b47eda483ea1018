"""How urgent something is, and in which order things stand on Today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["alert", "task", "renewal"]
KINDS: tuple[Kind, ...] = ("alert", "task", "renewal")

# What a task weighs by its priority (work.Task.Priority); an alert weighs its severity, 3 high to 1 low.
TASK_WEIGHTS = {1: 3.0, 2: 2.0, 3: 1.0, 4: 0.5}
RENEWAL_DAYS = 90
_SOON, _NEAR = 30, 60


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs somebody. A work order with its alerts and their tasks is one need: ``alert_id`` is the alert that
    explains most among those that need somebody, ``task_id`` the next of its tasks.

    ``money`` is the account's ARR in the vendor's minor units, 0 where there is none. ``days_late`` counts
    from the due day of the task or the order (negative: still to come), ``days_to_renewal`` to the account's earliest end.
    """

    kind: Kind
    account_id: int | None
    person_id: int | None
    weight: float
    money: int
    alert_id: int | None = None
    task_id: int | None = None
    order_id: int | None = None
    days_late: int | None = None
    days_to_renewal: int | None = None
    rank: float = 0.0

    @property
    def ref(self) -> str:
        """What names it in an address or a form: its work order, else its task, else its alert, else its account."""
        if self.order_id:
            return f"order-{self.order_id}"
        if self.task_id:
            return f"task-{self.task_id}"
        return f"alert-{self.alert_id}" if self.alert_id else f"renewal-{self.account_id}"

    @property
    def urgency(self) -> float:
        """Weight, plus 1 when overdue or 30 days before the end, plus ½ when due today or 60 days before."""
        late, left = self.days_late, self.days_to_renewal
        if (late is not None and late > 0) or (left is not None and 0 <= left <= _SOON):
            return self.weight + 1.0
        if late == 0 or (left is not None and 0 <= left <= _NEAR):
            return self.weight + 0.5
        return self.weight


def in_order(needs: Iterable[Need]) -> list[Need]:
    """By money × urgency, the greatest first. No money counts as much as the smallest that there is."""
    listed = list(needs)
    least = min((need.money for need in listed if need.money > 0), default=1)
    ranked = [replace(need, rank=max(need.money, least) * need.urgency) for need in listed]
    return sorted(ranked, key=lambda need: (-need.rank, need.ref))


def protected(needs: Sequence[Need]) -> int:
    """The money of the accounts behind some needs, each account once."""
    return sum({need.account_id: need.money for need in needs if need.account_id}.values())
