"""What every connector is: its configuration, its streams, how one stream is read.

An adapter reads through what it is given and yields rows; it never touches a store and never decides what becomes of a
row. A stream feeds one kind of record by a mapping in the language of imports.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _

from evergreen.base.languages import is_zh

if TYPE_CHECKING:
    from evergreen.events.sources.wire import Wire

Row = dict[str, Any]

# Marks a row that the source no longer has. ``True``: the row says nothing else; ``LAST_WORD``: what it says is loaded
# all the same, such as a ticket that was deleted and is closed with it.
GONE = "@gone"
LAST_WORD = "last word"

# What a stream may be called: it stands in addresses and in names of files.
NAME = re.compile(r"[\w.-]{1,60}")


class SourceError(Exception):
    """The source cannot be read, in words for people. ``is_permanent`` says that trying again will not mend it;
    ``status`` is that of the answer, 0 where there was none.
    """

    def __init__(self, message: str, *, is_permanent: bool = True, status: int = 0) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        self.status = status


class ThrottledError(Exception):
    """The source wants to be left alone for longer than is waited for."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"throttled for {seconds:g} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Stream:
    """One list of the source. ``key`` is the column that identifies a row ('' for events, which are never replaced).

    ``order`` says which of two rows with the same key is the newer one: "ascending" the later, "descending" the
    earlier. Only an ascending stream is taken up in the middle. ``mapping`` is what rows become by default. A stream
    that ``is_whole`` is read to its end each time, so what it does not bring is gone at the source.
    """

    name: str
    record: str
    zh: str
    en: str
    mapping: Mapping[str, Any]
    key: str = "id"
    order: str = "ascending"
    makes_accounts: bool = False
    is_whole: bool = False

    def label(self, language: str) -> str:
        return self.zh if is_zh(language) else self.en


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a stream: rows from a moment on (None: all), now; the columns that its mapping reads."""

    now: dt.datetime
    since: dt.datetime | None = None
    is_first: bool = True
    columns: tuple[str, ...] = ()


class Adapter:
    """A kind of connector bound to one configuration. Subclasses name their kind and read their streams."""

    kind: ClassVar[str]
    zh: ClassVar[str]
    en: ClassVar[str]
    Config: ClassVar[type[Any]]
    needs_network = True

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def streams(self) -> tuple[Stream, ...]:
        raise NotImplementedError

    def wire_up(self, wire: Wire) -> None:
        """Say to the wire where the source is and how to sign in."""

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        """A dlt resource (or any iterable) of rows. Its state, where it has one, is kept by the caller."""
        raise NotImplementedError

    def fields(self, stream: Stream, wire: Wire) -> tuple[str, ...]:
        """Columns that are only brought when they are asked for, for whoever maps the list."""
        return ()

    def keys(self, stream: Stream, wire: Wire, asked: Asked) -> Iterable[str] | None:
        """The keys of all rows that the source has now; None where the stream itself tells what was deleted, or
        nothing can.
        """
        return None

    def close(self) -> None:
        """Give back what reading left open, wherever it broke off. The adapter can read again afterwards."""

    def told(self, error: BaseException) -> SourceError | None:
        """A fault of the adapter's own kind in words; None for one that it does not know."""
        return None

    def test(self, wire: Wire) -> str:
        """Read as little as shows that address and credentials are right; what was seen, in words. SourceError."""
        raise NotImplementedError

    def stream(self, name: str) -> Stream:
        found = next((one for one in self.streams if one.name == name), None)
        if found is None:
            names = ", ".join(one.name for one in self.streams) or "-"
            raise SourceError(
                _("This connection has no list “%(name)s”. It has: %(names)s.")
                % {"name": name, "names": names}
            )
        return found


def wrong_name(name: str) -> str:
    return _("“%(name)s” is no name for a list: use 1 to 60 letters, digits, . _ or -.") % {"name": name[:80]}
