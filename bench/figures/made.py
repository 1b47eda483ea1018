"""The events: the simulated CRM set, repeated with other accounts up to ten million, then with other end users."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

TEN_MILLION = 10_000_000
_MAKE = """
COPY (
    SELECT 'product' AS source, 'track' AS kind, event AS name, account_id + 1000 * (copy % {spread}) AS account_id, '' AS tenant,
           user_id || '.' || (copy // {spread}) AS end_user, ts AS occurred_at, ts::DATE AS day, ts::DATE AS known_on, 1::BIGINT AS count
    FROM read_parquet('{origin}'), range({copies}) t(copy) LIMIT {events}
) TO '{path}' (FORMAT PARQUET, ROW_GROUP_SIZE 500000)
"""


def origin() -> Path:
    """The set, in the folder that EVERGREEN_DATASETS names (default ../shared/data). Raises FileNotFoundError."""
    folder = os.environ.get("EVERGREEN_DATASETS") or Path(__file__).parents[3] / "shared" / "data"
    found = Path(folder) / "sim_crm_events" / "events.parquet"
    if not found.exists():
        raise FileNotFoundError(
            f"The events of sim_crm_events are not there ({found}); set EVERGREEN_DATASETS."
        )
    return found


def make(path: Path, events: int) -> None:
    """Write so many events in the columns of ``lake.events``. Past ten million the accounts stay the same."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        size = con.execute(f"SELECT count(*) FROM read_parquet('{origin()}')").fetchone()
        assert size is not None
        copies = -(-events // size[0])
        spread = min(copies, -(-TEN_MILLION // size[0]))
        con.execute(_MAKE.format(origin=origin(), copies=copies, spread=spread, events=events, path=path))
