"""A webhook: a signed JSON body to an address of the vendor's, delivered again until it is taken."""

from evergreen.touches.channels.webhook.adapter import WebhookAdapter

__all__ = ["WebhookAdapter"]
