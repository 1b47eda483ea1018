"""Order of arrival does not change the outcome (ING-22): one graph and one account of every event for any order."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.events import identity
from evergreen.events.identity import rules
from evergreen.events.identity.rules import Link, Stamp, Timeline
from evergreen.events.ingest.shapes import Event

ACCOUNTS = ["A", "B", "C"]
IDS = ["u1", "u2", "u3", "u4", "d1", "d2", "d3"]


@dataclass
class Group:
    """People joined so far, and the id that stands for them."""

    head: str
    members: set[str]


class Model:
    """What should come out, told the slow way: all links in order, one after another, by sets of people."""

    def __init__(self, told: Sequence[Event]) -> None:
        self.groups: dict[str, Group] = {}
        self.chosen: set[str] = set()
        self.refused = 0
        for event in sorted(told, key=lambda one: (one.occurred_at, one.message_id)):
            if event.previous and event.person and event.previous != event.person:
                self._link(event.previous, event.person)
        self.memberships = sorted(
            (event.occurred_at, event.message_id, event.person, event.account_key)
            for event in told
            if event.person and event.account_key and event.kind != "track"
        )

    def _link(self, previous: str, person: str) -> None:
        below, above = self.group(previous), self.group(person)
        if previous in self.chosen or below is above:
            self.refused += 1
        else:
            above.members |= below.members
            for one in below.members:
                self.groups[one] = above
        self.chosen.add(previous)

    def group(self, key: str) -> Group:
        return self.groups.setdefault(key, Group(key, {key}))

    def head(self, key: str) -> str:
        return self.group(key).head

    def key_at(self, person: str, at: int) -> str:
        members = self.group(person).members
        own = [(when, account) for when, _, who, account in self.memberships if who in members]
        past = [account for when, account in own if when <= at]
        return past[-1] or "" if past else (own[0][1] or "" if own else "")


def call(kind: str, n: int, at: int, person: str, **fields: Any) -> Event:
    return Event(
        kind=kind,
        name=kind,
        message_id=f"m{n:03}",
        person=person,
        occurred_at=at,
        received_at=at,
        known_at=at,
        **fields,
    )


def history(rng: random.Random, calls: int) -> list[Event]:
    """A history of one source: people known by devices first, aliases, loops, moves between accounts."""
    found = []
    for n in range(calls):
        at, person = rng.randrange(12), rng.choice(IDS)
        kind = rng.choice(["alias", "identify", "group", "track", "track"])
        if kind == "alias":
            fields: dict[str, Any] = {"previous": rng.choice(IDS)}
        elif kind == "identify":
            fields = {
                "previous": rng.choice([None, *IDS[4:]]),
                "account_key": rng.choice([None, *ACCOUNTS]),
                "traits": {"plan": rng.choice("xyz")},
            }
        elif kind == "group":
            fields = {"account_key": rng.choice(ACCOUNTS)}
        else:
            fields = {"account_key": rng.choice([None, None, None, "C"])}
        found.append(call(kind, n, at, person, **fields))
    return found


def links(events: Sequence[Event]) -> list[Link]:
    return [
        Link(Stamp(e.occurred_at, e.message_id), e.previous, e.person or "") for e in events if e.previous
    ]


def test_three_thousand_histories_have_one_graph_whatever_order_their_links_arrive_in() -> None:
    rng = random.Random(22)
    refused = 0
    for _ in range(3_000):
        events = history(rng, rng.randrange(4, 24))
        model = Model(events)
        refused += model.refused
        told = links(events)
        firsts = set()
        for _ in range(50):
            rng.shuffle(told)
            first: dict[str, Link] = {}
            for link in told:  # one by one, as they arrive
                first = rules.first_links([*first.values(), link])
            firsts.add(tuple(sorted(first.items())))
        (only,) = firsts
        found = rules.roots(dict(only))
        for one in IDS:
            for other in IDS:
                together = model.group(one) is model.group(other)
                assert together == (found.get(one, one) == found.get(other, other)), events
            assert model.head(one) == found.get(one, one), events
    assert refused > 1_000


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(ACCOUNTS)), max_size=12),
    st.integers(-1, 11),
    st.randoms(),
)
@settings(max_examples=500, deadline=None)
def test_a_timeline_names_the_account_last_told_before_an_event(
    told: list[tuple[int, str]], at: int, rng: random.Random
) -> None:
    memberships = [(Stamp(when, f"m{n:02}"), account) for n, (when, account) in enumerate(told)]
    ordered = sorted(memberships)
    rng.shuffle(memberships)
    timeline = Timeline(memberships)
    past = [account for stamp, account in ordered if stamp.at <= at]
    assert timeline.key_at(at) == (past[-1] if past else ordered[0][1] if ordered else "")
    assert all(
        one.account_key != other.account_key
        for one, other in zip(timeline.steps, timeline.steps[1:], strict=False)
    )


def portions(rng: random.Random, events: list[Event]) -> Iterator[list[Event]]:
    """The events in a new order, cut into batches."""
    rest = list(events)
    rng.shuffle(rest)
    while rest:
        cut = rng.randrange(1, 5)
        yield rest[:cut]
        rest = rest[cut:]


class Store:
    """What a lake would hold: the account of each event as resolved, put right as ``matching`` puts it right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.keys: dict[str, tuple[Event, str]] = {}

    def take(self, batch: list[Event]) -> None:
        named = [(self.source, event) for event in batch]
        resolved = identity.resolve(named)
        identity.remember(resolved.told)
        for (_, event), place in zip(named, resolved.places, strict=True):
            self.keys[event.message_id] = (event, NAMES.get(place.account_id, "") if place else "")

    def settle(self) -> None:
        from evergreen.events.models import EndUser

        marked = dict(
            EndUser.objects.filter(source__name=self.source, unsettled_us__isnull=False).values_list(
                "key", "unsettled_us"
            )
        )
        persons = {(self.source, event.person or "") for event, _ in self.keys.values()}
        lines = identity.timelines_of(persons)
        for message, (event, key) in self.keys.items():
            person = event.person or ""
            line = lines.get((self.source, person), Timeline())
            is_looked_at = not key or event.occurred_at >= (marked.get(person, rules.NEVER) or rules.NEVER)
            if is_looked_at and not event.account_key:
                self.keys[message] = (event, line.key_at(event.occurred_at))


