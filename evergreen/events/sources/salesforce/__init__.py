"""Salesforce: accounts, contacts, cases and meetings."""

from evergreen.events.sources.salesforce.adapter import SalesforceAdapter

__all__ = ["SalesforceAdapter"]
