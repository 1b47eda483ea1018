"""A made-up history of a fixed seed: every table that metrics read, with unset values, ties and edges of windows."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from evergreen.base.conditions import Fields, Kind
from evergreen.events import facts
from tests.base.test_conditions import TODAY

DAY = dt.date(2026, 3, 6)
_LARGE = 2**53 + 1  # a whole number that no fraction of 64 bits holds
ACCOUNTS = [1, 2, 3, 4, 5, 6, 7, _LARGE]
FEATURES = ["ledger", "report", "upload", "报表"]
Draw = random.Random
Columns = Mapping[str, Callable[[Draw], Any]]

_OF_TYPE: dict[pa.DataType, Callable[[Draw], Any]] = {
    pa.int64(): lambda draw: draw.choice([0, 1, 2, 7, 100, 12_345_678_901]),
    pa.float64(): lambda draw: draw.choice([None, 0.0, 0.1, 1.5, 2.25, 6.0, 9.0, 10.0]),
    pa.bool_(): lambda draw: draw.random() < 0.6,
    pa.date32(): lambda draw: draw.choice([None, DAY, DAY - dt.timedelta(days=draw.randrange(-40, 95))]),
    pa.string(): lambda draw: draw.choice(["", "a", "O'Neill", "客户"]),
    pa.timestamp("us"): lambda draw: (
        dt.datetime.combine(DAY, dt.time()) - dt.timedelta(hours=draw.randrange(5000))
    ),
}
_ALWAYS: Columns = {
    "account_id": lambda draw: draw.choice(ACCOUNTS),
    "tenant": lambda draw: draw.choice(["", "", "东区", "west"]),
    "source": lambda draw: draw.choice(["web", "app"]),
    "end_user": lambda draw: draw.choice([None, "u1", "u2", "u3", "#1"]),
    "day": lambda draw: (
        DAY - dt.timedelta(days=draw.choice([0, 1, 6, 7, 27, 28, 55, 56, draw.randrange(200)]))
    ),
    "known_on": lambda draw: DAY - dt.timedelta(days=draw.choice([-1, 0, 1, 27, draw.randrange(60)])),
    "feature": lambda draw: draw.choice([None, *FEATURES, "gone"]),
    "contact": lambda draw: draw.choice([None, "c1", "c2", "c3"]),
    "score": lambda draw: float(draw.randrange(11)),
    "seconds": lambda draw: draw.choice([0.0, 30.0, 61.5, 3600.0]),
    "count": lambda draw: draw.choice([1, 1, 2, 5]),
}
# The roll-up's tables, each with what its rows have of their own.
_HISTORY: dict[str, Columns] = {
    "usage": {"kind": lambda draw: "track"},
    "first_uses": {"end_user": lambda draw: draw.choice(["u1", "u2", "u3", "#1"])},
    "first_features": {"feature": lambda draw: draw.choice(FEATURES)},
    "account_days": {"online_seconds": lambda draw: draw.choice([0.0, 12.5, 1800.0])},
    "answers": {"kind": lambda draw: draw.choice(["nps", "csat", "ces"])},
    "facts": {
        "name": lambda draw: draw.choice(facts.NAMES),
        "subject": lambda draw: draw.choice([None, "go-live", "培训"]),
        "state": lambda draw: draw.choice([None, "met", "planned", "unmet"]),
    },
}
_ROWS = {"usage": 900, "account_days": 300, "answers": 200, "facts": 500}


def _rows(schema: pa.Schema, number: int, draw: Draw, columns: Columns) -> pa.Table:
    wanted = {**_ALWAYS, **columns}
    made = {field.name: wanted.get(field.name, _OF_TYPE.get(field.type)) for field in schema}
    return pa.table(
        {
            field.name: pa.array([made[field.name](draw) for _ in range(number)], field.type)  # type: ignore[misc]
            for field in schema
        }
    )


def history(schema: Callable[[str], pa.Schema], seed: int = 1) -> dict[str, pa.Table]:
    """The roll-up's tables, in the lake's schema."""
    draw = Draw(seed)
    return {
        name: _rows(schema(name), _ROWS.get(name, 80), draw, columns) for name, columns in _HISTORY.items()
    }


def mirrored(like: Mapping[str, pa.Table], seed: int = 2) -> dict[str, pa.Table]:
    """Tables of records, each in the schema of the one of ``like``."""
    draw = Draw(seed)
    found = {name: _rows(table.schema, 120, draw, {}) for name, table in like.items()}
    found["spine"] = pa.table({"account_id": pa.array([*ACCOUNTS, 99])})
    # One row an account, as the records have it.
    distinct = found["entitlement"].slice(0, 0).to_pydict()
    found["entitlement"] = pa.table(
        {name: ACCOUNTS[:4] if name == "account_id" else [2, 4, 6, 8] for name in distinct},
        schema=like["entitlement"].schema,
    )
    found["contact_weights"] = pa.table({"contact": ["c1"], "weight": [2.0]})
    flags = {
        "is_core": [True, False, False, True],
        "is_advanced": [False, True, False, True],
        "adds_data": [False, False, True, False],
    }
    found["feature_flags"] = pa.table({"feature": FEATURES, **flags})
    return found


def nights() -> dict[str, pa.Table]:
    """The day of the snapshot with a calendar of five working days a week."""
    first = dt.date(2015, 1, 1)
    days = [first + dt.timedelta(days=n) for n in range((DAY - first).days + 1)]
    totals, total = [], 0
    for day in days:
        total += day.weekday() < 5
        totals.append(total)
    mask = sum(1 << back for back in range(56) if (DAY - dt.timedelta(days=back)).weekday() < 5)
    night = {
        "working_mask": [mask],
        "working_total": [total],
        "working_days_28d": [20.0],
        "working_days_prev_28d": [20.0],
    }
    return {
        "working_calendar": pa.table(
            {"day": pa.array(days, pa.date32()), "working_total": pa.array(totals, pa.int64())}
        ),
        "night_of": pa.table({"day": pa.array([DAY], pa.date32()), **night}),
    }


_PROPERTIES: list[dict[str, Any] | None] = [
    None, {}, {"plan": "pro", "n": 1}, {"plan": None}, {"plan": 7, "n": 2.5}, {"plan": True}, {"plan": "报表", "deep": {"a": [1]}},
    {"plan": "O'Neill \"x\""},
]  # fmt: skip
_FACTS: list[dict[str, Any]] = [
    {"contact": "c1", "course": "basics", "weight": 2}, {"milestone": "go-live", "due_on": "2026-03-01"},
    {"milestone": 5, "need": "报表", "state": "met", "weight": "2"}, {"due_on": "soon", "milestone": "go-live"}, {},
]  # fmt: skip
_ANSWERS: list[dict[str, Any]] = [
    {"kind": "nps", "contact": "c1", "score": 9}, {"kind": "csat", "score": 4.5}, {"kind": "nps", "contact": None, "score": 0},
    {"kind": "nps", "score": "9"}, {"kind": "nps", "score": None}, {"score": 3}, {"kind": 5, "score": 3},
]  # fmt: skip


def events(schema: pa.Schema, seed: int = 3) -> pa.Table:
    """Raw events: uses, answers to surveys, rows of use counted before, and what is neither."""
    draw = Draw(seed)
    rows = []
    for number in range(600):
        kind = draw.choice(["track", "track", "page", "usage", "identify", "system"])
        day = DAY - dt.timedelta(days=draw.randrange(3))
        said: dict[str, Any] | None = draw.choice(_PROPERTIES)
        name = draw.choice(["ledger.posted", "report.opened", "file.uploaded"])
        if kind == "system":
            name, said = "survey.answered", draw.choice(_ANSWERS)
        if kind == "usage" and draw.random() < 0.7:
            first = day - dt.timedelta(days=draw.choice([6, 27]))
            said = {
                "from": str(first),
                "to": str(day),
                "active_days": draw.choice([None, 0, 3]),
                "active_users": draw.choice([None, 2]),
            }
            said |= {"last_day": str(day - dt.timedelta(days=2))} if draw.random() < 0.5 else {}
        if draw.random() < 0.15:
            kind, name, said = "track", draw.choice(facts.NAMES), draw.choice(_FACTS)
        moment = dt.datetime.combine(
            day, dt.time(draw.randrange(24), draw.choice([0, 7, 29, 30, 31]), draw.choice([0, 1]))
        )
        rows.append(
            {
                "source": draw.choice(["web", "app"]), "kind": kind, "name": name, "account_id": draw.choice([None, *ACCOUNTS]),
                "tenant": draw.choice(["", "东区"]), "end_user": draw.choice([None, "u1", "u2"]), "occurred_at": moment,
                "received_at": moment, "known_at": moment, "day": day, "known_on": day, "count": draw.choice([0, 1, 1, 3]),
                "seconds": draw.choice([None, 12.5]), "feature": draw.choice([None, "ledger", "unknown"]),
                "properties": None if said is None else json.dumps(said, ensure_ascii=False), "message_id": f"m{number}",
                "backfilled": False,
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


_DECIMALS = [Decimal("-0.5"), Decimal("0.1"), Decimal("0.3"), Decimal(1), Decimal(2)]
_TEXTS = ["制造", "零售", "Retail", "retail", "tail", "O'Neill %_\\", "ÄÖ", "strategic"]
VALUES: dict[Kind, list[Any]] = {
    Kind.WHOLE: [-2, -1, 0, 1, 3], Kind.SHARE: _DECIMALS, Kind.MONEY: _DECIMALS, Kind.NUMBER: _DECIMALS,
    Kind.DATE: [TODAY + dt.timedelta(days=n) for n in range(-4, 5)], Kind.TEXT: _TEXTS, Kind.CHOICE: ["strategic", "growth"],
    Kind.FLAG: [True, False], Kind.TAGS: _TEXTS,
}  # fmt: skip
_STANDING = {
    Kind.WHOLE: pa.int64(), Kind.DATE: pa.date32(), Kind.TEXT: pa.string(), Kind.CHOICE: pa.string(), Kind.FLAG: pa.bool_(),
    Kind.TAGS: pa.list_(pa.string()),
}  # fmt: skip


def standing(fields: Fields, seed: int = 4) -> pa.Table:
    """Rows with a column a field; many unset, some texts empty."""
    draw = Draw(seed)

    def value(kind: Kind) -> Any:
        if kind == Kind.TAGS:
            return draw.choice([None, draw.sample(_TEXTS, draw.randrange(4))])
        found = draw.choice([None, *VALUES[kind], *([""] if kind in {Kind.TEXT, Kind.CHOICE} else [])])
        return float(found) if isinstance(found, Decimal) else found

    columns = {
        key: pa.array([value(field.kind) for _ in range(80)], _STANDING.get(field.kind, pa.float64()))
        for key, field in fields.items()
    }
    return pa.table({"at": pa.array(range(80)), **columns})
