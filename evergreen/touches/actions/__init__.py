"""What touches do: plan, send, hear of it; write down what people agreed to."""

from evergreen.touches.actions.channels import (
    remove_channel,
    save_channel,
    switch_channel,
    try_channel,
)
from evergreen.touches.actions.consenting import answered, record_consent, refuse_by_link, revive, take_back
from evergreen.touches.actions.fetching import fetch, look_into, take_in
from evergreen.touches.actions.following import follow_up
from evergreen.touches.actions.forgetting import forget_contact
from evergreen.touches.actions.planning import Draft, plan
from evergreen.touches.actions.receiving import hear, receive
from evergreen.touches.actions.sending import recover, send_due
from evergreen.touches.actions.steering import cancel, send_again, settle, withdraw_planned
from evergreen.touches.actions.telling import tell
from evergreen.touches.actions.templates import archive_template, problems_of, save_template

__all__ = [
    "Draft", "answered", "archive_template", "cancel", "fetch", "follow_up", "forget_contact", "hear", "look_into", "plan", "problems_of", "receive", "record_consent", "recover",
    "refuse_by_link", "remove_channel", "revive", "save_channel", "save_template", "send_again", "send_due", "settle",
    "switch_channel", "take_back", "take_in", "tell", "try_channel", "withdraw_planned",
]  # fmt: skip
