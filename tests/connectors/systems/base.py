"""What every fake of a system is: what it holds, and how a fault bends it."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from tests.connectors.fake import Answer, Asked, Fake

# By kind of record: external id → the text by which people know the record.
Truth = dict[str, dict[str, str]]
# So many rows of each recorded list: pages of 3 to 5 rows make several of them.
FEW = 9


class System(Fake, ABC):
    """A fake with the configuration that reaches it, and what must stand here in the end."""

    kind: ClassVar[str]

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What a connection to it is configured with."""

    @abstractmethod
    def truth(self) -> Truth:
        """What it holds."""

    def here(self) -> Truth:
        """What stands here after a first reading: the truth and what the source tells although it was deleted."""
        return self.truth()

    @abstractmethod
    def named(self) -> tuple[list[dict[str, Any]], str]:
        """The objects of one list, and the field of them that holds the name."""

    @abstractmethod
    def stamp(self, one: dict[str, Any]) -> str:
        """Note at the source that an object changed; its external id here."""

    def remove(self) -> None:
        """Delete a row that no other one needs, where the system knows of deleting."""

    def lose_cursors(self) -> None:
        """Cursors that were given are good no longer."""
        self.generation += 1

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        """The answer without its rows, its cursor leading to the same place again; None where none can be made."""
        return None

    def touch(self) -> str:
        """Change a name at the source; the external id of what is named."""
        objects, name = self.named()
        objects[2][name] = "改了名"
        return self.stamp(objects[2])

    def next_moment(self) -> dt.datetime:
        """A time for a change, later than all before."""
        self.changes += 1
        return dt.datetime(2026, 11, 19, tzinfo=dt.UTC) + dt.timedelta(seconds=self.changes)


def seconds(moment: str) -> int:
    return int(dt.datetime.fromisoformat(moment.replace("+0000", "+00:00")).timestamp())
