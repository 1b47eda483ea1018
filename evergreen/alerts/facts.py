"""What the detectors look at, read for all accounts of a day at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from evergreen.alerts import rules
from evergreen.base import queries as base
from evergreen.base.option import numbers
from evergreen.customers.lines import number
from evergreen.customers.models import Account
from evergreen.health import queries as health
from evergreen.health.models import Scorecard, Standing
from evergreen.metrics.models import Newest

_READ = (
    "day", "account", "currency", "values", "arr_base_cents", "mrr_cents", "overdue_days", "overdue_cents", "account__tier",
    "account__touch_model",
)  # fmt: skip


def facts_on(
    day: dt.date, use: Mapping[int, rules.Use] | None = None
) -> tuple[dict[int, rules.Facts], dict[int, int | None]]:
    """What is known of each living account on the day, and its ARR in the vendor's currency. ``use`` is given where a rule asks for it,
    for it is read from the lake.
    """
    use = use or {}
    cards = {card.pk: health.definition(health.current_version(card)) for card in Scorecard.objects.all()}
    standings = {
        s.account_id: s for s in Standing.objects.filter(is_own=True, day=day).defer("contributions")
    }
    talked = Newest.objects.filter(day=day, last_conversation_on__isnull=False).exists()
    known, today = known_since(), number(day)
    cadence = _by_tier()
    rows = Newest.objects.filter(day=day, account__merged_into=None).exclude(
        account__stage=Account.Stage.CHURNED
    )
    rows = rows.select_related("account").only(*_READ)
    facts, arr = {}, {}
    for row in rows.iterator(chunk_size=2_000):
        standing = standings.get(row.account_id)
        card = cards[standing.scorecard_id] if standing else None
        values = row.values
        arr[row.account_id] = row.arr_base_cents
        facts[row.account_id] = rules.Facts(
            account_id=row.account_id,
            score=standing.score if standing else None,
            band=standing.band if standing else "insufficient_data",
            yellow=card.yellow if card else 0.0,
            change_7d=standing.change_7d if standing else None,
            drop_alerts=card.drop_alerts if card else False,
            working_days_inactive=values.get("working_days_inactive"),
            last_active_on=values.get("last_active_on"),
            days_to_renewal=values.get("days_to_renewal"),
            renewal_on=values.get("renewal_on"),
            mrr_cents=row.mrr_cents,
            overdue_days=row.overdue_days,
            overdue_cents=row.overdue_cents,
            invoices_overdue=values.get("invoices_overdue") or 0,
            currency=row.currency,
            is_talked_to=talked,
            days_since_conversation=values.get("days_since_conversation"),
            contract_age_days=values.get("contract_age_days"),
            known_days=today - known[row.account_id],
            cadence_days=_cadence(row.account.tier, row.account.touch_model, cadence),
            use=use.get(row.account_id),
        )
    return facts, arr


def known_since() -> dict[int, int]:
    """account → the day of the vendor's zone on which we heard of it, as days since 1970-01-01."""
    zone = base.vendor_zone()
    rows = Account.objects.order_by().values_list("pk", "known_at")
    return {pk: number(at.astimezone(zone).date()) for pk, at in rows.iterator(chunk_size=20_000)}


def cadences() -> dict[int, int]:
    """account → how often somebody should talk to it, in days; 0 where nobody is meant to."""
    days = _by_tier()
    rows = Account.objects.order_by().values_list("pk", "tier", "touch_model")
    return {pk: _cadence(tier, touch, days) for pk, tier, touch in rows}


def _by_tier() -> dict[str, int]:
    return dict(zip(Account.Tier.values, numbers(base.setting("cadence_days")), strict=True))


def _cadence(tier: str, touch_model: str, days: Mapping[str, int]) -> int:
    return 0 if touch_model == Account.TouchModel.TECH else days.get(tier, days[Account.Tier.BASIC])
