"""What waits for an account, the most events first."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import duckdb

from evergreen.customers import likeness
from evergreen.events import identity, store
from evergreen.events.identity.naming import chunks
from evergreen.events.models import EndUser, Ignored
from evergreen.events.warehouses.named import event_store

Kind = Ignored.Kind
MOST = 5_000
_SAMPLES = 3
_MAILS = 20


class Ref(NamedTuple):
    """Which account key or end user of which source."""

    kind: str
    source: str
    value: str

    @property
    def token(self) -> str:
        """The reference as forms and addresses carry it."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")


def ref_of(token: str) -> Ref:
    """The reference of a token. Raises ValueError for anything else."""
    try:
        kind, source, value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, UnicodeDecodeError, TypeError) as error:
        raise ValueError(str(error)) from None
    if kind not in Kind.values or not isinstance(source, str) or not isinstance(value, str):
        raise ValueError(f"{token} names nothing that can wait.")
    return Ref(kind, source, value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An account key, or an end user of whom no account was told, with the events that wait for it.

    ``company`` is what calls named the company, ``mails`` are domains of its end users' addresses, no free mail.
    """

    ref: Ref
    events: int
    end_users: int
    first_at: dt.datetime
    last_at: dt.datetime
    samples: tuple[str, ...]
    company: str = ""
    mails: tuple[str, ...] = ()
    is_ignored: bool = False


@dataclass(slots=True)
class Queue:
    """Everything that waits; ``is_cut`` when there is more than can be shown."""

    rows: list[Waiting] = field(default_factory=list)
    is_cut: bool = False


def waiting(refs: Collection[Ref] | None = None) -> Queue:
    """What waits for an account now, ignored ones among it; only ``refs`` if given.

    What an id names since is left out, even if its events were not given to it yet. End users told of as of an
    account key that names nothing wait under that key.
    """
    rows = _read()
    is_cut = len(rows) > MOST
    found = _unnamed(rows[:MOST])
    ignored = {Ref(*row) for row in Ignored.objects.values_list("kind", "source", "value")}
    kept = [row for row in found if refs is None or row.ref in refs]
    return Queue([replace(row, is_ignored=row.ref in ignored) for row in kept], is_cut)


def with_mails(rows: Sequence[Waiting]) -> list[Waiting]:
    """The rows with the mail domains of their end users; two queries whatever their number."""
    found: dict[Ref, set[str]] = defaultdict(set)
    keys = [row.ref for row in rows if row.ref.kind == Kind.ACCOUNT_KEY]
    people = [row.ref for row in rows if row.ref.kind == Kind.END_USER]
    for kind, column, refs in ((Kind.ACCOUNT_KEY, "account_key", keys), (Kind.END_USER, "key", people)):
        for chunk in chunks(sorted({ref.value for ref in refs})):
            told = EndUser.objects.filter(**{f"{column}__in": chunk}, traits__has_key="email")
            values = told.values_list("source__name", column, "traits__email")
            for source, value, email in values[: _MAILS * len(chunk)]:
                domain = likeness.domain_of(email) if isinstance(email, str) else ""
                if domain and not likeness.is_free_mail(domain):
                    found[Ref(kind, source, value)].add(domain)
    return [replace(row, mails=tuple(sorted(found[row.ref]))[:_SAMPLES]) for row in rows]


_WAITING = """
SELECT source, account_key, CASE WHEN account_key IS NULL THEN end_user END AS person, count(*) AS n,
       count(DISTINCT end_user), min(occurred_at), max(occurred_at), list(DISTINCT name),
       max_by(properties, occurred_at) FILTER (WHERE kind IN ('group', 'identify') AND properties IS NOT NULL)
FROM lake.events
WHERE account_id IS NULL AND kind <> 'system' AND (account_key IS NOT NULL OR end_user IS NOT NULL)
GROUP BY ALL ORDER BY n DESC, source, account_key, person LIMIT ?
"""


def _read() -> list[tuple[Any, ...]]:
    try:
        return event_store().rows(_WAITING, [MOST + 1])
    except (store.LakeError, duckdb.Error):
        return []


def _unnamed(rows: Sequence[tuple[Any, ...]]) -> list[Waiting]:
    """The rows whose key names no account, those of one account key together."""
    people = {(source, person) for source, _, person, *_ in rows if person}
    told = identity.account_keys_of(people)
    told |= identity.domain_keys_of(people - told.keys())
    keys = {(source, key or told.get((source, person), "")) for source, key, person, *_ in rows}
    named = identity.places({(source, key) for source, key in keys if key})
    found: dict[Ref, Waiting] = {}
    for source, key, person, *figures in rows:
        wanted = key or told.get((source, person), "")
        if (source, wanted) in named:
            continue
        ref = Ref(Kind.ACCOUNT_KEY, source, wanted) if wanted else Ref(Kind.END_USER, source, person)
        row = _row(ref, *figures)
        found[ref] = _together(found[ref], row) if ref in found else row
    return sorted(found.values(), key=lambda row: (-row.events, row.ref))


def _row(
    ref: Ref,
    events: int,
    users: int,
    first: dt.datetime,
    last: dt.datetime,
    names: list[str],
    told: str | None,
) -> Waiting:
    return Waiting(
        ref,
        events,
        users,
        first.replace(tzinfo=dt.UTC),
        last.replace(tzinfo=dt.UTC),
        tuple(sorted(name for name in names if name))[:_SAMPLES],
        _company(told),
    )


def _together(one: Waiting, other: Waiting) -> Waiting:
    return Waiting(
        one.ref,
        one.events + other.events,
        max(one.end_users, other.end_users),
        min(one.first_at, other.first_at),
        max(one.last_at, other.last_at),
        tuple(sorted({*one.samples, *other.samples}))[:_SAMPLES],
        one.company or other.company,
    )


def _company(told: str | None) -> str:
    """The company that traits name."""
    try:
        traits = json.loads(told) if told else {}
    except ValueError:
        return ""
    if not isinstance(traits, dict):
        return ""
    company = traits.get("company")
    named = company.get("name") if isinstance(company, dict) else company
    usual = (named, traits.get("company_name"), traits.get("companyName"), traits.get("account_name"))
    # A group call's own name is the company's, an identify call's the person's: only the former has no e-mail.
    own = traits.get("name") if "email" not in traits else None
    return next((text.strip()[:200] for text in (*usual, own) if isinstance(text, str) and text.strip()), "")
