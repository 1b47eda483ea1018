"""Stripe: customers, subscriptions and invoices."""

from evergreen.events.sources.stripe.adapter import StripeAdapter

__all__ = ["StripeAdapter"]
