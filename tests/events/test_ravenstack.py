"""The RavenStack set, loaded by its example, against a naive calculation from the CSV files."""

from __future__ import annotations

import csv
import datetime as dt
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evergreen.customers.models import Account, Contract, ContractLine, Edition, Feature
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.imports.results import ImportResult
from evergreen.events.imports.run import import_file

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ravenstack"
FILES = (
    ("accounts", "accounts", "accounts"),
    ("subscriptions", "contracts", "subscriptions"),
    ("feature_usage", "events", "usage"),
    ("support_tickets", "tickets", "tickets"),
    ("churn_events", "events", "churn_events"),
)
NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
LAST = dt.date(2024, 12, 31)

Row = dict[str, str]


def rows(datasets: Path, name: str) -> list[Row]:
    with (datasets / "ravenstack_saas" / f"ravenstack_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def load_all(datasets: Path, **options: Any) -> dict[str, ImportResult]:
    folder = datasets / "ravenstack_saas"
    return {
        name: import_file(folder / f"ravenstack_{name}.csv", record, EXAMPLE / f"{mapping}.yaml", **options)
        for name, record, mapping in FILES
    }


@pytest.fixture(scope="module")
def loaded(
    datasets: Path, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ImportResult]]:
    """The set loaded once for all tests of this module, into a home and a transaction of its own."""
    from django.db import transaction

    from evergreen.base import env
    from tests.lakes import empty_lake

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_HOME", str(tmp_path_factory.mktemp("ravenstack")))
        # Of its own on PostgreSQL too: other processes may run other tests of this module.
        with (
            empty_lake(env.home()),
            django_db_blocker.unblock(),
            transaction.atomic(),
        ):
            yield load_all(datasets, now=NOW)
            transaction.set_rollback(True)


