"""What rows refer to, looked up for many rows at once and remembered for the rest of the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models.functions import Lower

from evergreen.base.models import Team, User
from evergreen.base.upserts import in_batches
from evergreen.customers.likeness import company_name
from evergreen.customers.models import Account, Contact, ContactId, Contract, ContractLine, ExternalId, Tenant

V = TypeVar("V")
_MOST = 300_000


@dataclass(frozen=True, slots=True)
class AccountRef:
    pk: int
    key: str
    currency: str


@dataclass(frozen=True, slots=True)
class LineRef:
    account_id: int
    tenant: str
    start_on: dt.date
    end_on: dt.date | None


@dataclass(frozen=True, slots=True)
class ContactRef:
    """A contact; ``key`` is its external id ('' when it has none), ``end_user`` who it is in the product."""

    pk: int
    account_id: int
    key: str
    end_user: str


@dataclass(frozen=True, slots=True)
class TenantRef:
    pk: int
    account_id: int
    key: str


class Lookup(Generic[V]):
    """Keys with what they stand for; ``learn`` asks for those not yet known, a query for each 5,000."""

    def __init__(self, ask: Callable[[list[str]], dict[str, V]]) -> None:
        self._ask = ask
        self._known: dict[str, V | None] = {}

    def learn(self, keys: Iterable[str | None]) -> None:
        wanted = {key for key in keys if key}
        if len(self._known) + len(wanted) > _MOST:
            self._known.clear()
        for some in in_batches(sorted(wanted - self._known.keys())):
            found = self._ask(some)
            self._known.update((key, found.get(key)) for key in some)

    def get(self, key: str | None) -> V | None:
        return self._known.get(key) if key else None


# In the place of a system: what was written may be an account's name.
BY_NAME = "name"


def accounts(system: str = "", source: str = "") -> Lookup[AccountRef]:
    """Accounts by their external id, else by one in another system: that of the source first, else one that
    only one account has. With ``system`` only the ids of that system count; ``name`` looks for ids first, then for the
    one account whose name is the same company's.
    """
    if system == BY_NAME:
        return _named_accounts(source)

    def ask(keys: list[str]) -> dict[str, AccountRef]:
        fields = ("pk", "external_id", "currency")
        found: dict[str, AccountRef] = {}
        if not system:
            own = Account.objects.filter(external_id__in=keys).order_by().values_list(*fields)
            found = {row[1]: AccountRef(*row) for row in own}
            # What was merged stands for the account that it was merged into.
            into = Account.everything.filter(external_id__in=keys, merged_into__isnull=False).order_by()
            named_into = (f"merged_into__{name}" for name in fields)
            found |= {key: AccountRef(*row) for key, *row in into.values_list("external_id", *named_into)}
        others = ExternalId.objects.filter(value__in=[key for key in keys if key not in found]).order_by()
        if system:
            others = others.filter(system=system)
        named: dict[str, dict[str, AccountRef]] = {}
        for where, value, *account in others.values_list(
            "system", "value", *(f"account__{name}" for name in fields)
        ):
            named.setdefault(value, {})[where] = AccountRef(*account)
        for value, refs in named.items():
            if source in refs:
                found[value] = refs[source]
            elif len(set(refs.values())) == 1:
                found[value] = next(iter(refs.values()))
        return found

    return Lookup(ask)


def _named_accounts(source: str) -> Lookup[AccountRef]:
    by_id = accounts(source=source)

    def ask(keys: list[str]) -> dict[str, AccountRef]:
        by_id.learn(keys)
        found = {key: ref for key in keys if (ref := by_id.get(key)) is not None}
        wanted = {key: company_name(key) for key in keys if key not in found}
        if not wanted:
            return found
        exact: dict[str, list[AccountRef]] = {}
        alike: dict[tuple[str, frozenset[str]], list[tuple[frozenset[str], AccountRef]]] = {}
        rows = Account.objects.order_by().values_list("pk", "external_id", "currency", "name")
        for pk, own, currency, name in rows:
            ref, short = AccountRef(pk, own, currency), company_name(name)
            exact.setdefault(name.casefold(), []).append(ref)
            alike.setdefault((short.key, short.kin), []).append((short.places, ref))
        for key, company in wanted.items():
            # The whole name first: 恒岳机械（上海） and 恒岳机械（北京） are two companies. A short name may leave the
            # place out; one that says a place is not that of a company without.
            named = alike.get((company.key, company.kin), []) if company.key else []
            refs = (
                exact.get(key.strip().casefold())
                or [ref for places, ref in named if places == company.places]
                or [ref for places, ref in named if not company.places or places & company.places]
            )
            if len(refs) == 1:
                found[key] = refs[0]
        return found

    return Lookup(ask)


def lines() -> Lookup[LineRef]:
    """Contract lines by their external id."""

    def ask(keys: list[str]) -> dict[str, LineRef]:
        rows = ContractLine.objects.filter(external_id__in=keys).order_by()
        fields = ("external_id", "contract__account_id", "tenant__external_id", "start_on", "end_on")
        return {
            str(key): LineRef(account, tenant or "", start, end)
            for key, account, tenant, start, end in rows.values_list(*fields)
        }

    return Lookup(ask)


def contracts() -> Lookup[tuple[int, int]]:
    """(key, account's key) of contracts by their external id."""

    def ask(keys: list[str]) -> dict[str, tuple[int, int]]:
        rows = Contract.objects.filter(external_id__in=keys).order_by()
        return {
            key: (pk, account) for key, pk, account in rows.values_list("external_id", "pk", "account_id")
        }

    return Lookup(ask)


def tenants() -> Lookup[TenantRef]:
    def ask(keys: list[str]) -> dict[str, TenantRef]:
        rows = Tenant.objects.filter(external_id__in=keys).order_by()
        return {
            key: TenantRef(pk, account, key)
            for pk, account, key in rows.values_list("pk", "account_id", "external_id")
        }

    return Lookup(ask)


def contacts() -> Lookup[ContactRef]:
    """Contacts by their external id, else by one in another system, else by an e-mail that only one of them has."""

    def ask(keys: list[str]) -> dict[str, ContactRef]:
        fields = ("pk", "account_id", "external_id", "end_user")
        found = {
            str(row[2]): ContactRef(row[0], row[1], row[2] or "", row[3])
            for row in Contact.objects.filter(external_id__in=keys).order_by().values_list(*fields)
        }
        # What was merged stands for the contact that it was merged into.
        into = Contact.everything.filter(external_id__in=keys, merged_into__isnull=False).order_by()
        named_into = (f"merged_into__{name}" for name in fields)
        for given, pk, account, own, end_user in into.values_list("external_id", *named_into):
            found[str(given)] = ContactRef(pk, account, own or "", end_user)
        others = ContactId.objects.filter(value__in=[key for key in keys if key not in found]).order_by()
        known: dict[str, set[ContactRef]] = {}
        for value, pk, account, own, end_user in others.values_list(
            "value", *(f"contact__{name}" for name in fields)
        ):
            known.setdefault(value, set()).add(ContactRef(pk, account, own or "", end_user))
        found |= {value: refs.pop() for value, refs in known.items() if len(refs) == 1}
        addresses = {key.lower(): key for key in keys if key not in found and "@" in key}
        by_mail = Contact.objects.annotate(address=Lower("email")).filter(address__in=addresses).order_by()
        named: dict[str, list[ContactRef]] = {}
        for address, pk, account, key, end_user in by_mail.values_list("address", *fields):
            named.setdefault(address, []).append(ContactRef(pk, account, key or "", end_user))
        for given in (key for key in keys if key not in found):
            refs = named.get(given.lower(), [])
            if len(refs) == 1:
                found[given] = refs[0]
        return found

    return Lookup(ask)


def staff() -> Lookup[int]:
    """Active members of staff by e-mail."""

    def ask(keys: list[str]) -> dict[str, int]:
        rows = dict(User.objects.filter(is_active=True).order_by().values_list("email", "pk"))
        return {key: rows[key.lower()] for key in keys if key.lower() in rows}

    return Lookup(ask)


def teams() -> Lookup[int]:
    def ask(keys: list[str]) -> dict[str, int]:
        return dict(Team.objects.filter(name__in=keys).order_by().values_list("name", "pk"))

    return Lookup(ask)
