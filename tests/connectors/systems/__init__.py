"""Fakes of systems: their paths, their paging, their ways of refusing, made of recorded rows where there are some.

Recorded keys do not always meet (each file served another test), so references are bent to rows that are there.
"""

from tests.connectors.systems.base import System, Truth
from tests.connectors.systems.hubspot import Hubspot
from tests.connectors.systems.jira import Jira
from tests.connectors.systems.mixpanel import Mixpanel
from tests.connectors.systems.posthog import Posthog
from tests.connectors.systems.rest import Rest
from tests.connectors.systems.salesforce import Salesforce
from tests.connectors.systems.stripe import Stripe
from tests.connectors.systems.wecom import Wecom
from tests.connectors.systems.zendesk import Zendesk

# Those that hold accounts of their own.
SYSTEMS: list[type[System]] = [Salesforce, Hubspot, Zendesk, Stripe]
ALL: list[type[System]] = [*SYSTEMS, Wecom, Rest, Jira, Mixpanel, Posthog]

__all__ = [
    "ALL", "SYSTEMS", "Hubspot", "Jira", "Mixpanel", "Posthog", "Rest", "Salesforce", "Stripe", "System", "Truth",
    "Wecom", "Zendesk",
]  # fmt: skip
