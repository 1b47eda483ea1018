"""A message to contacts of the account, to its owner, or to a group of staff; and a webhook to the vendor's own systems.

What is wanted is written down with the step's advance; the room ``touches`` sends it, or says why not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evergreen.alerts.models import Alert
from evergreen.alerts.words import headline, reason
from evergreen.base.queries import setting
from evergreen.customers.models import Account
from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.models import Effect
from evergreen.touches import actions as touches
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import SYSTEMS
from evergreen.touches.language import Value
from evergreen.touches.models import Channel, Medium, Template
from evergreen.touches.recipients import RECIPIENTS, Recipients, read_ways
from evergreen.touches.values import Person
from evergreen.touches.ways import channels_that

ORIGIN = "playbook"
PRIORITIES = {"high": 1, "normal": 2, "low": 3}
_LATE_HOURS = 24


class SendMessage:
    """``template``; ``to``: ``first`` (champion, sponsor, daily user, anybody: the first there is), a role, ``everybody``, the account's
    ``owner``, or a ``group`` behind a robot; ``by``: channels or media in the order in which they are tried; ``priority``;
    ``each_account``: whoever stands in several accounts gets it for each.
    """

    key = "message"
    keys: tuple[str, ...] = ("template", "to", "by", "priority", "each_account")
    is_message = True
    max_lateness_hours: int | None = _LATE_HOURS

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        template, to = str(given.get("template") or ""), str(given.get("to") or "first")
        known = list(Template.objects.filter(is_archived=False).values_list("key", flat=True))
        if template not in known:
            wrong("template", template, ", ".join(known) or "-")
        if to not in RECIPIENTS:
            wrong("to", to, ", ".join(RECIPIENTS))
        found: dict[str, Any] = {"template": template, "to": to, "by": ways(given.get("by"), wrong)}
        priority = str(given.get("priority") or "normal")
        if priority not in PRIORITIES:
            wrong("priority", priority, ", ".join(PRIORITIES))
        if priority != "normal":
            found["priority"] = priority
        if str(given.get("each_account", "false")).lower() == "true":
            found["each_account"] = True
        return found

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return no_way(settings["to"], settings["by"])

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        """Plan a message for each person meant. Where there is none, or none can be reached, that is written down instead."""
        book = Recipients({order.enrolment.account_id for order in orders})
        templates = {
            one.key: one
            for one in Template.objects.filter(key__in={order.settings["template"] for order in orders})
        }
        causes = _causes(orders)
        drafts = []
        for order in orders:
            template = templates.get(order.settings["template"])
            if template is None:
                raise LookupError(f"There is no template {order.settings['template']!r} any more.")
            to, by = order.settings["to"], order.settings["by"]
            for person, channel, held in book.of(order.enrolment.account_id, to, by):
                drafts.append(
                    touches.Draft(
                        origin_kind=ORIGIN,
                        origin_id=order.origin,
                        origin_name=order.enrolment.playbook.key,
                        channel=channel,
                        medium=registry.adapter_class(channel.kind).medium,
                        person=person,
                        template=template,
                        priority=PRIORITIES[order.settings.get("priority", "normal")],
                        due_at=now,
                        expires_at=now + dt.timedelta(hours=int(setting("message_late_hours"))),
                        copy_of=""
                        if order.settings.get("each_account")
                        else f"{order.enrolment.playbook.key}:{order.step}"[:64],
                        values=causes[order],
                        held=held,
                    )
                )
        touches.plan(drafts, now=now)


def ways(given: Any, wrong: Wrong) -> list[str]:
    """The media and channels of a step as they are kept."""
    listed, known = read_ways(given)
    if not listed:
        wrong("by", given, ", ".join(known))
    return listed


def no_way(to: str, by: Sequence[str]) -> str:
    """Why nobody could be reached so, in words; '' where a channel fits."""
    try:
        Recipients(()).of(0, to, by)
    except LookupError as error:
        return str(error)
    return ""


class CallWebhook:
    """``channel``: the key of a webhook; ``event``: what it is told, by default the playbook's key and the step's."""

    key = "webhook"
    keys: tuple[str, ...] = ("channel", "event")
    is_message = False
    max_lateness_hours: int | None = None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        known = list(channels_that(lambda one: one.audience == SYSTEMS).values_list("key", flat=True))
        channel, event = str(given.get("channel") or ""), str(given.get("event") or "")
        if channel not in known:
            wrong("channel", channel, ", ".join(known) or "-")
        if len(event) > 100:
            wrong("event", event, "1–100")
        return {"channel": channel, **({"event": event} if event else {})}

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        channels = {
            one.key: one
            for one in Channel.objects.filter(key__in={order.settings["channel"] for order in orders})
        }
        accounts = Account.objects.in_bulk({order.enrolment.account_id for order in orders})
        drafts = []
        for order in orders:
            channel = channels.get(order.settings["channel"])
            if channel is None:
                raise LookupError(f"There is no channel {order.settings['channel']!r} any more.")
            run = order.enrolment
            account = accounts[run.account_id]
            drafts.append(
                touches.Draft(
                    origin_kind=ORIGIN,
                    origin_id=order.origin,
                    origin_name=run.playbook.key,
                    channel=channel,
                    medium=Medium.WEBHOOK,
                    person=Person(run.account_id),
                    subject=order.settings.get("event") or f"{run.playbook.key}.{order.step}",
                    due_at=now,
                    # The receiver takes each once, however late.
                    expires_at=now + dt.timedelta(days=30),
                    data={
                        "account": account.external_id, "name": account.name, "playbook": run.playbook.key, "step": order.step,
                        "run": run.pk, "at": now.isoformat(),
                    },
                )
            )  # fmt: skip
        touches.plan(drafts, now=now)


def withdraw(runs: Collection[int], *, now: dt.datetime) -> int:
    """Withdraw what runs that were left had planned and nobody handed over yet. Returns how many messages."""
    if not runs:
        return 0
    made = Effect.objects.filter(
        enrolment__in=runs, kind__in=(SendMessage.key, CallWebhook.key, "survey", "customer_group")
    )
    origins = [
        f"{run}:{step}:{visit}" for run, step, visit in made.values_list("enrolment_id", "step", "visit")
    ]
    return touches.withdraw_planned(ORIGIN, origins, now=now)


def _causes(orders: Sequence[Order]) -> dict[Order, dict[str, Value]]:
    """The values that only an order's cause has: its alert's name and reason, the account's page."""
    keys = {order.enrolment.origin_id for order in orders if order.enrolment.origin_kind == "alert"}
    alerts = (
        {str(one.pk): one for one in Alert.objects.select_related("rule").filter(pk__in=keys)} if keys else {}
    )
    base, language = str(setting("public_url")), str(setting("language"))
    found: dict[Order, dict[str, Value]] = {}
    for order in orders:
        values: dict[str, Value] = {
            "link.account": f"{base}/accounts/{order.enrolment.account_id}/" if base else None
        }
        if (alert := alerts.get(order.enrolment.origin_id)) is not None:
            values |= {"alert.name": headline(alert, language), "alert.reason": reason(alert, language)}
        found[order] = values
    return found
