"""A small vendor as files, from a seed: accounts, contract lines, invoices, tickets, events."""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAST = dt.date(2026, 10, 31)
DAYS = 90
FEATURES = ("ledger", "report", "upload", "approval", "invoice", "chat")

_MAPPINGS: dict[str, dict[str, Any]] = {
    "accounts": {"create": ["products", "editions"], "product": "suite"},
    "contracts": {"product": "suite", "create": ["products", "editions"]},
    "invoices": {},
    "tickets": {},
    "events": {"source": "suite", "product": "suite", "features": {"create": True, "editions": "all"}},
}


@dataclass(frozen=True, slots=True)
class File:
    """A file to import, as what, and how its columns are mapped."""

    record: str
    path: Path
    mapping: Path

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("import", str(self.path), "--as", self.record, "--mapping", str(self.mapping))


def files(folder: Path, seed: int, *, accounts: int = 200, events: int = 40_000) -> list[File]:
    """Write the files and their mappings, in the order in which they are loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    keys = [f"A-{number:05d}" for number in range(accounts)]
    tables = {
        "accounts": [_account(key) for key in keys],
        "contracts": [_line(key, draw) for key in keys],
        "invoices": [_invoice(key, turn, draw) for key in keys for turn in range(3)],
        "tickets": [_ticket(draw.choice(keys), number, draw) for number in range(accounts * 4)],
        "events": [_event(draw.choice(keys), number, draw) for number in range(events)],
    }
    return [_written(folder, record, rows) for record, rows in tables.items()]


def _written(folder: Path, record: str, rows: list[dict[str, Any]]) -> File:
    found = File(record, folder / f"{record}.csv", folder / f"{record}.yaml")
    with found.path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mapping = {"record": record, **_MAPPINGS[record], "columns": {name: name for name in rows[0]}}
    found.mapping.write_text(json.dumps(mapping), "utf-8")  # JSON is YAML
    return found


def _account(key: str) -> dict[str, Any]:
    return {"id": key, "name": f"客户 {key}", "industry": "制造", "edition": "Pro", "signed": "2026-01-01"}


def _line(key: str, draw: random.Random) -> dict[str, Any]:
    start = LAST - dt.timedelta(days=draw.randrange(30, 360))
    return {
        "id": f"{key}-line",
        "account": key,
        "start": start.isoformat(),
        "end": (start + dt.timedelta(days=365)).isoformat(),
        "seats": draw.randrange(3, 80),
        "mrr": draw.randrange(500, 90_000),
        "edition": "Pro",
        "trial": "yes" if draw.random() < 0.1 else "no",
    }


def _invoice(key: str, turn: int, draw: random.Random) -> dict[str, Any]:
    due = LAST - dt.timedelta(days=draw.randrange(-20, 120))
    amount = draw.randrange(1_000, 50_000)
    paid = draw.choice([amount, amount, 0, amount // 2])
    paid_on = (due + dt.timedelta(days=draw.randrange(0, 20))).isoformat() if paid else ""
    return {
        "id": f"{key}-{turn}", "account": key, "due": due.isoformat(), "amount": amount, "paid": paid, "paid_on": paid_on,
    }  # fmt: skip


def _moment(draw: random.Random) -> dt.datetime:
    day = LAST - dt.timedelta(days=int(draw.triangular(0, DAYS, 0)))
    return dt.datetime.combine(day, dt.time(draw.randrange(24), draw.randrange(60), draw.randrange(60)))


def _ticket(key: str, number: int, draw: random.Random) -> dict[str, Any]:
    opened = _moment(draw)
    closed = opened + dt.timedelta(hours=draw.randrange(1, 200)) if draw.random() < 0.8 else None
    return {
        "id": f"T-{number}",
        "account": key,
        "opened": opened.isoformat(sep=" "),
        "closed": closed.isoformat(sep=" ") if closed else "",
        "priority": draw.choice(["urgent", "high", "medium", "low"]),
        "satisfaction": draw.randrange(1, 6) if closed else "",
    }


def _event(key: str, number: int, draw: random.Random) -> dict[str, Any]:
    # Some accounts fall silent for the last six weeks, so that alerts have something to say.
    moment = _moment(draw)
    if int(key[2:]) % 7 == 0:
        moment -= dt.timedelta(days=42)
    feature = draw.choice(FEATURES)
    return {
        "id": f"E-{number}",
        "name": f"{feature}.used",
        "account": key,
        "end_user": f"u{draw.randrange(8)}",
        "time": moment.isoformat(sep=" "),
        "count": draw.choice([1, 1, 1, 2, 0]),
        "feature": feature,
    }
