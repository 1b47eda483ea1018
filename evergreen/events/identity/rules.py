"""Who is whom and of which account, decided by what was told and when it happened, never by when it arrived. Pure.

Times are microseconds since 1970 UTC. Two things are told of an end user: that another id is the same person
(a link), and which account it belongs to (a membership). Both carry a ``Stamp``; equal times are put in order
by the id of the message.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Before and after any time that an event can have.
ALWAYS = -(1 << 62)
NEVER = 1 << 62


class Stamp(NamedTuple):
    """When something that was told happened, and in which message: the order of everything told."""

    at: int
    message_id: str


class Link(NamedTuple):
    """``previous`` is the same person as ``person``."""

    stamp: Stamp
    previous: str
    person: str


class Membership(NamedTuple):
    """``person`` belongs to the account that ``account_key`` names, from the stamp's time on."""

    stamp: Stamp
    person: str
    account_key: str


class Step(NamedTuple):
    """An account key that holds from a time on, until the next step."""

    since: int
    account_key: str


class Timeline:
    """Which account key a person had when. Before the first membership the first one holds already."""

    __slots__ = ("_since", "steps")

    def __init__(self, memberships: Iterable[tuple[Stamp, str]] = ()) -> None:
        steps: list[Step] = []
        for stamp, key in sorted(memberships):
            if steps and steps[-1].account_key == key:
                continue
            if steps and steps[-1].since == stamp.at:
                steps.pop()
                if steps and steps[-1].account_key == key:
                    continue
            steps.append(Step(stamp.at if steps else ALWAYS, key))
        self.steps = tuple(steps)
        self._since = [step.since for step in steps]

    def key_at(self, moment: int) -> str:
        """The account key at a time; '' when none was ever told."""
        return self.steps[max(0, bisect_right(self._since, moment) - 1)].account_key if self.steps else ""

    @property
    def last(self) -> str:
        """The account key that holds now; '' when none was ever told."""
        return self.steps[-1].account_key if self.steps else ""

    def spans(self) -> list[tuple[int, int, str]]:
        """(since, before, account key) of each step."""
        ends = [*self._since[1:], NEVER]
        return [(step.since, end, step.account_key) for step, end in zip(self.steps, ends, strict=True)]

    def differs_from(self, other: Timeline) -> int | None:
        """The first time at which two timelines name another key; None when they never do."""
        moments = sorted({ALWAYS, *self._since, *other._since})
        return next((at for at in moments if self.key_at(at) != other.key_at(at)), None)


def first_links(links: Iterable[Link]) -> dict[str, Link]:
    """Of each id the first link by its stamp; later ones say something else of an id whose person is known."""
    first: dict[str, Link] = {}
    for link in links:
        if link.previous != link.person and (
            link.previous not in first or link.stamp < first[link.previous].stamp
        ):
            first[link.previous] = link
    return first


def roots(links: Mapping[str, Link]) -> dict[str, str]:
    """The person that each id stands for, given the first link of each id; ids without a link stand for themselves.

    Links that lead around in a loop are all kept but the last one told, which is refused: its id is the person.
    """
    found: dict[str, str] = {}
    for start in links:
        path: list[str] = []
        at = start
        place: dict[str, int] = {}
        while at not in found and at in links and at not in place:
            place[at] = len(path)
            path.append(at)
            at = links[at].person
        if at in place:
            loop = path[place[at] :]
            root = max(loop, key=lambda key: links[key].stamp)
        else:
            root = found.get(at, at)
        found.setdefault(at, root)
        for key in path:
            found[key] = root
    return found
