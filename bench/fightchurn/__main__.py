"""Argument: first customers of the peer's simulated social network (default 10,000, its standard: 14,641 accounts in all).

EVERGREEN_BENCH_KEEP names a folder in which the peer, its database and the simulation stay for another run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from bench.fightchurn import book, installing, ours, rates, server
from bench.homes import line

STANDARD = 10_000
ROUNDS = 3
_WHOLE = ("names", "tenure", "counts", "seventh")


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else STANDARD
    with tempfile.TemporaryDirectory(prefix="evergreen-bench-") as scratch:
        folder = Path(os.environ.get("EVERGREEN_BENCH_KEEP") or scratch).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        python = installing.installed(folder)
        with server.running(folder) as port:
            _simulated(python, port, folder, customers)
            _exported(port, folder)
            peer = _peer(python, port, folder)
            sums = {name: (int(n), float(total)) for name, n, total in _rows(server.told(port, book.SUMS))}
        own = [_apart(folder) for _ in range(ROUNDS)]
        of_product = rates.of_the_product(folder, Path(scratch) / "home")
    _tell(peer, sums, own, of_product)


def _simulated(python: Path, port: int, folder: Path, customers: int) -> None:
    """Have the simulation in the database; a kept one of as many customers serves again."""
    mark = folder / "simulated"
    if not mark.exists() or int(mark.read_text()) != customers:
        mark.unlink(missing_ok=True)
        installing.asked(python, port, folder, customers=customers)
        mark.write_text(str(customers))
    server.done(port, "VACUUM ANALYZE socialnet7.event")
    server.done(port, "TRUNCATE socialnet7.metric, socialnet7.metric_name")


def _exported(port: int, folder: Path) -> None:
    """What both read as Parquet: events, subscriptions, and the records for the loader of examples/fightchurn."""
    records = folder / "records"
    records.mkdir(exist_ok=True)
    columns = {
        folder / "events": (
            book.EVENTS,
            "account_id::BIGINT AS account_id, name, day::DATE AS day, moment::TIMESTAMP AS occurred_at",
            ["account_id", "name", "day", "moment"],
        ),
        records / "accounts": (book.ACCOUNTS, "* REPLACE (id::BIGINT AS id)", ["id", "channel", "date_of_birth", "country"]),
        records / "subscriptions": (
            book.SUBSCRIPTIONS,
            "* REPLACE (account_id::BIGINT AS account_id, start_date::DATE AS start_date, end_date::DATE AS end_date,"
            " mrr::BIGINT AS mrr, discount::DOUBLE AS discount)",
            ["account_id", "product", "start_date", "end_date", "mrr", "quantity", "units", "bill_period_months", "discount"],
        ),
    }  # fmt: skip
    for path, (sql, chosen, names) in columns.items():
        server.written(port, sql, path.with_suffix(".csv"))
        with duckdb.connect() as con:
            con.execute(
                f"COPY (SELECT {chosen} FROM read_csv('{path}.csv', header=false, all_varchar=true, names={names}))"
                f" TO '{path}.parquet' (FORMAT PARQUET)"
            )
        path.with_suffix(".csv").unlink()
    (folder / "subscriptions.parquet").unlink(missing_ok=True)
    (folder / "subscriptions.parquet").symlink_to(records / "subscriptions.parquet")


def _peer(python: Path, port: int, folder: Path) -> dict[str, Any]:
    """Seconds of each part of the peer's book, by the clock and (``processor``) of the server's processor, and what its rates
    are."""
    found: dict[str, Any] = {}
    parts = {
        "rates": book.RATES,
        "names": book.NAMES,
        "tenure": book.TENURE,
        "counts": book.COUNTS,
        "seventh": book.SEVENTH,
    }
    for name, listings in parts.items():
        before = server.processor_seconds(folder)
        told = installing.asked(python, port, folder, listings=listings)
        found[name] = sum(one["seconds"] for one in told)
        # A process that served counts when it has ended.
        time.sleep(1)
        found[f"{name} processor"] = server.processor_seconds(folder) - before
        if name == "rates":
            found["said"] = [rates.told(one["said"]) for one in told]
    return found


def _rows(csv: str) -> list[list[str]]:
    return [row.split(",") for row in csv.splitlines()]


def _apart(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.fightchurn", "--ours", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _tell(
    peer: dict[str, Any],
    sums: dict[str, tuple[int, float]],
    own: list[dict[str, Any]],
    of_product: list[rates.Figures],
) -> None:
    for number, (said, ours_say) in enumerate(zip(peer["said"], of_product, strict=True), start=1):
        is_equal = rates.equal(said, ours_say)
        line(f"listing 2.{number}: equal to the last printed digit", str(is_equal), "True")
        if not is_equal:
            print({"peer": said, "ours": ours_say})
    counts = statistics.median(one["counts"] for one in own)
    whole = statistics.median(one["whole set"] for one in own)
    whole_peer = sum(peer[name] for name in _WHOLE)
    processor = sum(peer[f"{name} processor"] for name in _WHOLE)
    line("eight 28-day counts, fightchurn on PostgreSQL (s)", f"{peer['counts']:.2f}")
    line("eight 28-day counts, ours from Parquet (s)", f"{counts:.2f}")
    line("fightchurn ÷ ours", f"{peer['counts'] / counts:.1f}", "at least 12")
    of_counts = statistics.median(one["counts processor"] for one in own)
    line(
        "  of the processor (on a machine that does other work)",
        f"{peer['counts processor'] / of_counts:.1f}",
    )
    line("metrics of chapters 3 and 7, fightchurn on PostgreSQL (s)", f"{whole_peer:.2f}")
    line("metrics of chapters 3 and 7, ours from Parquet (s)", f"{whole:.2f}")
    line("fightchurn ÷ ours", f"{whole_peer / whole:.1f}", "at least 50")
    of_whole = statistics.median(one["whole set processor"] for one in own)
    line("  of the processor (on a machine that does other work)", f"{processor / of_whole:.1f}")
    found = {name: (rows, total) for name, (rows, total) in own[0]["metrics"].items()}
    wrong = {
        name: (found.get(name), sums.get(name))
        for name in sorted(found.keys() | sums.keys())
        if name not in found or name not in sums or not _same(found[name], sums[name])
    }
    line(f"rows and sums of {len(sums)} metrics equal", str(not wrong), "True")
    if wrong:
        print({"(ours, fightchurn)": wrong})


def _same(one: tuple[int, float], other: tuple[int, float]) -> bool:
    """Equal rows, and sums but for the order in which doubles were added."""
    return one[0] == other[0] and abs(one[1] - other[1]) <= 1e-9 * max(1.0, abs(other[1]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        print(json.dumps(ours.run(Path(sys.argv[2]))))
    else:
        main()