def dmy(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%d-%m-%Y").date()


def subscriptions(datasets: Path) -> Iterator[tuple[str, dt.date, dt.date | None, int, bool]]:
    for row in rows(datasets, "subscriptions"):
        end = dmy(row["end_date"]) if row["end_date"] else None
        yield (
            row["account_id"],
            dmy(row["start_date"]),
            end,
            int(row["mrr_amount"]) * 100,
            row["is_trial"] == "TRUE",
        )


def naive_mrr(datasets: Path, day: dt.date) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for account, start, end, cents, is_trial in subscriptions(datasets):
        if not is_trial and start <= day and (end is None or end > day):
            found[account] += cents
    return found


def naive_usage(datasets: Path) -> Iterator[tuple[str, dt.date, str]]:
    """(account, day, feature) of usage rows that count: the first of each id, with a count above 0."""
    home_of = {row["subscription_id"]: row["account_id"] for row in rows(datasets, "subscriptions")}
    seen = set()
    for row in rows(datasets, "feature_usage"):
        if row["usage_id"] in seen:
            continue
        seen.add(row["usage_id"])
        if int(row["usage_count"]) > 0:
            yield (
                home_of[row["subscription_id"]],
                dt.date.fromisoformat(row["usage_date"]),
                row["feature_name"],
            )


@pytest.mark.postgres
@pytest.mark.django_db
def test_everything_of_the_set_loads_and_nothing_is_rejected(
    loaded: dict[str, ImportResult], datasets: Path
) -> None:
    assert {name: (one.rows, one.created, one.duplicates, one.rejected) for name, one in loaded.items()} == {
        "accounts": (500, 500, 0, 0),
        "subscriptions": (5_000, 5_000, 0, 0),
        "feature_usage": (25_000, 24_979, 21, 0),
        "support_tickets": (2_000, 2_000, 0, 0),
        "churn_events": (600, 600, 0, 0),
    }
    assert {one.exit_code for one in loaded.values()} == {0}
    assert loaded["feature_usage"].warnings == {
        "count_is_zero": 2,
        "same_id_other_content": 21,
        "usage_after_end": 292,
        "usage_before_start": 19_142,
    }
    assert loaded["subscriptions"].warnings["no_day_covered"] == 13
    again = load_all(datasets, now=NOW)
    assert sum(one.created + one.updated + one.rejected for one in again.values()) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("day", [LAST, dt.date(2024, 4, 12), dt.date(2023, 7, 1)])
def test_revenue_of_a_day_is_that_of_the_subscriptions_in_force(
    loaded: dict[str, ImportResult], datasets: Path, day: dt.date
) -> None:
    found: dict[str, int] = defaultdict(int)
    lines = ContractLine.objects.filter(start_on__lte=day, is_trial=False, kind="subscription")
    for account, end, cents in lines.values_list("contract__account__external_id", "end_on", "mrr_cents"):
        if end is None or end > day:
            found[account] += cents
    assert found == naive_mrr(datasets, day)
    assert set(Contract.objects.values_list("currency", flat=True)) == {"USD"}


@pytest.mark.django_db
def test_tickets_lie_on_their_own_days(loaded: dict[str, ImportResult], datasets: Path) -> None:
    first = LAST - dt.timedelta(days=27)
    zone = dt.timezone(dt.timedelta(hours=8))
    naive: dict[str, int] = defaultdict(int)
    for row in rows(datasets, "support_tickets"):
        naive[row["account_id"]] += first <= dt.date.fromisoformat(row["submitted_at"]) <= LAST
    found: dict[str, int] = defaultdict(int)
    for account, opened in Ticket.objects.values_list("account__external_id", "opened_at"):
        found[account] += first <= opened.astimezone(zone).date() <= LAST
    assert found == naive
    scores = [row["satisfaction_score"] for row in rows(datasets, "support_tickets")]
    assert Ticket.objects.filter(satisfaction__isnull=False).count() == sum(1 for score in scores if score)


@pytest.mark.django_db
def test_usage_counts_by_day_and_feature_as_in_the_file(
    loaded: dict[str, ImportResult], datasets: Path
) -> None:
    naive_days: dict[str, set[dt.date]] = defaultdict(set)
    naive_features: dict[str, set[str]] = defaultdict(set)
    for account, day, feature in naive_usage(datasets):
        if LAST - dt.timedelta(days=6) <= day <= LAST:
            naive_days[account].add(day)
        if LAST - dt.timedelta(days=27) <= day <= LAST:
            naive_features[account].add(feature)
    keys = dict(Account.objects.values_list("pk", "external_id"))
    con = store.reading()
    used = "FROM lake.events WHERE kind = 'usage' AND count > 0 AND day BETWEEN ?::DATE - {} AND ? GROUP BY account_id"
    days = con.execute("SELECT account_id, count(DISTINCT day) " + used.format(6), [LAST, LAST]).fetchall()
    features = con.execute(
        "SELECT account_id, count(DISTINCT feature) " + used.format(27), [LAST, LAST]
    ).fetchall()
    assert {keys[account]: n for account, n in days} == {
        account: len(of) for account, of in naive_days.items()
    }
    assert {keys[account]: n for account, n in features} == {
        account: len(of) for account, of in naive_features.items()
    }
    late = con.execute("SELECT count(*) FROM lake.events WHERE kind = 'usage' AND known_on <> day").fetchone()
    assert late == (0,)


@pytest.mark.django_db
def test_every_edition_holds_all_features_and_accounts_have_their_tier_as_edition(
    loaded: dict[str, ImportResult], datasets: Path
) -> None:
    assert sorted(Edition.objects.values_list("key", "holds_all_features")) == [
        ("basic", True),
        ("enterprise", True),
        ("pro", True),
    ]
    assert set(Feature.objects.values_list("key", flat=True)) == {
        row["feature_name"] for row in rows(datasets, "feature_usage")
    }
    tiers = {row["account_id"]: row["plan_tier"].lower() for row in rows(datasets, "accounts")}
    assert dict(Account.objects.values_list("external_id", "edition__key")) == tiers


@pytest.mark.django_db
def test_churn_events_are_told_and_change_no_contract(
    loaded: dict[str, ImportResult], datasets: Path
) -> None:
    con = store.reading()
    found = con.execute(
        "SELECT kind, count(*) FROM lake.events WHERE name = 'account.churned' GROUP BY kind"
    ).fetchall()
    assert found == [("system", 600)]
    ends = [row["end_date"] for row in rows(datasets, "subscriptions") if row["end_date"]]
    assert ContractLine.objects.filter(end_on__isnull=False).count() == len(ends)
    assert ContractLine.objects.filter(is_trial=True).count() == sum(
        1 for one in subscriptions(datasets) if one[4]
    )


@pytest.mark.server
def test_the_example_script_loads_the_set_into_an_empty_home(datasets: Path, tmp_path: Path) -> None:
    """As README says it: ``evergreen init && examples/ravenstack/load DIR``; exit code 0."""
    environment = {name: value for name, value in os.environ.items() if name != "EVERGREEN_DATABASE"}
    environment |= {
        "EVERGREEN_HOME": str(tmp_path / "nowhere"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    home = str(tmp_path / "home")
    subprocess.run(["evergreen", "init", "--home", home], check=True, env=environment, capture_output=True)
    done = subprocess.run(
        [str(EXAMPLE / "load"), str(datasets / "ravenstack_saas"), "--home", home, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == len(FILES)
    wrong = subprocess.run(
        [str(EXAMPLE / "load")], env=environment, capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, "usage:" in wrong.stderr) == (2, True)
