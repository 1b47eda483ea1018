"""Events of a Parquet file come in by column; what a row becomes is the same as if it were read alone."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.base.env import Home
from evergreen.customers.models import Tenant
from evergreen.events import store
from evergreen.events.imports.columns import Columns, Mask
from evergreen.events.imports.records.events import EventLoader
from evergreen.events.imports.run import import_file

KINDS: dict[str, dict[str, Any]] = {
    "usage by week": {
        "format": {"span": "week"},
        "columns": {
            "id": {"template": "{who}-{at}-{what}"}, "kind": {"constant": "usage"}, "name": "what",
            "account": "who", "time": "at", "count": "n",
        },
    },
    "without ids": {
        "columns": {"name": "what", "account": "who", "time": "at", "end_user": "user", "seconds": "n", "feature": "what"},
        "features": {"create": True},
    },
    "by tenant or account": {
        "columns": {"id": "id", "name": "what", "kind": "kind", "tenant": "shop", "account": "who", "time": "at"},
    },
    "beside a list": {"columns": {"name": "what", "account": "who", "time": "at"}},
    "with properties": {"columns": {"name": "what", "account": "who", "time": "at"}, "properties": ["n"]},
}  # fmt: skip
SPANS: dict[str, dict[str, Any]] = {
    "counted use": {
        "format": {"span": "week"},
        "columns": {"event": "what", "account": "who", "from": "at", "count": "n", "feature": "what"},
        "features": {"create": True},
    },
    "counted days": {
        "columns": {
            "id": "id", "event": {"constant": "used"}, "tenant": "shop", "account": "who", "from": "at", "to": "to",
            "active_days": "n", "last_day": "at", "active_users": "n",
        },
    },
}  # fmt: skip
ALONE = {"beside a list", "with properties"}


def rows(seed: int, now: dt.datetime) -> list[dict[str, Any]]:
    rng = random.Random(seed)

    def one() -> dict[str, Any]:
        at = now - dt.timedelta(days=rng.randrange(-3, 60), microseconds=rng.choice([0, 0, 1, 999_999]))
        return {
            "who": rng.choice(["A-well", " A-well ", "A-slipping", "A-gone", "nobody", "", None]),
            "shop": rng.choice(["T-1", "T-9", None, None]),
            "what": rng.choice(["导出", "report", " report", "", None, "#N/A", "x" * 600, "a\0b", "NULL"]),
            "kind": rng.choice(["track", "usage", "TRACK", "page", "purchase", None]),
            "to": rng.choice(
                [at + dt.timedelta(days=6), at + dt.timedelta(days=6), at - dt.timedelta(days=1), None]
            ),
            "at": rng.choice([at, at, at.replace(hour=0, minute=0, second=0, microsecond=0), None]),
            "user": rng.choice(["u1", " u2", "1e+9", "", None]),
            "n": rng.choice([1, 1, 7, 0, -3, None]),
            "id": rng.choice([f"m{rng.randrange(12)}", "", None, 2 * "y" * 120]),
        }

    found = [one() for _ in range(220)]
    plain = {
        "who": "A-well",
        "what": "report",
        "kind": "track",
        "user": "u1",
        "n": 1,
        "shop": None,
        "to": now - dt.timedelta(days=20),
    }
    found += [plain | {"at": now - dt.timedelta(days=30, hours=n % 7), "id": f"m{n}"} for n in range(80)]
    rng.shuffle(found)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [*KINDS, *SPANS])
def test_rows_become_the_same_by_column_and_alone(
    home: Home,
    cast: SimpleNamespace,
    now: dt.datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    Tenant.objects.create(account=cast.slipping, external_id="T-1")
    path = tmp_path / "events.parquet"
    table = pa.Table.from_pylist(rows(len(kind), now))
    if kind == "beside a list":
        table = table.append_column("tags", pa.array([["a"]] * table.num_rows))
    pq.write_table(table, path)
    monkeypatch.setattr(EventLoader, "chunk", 70)
    monkeypatch.setattr(EventLoader, "column_chunk", 70)
    told, taken = {}, []
    load = EventLoader.load_columns

    def watched(self: EventLoader, columns: Columns) -> Mask:
        left = load(self, columns)
        taken.append(int((~left).sum()))
        return left

    monkeypatch.setattr(EventLoader, "load_columns", watched)
    for way, by_column in (("columns", True), ("alone", False)):
        monkeypatch.setattr(EventLoader, "reads_columns", by_column)
        record = "usage" if kind in SPANS else "events"
        mapping = {"record": record, "source": way, **(KINDS | SPANS)[kind]}
        result = import_file(path, record, mapping, now=now)
        told[way] = result
    one, other = told["columns"], told["alone"]
    assert one.created > 20
    assert (sum(taken) > 20) == (kind not in ALONE)
    assert one.rejected > 20
    for name in ("rows", "created", "duplicates", "rejected", "warnings", "first_rows", "rejected_rows", "examples"):  # fmt: skip
        assert getattr(one, name) == getattr(other, name), name
    assert _rejects(one) == _rejects(other)
    stored = "SELECT * EXCLUDE (source) FROM lake.events WHERE source = ? ORDER BY ALL"
    con = store.reading(home)
    found = [con.execute(stored, [way]).fetchall() for way in told]
    assert found[0] == found[1]
    assert len(found[0]) == one.created


def _rejects(result: Any) -> str:
    return Path(result.rejects_path).read_text(encoding="utf-8-sig")


@pytest.mark.postgres
@pytest.mark.django_db
def test_of_equal_ids_the_first_row_stands_though_it_was_read_alone(
    home: Home, cast: SimpleNamespace, now: dt.datetime, tmp_path: Path
) -> None:
    Tenant.objects.create(account=cast.slipping, external_id="T-1")
    path = tmp_path / "events.parquet"
    at = now - dt.timedelta(days=1)
    # The first names two accounts, which is told row by row; the second is as plain as can be.
    told = [("T-1", "first", "m1"), (None, "second", " m1"), (None, "third", "m2")]
    rows = [{"shop": shop, "who": "A-well", "what": what, "at": at, "id": one, "kind": "track"} for shop, what, one in told]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    mapping = {"record": "events", "source": "file", **KINDS["by tenant or account"]}
    result = import_file(path, "events", mapping, now=now)
    assert (result.created, result.duplicates, result.warnings["other_account"]) == (2, 1, 1)
    stored = store.reading(home).execute("SELECT name FROM lake.events ORDER BY name").fetchall()
    assert stored == [("first",), ("third",)]
