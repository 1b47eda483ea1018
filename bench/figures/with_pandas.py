"""The seven figures in pandas, as one writes them there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa

from bench.figures.told import Told, timed

_COLUMNS = ["account_id", "end_user", "name", "occurred_at", "day"]


def run(path: Path, weeks: list[str]) -> Iterator[Told]:
    """Each figure in turn; reading the file counts as the first one's."""
    frame: Any = None
    ends = pd.to_datetime(weeks)

    def read() -> Any:
        nonlocal frame
        if frame is None:
            frame = pd.read_parquet(path, columns=_COLUMNS)
            frame["day"] = pd.to_datetime(frame["day"])
            for name in ("end_user", "name"):
                frame[name] = frame[name].astype("category")
        return frame

    def windows(days: Any, how: Any) -> pa.Table:
        parts = []
        for end in ends:
            inside = days[(days["day"] > end - pd.Timedelta(days=28)) & (days["day"] <= end)]
            parts.append(how(inside, end).reset_index().assign(week=end))
        return _table(pd.concat(parts))

    def dau() -> pa.Table:
        days = read()[["account_id", "day", "end_user"]].drop_duplicates()
        return _table(days.groupby(["account_id", "day"], observed=True).size().rename("n").reset_index())

    def wau_mau() -> pa.Table:
        days = read()[["account_id", "end_user", "day"]].drop_duplicates()

        def both(inside: Any, end: Any) -> Any:
            month = (
                inside.drop_duplicates(["account_id", "end_user"]).groupby("account_id").size().rename("n")
            )
            late = inside[inside["day"] > end - pd.Timedelta(days=7)]
            week = late.drop_duplicates(["account_id", "end_user"]).groupby("account_id").size().rename("wau")
            return pd.concat([month, week], axis=1)

        return windows(days, both)

    def breadth() -> pa.Table:
        days = read()[["account_id", "name", "day"]].drop_duplicates()
        return windows(
            days,
            lambda inside, _end: (
                inside.drop_duplicates(["account_id", "name"]).groupby("account_id").size().rename("n")
            ),
        )

    def counts() -> pa.Table:
        days = read().groupby(["account_id", "name", "day"], observed=True).size().rename("n").reset_index()
        return windows(
            days, lambda inside, _end: inside.groupby(["account_id", "name"], observed=True)["n"].sum()
        )

    def first_seen() -> pa.Table:
        found = read().groupby(["account_id", "end_user"], observed=True)["day"].min().reset_index()
        return _table(found.assign(n=1))

    def retention() -> pa.Table:
        rows = read()[["account_id", "end_user", "day"]].drop_duplicates()
        rows["week"] = rows["day"] - pd.to_timedelta(rows["day"].dt.weekday, unit="D")
        seen = rows[["account_id", "end_user", "week"]].drop_duplicates()
        cohort = seen.groupby(["account_id", "end_user"], observed=True)["week"].transform("min")
        age = (seen["week"] - cohort).dt.days // 7
        return _table(pd.DataFrame({"cohort": cohort, "age": age}).value_counts().rename("n").reset_index())

    def transitions() -> pa.Table:
        rows = read().sort_values(["account_id", "end_user", "occurred_at", "name"])
        people = rows.groupby(["account_id", "end_user"], observed=True, sort=False)
        before = people["name"].shift()
        pause = rows["occurred_at"] - people["occurred_at"].shift()
        kept = pause <= pd.Timedelta(minutes=30)
        pairs = pd.DataFrame({"before": before[kept].astype("category"), "name": rows["name"][kept]})
        told = pairs.value_counts().rename("n").reset_index()
        return _table(told[told["n"] > 0])

    figures = (dau, wau_mau, breadth, counts, first_seen, retention, transitions)
    for name, work in zip(
        ("dau", "wau_mau", "breadth", "counts_28d", "first_seen", "retention", "transitions"),
        figures,
        strict=True,
    ):
        yield timed(name, work)


def _table(frame: Any) -> pa.Table:
    return pa.table({"n": pa.array(frame["n"].to_numpy())})
