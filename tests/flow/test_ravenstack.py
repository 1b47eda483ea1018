"""The RavenStack set from its files to health, alerts and tasks, against a naive calculation from the CSV."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from evergreen.alerts.models import Alert
from evergreen.base import env
from evergreen.events.imports.run import import_file
from evergreen.flow import installing, listing, night
from evergreen.work.models import Task

DAY = dt.date(2024, 12, 31)
NOW = dt.datetime(2025, 1, 1, 2, 0, tzinfo=dt.UTC)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ravenstack"
FILES = (
    ("accounts", "accounts", "accounts"),
    ("subscriptions", "contracts", "subscriptions"),
    ("feature_usage", "events", "usage"),
    ("support_tickets", "tickets", "tickets"),
    ("churn_events", "events", "churn_events"),
)


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"ravenstack_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _day(text: str) -> dt.date | None:
    return dt.datetime.strptime(text, "%d-%m-%Y").date() if text else None


def _naive(folder: Path) -> dict[str, dict[str, Any]]:
    """What examples/ravenstack/README.md says, the slow way."""
    subscriptions, usage = _rows(folder, "subscriptions"), _rows(folder, "feature_usage")
    account_of = {row["subscription_id"]: row["account_id"] for row in subscriptions}
    mrr: Counter[str] = Counter()
    ends: dict[str, dt.date] = {}
    for row in subscriptions:
        start, end = _day(row["start_date"]), _day(row["end_date"])
        assert start is not None
        if start <= DAY and (end is None or end > DAY) and row["is_trial"] != "TRUE":
            mrr[row["account_id"]] += int(row["mrr_amount"]) * 100
            if end:
                ends[row["account_id"]] = min(ends.get(row["account_id"], end), end)
    days, features, seen = defaultdict(set), defaultdict(set), set()
    for row in usage:
        if row["usage_id"] in seen:
            continue
        seen.add(row["usage_id"])
        back = (DAY - dt.date.fromisoformat(row["usage_date"])).days
        account = account_of[row["subscription_id"]]
        if int(row["usage_count"]) > 0 and 0 <= back < 28:
            features[account].add(row["feature_name"])
            if back < 7:
                days[account].add(back)
    tickets = Counter(
        row["account_id"]
        for row in _rows(folder, "support_tickets")
        if 0 <= (DAY - dt.date.fromisoformat(row["submitted_at"])).days < 28
    )
    everything = len({row["feature_name"] for row in usage})
    return {
        key: {
            "mrr_cents": mrr[key],
            "active_days_7d": len(days[key]),
            "features_used_28d": len(features[key]),
            "tickets_opened_28d": tickets[key],
            "days_to_renewal": (ends[key] - DAY).days if key in ends else None,
            "score": min(
                100, max(0, len(days[key]) / 7 * 40 + len(features[key]) / everything * 30 - tickets[key] * 5)
            ),
        }
        for key in (row["account_id"] for row in _rows(folder, "accounts"))
    }


@pytest.mark.skipif(
    bool(env.database_url()),
    reason="figures are computed in the lake; tests/events/test_ravenstack.py loads the set into PostgreSQL",
)
def test_every_figure_of_the_set_equals_a_naive_calculation(home: Any, db: None, datasets: Path) -> None:
    folder = datasets / "ravenstack_saas"
    if not folder.is_dir():
        pytest.skip("the set ravenstack_saas is not among the data sets")
    installing.install(now=NOW)
    for name, record, mapping in FILES:
        result = import_file(
            folder / f"ravenstack_{name}.csv",
            record,
            EXAMPLE / f"{mapping}.yaml",
            now=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        )
        assert result.exit_code == 0, result.summary_lines()
    night.run(DAY, now=NOW)
    lines = {line["external_id"]: line for line in listing.account_lines("starter")}
    expected = _naive(folder)
    assert lines.keys() == expected.keys() and len(lines) == 500
    for key, wanted in expected.items():
        line = lines[key]
        assert line["health"]["score"] == pytest.approx(wanted.pop("score"), abs=1e-9), key
        assert {name: line[name] for name in wanted} == wanted, key
        assert line["currency"] == "USD" and line["owner"] is None
    own = {line["health"]["scorecard"] for line in listing.account_lines()}
    assert own == {"standard"}
    # The default playbook gave each alert its task, once, also when the night runs again.
    opened = Alert.objects.filter(state="open").count()
    assert opened == Task.objects.filter(state="open", origin_kind="alert").count() > 0
    night.run(DAY, now=NOW)
    assert Alert.objects.count() == opened == Task.objects.count()
