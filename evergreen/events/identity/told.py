"""What identify, group and alias calls say of end users, read from events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evergreen.events.identity.rules import Link, Membership, Stamp
from evergreen.events.ingest.shapes import Event, names_somebody

KINDS = frozenset({"identify", "group", "alias"})


@dataclass(slots=True)
class Told:
    """What a batch says of one end user, each thing with its stamp."""

    memberships: list[Membership] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    traits: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)
    known_at: int = 0

    @classmethod
    def once(cls, person: str, account_key: str, traits: dict[str, Any], at: int) -> Told:
        """What one identify call at a time would tell."""
        stamp = Stamp(at, f"told-{person}"[:200])
        return cls(
            [Membership(stamp, person, account_key)],
            traits={name: (stamp, value) for name, value in traits.items()},
            known_at=at,
        )


def hear(told: dict[tuple[str, str], Told], source: str, event: Event) -> None:
    """Add what an event says of its end user to what its batch told so far.

    Other events than identify, group and alias (``KINDS``) may name a device or tell traits, as Mixpanel's and
    PostHog's do; the account they are about makes nobody a member of it.
    """
    person = event.person
    if not person or not names_somebody(person):
        return
    entry = told.setdefault((source, person), Told())
    entry.known_at = max(entry.known_at, event.known_at)
    stamp = Stamp(event.occurred_at, event.message_id)
    if event.account_key and event.kind in KINDS:
        entry.memberships.append(Membership(stamp, person, event.account_key))
    if event.previous and event.previous != person and names_somebody(event.previous):
        entry.links.append(Link(stamp, event.previous, person))
    if event.kind != "group":
        for name, value in (event.traits or {}).items():
            if name not in entry.traits or entry.traits[name][0] < stamp:
                entry.traits[name] = (stamp, value)
