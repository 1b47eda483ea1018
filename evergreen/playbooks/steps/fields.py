"""A field of the account set: stage, tier, touch model, or a custom field."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.customers.actions import update_account
from evergreen.customers.models import Account
from evergreen.metrics.segments.fields import CUSTOM
from evergreen.playbooks.kinds import Order, Wrong

_CHOICES = {
    "stage": Account.Stage.values,
    "tier": Account.Tier.values,
    "touch_model": Account.TouchModel.values,
}


class SetField:
    """``field`` and ``value``. Conditions of the same run read the new value at once."""

    key = "set_field"
    keys: tuple[str, ...] = ("field", "value")
    is_message = False
    max_lateness_hours: int | None = None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        name, value = str(given.get("field") or ""), given.get("value")
        own = name.removeprefix(CUSTOM)
        if name in _CHOICES:
            if value not in _CHOICES[name]:
                wrong("value", value, ", ".join(_CHOICES[name]))
        elif not name.startswith(CUSTOM) or not 1 <= len(own) <= 60:
            wrong("field", name, ", ".join((*_CHOICES, f"{CUSTOM}…")))
        elif not isinstance(value, str | int | float | bool) or len(str(value)) > 200:
            wrong("value", value, "1–200")
        return {"field": name, "value": value}

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {settings["field"]: settings["value"]}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        """Set the fields in the order of the steps, one change an account."""
        wanted: dict[int, dict[str, Any]] = defaultdict(dict)
        for order in orders:
            wanted[order.enrolment.account_id][order.settings["field"]] = order.settings["value"]
        for account in Account.objects.filter(pk__in=wanted).order_by("pk"):
            changes = wanted[account.pk]
            custom = {
                name.removeprefix(CUSTOM): value for name, value in changes.items() if name.startswith(CUSTOM)
            }
            given: dict[str, Any] = {name: value for name, value in changes.items() if name in _CHOICES}
            if custom:
                given["custom"] = {**account.custom, **custom}
            update_account(account, given, by=None, now=now)
