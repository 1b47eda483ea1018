"""The names of all accounts in memory, ready to be compared: read whole once, then only what changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Count, Max, Sum
from django.db.models.functions import Length
from rapidfuzz import fuzz, process

from evergreen.base.models import AuditEntry
from evergreen.customers import likeness
from evergreen.customers.actions import merging
from evergreen.customers.likeness import CompanyName
from evergreen.customers.models import Account

# Entries that tell of accounts, those of merged contacts among them.
_KINDS = ("account", merging.KIND)
# Names that look less alike are not compared more closely.
_ROUGHLY = 55
_ROUGH_ROWS = 20
# Read anew together when more changed.
_MOST_CHANGED = 5_000
# What others wrote meanwhile can come into sight a little later than what was written after it.
_OVERLAP = dt.timedelta(minutes=10)


class Named(NamedTuple):
    """An account and its name."""

    account_id: int
    name: str
    company: CompanyName


class _Mark(NamedTuple):
    """What moves when a name does: the newest change of an account, and counts that find what no entry tells."""

    entry: int
    at: dt.datetime | None
    accounts: int
    newest: int
    letters: int


@dataclass(frozen=True, slots=True)
class Book:
    """Accounts in order of their id, their keys beside them; ``roughly`` are the places of keys like one asked for.

    Threads read it while another one makes the next.
    """

    mark: _Mark
    accounts: list[Named]
    keys: list[str]
    roughly: dict[str, list[int]] = field(default_factory=dict)

    def like(self, keys: set[str]) -> dict[str, list[Named]]:
        """For each key the accounts whose names look roughly like it, the most like first."""
        asked = sorted(keys - self.roughly.keys() - {""})
        if asked and self.keys:
            scores = process.cdist(asked, self.keys, scorer=fuzz.ratio, score_cutoff=_ROUGHLY, dtype=np.uint8)
            self.roughly.update({key: _highest(scores[place]) for place, key in enumerate(asked)})
        return {key: [self.accounts[place] for place in self.roughly.get(key, ())] for key in keys}


_book: Book | None = None


def opened() -> Book:
    """The book as the accounts stand now."""
    global _book
    mark, book = _marked(), _book
    if book is None or book.mark != mark:
        book = _book = (_followed(book, mark) if book else None) or _read(mark)
    return book


def _read(mark: _Mark) -> Book:
    rows = Account.objects.order_by("pk").values_list("pk", "name").iterator(chunk_size=5_000)
    return _bound(mark, [Named(pk, name, company_name(name)) for pk, name in rows])


def _bound(mark: _Mark, accounts: list[Named]) -> Book:
    return Book(mark, accounts, [named.company.key for named in accounts])


@lru_cache(maxsize=200_000)
def company_name(name: str) -> CompanyName:
    """As ``likeness.company_name``; most names come up again."""
    return likeness.company_name(name)


def _marked() -> _Mark:
    newest = AuditEntry.objects.filter(kind__in=_KINDS).order_by("-at", "-pk").values_list("pk", "at").first()
    told = Account.objects.aggregate(n=Count("pk"), newest=Max("pk"), letters=Sum(Length("name")))
    entry, at = newest or (0, None)
    return _Mark(entry, at, told["n"], told["newest"] or 0, told["letters"] or 0)


def _followed(book: Book, mark: _Mark) -> Book | None:
    """The book with the names that changed since; None where that does not explain the mark."""
    entries = AuditEntry.objects.filter(kind__in=_KINDS)
    if book.mark.at is not None:
        entries = entries.filter(at__gte=book.mark.at - _OVERLAP)
    told = list(entries.values_list("object_ids", flat=True)[: _MOST_CHANGED + 1])
    changed = {int(one) for ids in told for one in ids}
    if max(len(told), len(changed)) > _MOST_CHANGED:
        return None
    names = dict(Account.objects.filter(pk__in=changed).values_list("pk", "name")) if changed else {}
    old = {named.account_id: named.name for named in book.accounts if named.account_id in changed}
    if old == names:
        found = replace(book, mark=mark)
    else:
        kept = [named for named in book.accounts if named.account_id not in changed]
        new = [Named(pk, name, company_name(name)) for pk, name in names.items()]
        found = _bound(mark, sorted([*kept, *new]))
    letters = sum(len(named.name) for named in found.accounts)
    last = found.accounts[-1].account_id if found.accounts else 0
    is_explained = (len(found.accounts), last, letters) == (mark.accounts, mark.newest, mark.letters)
    return found if is_explained else None


def _highest(scores: np.ndarray[Any, Any]) -> list[int]:
    """The places of the highest scores that are none of the nought, the highest first."""
    places = np.flatnonzero(scores)
    return [
        int(place)
        for place in places[np.argsort(-scores[places].astype(np.int16), kind="stable")][:_ROUGH_ROWS]
    ]
