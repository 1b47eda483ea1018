"""Whose event it is: by its own account key, else by the account its end user was of when it happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from evergreen.events.identity.domains import domain_keys_of
from evergreen.events.identity.keeping import facts, names_in
from evergreen.events.identity.naming import Person, Place, places
from evergreen.events.identity.people import People
from evergreen.events.identity.told import KINDS, Told, hear
from evergreen.events.ingest.shapes import Event


@dataclass(slots=True)
class Resolved:
    """Places of a batch's events in their order, and what the batch tells of its end users."""

    places: list[Place | None]
    told: dict[Person, Told]


def resolve(events: Sequence[tuple[str, Event]]) -> Resolved:
    """Find each event's account: by its own key, else by the account its end user was of at its time.

    What the batch itself tells counts for all of its events, wherever it stands in it.
    """
    told: dict[Person, Told] = {}
    for source, event in events:
        if event.kind in KINDS or event.previous or event.traits:
            hear(told, source, event)
    keys = _keys(events, told)
    wanted = {
        (source, key)
        for key, (source, event) in zip(keys, events, strict=True)
        if key and event.account_id is None
    }
    found = places(wanted)
    return Resolved(
        [
            Place(event.account_id, event.tenant)
            if event.account_id is not None
            else found.get((source, key))
            if key
            else None
            for key, (source, event) in zip(keys, events, strict=True)
        ],
        told,
    )


def _keys(events: Sequence[tuple[str, Event]], told: dict[Person, Told]) -> list[str]:
    """The account key of each event; '' where none is known."""
    asked: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for source, event in events:
        if event.person and not event.account_key and event.account_id is None:
            asked[source].add((event.person, event.occurred_at))
    entries: dict[str, dict[str, Told]] = defaultdict(dict)
    for (source, person), what in told.items():
        entries[source][person] = what
    known: dict[tuple[str, str, int], str] = {}
    for source, pairs in asked.items():
        people = People(source)
        people.learn({person for person, _ in pairs} | names_in(entries[source]))
        people.tell(*facts(entries[source]))
        for (person, at), key in people.keys_at(pairs).items():
            known[source, person, at] = key
    unknown = {(source, person) for (source, person, _), key in known.items() if not key}
    emails = {
        person: value
        for person, what in told.items()
        if isinstance(value := what.traits.get("email", (0, ""))[1], str)
    }
    domains = (
        domain_keys_of(unknown, {person: email for person, email in emails.items() if email})
        if unknown
        else {}
    )
    known |= {
        (source, person, at): domains[source, person]
        for (source, person, at), key in known.items()
        if not key and (source, person) in domains
    }
    return [
        event.account_key or known.get((source, event.person or "", event.occurred_at), "")
        for source, event in events
    ]
