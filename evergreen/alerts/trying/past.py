"""Accounts on past nights: figures and health as they were told then, records as they stand now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from evergreen.alerts import rules
from evergreen.alerts.facts import cadences, known_since
from evergreen.alerts.usage import uses
from evergreen.base import queries as base
from evergreen.base.conditions import Condition, Fields, fields_of
from evergreen.base.working_days import for_vendor
from evergreen.customers.lines import Ints, number
from evergreen.customers.models import Account, FieldChange
from evergreen.health import queries as health
from evergreen.health.actions import own_scorecards
from evergreen.health.models import Scorecard
from evergreen.metrics.conditions import compiled
from evergreen.metrics.segments.standing import forget, over_days

if TYPE_CHECKING:
    import duckdb

# Fields of an account that the history tells for each night; the others are taken as they stand now.
HISTORY = frozenset({"health_score", "health_band", "health_change_30d", "churn_risk"})
_HORIZON = 90
_NEVER = 1 << 40
_FIGURES = (
    "working_days_inactive", "last_active_on", "days_to_renewal", "renewal_on", "mrr_cents", "overdue_days", "overdue_cents",
    "invoices_overdue", "days_since_conversation", "contract_age_days",
)  # fmt: skip


def held(
    con: duckdb.DuckDBPyConnection, condition: Condition, fields: Fields, first: dt.date, last: dt.date
) -> tuple[Ints, Ints]:
    """(account, day as a number) of each night on which a checked condition held, by account and day."""
    table = _over(con, first, last, fields_of(condition), fields)
    chosen = table.filter(compiled(condition, table, fields, table.day)).select("account_id", "day")
    sql = str(ibis.to_sql(chosen, dialect="duckdb"))
    found = con.execute(
        f"SELECT account_id, day - DATE '1970-01-01' AS day FROM ({sql}) ORDER BY ALL"
    ).fetchnumpy()
    _forget(con)
    account, on = np.asarray(found["account_id"], np.int64), np.asarray(found["day"], np.int64)
    gone = gone_since()
    lives = np.array(
        [day < gone.get(pk, _NEVER) for pk, day in zip(account.tolist(), on.tolist(), strict=True)], np.bool_
    )
    return account[lives], on[lives]


def values_over(
    con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date, asked: Collection[str], fields: Fields
) -> pa.Table:
    """account_id, day (a date) and every field asked for, of each account and night with a snapshot, by account and day: the values
    that ``conditions.holds`` takes."""
    table = _over(con, first, last, frozenset(asked), fields)
    sql = str(ibis.to_sql(table.select("account_id", "day", *sorted(asked)), dialect="duckdb"))
    found = con.execute(f"SELECT * FROM ({sql}) ORDER BY account_id, day").to_arrow_table()
    _forget(con)
    return found


def _over(
    con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date, asked: frozenset[str], fields: Fields
) -> Any:
    table: Any = over_days(con, first, last, asked - HISTORY, fields)
    if asked & HISTORY:
        told = _told(con, first, last)
        table = table.left_join(told, ["account_id", "day"]).drop("account_id_right", "day_right")
    return table


def _forget(con: duckdb.DuckDBPyConnection) -> None:
    forget(con)
    con.unregister("asked_cards")


def gone_since() -> dict[int, int]:
    """The day (as a number) since which each lost account is one: alerts are about those who are customers."""
    lost = Account.objects.filter(stage=Account.Stage.CHURNED).order_by()
    found = dict.fromkeys(lost.values_list("pk", flat=True), 0)
    zone = base.vendor_zone()
    told = FieldChange.objects.filter(field="stage", new=Account.Stage.CHURNED, account__in=found)
    for pk, at in told.order_by("known_at").values_list("account_id", "known_at"):
        found[pk] = number(at.astimezone(zone).date())
    return found


def _told(con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> Any:
    """Health by each account's scorecard of today, and the risk, as the nights told them."""
    con.register("asked_cards", cards_now())
    con.execute(
        "CREATE OR REPLACE TEMP VIEW told_health AS"
        " WITH mine AS (SELECT day, scores.account_id, score, band FROM lake.scores scores JOIN asked_cards cards"
        " ON scores.account_id = cards.account_id AND scores.scorecard = cards.scorecard"
        f" WHERE tenant = '' AND day BETWEEN DATE '{first - dt.timedelta(days=30)}' AND DATE '{last}')"
        " SELECT now.day, now.account_id, now.score AS health_score, now.band AS health_band,"
        " now.score - former.score AS health_change_30d, risk.probability AS churn_risk"
        " FROM mine now LEFT JOIN mine former ON former.account_id = now.account_id AND former.day = now.day - 30"
        " LEFT JOIN lake.risks risk ON risk.account_id = now.account_id AND risk.day = now.day AND risk.tenant = ''"
        f" AND risk.horizon_days = {_HORIZON} WHERE now.day >= DATE '{first}'"
    )
    return ibis.duckdb.from_connection(con).table("told_health")


