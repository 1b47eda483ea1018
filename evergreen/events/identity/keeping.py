"""What was told of end users, kept: links, memberships and traits, and what follows from them for each id."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Least, Lower

from evergreen.base import clock
from evergreen.base.upserts import put, rewrite
from evergreen.customers.models import Contact
from evergreen.events.identity import domains, rules
from evergreen.events.identity.naming import CHUNK, Person, chunks, places
from evergreen.events.identity.people import People
from evergreen.events.identity.rules import Timeline
from evergreen.events.identity.told import Told
from evergreen.events.models import EndUser, Membership, Source

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ROW = ("root", "same_as", "linked_us", "linked_by", "known_at", "traits", "traits_told")


def account_keys_of(persons: Iterable[Person]) -> dict[Person, str]:
    """The account key that each end user was last known by; for a past moment ask ``account_keys_at``."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, person in persons:
        by_source[source].add(person)
    found: dict[Person, str] = {}
    for source, names in by_source.items():
        for chunk in chunks(sorted(names)):
            rows = EndUser.objects.filter(source__name=source, key__in=chunk).exclude(account_key="")
            found |= {(source, key): account for key, account in rows.values_list("key", "account_key")}
    return found


def timelines_of(persons: Iterable[Person]) -> dict[Person, Timeline]:
    """Who was of which account when; end users of whom nothing was told are absent."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, person in persons:
        by_source[source].add(person)
    found: dict[Person, Timeline] = {}
    for source, names in by_source.items():
        people = People(source)
        people.learn(names)
        roots = {name: people.root(name) for name in names if people.nodes[name].account_key}
        timelines = people.timelines(set(roots.values()))
        found |= {(source, name): timelines[root] for name, root in roots.items() if timelines[root].steps}
    return found


@transaction.atomic
def remember(told: dict[Person, Told]) -> int:
    """Keep what a batch told of its end users. Returns how many rows of end users were written.

    The same facts in any order, in any batches, as often as you like, leave the same records; so a mover that
    dies before its commit may repeat its batch.
    """
    written = 0
    by_source: dict[str, dict[str, Told]] = defaultdict(dict)
    for (name, person), what in told.items():
        by_source[name][person] = what
    # Always in the same order: two processes that hold the people of several sources must not wait for each other.
    for name, entries in sorted(by_source.items()):
        source = source_row(name)
        people = People(name)
        people.learn(names_in(entries))
        before = _Before(people)
        people.tell(*facts(entries))
        written += _keep(source, people, before, entries)
    return written


def source_row(name: str) -> Source:
    """The source of this name, held until the transaction ends: one writer of its people at a time."""
    row = Source.objects.get_or_create(name=name, defaults={"created_at": clock.utc_now()})[0]
    return Source.objects.select_for_update().get(pk=row.pk)


def names_in(entries: dict[str, Told]) -> set[str]:
    """Every id that a batch speaks of."""
    return set(entries) | {link.previous for what in entries.values() for link in what.links}


def facts(entries: dict[str, Told]) -> tuple[list[Any], list[Any]]:
    """The links and the memberships that a batch tells."""
    links = [link for what in entries.values() for link in what.links]
    return links, [one for what in entries.values() for one in what.memberships]


def refresh(source: Source, roots: Collection[str], before: dict[str, Timeline]) -> None:
    """Bring people in step with the memberships kept of them; ``before`` is what held until now, by root."""
    people = People(source.name)
    people.learn(roots)
    after = people.timelines(roots)
    for root in roots:
        _unsettle(EndUser.objects.filter(source=source, root=root), before[root].differs_from(after[root]))
    _write_accounts(source, after)


def find_accounts_of_end_users(again: Collection[str] = ()) -> int:
    """Point end users at accounts that came to be known after they were told of; returns how many keys were new.

    ``again`` are account keys that may name another account than before, or none.
    """
    rows = EndUser.objects.filter(account=None).exclude(account_key="").order_by()
    waiting = set(rows.values_list("source__name", "account_key").distinct())
    for chunk in chunks(sorted(set(again))):
        told = EndUser.objects.filter(account_key__in=chunk).order_by()
        waiting |= set(told.values_list("source__name", "account_key").distinct())
    found = places(waiting)
    for source, key in waiting:
        place = found.get((source, key))
        account = place.account_id if place else None
        own = EndUser.objects.filter(source__name=source, account_key=key)
        held = dict(own.values_list("key", "account"))
        keys = sorted(name for name, before in held.items() if before != account)
        for chunk in chunks(keys):
            EndUser.objects.filter(source__name=source, key__in=chunk).update(account=account)
        if keys:
            _link_contacts(Source.objects.get(name=source), keys)
    return len(found) + _find_by_email(again)


def _find_by_email(again: Collection[str]) -> int:
    """Point end users without account key at the account that declares their mail domain."""
    if not domains.are_wanted():
        return 0
    nobodys = EndUser.objects.filter(account_key="", account=None)
    known = EndUser.objects.filter(account_key="", traits__has_key="email")
    own = nobodys.filter(traits__has_key="email")
    devices = nobodys.filter(Exists(known.filter(source=OuterRef("source"), key=OuterRef("root"))))
    asked = {*own.values_list("source__name", "key"), *devices.values_list("source__name", "key")}
    asked |= domains.people_under(again)
    keys = domains.domain_keys_of(asked)
    found = places({(source, key) for (source, _), key in keys.items()})
    for source, person in asked:
        place = found.get((source, keys.get((source, person), "")))
        row = EndUser.objects.filter(source__name=source, key=person, account_key="")
        row.update(account=place.account_id if place else None)
    return len(keys)


def people_of(keys: Collection[str]) -> set[Person]:
    """End users who were ever told to be of one of the account keys, with all ids that are the same person."""
    roots: set[tuple[str, str]] = set()
    for chunk in chunks(sorted(set(keys))):
        rows = Membership.objects.filter(account_key__in=chunk).order_by()
        roots |= set(rows.values_list("source__name", "end_user__root").distinct())
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, root in roots:
        by_source[source].append(root)
    found: set[Person] = set()
    for source, names in by_source.items():
        for chunk in chunks(sorted(names)):
            own = EndUser.objects.filter(source__name=source, root__in=chunk)
            found |= {(source, key) for key in own.values_list("key", flat=True)}
    return found


class _Before:
    """Timelines as they stood, of the roots under which the records keep people."""

    def __init__(self, people: People) -> None:
        self._people = people

    def read(self, roots: Collection[str]) -> dict[str, Timeline]:
        told: dict[str, list[Any]] = {root: [] for root in roots}
        for _, root, stamp, account in self._people.stored(roots):
            told[root].append((stamp, account))
        return {root: Timeline(memberships) for root, memberships in told.items()}


def _keep(source: Source, people: People, before: _Before, entries: dict[str, Told]) -> int:
    changed = people.changed_roots()
    after = people.timelines(changed)
    _mark_unsettled(source, people, before.read(people.stored_roots(changed)), after)
    for stored, root in people.moved_trees().items():
        EndUser.objects.filter(source=source, root=stored).update(root=root)
    rows = _rows(source, people, entries)
    _keep_memberships(source, people)
    _write_accounts(source, after)
    _link_contacts(source, set(rows) - {key for key in rows if people.root(key) in changed})
    return len(rows)


def _mark_unsettled(
    source: Source, people: People, before: dict[str, Timeline], after: dict[str, Timeline]
) -> None:
    """Where stored events of ids would find another account now, say from which time on.

    Events of ids of whom nothing was told still wait, unless their account was found by e-mail domain.
    """
    by_email = domains.are_wanted()
    own = EndUser.objects.filter(source=source)
    explicit: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in people.rewritten:
        node = people.nodes[key]
        if node.stored_root is not None and (root := people.root(key)) in after:
            explicit[node.stored_root, root].append(key)
    for stored, timeline in before.items():
        root = people.final(stored)
        if (timeline.steps or by_email) and root in after and stored not in people.whole:
            _unsettle(own.filter(root=stored), timeline.differs_from(after[root]))
    for (stored, root), keys in explicit.items():
        if (before[stored].steps or by_email) and stored in people.whole:
            for chunk in chunks(sorted(keys)):
                _unsettle(own.filter(key__in=chunk), before[stored].differs_from(after[root]))


def _unsettle(rows: Any, since: int | None) -> None:
    if since is not None:
        rows.update(unsettled_us=Least(Coalesce(F("unsettled_us"), since), since))


def _rows(source: Source, people: People, entries: dict[str, Told]) -> dict[str, EndUser]:
    """Write the rows of the ids spoken of and of those whose link or root changed."""
    spoken = names_in(entries) | people.rewritten
    rows: dict[str, EndUser] = {}
    for chunk in chunks(sorted(spoken)):
        rows |= {row.key: row for row in EndUser.objects.filter(source=source, key__in=chunk)}
    known = max((what.known_at for what in entries.values()), default=0)
    new, changed = [], []
    by_email, moved_homes = domains.are_wanted(), set()
    for key in sorted(spoken):
        node, what = people.nodes[key], entries.get(key)
        at = _EPOCH + dt.timedelta(microseconds=what.known_at if what else known)
        row = rows.get(key)
        stood = None
        if row is None:
            row = EndUser(source=source, key=key, known_at=at)
            rows[key] = row
            new.append(row)
        else:
            stood = _state(row)
        row.root = people.root(key)
        if node.link is not None:
            row.same_as = node.link.person
            row.linked_us, row.linked_by = node.link.stamp
        if what is not None:
            row.known_at = max(row.known_at, at)
            email = _email(row)
            _take_traits(row, what)
            if by_email and not row.account_key and email != _email(row):
                moved_homes.add(row.root)
        if stood is not None and stood != _state(row):
            changed.append(row)
    EndUser.objects.bulk_create(new, batch_size=CHUNK)
    rewrite(EndUser, changed, _ROW)
    for chunk in chunks(sorted(moved_homes)):
        _unsettle(EndUser.objects.filter(source=source, root__in=chunk, account_key=""), rules.ALWAYS)
    return {row.key: row for row in (*new, *changed)}


def _state(row: EndUser) -> tuple[Any, ...]:
    return (*(getattr(row, name) for name in _ROW[:5]), dict(row.traits), dict(row.traits_told))


def _take_traits(row: EndUser, what: Told) -> None:
    """Of each trait the value told last stands."""
    for name, (stamp, value) in what.traits.items():
        name = storable(name)
        held = row.traits_told.get(name)
        if held is None or tuple(held) < stamp:
            row.traits[name] = storable(value)
            row.traits_told[name] = [stamp.at, stamp.message_id]


def _keep_memberships(source: Source, people: People) -> None:
    named = {membership.person for membership in people.fresh}
    ids: dict[str, int] = {}
    for chunk in chunks(sorted(named)):
        ids |= dict(EndUser.objects.filter(source=source, key__in=chunk).values_list("key", "pk"))
    rows = [
        {
            "source_id": source.pk,
            "end_user_id": ids[membership.person],
            "account_key": membership.account_key,
            "told_us": membership.stamp.at,
            "message_id": membership.stamp.message_id,
        }
        for membership in people.fresh
    ]
    put(Membership, rows, unique=("source_id", "message_id"), overwrite=False)


def _write_accounts(source: Source, timelines: dict[str, Timeline]) -> None:
    """The account of each id of whole trees: the last one told."""
    found = places({(source.name, timeline.last) for timeline in timelines.values() if timeline.steps})
    alike: dict[tuple[str, bool, int | None], list[str]] = defaultdict(list)
    for root, timeline in timelines.items():
        place = found.get((source.name, timeline.last))
        alike[timeline.last, len(timeline.steps) > 1, place.account_id if place else None].append(root)
    for (key, has_moved, account), roots in alike.items():
        for chunk in chunks(sorted(roots)):
            EndUser.objects.filter(source=source, root__in=chunk).update(
                account_key=key, has_moved=has_moved, account=account
            )
    keys: set[str] = set()
    for chunk in chunks(sorted(timelines)):
        rows = EndUser.objects.filter(source=source, root__in=chunk)
        keys.update(rows.values_list("key", flat=True))
    _link_contacts(source, keys)


def _link_contacts(source: Source, keys: Collection[str]) -> None:
    """Point end users at the contact of their account that they are: by id, else by e-mail."""
    for chunk in chunks(sorted(keys)):
        rows = list(EndUser.objects.filter(source=source, key__in=chunk))
        accounts = {row.account_id for row in rows if row.account_id}
        emails = {_email(row) for row in rows} - {""}
        contacts = (
            Contact.objects.filter(account__in=accounts)
            .annotate(address=Lower("email"))
            .filter(Q(end_user__in=[row.key for row in rows]) | Q(address__in=emails))
            .order_by("-pk")
        )
        by_id = {(who.account_id, who.end_user): who.pk for who in contacts if who.end_user}
        by_email = {(who.account_id, who.email.lower()): who.pk for who in contacts if who.email}
        changed = []
        for row in rows:
            account = row.account_id or 0
            contact = by_id.get((account, row.key)) or by_email.get((account, _email(row)))
            if row.contact_id != contact:
                row.contact_id = contact
                changed.append(row)
        rewrite(EndUser, changed, ["contact"])


def _email(row: EndUser) -> str:
    email = row.traits.get("email")
    return email.strip().lower() if isinstance(email, str) else ""


def storable(value: Any) -> Any:
    """Traits without NUL characters, which PostgreSQL's JSON cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value
