"""PostHog: events by its query API."""

from evergreen.events.sources.posthog.adapter import PosthogAdapter

__all__ = ["PosthogAdapter"]