NAMES: dict[int, str] = {}


@pytest.mark.django_db
def test_stored_events_have_the_same_account_in_every_order_once_they_were_settled(now: dt.datetime) -> None:
    from evergreen.customers.models import Account
    from evergreen.events.models import EndUser

    for name in ACCOUNTS:
        account = Account.objects.create(external_id=name, name=name, created_at=now, known_at=now)
        NAMES[account.pk] = name
    rng = random.Random(7)
    for number in range(12):
        events = history(rng, rng.randrange(6, 22))
        model = Model(events)
        outcomes = set()
        for order in range(6):
            store = Store(f"s{number}-{order}")
            for batch in portions(rng, events):
                store.take(batch)
                if rng.random() < 0.1:
                    store.settle()
                    EndUser.objects.filter(source__name=store.source).update(unsettled_us=None)
            store.settle()
            for event, key in store.keys.values():
                expected = event.account_key or model.key_at(event.person or "", event.occurred_at)
                assert key == expected, (number, order, event)
            rows = EndUser.objects.filter(source__name=store.source).order_by("key")
            for row in rows:
                assert row.root == model.head(row.key)
            outcomes.add(repr(list(rows.values_list("key", "root", "account_key", "has_moved", "traits"))))
        assert len(outcomes) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 30))
@pytest.mark.django_db
def test_telling_the_same_twice_changes_nothing(seed: int) -> None:
    from evergreen.events.models import EndUser, Membership

    rng = random.Random(seed)
    events = [(f"twice-{seed}", event) for event in history(rng, 10)]
    told = identity.resolve(events).told
    identity.remember(told)
    once = list(EndUser.objects.order_by("pk").values()), Membership.objects.count()
    identity.remember(told)
    again = list(EndUser.objects.order_by("pk").values()), Membership.objects.count()
    assert once == again


@pytest.mark.parametrize("nobody", ["null", "anonymous", "0", "undefined", "[object Object]", ""])
@pytest.mark.django_db
def test_ids_that_name_nobody_never_join_people(nobody: str) -> None:
    events = [
        ("web", call("alias", 1, 1, "u1", previous=nobody)),
        ("web", call("alias", 2, 2, "u2", previous=nobody)),
        ("web", call("alias", 3, 3, nobody, previous="u3")),
        ("web", call("group", 4, 4, nobody, account_key="A")),
    ]
    identity.remember(identity.resolve(events).told)
    from evergreen.events.models import EndUser

    assert dict(EndUser.objects.values_list("key", "root")) == {"u1": "u1", "u2": "u2"}


@pytest.mark.django_db
def test_sixteen_devices_become_one_person() -> None:
    from evergreen.events.models import EndUser

    events = [("web", call("identify", n, n, "u1", previous=f"device-{n}")) for n in range(16)]
    random.Random(1).shuffle(events)
    identity.remember(identity.resolve(events[:8]).told)
    identity.remember(identity.resolve(events[8:]).told)
    assert set(EndUser.objects.values_list("root", flat=True)) == {"u1"}
    assert EndUser.objects.count() == 17


def test_a_message_heard_again_with_another_body_keeps_what_it_said_first(db: None) -> None:
    from evergreen.events.models import EndUser

    for account in ("A", "B"):
        events = [("web", call("group", 1, 1, "u1", account_key=account))]
        identity.remember(identity.resolve(events).told)
    assert EndUser.objects.get().account_key == "A"
