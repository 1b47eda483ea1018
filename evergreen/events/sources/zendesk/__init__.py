"""Zendesk: organizations, end users and tickets."""

from evergreen.events.sources.zendesk.adapter import ZendeskAdapter

__all__ = ["ZendeskAdapter"]
