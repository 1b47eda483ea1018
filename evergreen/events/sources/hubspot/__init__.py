"""HubSpot: companies, contacts and tickets."""

from evergreen.events.sources.hubspot.adapter import HubspotAdapter

__all__ = ["HubspotAdapter"]
