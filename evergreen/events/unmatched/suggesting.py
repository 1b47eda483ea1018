"""Whose events may wait: accounts suggested by the mail domain of end users and by the company's name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Lower

from evergreen.customers import likeness
from evergreen.customers.actions.external_ids import DOMAIN
from evergreen.customers.models import Contact, ExternalId
from evergreen.events.unmatched import book
from evergreen.events.unmatched.queries import Kind, Ref, Waiting

DECLARED, CONTACTS, SHARED, NAME = "declared", "contacts", "shared", "name"
_SCORES = {DECLARED: 98, CONTACTS: 92, SHARED: 60}
LEAST = 78
_MOST = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An account that something may belong to: how sure (0 to 100), by which evidence."""

    account_id: int
    name: str
    score: int
    reason: str
    evidence: str


def suggestions(rows: Sequence[Waiting]) -> dict[Ref, list[Suggestion]]:
    """At most three accounts for each row, the surest first. The number of queries does not grow with the rows."""
    by_domain = _by_domain({domain for row in rows for domain in row.mails})
    by_name = _by_name(rows)
    found = {}
    for row in rows:
        best: dict[int, Suggestion] = {}
        told = [one for domain in row.mails for one in by_domain.get(domain, [])]
        for one in sorted(
            [*told, *by_name.get(row.ref, [])], key=lambda one: (-one.score, one.name, one.account_id)
        ):
            best.setdefault(one.account_id, one)
        found[row.ref] = list(best.values())[:_MOST]
    return found


def _by_domain(domains: set[str]) -> dict[str, list[Suggestion]]:
    """By each domain the account that declares it, else those whose contacts have mailboxes under it."""
    found: dict[str, list[Suggestion]] = {}
    wider = {wide for domain in domains for wide in likeness.wider_domains(domain)}
    declared = {
        value: (account, name)
        for value, account, name in ExternalId.objects.filter(system=DOMAIN, value__in=wider).values_list(
            "value", "account", "account__name"
        )
    }
    for domain in domains:
        for wide in likeness.wider_domains(domain):
            if wide in declared:
                found[domain] = [Suggestion(*declared[wide], _SCORES[DECLARED], DECLARED, wide)]
                break
    rest = sorted(domains - found.keys())
    if rest:
        having: dict[str, set[tuple[int, str]]] = defaultdict(set)
        under = Q()
        for domain in rest:
            under |= Q(address__endswith=f"@{domain}")
        contacts = Contact.objects.annotate(address=Lower("email")).filter(under).order_by()
        for address, account, name in contacts.values_list("address", "account", "account__name")[:5_000]:
            having[address.rpartition("@")[2]].add((account, name))
        for domain, accounts in having.items():
            reason = CONTACTS if len(accounts) == 1 else SHARED
            found[domain] = [
                Suggestion(account, name, _SCORES[reason], reason, domain)
                for account, name in sorted(accounts)[:_MOST]
            ]
    return found


def _by_name(rows: Sequence[Waiting]) -> dict[Ref, list[Suggestion]]:
    """Accounts with a like name; all names are compared roughly at once, those that look alike more closely."""
    wanted = {row.ref: name for row in rows if (name := _named(row))}
    companies = {ref: book.company_name(name) for ref, name in wanted.items()}
    roughly = book.opened().like({company.key for company in companies.values()}) if wanted else {}
    found: dict[Ref, list[Suggestion]] = {}
    for ref, company in companies.items():
        for named in roughly.get(company.key, ()):
            score = likeness.likeness(company, named.company)
            if score >= LEAST:
                # Equal names are a strong hint, not a proof: a namesake in another town is another company.
                one = Suggestion(named.account_id, named.name, min(95, round(score)), NAME, wanted[ref])
                found.setdefault(ref, []).append(one)
    return found


def _named(row: Waiting) -> str:
    """The company's name that a row tells, '' when it tells none."""
    is_name = row.ref.kind == Kind.ACCOUNT_KEY and _is_name(row.ref.value)
    return row.company or (row.ref.value if is_name else "")


def _is_name(key: str) -> bool:
    """Whether an account key reads like a name and not like a number."""
    return sum(letter.isalpha() for letter in key) >= 3 and not any(letter.isdecimal() for letter in key)
