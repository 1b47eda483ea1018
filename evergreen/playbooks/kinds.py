"""The contract of a step that does something: a registry of kinds. A kind whose room is absent is refused at publishing.

To add one: a class as ``Kind`` says, a line in ``KINDS``, its heading in docs/playbooks.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evergreen.playbooks.models import Enrolment

Wrong = Callable[[str, Any, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One step of one run that is to take effect now."""

    enrolment: Enrolment
    step: str
    visit: int
    settings: Mapping[str, Any]

    @property
    def origin(self) -> str:
        """What names this effect wherever it leaves a row: the run, the step, the visit."""
        return f"{self.enrolment.pk}:{self.step}:{self.visit}"


class Kind(Protocol):
    """A kind of step. ``act`` writes rows in the caller's transaction and nothing else: no mail, no call, no event."""

    key: str
    keys: tuple[str, ...]
    is_message: bool
    max_lateness_hours: int | None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        """The settings as they are kept; ``wrong`` is told (name, found, allowed) of each that cannot be."""

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values of the account that later conditions read and that this changes, by field."""

    def lacks(self, settings: Mapping[str, Any]) -> str:
        """What must be set up before a playbook with such a step is switched on, in words; '' for nothing."""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        """Let the steps take effect, all or none. An error of one fails them all; the engine then finds which one."""


# Kinds that the product has and this installation cannot run yet, with the room that they need.
ABSENT: dict[str, str] = {
    "plan": "work.plans",
    "opportunity": "revenue",
}

_KINDS: dict[str, Kind] = {}


def kinds() -> Mapping[str, Kind]:
    """Every kind of step that acts, by its key."""
    if not _KINDS:
        from evergreen.playbooks.steps import KINDS

        _KINDS.update({one.key: one for one in KINDS})
    return _KINDS


def register(kind: Kind) -> None:
    """Add a kind (another room's, or a test's). Raises ValueError for a key that is taken."""
    known = kinds()
    if kind.key in known and known[kind.key] is not kind:
        raise ValueError(f"The kind of step {kind.key!r} is registered twice.")
    _KINDS[kind.key] = kind
