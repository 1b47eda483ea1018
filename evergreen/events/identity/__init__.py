"""Whose event it is: account keys matched to accounts, end users remembered from identify, group and alias calls."""

from evergreen.events.identity.domains import are_wanted as are_wanted_by_email
from evergreen.events.identity.domains import domain_keys_of, people_under
from evergreen.events.identity.keeping import (
    account_keys_of,
    find_accounts_of_end_users,
    people_of,
    refresh,
    remember,
    timelines_of,
)
from evergreen.events.identity.naming import Key, Person, Place, account_properties, places
from evergreen.events.identity.resolving import Resolved, resolve
from evergreen.events.identity.rules import Timeline
from evergreen.events.identity.told import Told

__all__ = [
    "Key",
    "Person",
    "Place",
    "Resolved",
    "Timeline",
    "Told",
    "account_keys_of",
    "account_properties",
    "are_wanted_by_email",
    "domain_keys_of",
    "find_accounts_of_end_users",
    "people_of",
    "people_under",
    "places",
    "refresh",
    "remember",
    "resolve",
    "timelines_of",
]
