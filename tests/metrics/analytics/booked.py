"""A history whose answers can be counted by hand, in the lake and as plain events."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from evergreen.customers.models import Edition, Feature, Product
from evergreen.events import arrivals, rollup, store
from evergreen.metrics.analytics import queries
from evergreen.metrics.analytics.jobs import asked
from tests.metrics.analytics.histories import ZONE, Happened

# Monday to Sunday, eight weeks, the Spring Festival among them
SINCE, LAST = dt.date(2026, 2, 2), dt.date(2026, 3, 29)
TODAY = LAST + dt.timedelta(days=1)
NAMES = ["posted", "opened", "report", "other"]
RANGE = f"from={SINCE}&to={LAST}"


def feature_of(one: Happened) -> str | None:
    """By exact name, by pattern and property, or as the event names itself: see ``filled``."""
    return {"posted": "ledger", "opened": "ledger", "report": "pdf" if one.tenant else "screen"}.get(one.name)


def filled(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """A random history of three accounts in the lake, rolled up; the same as plain events. Most became known late; those of
    one week at once, some of them by a clock that is a day ahead.
    """
    product = Product.objects.create(key="suite")
    for key, matchers in (
        ("ledger", [{"event": "posted"}, {"event": "open*"}]),
        ("pdf", [{"event": "rep*", "property": "format", "value": "pdf"}]),
        ("screen", []),
    ):
        Feature.objects.create(product=product, key=key, is_core=key == "ledger", matchers=matchers)
    edition = Edition.objects.create(product=product, key="full", holds_all_features=True)
    for account in (cast.well, cast.slipping):
        account.edition = edition
        account.save()
    draw = random.Random(20)
    happened = []
    for _number in range(500):
        day = SINCE - dt.timedelta(days=40) + dt.timedelta(days=int(draw.triangular(0, 95, 70)))
        clock = draw.choice([dt.time(0), dt.time(23, 59, 59, 999999), dt.time(9, draw.randrange(60))])
        moment = dt.datetime.combine(day, clock, ZONE).astimezone(dt.UTC).replace(tzinfo=None)
        happened.append(
            Happened(
                account=draw.choice([cast.well.pk, cast.slipping.pk, cast.gone.pk, None]),
                source=draw.choice(["app", "web"]), user=draw.choice([None, *(f"u{n}" for n in range(6))]), at=moment,
                name=draw.choice(NAMES), kind=draw.choice(["track", "track", "page", "usage", "identify"]),
                count=draw.choice([0, 1, 1, 3]), tenant=draw.choice(["", "T"]),
            )
        )  # fmt: skip
    load(happened, now)
    cast.happened = happened
    return cast


def known(one: Happened, number: int) -> dt.datetime:
    if dt.date(2026, 2, 9) <= one.day < dt.date(2026, 2, 13):
        return one.at - dt.timedelta(days=number % 2)
    return dt.datetime.combine(LAST, dt.time(12))


def load(happened: list[Happened], now: dt.datetime) -> None:
    rows = [
        {
            "source": one.source, "kind": one.kind, "name": one.name, "account_id": one.account, "tenant": one.tenant,
            "account_key": None, "end_user": one.user, "occurred_at": one.at, "sent_at": None, "received_at": known(one, number),
            "known_at": known(one, number), "count": one.count, "seconds": None, "feature": "screen" if one.name == "report" else None,
            "properties": '{"format": "pdf"}' if one.tenant else '{"format": 3}', "message_id": f"m{number}", "flag": None,
            "backfilled": False,
        }
        for number, one in enumerate(happened)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(), store.session() as con, store.transaction(con):
        arrivals.append(con, table, origin="test", until=1, zone="Asia/Shanghai", now=now)
    with store.session() as con:
        rollup.roll_up(con, LAST)


def made(kind: Any, query: str, user: Any) -> Any:
    found = queries.reading(asked(kind, query), user, TODAY)
    assert found is not None
    return found
