"""Why a message waits, was held back or refused, and where it stands, in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evergreen.touches.models import Message
from evergreen.web import formats

State = Message.State
TONES = {
    State.ACCEPTED.value: "good", State.REFUSED.value: "bad", State.UNKNOWN.value: "warn", State.HELD_BACK.value: "none",
    State.PLANNED.value: "info", State.CLAIMED.value: "info", State.HANDED_OVER.value: "info", State.WITHDRAWN.value: "none",
}  # fmt: skip
REASONS: dict[str, str | Promise] = {
    "quiet": gettext_lazy("quiet hours at the contact's place"),
    "working_day": gettext_lazy("no working day"),
    "cap": gettext_lazy("the contact got as many messages as are allowed"),
    "rate": gettext_lazy("the channel's rate for one recipient"),
    "later": gettext_lazy("the provider asked to try again later"),
    "late": gettext_lazy("too late: its time was over before it could go"),
    "withdrawn": gettext_lazy("the contact does not want such messages"),
    "no_consent": gettext_lazy("there is no consent to it"),
    "no_address": gettext_lazy("the contact has no address for this channel"),
    "no_contact": gettext_lazy("the account has no contact that is meant"),
    "no_owner": gettext_lazy("the account has no owner"),
    "dead_address": gettext_lazy("the address does not exist any more"),
    "left": gettext_lazy("the contact left the company"),
    "no_window": gettext_lazy(
        "the person has not written within the hours in which the channel may answer, or its answers are used up"
    ),
    "copy": gettext_lazy("the same person got it for another account"),
    "missing": gettext_lazy("the text lacks a value"),
    "template": gettext_lazy("the template cannot be read"),
    "refused": gettext_lazy("the provider refused it"),
    "gave_up": gettext_lazy("the provider put it off too often"),
    "no_answer": gettext_lazy("the provider had it and gave no answer: it may have arrived"),
    "worker_lost": gettext_lazy("the worker stopped in the middle of sending: it may have arrived"),
    "fault": gettext_lazy("the channel failed in the middle of sending: it may have arrived"),
    "settled": gettext_lazy("settled by hand"),
}


def why(message: Message) -> str:
    """Why a message stands as it stands; '' where nothing is to be said."""
    said = str(REASONS.get(message.reason, ""))
    if message.state == State.PLANNED:
        due = _("goes at %(when)s") % {"when": formats.moment(message.due_at)}
        return f"{due} · {said}" if said else due
    if message.waits_for:
        return _("%(member)s has to confirm it in WeCom") % {"member": message.waits_for}
    # Where nobody knows what came of it, the page of the message says what the wire said.
    detail = "" if message.state == State.UNKNOWN else message.detail
    return " · ".join(part for part in (said, detail) if part)
