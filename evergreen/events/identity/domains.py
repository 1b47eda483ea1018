"""Accounts by e-mail domain: for end users of whom no account was told, where the vendor wants that.

Only domains that an account declares count (an id of the system ``domain``), and free mail never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from evergreen.base import queries
from evergreen.customers import likeness
from evergreen.customers.actions.external_ids import DOMAIN
from evergreen.customers.models import ExternalId
from evergreen.events.identity.naming import Person, chunks
from evergreen.events.models import EndUser


def are_wanted() -> bool:
    """Whether the vendor has switched accounts by e-mail domain on."""
    return bool(queries.setting("account_by_email"))


def domain_keys_of(persons: Iterable[Person], told: Mapping[Person, str] | None = None) -> dict[Person, str]:
    """The declared domain of each end user without account key, as the key that stands for its account.

    An id without an address of its own has that of the id that stands for the person. ``told`` are addresses that
    a batch tells and the records do not hold yet. Nothing where the vendor does not want it.
    """
    if not are_wanted():
        return {}
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, person in persons:
        by_source[source].add(person)
    emails: dict[Person, str] = {}
    for source, names in by_source.items():
        emails |= {(source, name): email for name, email in _emails(source, names).items()}
    emails |= {person: email for person, email in (told or {}).items() if person[1] in by_source[person[0]]}
    domains = {person: likeness.domain_of(email) for person, email in emails.items()}
    declared = declared_domains(set(domains.values()) - {""})
    return {person: declared[domain] for person, domain in domains.items() if domain in declared}


def declared_domains(domains: Collection[str]) -> dict[str, str]:
    """Of each domain the closest one, itself or above it, that an account declares."""
    asked = {
        domain: likeness.wider_domains(domain) for domain in domains if not likeness.is_free_mail(domain)
    }
    wanted = sorted({wide for wides in asked.values() for wide in wides})
    held: set[str] = set()
    for chunk in chunks(wanted):
        rows = ExternalId.objects.filter(system=DOMAIN, value__in=chunk)
        held.update(rows.values_list("value", flat=True))
    found = {}
    for domain, wides in asked.items():
        for wide in wides:
            if wide in held:
                found[domain] = wide
                break
    return found


def people_under(domains: Collection[str]) -> set[Person]:
    """End users without account key whose address is under one of the domains, with the ids that are the same person."""
    found: set[Person] = set()
    for domain in domains:
        if "." not in domain:
            continue
        rows = EndUser.objects.filter(account_key="", traits__email__iendswith=domain).order_by()
        roots = set(rows.values_list("source__name", "root"))
        for source, root in roots:
            own = EndUser.objects.filter(source__name=source, root=root)
            found |= {(source, key) for key in own.values_list("key", flat=True)}
    return found


def _emails(source: str, names: Collection[str]) -> dict[str, str]:
    """Addresses of ids without account key: their own, else that of the person's root."""
    found: dict[str, str] = {}
    roots: dict[str, str] = {}
    for chunk in chunks(sorted(names)):
        rows = EndUser.objects.filter(source__name=source, key__in=chunk, account_key="")
        for key, root, email in rows.values_list("key", "root", "traits__email"):
            if isinstance(email, str) and email:
                found[key] = email
            elif root != key:
                roots[key] = root
    above: dict[str, str] = {}
    for chunk in chunks(sorted(set(roots.values()))):
        rows = EndUser.objects.filter(source__name=source, key__in=chunk, traits__has_key="email")
        above |= {
            key: email for key, email in rows.values_list("key", "traits__email") if isinstance(email, str)
        }
    return found | {key: above[root] for key, root in roots.items() if root in above}
