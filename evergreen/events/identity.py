"""Whose event it is: account keys matched to accounts, end users remembered from identify and group calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from evergreen.base import clock, queries
from evergreen.customers.models import Account, Contact, ExternalId, Tenant
from evergreen.events.ingest.shapes import Event
from evergreen.events.models import EndUser, Source

_CHUNK = 400
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Place(NamedTuple):
    """Where an event belongs: the account, and the tenant inside it ('' = the account as a whole)."""

    account_id: int
    tenant: str


Person = tuple[str, str]  # source name, end user id
Key = tuple[str, str]  # source name, account key


@dataclass(slots=True)
class Told:
    """What identify, group and alias calls of a batch say of one end user, newest last."""

    account_key: str | None = None
    traits: dict[str, Any] = field(default_factory=dict)
    known_at: int = 0


@dataclass(slots=True)
class Resolved:
    """Places of a batch's events in their order, and what the batch tells of its end users."""

    places: list[Place | None]
    told: dict[Person, Told]


def account_properties() -> tuple[str, ...]:
    """The properties or traits that name the account: the vendor's setting first, then the usual ones."""
    usual = ("account_id", "accountId", "company_id", "companyId")
    return tuple(dict.fromkeys((str(queries.setting("account_property")), *usual)))


def resolve(events: Sequence[tuple[str, Event]]) -> Resolved:
    """Find each event's account: by its own key, else by the account its end user was last known to be of.

    An event whose end user becomes known only later in the batch takes that account too, as it would when
    waiting events are matched.
    """
    told: dict[Person, Told] = {}
    persons = {(source, event.person) for source, event in events if event.person}
    persons |= {(source, event.previous) for source, event in events if event.previous}
    known = account_keys_of(persons)
    keys: list[str | None] = []
    for source, event in events:
        if event.person and event.kind in {"identify", "group", "alias"}:
            _hear(told, known, source, event)
        own = known.get((source, event.person)) if event.person else None
        keys.append(event.account_key or own)
    keys = [
        key or (known.get((source, event.person)) if event.person else None)
        for key, (source, event) in zip(keys, events, strict=True)
    ]
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


def _hear(told: dict[Person, Told], known: dict[Person, str], source: str, event: Event) -> None:
    person = (source, event.person or "")
    entry = told.setdefault(person, Told())
    entry.known_at = max(entry.known_at, event.known_at)
    entry.traits |= event.traits if event.kind == "identify" and event.traits else {}
    key = event.account_key
    if event.kind == "alias" and event.previous and person not in known:
        key = key or known.get((source, event.previous))
    if key:
        entry.account_key = known[person] = key


def places(keys: Collection[Key]) -> dict[Key, Place]:
    """The accounts that account keys name now; keys that name none are absent.

    A key is an account's own id, one of its external ids (of the same source first; one that two accounts
    share in other systems names none) or the id of a tenant.
    """
    values = sorted({value for _, value in keys})
    accounts: dict[str, int] = {}
    external: dict[str, dict[str, int]] = {}
    tenants: dict[str, int] = {}
    for chunk in _chunks(values):
        accounts |= dict(Account.objects.filter(external_id__in=chunk).values_list("external_id", "pk"))
        for system, value, account in ExternalId.objects.filter(value__in=chunk).values_list(
            "system", "value", "account_id"
        ):
            external.setdefault(value, {})[system] = account
        tenants |= dict(Tenant.objects.filter(external_id__in=chunk).values_list("external_id", "account_id"))
    found: dict[Key, Place] = {}
    for source, value in keys:
        if value in accounts:
            found[source, value] = Place(accounts[value], "")
        elif (named := _by_system(external.get(value, {}), source)) is not None:
            found[source, value] = Place(named, "")
        elif value in tenants:
            found[source, value] = Place(tenants[value], value)
    return found


def _by_system(accounts: dict[str, int], source: str) -> int | None:
    if source in accounts:
        return accounts[source]
    distinct = set(accounts.values())
    return distinct.pop() if len(distinct) == 1 else None


def account_keys_of(persons: Iterable[Person]) -> dict[Person, str]:
    """The account key that each end user was last known by."""
    by_source: dict[str, list[str]] = {}
    for source, person in persons:
        by_source.setdefault(source, []).append(person)
    found: dict[Person, str] = {}
    for source, names in by_source.items():
        for chunk in _chunks(sorted(names)):
            rows = EndUser.objects.filter(source__name=source, key__in=chunk).exclude(account_key="")
            found |= {(source, key): account for key, account in rows.values_list("key", "account_key")}
    return found


@transaction.atomic
def remember(told: dict[Person, Told]) -> int:
    """Keep what a batch told of its end users; what is older than the row changes nothing. Returns rows.

    Doing it again with the same batch changes nothing, so a mover that dies before its commit may repeat it.
    """
    written = 0
    by_source: dict[str, dict[str, Told]] = {}
    for (source, person), what in told.items():
        by_source.setdefault(source, {})[person] = what
    for name, people in by_source.items():
        row = Source.objects.get_or_create(name=name, defaults={"created_at": clock.utc_now()})[0]
        for chunk in _chunks(sorted(people)):
            written += _remember_chunk(row, {key: people[key] for key in chunk})
    return written


def _remember_chunk(source: Source, people: dict[str, Told]) -> int:
    rows = {
        row.key: row
        for row in EndUser.objects.select_for_update().filter(source=source, key__in=list(people))
    }
    new, changed = [], []
    for key, what in people.items():
        known_at = _EPOCH + dt.timedelta(microseconds=what.known_at)
        row = rows.get(key)
        if row is None:
            new.append(EndUser(source=source, key=key, known_at=known_at))
            row = new[-1]
        elif row.known_at > known_at:
            continue
        else:
            changed.append(row)
        row.known_at = known_at
        row.account_key = what.account_key or row.account_key
        row.traits = {**row.traits, **_storable(what.traits)}
    _link([*new, *changed], source)
    EndUser.objects.bulk_create(new, batch_size=_CHUNK)
    EndUser.objects.bulk_update(
        changed, ["known_at", "account_key", "traits", "account", "contact"], batch_size=_CHUNK
    )
    return len(new) + len(changed)


def _link(rows: list[EndUser], source: Source) -> None:
    """Point end users at their account and, by id or e-mail, at the contact they are."""
    found = places({(source.name, row.account_key) for row in rows if row.account_key})
    for row in rows:
        place = found.get((source.name, row.account_key))
        row.account_id = place.account_id if place else row.account_id
    accounts = {row.account_id for row in rows if row.account_id}
    if not accounts:
        return
    emails = {_email(row) for row in rows} - {""}
    contacts = (
        Contact.objects.filter(account__in=accounts)
        .annotate(address=Lower("email"))
        .filter(Q(end_user__in=[row.key for row in rows]) | Q(address__in=emails))
    )
    by_id = {(contact.account_id, contact.end_user): contact.pk for contact in contacts if contact.end_user}
    by_email = {
        (contact.account_id, contact.email.lower()): contact.pk for contact in contacts if contact.email
    }
    for row in rows:
        if row.account_id:
            row.contact_id = (
                by_id.get((row.account_id, row.key))
                or by_email.get((row.account_id, _email(row)))
                or row.contact_id
            )


def _email(row: EndUser) -> str:
    email = row.traits.get("email")
    return email.strip().lower() if isinstance(email, str) else ""


def _storable(value: Any) -> Any:
    """Traits without NUL characters, which PostgreSQL's JSON cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK))
