"""Which account a key names: an account's own id, one of its other ids, or one of its tenants."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from evergreen.base import queries
from evergreen.customers.models import Account, ExternalId, Tenant

CHUNK = 400


class Place(NamedTuple):
    """Where an event belongs: the account, and the tenant inside it ('' = the account as a whole)."""

    account_id: int
    tenant: str


Person = tuple[str, str]  # source name, end user id
Key = tuple[str, str]  # source name, account key


def account_properties() -> tuple[str, ...]:
    """The properties or traits that name the account: the vendor's setting first, then the usual ones."""
    usual = ("account_id", "accountId", "company_id", "companyId")
    return tuple(dict.fromkeys((str(queries.setting("account_property")), *usual)))


def places(keys: Collection[Key]) -> dict[Key, Place]:
    """The accounts that account keys name now; keys that name none are absent.

    A key is an account's own id or that of one merged into it, one of its external ids (of the same source first; one that two accounts
    share in other systems names none) or the id of a tenant.
    """
    values = sorted({value for _, value in keys})
    accounts: dict[str, int] = {}
    external: dict[str, dict[str, int]] = {}
    tenants: dict[str, int] = {}
    for chunk in chunks(values):
        own = Account.everything.filter(external_id__in=chunk)
        accounts |= {key: into or pk for key, pk, into in own.values_list("external_id", "pk", "merged_into")}
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


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """The values in portions that one query may name."""
    return (values[at : at + CHUNK] for at in range(0, len(values), CHUNK))
