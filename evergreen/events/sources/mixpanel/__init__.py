"""Mixpanel: events by its raw export."""

from evergreen.events.sources.mixpanel.adapter import MixpanelAdapter

__all__ = ["MixpanelAdapter"]
