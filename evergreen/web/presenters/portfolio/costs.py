"""The history of acquisition costs in words, from the audit log."""

from __future__ import annotations

from django.utils.translation import gettext as _

from evergreen.base.models import AuditEntry
from evergreen.outcomes.actions import KIND
from evergreen.web import formats

_SHOWN = 20


def cost_history(currency: str) -> list[tuple[AuditEntry, str]]:
    """The newest changes: 2026-10: ¥ 12 万 → ¥ 13 万."""
    entries = AuditEntry.objects.filter(kind=KIND).select_related("by").order_by("-at", "-pk")[:_SHOWN]
    found = []
    for entry in entries:
        before, after = entry.before.get("cost_cents"), entry.after.get("cost_cents")
        month = str(entry.after.get("month") or entry.before.get("month") or "")[:7]
        unit = str(entry.after.get("currency") or entry.before.get("currency") or currency)
        then = formats.money_short(before, unit) if before is not None else _("none")
        now = formats.money_short(after, unit) if after is not None else _("none")
        found.append((entry, f"{month}: {then} → {now}"))
    return found
