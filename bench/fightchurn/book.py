"""Which listings of the peer's book are measured, as ``peer.listings`` takes them: chapter, listing, version, inserts."""

from __future__ import annotations

Listing = tuple[int, int, int | None, bool]

RATES: list[Listing] = [(2, number, None, False) for number in range(1, 6)]
NAMES: list[Listing] = [(3, 4, version, False) for version in range(1, 12)]
TENURE: list[Listing] = [(3, 13, None, False)]
COUNTS: list[Listing] = [(3, 3, version, False) for version in range(1, 9)]
# In the peer's own order: totals, change, days since, scaled, scaled by tenure, ratios.
SEVENTH: list[Listing] = [
    *((7, number, None, True) for number in (3, 4, 6, 7)),
    (7, 8, 1, True),
    *((7, 1, version, True) for version in range(1, 8)),
]
SUMS = """
SELECT metric_name, count(*), sum(metric_value::float8) FROM socialnet7.metric JOIN socialnet7.metric_name USING (metric_name_id)
GROUP BY 1
"""
EVENTS = """
SELECT account_id, event_type_name, event_time::date, event_time FROM socialnet7.event JOIN socialnet7.event_type USING (event_type_id)
"""
ACCOUNTS = "SELECT id, channel, date_of_birth, country FROM socialnet7.account"
SUBSCRIPTIONS = """
SELECT account_id, product, start_date, end_date, mrr, quantity, units, bill_period_months, discount FROM socialnet7.subscription
"""
