"""Which features go together: of those who use one, how many use another, among end users and among accounts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evergreen.customers.models import Account
from evergreen.events.models import EndUser
from evergreen.metrics.analytics import adoption

if TYPE_CHECKING:
    import duckdb

DAYS = 28
# A share of fewer people than that is mostly the share of everybody.
STRENGTH = 20.0
# End users beyond that are a sample, the same ones each time.
MOST_USERS = 200_000
ROLE, INDUSTRY, TIER = "@role:", "@industry:", "@tier:"


@dataclass(frozen=True, slots=True)
class Together:
    """Counts of subjects (end users or accounts). ``base`` maps a feature to [those that may use it, those that do]; ``pairs`` maps
    what is known of a subject (a feature it uses, its role, industry or tier) and a feature to the same among those.
    """

    base: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    pairs: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)

    def share(self, feature: str) -> float:
        """Of all that may use a feature, those that do."""
        may, do = self.base.get(feature, (0, 0))
        return (do + 0.5) / (may + 1)

    def relevance(self, feature: str, known: Collection[str]) -> tuple[float, str, tuple[int, int]]:
        """How likely a subject of which this is known uses a feature; what speaks most for it, with its counts ('' : nothing does).

        The mean over what is known of (do + 20 · base) / (may + 20), weighted by how rare each is: what everybody uses says little.
        """
        base = self.share(feature)
        total = weight = best = 0.0
        reason, counts = "", (0, 0)
        every = max((may for may, _do in self.base.values()), default=0)
        for one in known:
            may, do = self.pairs.get(one, {}).get(feature, (0, 0))
            if not may or one == feature:
                continue
            share = (do + STRENGTH * base) / (may + STRENGTH)
            rare = math.log(1 + every / may)
            total += rare * share
            weight += rare
            if rare * (share - base) > best:
                best, reason, counts = rare * (share - base), one, (may, do)
        return (total / weight if weight else base), reason, counts

    def as_json(self) -> dict[str, Any]:
        return {"base": self.base, "pairs": self.pairs}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Together:
        return cls(
            {key: (one[0], one[1]) for key, one in told.get("base", {}).items()},
            {
                key: {name: (one[0], one[1]) for name, one in row.items()}
                for key, row in told.get("pairs", {}).items()
            },
        )


_USERS = f"""
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT DISTINCT account_id, hash(source, end_user) AS subject, feature AS known FROM lake.usage
WHERE feature IS NOT NULL AND end_user IS NOT NULL AND count > 0 AND known_on <= $day AND day <= $day
    AND day > $day::DATE - {DAYS} AND hash(source, end_user) % $parts = 0
"""
_ACCOUNTS = f"""
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT DISTINCT account_id, account_id::UBIGINT AS subject, feature AS known FROM lake.usage
WHERE feature IS NOT NULL AND count > 0 AND known_on <= $day AND day <= $day AND day > $day::DATE - {DAYS}
"""
_COUNTED = """
WITH mine AS (SELECT account_id, subject, known FROM subjects WHERE known[1] <> '@'),
every AS (SELECT DISTINCT account_id, subject FROM subjects)
SELECT NULL AS known, holds.feature, count(*) AS may, count(mine.known) AS do FROM every JOIN holds USING (account_id)
LEFT JOIN mine ON mine.account_id = every.account_id AND mine.subject = every.subject AND mine.known = holds.feature GROUP BY ALL
UNION ALL
SELECT subjects.known, holds.feature, count(*), count(mine.known) FROM subjects JOIN holds USING (account_id)
LEFT JOIN mine ON mine.account_id = subjects.account_id AND mine.subject = subjects.subject AND mine.known = holds.feature GROUP BY ALL
"""


def of_users(con: duckdb.DuckDBPyConnection, day: dt.date) -> Together:
    """Among end users of the 28 days up to a day, as known then; their role, where identify calls told one, is known of them too."""
    found = con.execute(
        f"SELECT approx_count_distinct(hash(source, end_user)) FROM lake.usage WHERE day <= ? AND day > ?::DATE - {DAYS}",
        [day, day],
    ).fetchone()
    parts = max(1, math.ceil((found[0] if found else 0) / MOST_USERS))
    con.execute(_USERS, {"day": day, "parts": parts})
    roles = pa.table(_columns(roles_told(), ("source", "key", "known")))
    con.register("told_roles", roles)
    con.execute(
        "INSERT INTO subjects SELECT account_id, subject, roles.known FROM (SELECT DISTINCT account_id, subject FROM subjects) seen"
        " JOIN (SELECT hash(source, key) AS subject, known FROM told_roles) roles USING (subject)"
    )
    con.unregister("told_roles")
    return _counted(con, day)


def of_accounts(con: duckdb.DuckDBPyConnection, day: dt.date) -> Together:
    """Among accounts; their industry and tier are known of them too."""
    con.execute(_ACCOUNTS, {"day": day})
    con.register("marks", pa.table(_columns(marks_told(), ("account_id", "known"))))
    con.execute(
        "INSERT INTO subjects SELECT account_id, subject, marks.known FROM (SELECT DISTINCT account_id, subject FROM subjects) seen"
        " JOIN marks USING (account_id)"
    )
    con.unregister("marks")
    return _counted(con, day)


def marks_told() -> Iterable[tuple[int, str]]:
    """(account, industry or tier as a mark) of every account."""
    for pk, industry, tier in Account.objects.order_by().values_list("pk", "industry", "tier"):
        if industry:
            yield pk, INDUSTRY + industry
        if tier:
            yield pk, TIER + tier


def role_of(traits: Mapping[str, Any]) -> str:
    """What an end user's traits tell of its role, in small letters; '' where nothing."""
    for name in ("role", "job_role", "title", "position"):
        text = traits.get(name)
        if isinstance(text, str) and text.strip():
            return text.strip().lower()[:60]
    return ""


def roles_told() -> Iterable[tuple[str, str, str]]:
    """(source, end user, role as a mark) of everybody whose traits tell a role."""
    rows = EndUser.objects.exclude(traits={}).order_by().values_list("source__name", "key", "traits")
    for source, key, traits in rows.iterator(20_000):
        if role := role_of(traits):
            yield source, key, ROLE + role


def _columns(rows: Iterable[tuple[Any, ...]], names: tuple[str, ...]) -> dict[str, pa.Array]:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {
        name: pa.array(column, pa.int64() if name == "account_id" else pa.string())
        for name, column in zip(names, columns, strict=True)
    }


def _counted(con: duckdb.DuckDBPyConnection, day: dt.date) -> Together:
    con.register("holds", adoption.as_table(adoption.entitled(day, None)))
    rows = con.execute(_COUNTED).fetchall()
    con.unregister("holds")
    con.execute("DROP TABLE subjects")
    base: dict[str, tuple[int, int]] = {}
    pairs: dict[str, dict[str, tuple[int, int]]] = {}
    for known, feature, may, do in rows:
        if known is None:
            base[feature] = (may, do)
        else:
            pairs.setdefault(known, {})[feature] = (may, do)
    return Together(base, pairs)
