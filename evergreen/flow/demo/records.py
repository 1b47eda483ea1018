"""Fill the records with the vendor by the rooms' own actions: staff, catalogue, accounts and all that hangs on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evergreen.base.actions import add_staff, change_setting, set_rate
from evergreen.base.models import Team, User
from evergreen.customers.actions import catalogue, loading
from evergreen.customers.models import Account, Contact, Contract, Edition
from evergreen.desk.actions.loading import load_tickets
from evergreen.events.actions import create_source
from evergreen.flow.demo import cast, costs
from evergreen.flow.demo.catalogue import FEATURES, PACKAGES, PRODUCT, SOURCE, VENDOR, held_by
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.market import USD_RATE, Company
from evergreen.flow.demo.vendor import Vendor
from evergreen.work.actions.loading import load_conversations

ORIGIN = "demo"


@dataclass(frozen=True, slots=True)
class Kept:
    """Keys of the rows that later steps write about: accounts by place, staff by e-mail address."""

    accounts: list[int]
    staff: dict[str, User]
    contacts: dict[str, int]


def write(vendor: Vendor, *, now: dt.datetime) -> Kept:
    """Write every record that the story begins with. Raises where a row is refused, so nothing is half believed."""
    extent = vendor.extent
    for key, value in (
        ("vendor_name", VENDOR),
        ("timezone", "Asia/Shanghai"),
        ("currency", "CNY"),
        ("language", "zh-hans"),
    ):
        change_setting(key, value, by=None, now=now)
    staff = _staff(extent)
    by = staff[cast.OPERATOR.email]
    for months_ago, drift in ((36, 0.12), (18, 0.06), (6, 0.0)):
        day = extent.last - dt.timedelta(days=30 * months_ago)
        set_rate("USD", Decimal(str(USD_RATE + drift)), day, by=by, now=now)
    editions = _catalogue(by, extent.moment(extent.first, 9))
    create_source(SOURCE, now=extent.moment(extent.first, 9), by=by)
    accounts = _accounts(vendor, staff, editions, by, now)
    contacts = _contacts(vendor, accounts, by, now)
    _contracts(vendor, accounts, editions, by, now)
    loading.load_receivables(_receivables(vendor, accounts), by=by, now=now, origin=ORIGIN)
    costs.write(vendor, by=by)
    load_tickets(_tickets(vendor, accounts, contacts, staff), by=by, now=now, origin=ORIGIN)
    load_conversations(_talks(vendor, accounts, contacts, staff), by=by, now=now, origin=ORIGIN)
    return Kept(accounts, staff, contacts)


def _staff(extent: Extent) -> dict[str, User]:
    found = {}
    hired = extent.moment(extent.first - dt.timedelta(days=200), 9)
    for one in cast.STAFF:
        teams = [one.team] if one.team else []
        found[one.email] = add_staff(
            one.email, name=one.name, role=one.role, teams=teams, password=cast.PASSWORD, now=hired
        )
    return found


def _catalogue(by: User, now: dt.datetime) -> dict[str, Edition]:
    product = catalogue.add_product(*PRODUCT, by=by, now=now)
    features = {
        f.key: catalogue.add_feature(
            product, f.key, {"zh": f.zh, "en": f.en}, matchers=f.matchers, is_core=f.is_core,
            is_advanced=f.is_advanced, adds_data=f.adds_data, by=by, now=now,
        )
        for f in FEATURES
    }  # fmt: skip
    return {
        p.key: catalogue.add_edition(
            product,
            p.key,
            {"zh": p.zh, "en": p.en},
            [features[f.key] for f in held_by(p.key)],
            by=by,
            now=now,
        )
        for p in PACKAGES
    }


def _accounts(
    vendor: Vendor, staff: Mapping[str, User], editions: Mapping[str, Edition], by: User, now: dt.datetime
) -> list[int]:
    teams = dict(Team.objects.values_list("name", "pk"))
    rows = []
    for company, turns, dates in zip(vendor.book, vendor.turns, vendor.dates, strict=True):
        # As it stood when the first night of the story begins.
        stood = next((t for t in reversed(turns) if t.day < vendor.extent.first), turns[0])
        rows.append(
            {
                "external_id": company.key,
                "name": company.name,
                "owner_id": staff[stood.owner].pk if stood.owner else None,
                "team_id": teams.get(company.team),
                "industry": company.trade.zh,
                "region": company.city,
                "size": company.size,
                "tier": company.tier,
                "touch_model": company.touch,
                "stage": stood.stage,
                "stage_since": stood.day,
                "edition_id": editions["professional" if company.is_trial else company.edition].pk,
                "currency": company.currency,
                "signed_on": dates.signed,
                "kickoff_on": dates.kickoff,
                "live_on": dates.live,
                "first_value_on": dates.first_value,
                "tags": _tags(company),
                "custom": {"name_en": company.name_en, "industry_en": company.trade.en},
                "known_at": vendor.extent.moment(turns[0].day, 10),
                "tenants": [{"external_id": key, "name": name} for key, name in company.tenants],
                "external_ids": {"crm": f"CRM-{10_000 + company.place}"},
            }
        )
    loaded = loading.load_accounts(rows, by=by, now=now, origin=ORIGIN)
    _check(loaded.refused)
    pairs = [(c.key, vendor.book[c.parent].key) for c in vendor.book if c.parent is not None]
    loading.link_parents(pairs, loading.Options(by=by, now=now, origin=ORIGIN))
    ids = dict(Account.objects.values_list("external_id", "pk"))
    return [ids[company.key] for company in vendor.book]


def _tags(company: Company) -> list[str]:
    tags = list(company.star.tags) if company.star else []
    return [*tags, "集团成员"] if company.parent is not None else tags


def _contacts(vendor: Vendor, accounts: list[int], by: User, now: dt.datetime) -> dict[str, int]:
    people = [person for chain in vendor.chains for person in chain]
    rows = [
        {
            "external_id": p.key,
            "account_id": accounts[p.place],
            "name": p.name,
            "title": p.title,
            "email": p.address,
            "phone": f"13{8 + n % 2}0000{n % 10_000:04d}",
            "role": p.role,
            "influence": p.influence,
            "attitude": p.attitude,
            "is_champion": p.is_champion,
            "is_sponsor": p.is_sponsor,
            "end_user": p.end_user,
            "left_on": p.left,
            "known_at": vendor.extent.moment(p.known, 10),
        }
        for n, p in enumerate(people)
    ]
    loading.load_contacts(rows, by=by, now=now, origin=ORIGIN)
    pairs = [(p.key, p.reports_to) for p in people if p.reports_to]
    loading.link_superiors(pairs, loading.Options(by=by, now=now, origin=ORIGIN))
    return {key: pk for key, pk in Contact.objects.values_list("external_id", "pk") if key is not None}


def _contracts(
    vendor: Vendor, accounts: list[int], editions: Mapping[str, Edition], by: User, now: dt.datetime
) -> None:
    rows = []
    for term in (term for life in vendor.lives for term in life.terms):
        company = vendor.book[term.place]
        for number, line in enumerate(term.lines, start=1):
            rows.append(
                {
                    "external_id": f"{term.key}-{number}",
                    "contract": term.key,
                    "account_id": accounts[term.place],
                    "number": term.key,
                    "currency": company.currency,
                    "signed_on": term.signed,
                    "known_at": vendor.extent.moment(term.signed, 16),
                    "kind": line.kind,
                    "edition_id": editions[term.edition].pk if line.kind == "subscription" else None,
                    "title": line.title,
                    "seats": line.seats,
                    "start_on": line.start,
                    "end_on": line.end,
                    "mrr_cents": line.mrr_cents,
                    "amount_cents": line.amount_cents,
                    "discount": None if line.discount is None else Decimal(str(line.discount)),
                    "is_trial": line.is_trial,
                }
            )
    loading.load_contracts(rows, by=by, now=now, origin=ORIGIN)
    pairs = [(term.key, term.renews) for life in vendor.lives for term in life.terms if term.renews]
    loading.link_renewals(pairs, loading.Options(by=by, now=now, origin=ORIGIN))


def _receivables(vendor: Vendor, accounts: list[int]) -> Iterator[dict[str, Any]]:
    contracts = dict(Contract.objects.values_list("external_id", "pk"))
    for due in vendor.dues:
        yield {
            "external_id": due.key,
            "account_id": accounts[due.place],
            "contract_id": contracts[due.contract],
            "currency": due.currency,
            "amount_cents": due.cents,
            "paid_cents": due.cents if due.paid else 0,
            "due_on": due.due,
            "paid_on": due.paid,
            "tax_invoice": due.tax_invoice,
            "known_at": vendor.extent.moment(due.known, 16),
        }


def _tickets(
    vendor: Vendor, accounts: list[int], contacts: Mapping[str, int], staff: Mapping[str, User]
) -> Iterator[dict[str, Any]]:
    for ticket in vendor.tickets:
        yield {
            "external_id": ticket.key,
            "account_id": accounts[ticket.place],
            "requester_id": contacts[ticket.requester] if ticket.requester else None,
            "assignee_id": staff[cast.SUPPORT.email].pk,
            "subject": ticket.subject,
            "priority": ticket.priority,
            "state": "closed" if ticket.closed else "pending" if ticket.answered else "open",
            "opened_at": ticket.opened,
            "first_response_at": ticket.answered,
            "closed_at": ticket.closed,
            "reopened_count": ticket.reopened,
            "is_escalated": ticket.is_escalated,
            "is_complaint": ticket.is_complaint,
            "satisfaction": ticket.satisfaction,
            "replies": ticket.replies,
            "sentiment": ticket.sentiment,
            "known_at": ticket.opened,
        }


def _talks(
    vendor: Vendor, accounts: list[int], contacts: Mapping[str, int], staff: Mapping[str, User]
) -> Iterator[dict[str, Any]]:
    for talk in vendor.talks:
        yield {
            "external_id": talk.key,
            "account_id": accounts[talk.place],
            "kind": talk.kind,
            "at": talk.at,
            "minutes": talk.minutes,
            "summary": talk.summary,
            "by_id": staff[talk.by].pk,
            "contact_ids": [contacts[key] for key in talk.contacts],
            "known_at": talk.at + dt.timedelta(hours=1),
        }


def _check(refused: list[tuple[int, str, str]]) -> None:
    if refused:
        raise RuntimeError(f"The demo's own rows were refused: {refused[:3]}.")
