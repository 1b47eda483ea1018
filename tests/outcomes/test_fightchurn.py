"""examples/fightchurn: a set of the simulator goes in with one command, and its revenue is told as the book's own SQL does."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.launch.installation import made

EXAMPLE = Path(__file__).parents[2] / "examples" / "fightchurn"
EVENTS = 3_000

# Active on a day: start_date <= day < end_date; MRR of a day: the sum of what covers it.
MOVED = """
WITH a AS (SELECT account_id, sum(mrr) AS mrr FROM subs WHERE start_date <= $1 AND end_date > $1 GROUP BY 1),
     b AS (SELECT account_id, sum(mrr) AS mrr FROM subs WHERE start_date <= $2 AND end_date > $2 GROUP BY 1)
SELECT count(*), sum((b.mrr IS NULL)::INT), sum(a.mrr) * 100, sum(CASE WHEN b.mrr IS NULL THEN a.mrr ELSE 0 END) * 100,
       sum(greatest(a.mrr - b.mrr, 0)) * 100, sum(greatest(b.mrr - a.mrr, 0)) * 100
FROM a LEFT JOIN b USING (account_id)
"""
TOLD = ("start_accounts", "churned_accounts", "start_mrr_cents", "churned_mrr_cents", "contraction_mrr_cents", "expansion_mrr_cents")  # fmt: skip


def runner(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """An empty home, and what runs a command on it: the lines of JSON that it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "EVERGREEN_DATABASE"}
    environment |= {
        "EVERGREEN_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def run(*command: str) -> list[dict[str, Any]]:
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    made(tmp_path / "home")
    return run


@pytest.mark.server
def test_a_simulated_set_is_loaded_and_its_revenue_told(datasets: Path, tmp_path: Path) -> None:
    whole = datasets / "sim_crm_events"
    if not whole.exists():
        pytest.skip("needs the data set sim_crm_events")
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("accounts", "subscriptions"):
        (folder / f"{name}.parquet").symlink_to(whole / f"{name}.parquet")
    pq.write_table(pq.read_table(whole / "events.parquet").slice(0, EVENTS), folder / "events.parquet")
    run = runner(tmp_path)
    told = run(str(EXAMPLE / "load"), str(folder), "--json")
    assert [row["rejected"] for row in told] == [0] * 4
    assert [row["created"] for row in told] == [111, 0, 1_530, EVENTS]
    con = duckdb.connect()
    con.register("subs", pq.read_table(whole / "subscriptions.parquet"))
    for first, last in (("2022-07-05", "2022-08-04"), ("2022-10-18", "2023-01-16")):
        (figures,) = run("evergreen", "portfolio", "--from", first, "--to", last, "--json")
        expected = con.execute(MOVED, [first, last]).fetchone()
        assert tuple(figures[name] for name in TOLD) == expected, (first, last)
        start, churned, less, more = (figures[name] for name in TOLD[2:])
        assert figures["logo_churn"] == figures["churned_accounts"] / figures["start_accounts"]
        assert figures["grr"] == (start - churned - less) / start
        assert figures["nrr"] == (start - churned - less + more) / start
        assert expected is not None
        assert expected[1] and expected[4] and expected[5], "a span in which nothing moves tells nothing"


FOUR_WEEKS = """
SELECT account_id, sum(n)::BIGINT, min(days)::BIGINT, min(users)::BIGINT FROM counts JOIN (
    SELECT account_id, sum(active_days) AS days, max(active_users) AS users FROM active
    WHERE week BETWEEN $1::DATE - 27 AND $1 GROUP BY ALL
) USING (account_id) WHERE week BETWEEN $1::DATE - 27 AND $1 GROUP BY ALL
"""


@pytest.mark.server
def test_counted_weeks_become_the_uses_days_and_users_that_they_tell(datasets: Path, tmp_path: Path) -> None:
    whole = datasets / "sim_crm_weekly"
    if not whole.exists():
        pytest.skip("needs the data set sim_crm_weekly")
    folder = tmp_path / "set"
    folder.mkdir()
    sets = {}
    for name in ("accounts", "subscriptions", "weekly_counts", "weekly_active"):
        table = pq.read_table(whole / f"{name}.parquet")
        whose = table["id" if name == "accounts" else "account_id"]
        sets[name] = table.filter(pc.less(whose, 8))
        pq.write_table(sets[name], folder / f"{name}.parquet")
    run = runner(tmp_path)
    told = run(str(EXAMPLE / "load"), str(folder), "--json")
    assert [row["rejected"] for row in told] == [0] * 5
    assert [row["created"] for row in told[3:]] == [
        sets[n].num_rows for n in ("weekly_counts", "weekly_active")
    ]
    sunday = dt.date(2022, 5, 1)
    run("evergreen", "night", "--day", sunday.isoformat(), "--json")
    con = duckdb.connect()
    con.register("counts", sets["weekly_counts"])
    con.register("active", sets["weekly_active"])
    expected = con.execute(FOUR_WEEKS, [sunday]).fetchall()
    assert len(expected) == 7
    records = sqlite3.connect(tmp_path / "home" / "records.sqlite3")
    rows = records.execute(
        'SELECT external_id, "values" FROM metrics_newest JOIN customers_account ON account_id = customers_account.id'
    )
    keys = ("events_28d", "active_days_28d", "active_users_28d")
    found = {(int(key), *(json.loads(values)[name] for name in keys)) for key, values in rows}
    quiet = [figures for _account, *figures in found - set(expected)]
    assert set(expected) < found
    assert quiet == [[0, 0, 0]]
