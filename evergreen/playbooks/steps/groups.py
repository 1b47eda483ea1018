"""A text to the account's groups of customers: in WeCom confirmed by each group's owner, of WeChat a task with the words."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.steps.messages import ORIGIN
from evergreen.touches.groups.writing import Origin, write_to
from evergreen.touches.models import CustomerGroup, Template

_LATE_HOURS = 72


class WriteToGroups:
    """``template``; ``purpose``: only groups for that (service, project, training, community), without it every live one. An account
    without such a group is gone past."""

    key = "customer_group"
    keys: tuple[str, ...] = ("template", "purpose")
    is_message = True
    max_lateness_hours: int | None = _LATE_HOURS

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        template, purpose = str(given.get("template") or ""), str(given.get("purpose") or "")
        known = list(Template.objects.filter(is_archived=False).values_list("key", flat=True))
        if template not in known:
            wrong("template", template, ", ".join(known) or "-")
        if purpose and purpose not in CustomerGroup.Purpose.values:
            wrong("purpose", purpose, ", ".join(CustomerGroup.Purpose.values))
        return {"template": template, **({"purpose": purpose} if purpose else {})}

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        templates = {
            one.key: one
            for one in Template.objects.filter(key__in={order.settings["template"] for order in orders})
        }
        groups = _groups({order.enrolment.account_id for order in orders})
        for order in orders:
            template = templates.get(order.settings["template"])
            if template is None:
                raise LookupError(f"There is no template {order.settings['template']!r} any more.")
            purpose, book = order.settings.get("purpose", ""), order.enrolment.playbook.key
            meant = [
                one for one in groups[order.enrolment.account_id] if not purpose or one.purpose == purpose
            ]
            # A group of several accounts that stand at this step gets it once.
            origin = Origin(ORIGIN, order.origin, book, f"{book}:{order.step}"[:64])
            write_to(meant, template, origin, now=now)


def _groups(accounts: set[int]) -> dict[int, list[CustomerGroup]]:
    found: dict[int, list[CustomerGroup]] = defaultdict(list)
    rows = CustomerGroup.objects.filter(accounts__in=accounts, ended_at=None).distinct().order_by("pk")
    for group in rows.select_related("owner").prefetch_related("accounts"):
        for account in group.accounts.all():
            found[account.pk].append(group)
    return found