def cards_now() -> pa.Table:
    """Each account with the key of the scorecard that shows its health today."""
    keys = dict(Scorecard.objects.values_list("pk", "key"))
    own, default = own_scorecards(), str(base.setting("scorecard"))
    accounts = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    cards = [keys[own[pk]] if pk in own else default for pk in accounts]
    return pa.table({"account_id": pa.array(accounts, pa.int64()), "scorecard": pa.array(cards, pa.string())})


def facts(
    con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date, *, with_use: bool = False
) -> Iterator[tuple[int, Iterator[tuple[int, rules.Facts]]]]:
    """Of each account the nights in turn (as numbers of days) with what the detectors look at; ``with_use`` also its use, which is read
    for it alone.
    """
    cards = {card.key: health.definition(health.current_version(card)) for card in Scorecard.objects.all()}
    con.register("asked_cards", cards_now())
    rows = con.execute(
        "SELECT seen.account_id, seen.day - DATE '1970-01-01' AS day, cards.scorecard, now.score, now.band, now.score - former.score AS change_7d, "
        + ", ".join(f"seen.{name}" for name in _FIGURES)
        + " FROM lake.snapshots seen JOIN asked_cards cards ON cards.account_id = seen.account_id"
        " LEFT JOIN lake.scores now ON now.account_id = seen.account_id AND now.day = seen.day AND now.tenant = ''"
        " AND now.scorecard = cards.scorecard"
        " LEFT JOIN lake.scores former ON former.account_id = seen.account_id AND former.day = seen.day - 7 AND former.tenant = ''"
        " AND former.scorecard = cards.scorecard"
        f" WHERE seen.tenant = '' AND seen.day BETWEEN DATE '{first}' AND DATE '{last}' ORDER BY 1, 2"
    ).to_arrow_table()
    con.unregister("asked_cards")
    wanted, currency, known = cadences(), str(base.setting("currency")), known_since()
    is_talked_to = rows["days_since_conversation"].null_count < len(rows)
    read = (row for batch in rows.to_batches(8_192) for row in batch.to_pylist())

    used = _Uses(con, first, last) if with_use else None

    def fact(row: dict[str, Any]) -> rules.Facts:
        card = cards[row["scorecard"]]
        return rules.Facts(
            account_id=row["account_id"], score=row["score"], band=row["band"] or "insufficient_data", yellow=card.yellow,
            change_7d=row["change_7d"], drop_alerts=card.drop_alerts, working_days_inactive=row["working_days_inactive"],
            last_active_on=str(row["last_active_on"]), days_to_renewal=row["days_to_renewal"], renewal_on=str(row["renewal_on"]),
            mrr_cents=row["mrr_cents"] or 0, overdue_days=row["overdue_days"] or 0, overdue_cents=row["overdue_cents"] or 0,
            invoices_overdue=row["invoices_overdue"] or 0, currency=currency, is_talked_to=is_talked_to,
            days_since_conversation=row["days_since_conversation"], contract_age_days=row["contract_age_days"],
            known_days=row["day"] - known.get(row["account_id"], row["day"]),
            cadence_days=wanted.get(row["account_id"], 0),
            use=used.of(row["account_id"], row["day"]) if used else None,
        )  # fmt: skip

    gone = gone_since()
    for account, nights in groupby(read, itemgetter("account_id")):
        yield account, ((row["day"], fact(row)) for row in nights if row["day"] < gone.get(account, _NEVER))


class _Uses:
    """The use of accounts that are asked for in their order, each for all nights of a span."""

    def __init__(self, con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> None:
        days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
        self._rest = uses(con, days, for_vendor())
        self._account, self._told = 0, dict[int, rules.Use]()

    def of(self, account: int, night: int) -> rules.Use | None:
        while self._account < account:
            self._account, self._told = next(self._rest, (_NEVER, {}))
        return self._told.get(night) if self._account == account else None


def nights(con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> Ints:
    """The nights of a span that have a snapshot, as numbers of days, oldest first."""
    found = con.execute(
        "SELECT DISTINCT day - DATE '1970-01-01' AS day FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ? ORDER BY 1",
        [first, last],
    ).fetchnumpy()
    return np.asarray(found["day"], np.int64)


def known_fields(asked: Collection[str], metrics: Collection[str]) -> list[str]:
    """The fields of a condition that are taken as they stand now, for want of a history."""
    return sorted(set(asked) - HISTORY - set(metrics))
