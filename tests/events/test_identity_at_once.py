"""Several processes that are told of the same end users at the same instant, on both databases."""

from __future__ import annotations

import random
from typing import Any

import pytest

from evergreen.events import identity
from evergreen.events.identity.told import hear
from evergreen.events.ingest.shapes import Event
from evergreen.events.models import EndUser, Membership
from tests.at_once import WORKERS, at_once

pytestmark = pytest.mark.usefixtures("real_database")

SOURCES = ("web", "app", "desk")
PEOPLE = [f"u{n}" for n in range(6)] + [f"d{n}" for n in range(6)]


def calls(seed: int) -> list[Event]:
    """Forty calls on twelve ids: devices that sign in, people who move between accounts, traits told anew."""
    chance = random.Random(seed)
    made = []
    for n in range(40):
        kind = chance.choice(["identify", "group", "alias"])
        at = 1_000_000 * chance.randrange(1, 30)
        made.append(
            Event(
                kind=kind,
                name=kind,
                message_id=f"m{n:02}",
                person=chance.choice(PEOPLE),
                occurred_at=at,
                received_at=at,
                known_at=at,
                account_key=chance.choice("ABC") if kind == "group" else "",
                previous=chance.choice(PEOPLE) if kind == "alias" else None,
                traits={"plan": f"p{n}"} if kind == "identify" else None,
            )
        )
    return made


def told(events: list[Event], sources: tuple[str, ...]) -> dict[identity.Person, identity.Told]:
    found: dict[identity.Person, identity.Told] = {}
    for source in sources:
        for event in events:
            hear(found, source, event)
    return found


def kept(source: str) -> tuple[list[Any], list[Any]]:
    """What the records hold of a source's end users, and the memberships told of them."""
    rows = EndUser.objects.filter(source__name=source).order_by("key")
    steps = Membership.objects.filter(source__name=source).order_by("message_id")
    return (
        list(rows.values_list("key", "root", "same_as", "linked_us", "account_key", "has_moved", "traits")),
        list(steps.values_list("message_id", "end_user__key", "account_key", "told_us")),
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_several_processes_remember_at_once_is_what_one_would_have(seed: int) -> None:
    events = calls(seed)
    identity.remember(told(events, ("alone",)))

    def remember(number: int) -> int:
        # Each is told most of it, in another order, of the sources in another order: nobody may wait in a circle.
        chance = random.Random(seed * WORKERS + number)
        written = 0
        for _batch in range(3):
            mine = [event for event in events if chance.random() < 0.7]
            sources = tuple(chance.sample(SOURCES, len(SOURCES)))
            written += identity.remember(told(chance.sample(mine, len(mine)), sources))
        return written + identity.remember(told(events, SOURCES[:: 1 if number % 2 else -1]))

    assert all(isinstance(written, int) for written in at_once(remember))
    for source in SOURCES:
        assert kept(source) == kept("alone")


def test_a_new_source_is_made_once_by_those_who_hear_of_it_at_once() -> None:
    events = calls(9)

    def remember(_number: int) -> int:
        return identity.remember(told(events, ("new",)))

    assert all(isinstance(written, int) for written in at_once(remember))
    identity.remember(told(events, ("alone",)))
    assert kept("new") == kept("alone")
