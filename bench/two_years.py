"""Two years of events in sessions, and the day after them: what ``analytics`` and ``history`` read, so that one kept home
(``homes.home_of``) serves both.
"""

from __future__ import annotations

import datetime as dt
import os

from bench import vendor

LAST = dt.date(2026, 10, 31)
NEXT = LAST + dt.timedelta(days=1)
DAYS = 730
SESSION = 8
PORTION = 10_000_000

# Sessions of eight uses, a minute or so apart; an end user of an account has one every few days. Written by portions of days, as
# the mover does, in the order of the lake's files.
GENERATE = """
INSERT INTO lake.events BY NAME
SELECT 'product' AS source, 'track' AS kind, 'action.' || (hash(s * 31 + k) % {features}) AS name, account AS account_id,
       '' AS tenant, 'user-' || person AS end_user, moment AS occurred_at, moment AS received_at, moment AS known_at,
       moment::DATE AS day, moment::DATE AS known_on, 1 AS count, 'm' || s || '-' || k AS message_id, false AS backfilled
FROM (
    SELECT s, k, 1 + (hash(s) % {accounts})::BIGINT AS account,
           hash(s, 3) % (5 + hash(hash(s) % {accounts}) % {people}) AS person,
           TIMESTAMP '{start}' + to_microseconds(((s::HUGEINT * {span}) // {sessions})::BIGINT)
               + to_seconds((k * 60 + hash(s, k) % 50)::BIGINT) AS moment
    FROM range({first}, {until}) sessions(s), range({size}) uses(k)
) ORDER BY moment::DATE, account, moment
"""


def name(events: int, accounts: int, days: int = DAYS) -> str:
    """The name of the home that holds so much."""
    return f"{events}-events-{accounts}-accounts-{days}-days"


def build(events: int, accounts: int, days: int = DAYS, people: int = 0) -> None:
    """Fill the home: accounts, features, so many days of events that end with ``LAST``, all of them rolled up, and one day more,
    which is not. Goes on where a run before it stopped. ``people``: how much the number of an account's end users varies.
    """
    import django

    django.setup()
    from evergreen.base.actions import add_staff
    from evergreen.customers.models import Account
    from evergreen.events import rollup, store

    if not Account.objects.exists():
        add_staff(
            "boss@bench.example",
            name="Boss",
            role="administrator",
            password="bench-pw-1",
            now=vendor.KNOWN_SINCE,
        )
        vendor.add_records(accounts)
    sessions = events // SESSION
    people = people or max(1, events // accounts // 500)
    first = LAST - dt.timedelta(days=days - 1)
    with store.session() as con:
        for start, length, number in ((first, days, sessions), (NEXT, 1, sessions // days)):
            spans = [
                (begin, min(number, begin + PORTION // SESSION))
                for begin in range(0, number, PORTION // SESSION)
            ]
            if store.scalar(con, "SELECT count(*) FROM lake.arrivals WHERE known_on >= ?", start):
                continue
            if store.scalar(con, "SELECT count(*) FROM lake.events WHERE known_on >= ?", start):
                raise SystemExit(f"{os.environ['EVERGREEN_HOME']} was left half filled; remove it.")
            for begin, until in spans:
                with store.transaction(con):
                    con.execute(
                        GENERATE.format(
                            accounts=accounts, features=vendor.FEATURES, people=people, sessions=number, first=begin, until=until,
                            # The last session ends on the last day.
                            size=SESSION, start=f"{start} 00:00:00", span=length * 86_400_000_000 - 3_600_000_000,
                        )
                    )  # fmt: skip
            with store.transaction(con):
                con.execute(
                    "INSERT INTO lake.arrivals SELECT known_on, 'bench', count(*) FROM lake.events"
                    " WHERE known_on >= ? GROUP BY known_on",
                    [start],
                )
        rollup.roll_up(con, LAST)
