"""Events and survey answers from files, as they lie in the lake."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

import evergreen.events.jobs  # noqa: F401  registers the kind
from evergreen.base.jobs import claim_job, run_job, start_job
from evergreen.customers.actions import loading
from evergreen.customers.models import Contact, ContractLine, Edition, Feature, Product, Tenant
from evergreen.events import store
from evergreen.events.imports.results import ImportResult
from evergreen.events.imports.run import import_file
from tests.events.table_files import Rows, write_csv

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def load(tmp_path: Path, home: Any, now: dt.datetime) -> Any:
    def run(rows: Rows, mapping: dict[str, Any], record: str = "events", **options: Any) -> ImportResult:
        path = write_csv(tmp_path / f"{record}.csv", rows)
        return import_file(path, record, mapping, now=now, **options)

    return run


def stored(columns: str, order: str = "occurred_at, message_id") -> list[tuple[Any, ...]]:
    con = store.reading()
    return con.execute(f"SELECT {columns} FROM lake.events ORDER BY {order}").fetchall()


@pytest.fixture
def line(cast: SimpleNamespace, now: dt.datetime) -> ContractLine:
    tenant = Tenant.objects.create(account=cast.well, external_id="t-1")
    row = {
        "external_id": "S-1",
        "account_id": cast.well.pk,
        "currency": "CNY",
        "start_on": dt.date(2025, 3, 1),
        "end_on": dt.date(2025, 6, 1),
        "tenant_id": tenant.pk,
    }
    loading.load_contracts([row], by=None, now=now)
    return ContractLine.objects.get()


def test_an_event_finds_its_account_by_id_tenant_subscription_or_contact(
    load: Any, cast: SimpleNamespace, line: ContractLine, now: dt.datetime
) -> None:
    Contact.objects.create(
        account=cast.gone, external_id="K-1", name="王", email="w@g.example", end_user="u9", known_at=now
    )
    result = load(
        [
            ["event", "at", "account", "tenant", "sub", "contact"],
            ["a", "2025-03-05 10:00", "A-slipping", "", "", ""],
            ["b", "2025-03-05 11:00", "", "t-1", "", ""],
            ["c", "2025-03-05 12:00", "", "", "S-1", ""],
            ["d", "2025-03-05 13:00", "", "", "", "W@g.example"],
            ["e", "2025-03-05 14:00", "A-slipping", "t-1", "", ""],
            ["f", "2025-03-05 15:00", "A-none", "", "", ""],
            ["g", "2025-03-05 16:00", "", "", "", ""],
            ["h", "", "A-well", "", "", ""],
        ],
        {"columns": {"name": "event", "time": "at", "account": "account", "tenant": "tenant", "subscription": "sub", "contact": "contact"}},
    )  # fmt: skip
    assert (result.created, result.rejected) == (5, 3)
    assert result.warnings == {"other_account": 1}
    well = cast.well.pk
    assert stored("name, account_id, tenant, end_user") == [
        ("a", cast.slipping.pk, "", None),
        ("b", well, "t-1", None),
        ("c", well, "t-1", None),
        ("d", cast.gone.pk, "", "u9"),
        ("e", well, "t-1", None),
    ]


def test_events_are_history_known_at_their_own_time_and_usage_at_its_days_end(
    load: Any, cast: SimpleNamespace
) -> None:
    mapping = {
        "source": "app",
        "columns": {"name": "event", "kind": "kind", "time": "at", "account": "account"},
    }
    load(
        [
            ["event", "kind", "at", "account"],
            ["login", "", "2025-03-05 23:30", "A-well"],
            ["feature.used", "usage", "2025-03-06", "A-well"],
            ["account.churned", "system", "2025-03-07", "A-well"],
        ],
        mapping,
    )
    moment = dt.datetime
    assert stored("source, kind, occurred_at, known_at, day, known_on, backfilled, count") == [
        ("app", "track", moment(2025, 3, 5, 15, 30), moment(2025, 3, 5, 15, 30), dt.date(2025, 3, 5), dt.date(2025, 3, 5), True, 1),
        ("app", "usage", moment(2025, 3, 5, 16), moment(2025, 3, 6, 15, 59, 59, 999_999), dt.date(2025, 3, 6), dt.date(2025, 3, 6), True, 1),
        ("app", "system", moment(2025, 3, 6, 16), moment(2025, 3, 6, 16), dt.date(2025, 3, 7), dt.date(2025, 3, 7), True, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("span", "known"),
    [
        ("hour", dt.datetime(2025, 3, 5, 2, 59, 59, 999_999)),
        ("week", dt.datetime(2025, 3, 9, 15, 59, 59, 999_999)),
        ("month", dt.datetime(2025, 3, 31, 15, 59, 59, 999_999)),
    ],
)
def test_usage_counted_over_a_longer_span_is_known_at_its_end(
    load: Any, cast: SimpleNamespace, span: str, known: dt.datetime
) -> None:
    mapping = {
        "format": {"span": span},
        "columns": {
            "name": {"constant": "used"},
            "kind": {"constant": "usage"},
            "time": "at",
            "account": "account",
        },
    }
    load([["at", "account"], ["2025-03-05 10:20", "A-well"]], mapping)
    assert stored("known_at") == [(known,)]


def test_usage_outside_its_subscription_and_without_a_count_loads_with_warnings(
    load: Any, line: ContractLine
) -> None:
    mapping = {
        "columns": {
            "id": "id", "name": {"constant": "feature.used"}, "kind": {"constant": "usage"},
            "subscription": "sub", "time": "day", "count": "n", "seconds": "secs",
        }
    }  # fmt: skip
    result = load(
        [
            ["id", "sub", "day", "n", "secs"],
            ["1", "S-1", "2025-02-28", "3", "10.5"],
            ["2", "S-1", "2025-06-01", "0", ""],
            ["3", "S-1", "2025-05-31", "2", "1"],
            ["4", "S-9", "2025-05-31", "2", "1"],
            ["5", "S-1", "2025-05-31", "-2", "1"],
            ["6", "S-1", "2027-05-31", "2", "1"],
        ],
        mapping,
    )
    assert (result.created, result.rejected) == (4, 2)
    assert result.warnings == {
        "count_is_zero": 1,
        "in_the_future": 1,
        "usage_after_end": 2,
        "usage_before_start": 1,
    }
    assert stored("message_id, count, seconds", "message_id") == [
        ("1", 3, 10.5),
        ("2", 0, None),
        ("3", 2, 1.0),
        ("6", 2, 1.0),
    ]


def test_features_are_made_and_every_edition_holds_them(load: Any, cast: SimpleNamespace) -> None:
    product = Product.objects.create(key="app", name={"zh": "云账", "en": "App"})
    Feature.objects.create(product=product, key="reports", name={"zh": "报表", "en": "Reports"})
    edition = Edition.objects.create(product=product, key="pro")
    mapping = {
        "product": "app",
        "features": {"create": True, "editions": "all"},
        "columns": {"name": {"constant": "used"}, "time": "at", "account": "account", "feature": "feature"},
    }
    rows = [
        ["at", "account", "feature"],
        *(["2025-03-05", "A-well", name] for name in ("报表", "智能 对账", "智能 对账")),
    ]
    assert load(rows, mapping, dry_run=True).created == 3
    assert Feature.objects.count() == 1
    assert load(rows, mapping).created == 3
    assert set(Feature.objects.values_list("key", flat=True)) == {"reports", "智能-对账"}
    edition.refresh_from_db()
    assert edition.holds_all_features
    assert sorted(row[0] for row in stored("feature")) == ["reports", "智能-对账", "智能-对账"]


def test_properties_keep_their_types_and_all_columns_may_be_properties(
    load: Any, cast: SimpleNamespace
) -> None:
    columns = {"name": "event", "time": "at", "account": "account"}
    rows = [
        ["event", "at", "account", "n", "beta", "code", "note"],
        ["a", "2025-03-05", "A-well", "3", "True", "007", ""],
    ]
    load(rows, {"columns": columns, "properties": {"errors": "n", "is_beta": "beta"}})
    assert json.loads(stored("properties")[0][0]) == {"errors": 3, "is_beta": True}
    rows[1][0] = "b"
    load(rows, {"columns": columns, "properties": "*"})
    assert json.loads(stored("properties", "name")[1][0]) == {"n": 3, "beta": True, "code": "007"}


def test_the_same_rows_again_add_nothing_even_in_another_file(load: Any, cast: SimpleNamespace) -> None:
    mapping = {"columns": {"name": "event", "time": "at", "account": "account"}}
    header = ["event", "at", "account"]
    one = ["click", "2025-03-05 10:00", "A-well"]
    first = load([header, one, one, one], mapping)
    assert (first.created, first.duplicates) == (3, 0)  # three clicks within a minute are three
    assert load([header, one, one, one], mapping).duplicates == 3
    grown = load(
        [["account", "at", "event", "new"], *(["A-well", one[1], "click", ""] for _ in range(4))], mapping
    )
    assert (grown.created, grown.duplicates) == (1, 3)
    assert len(stored("1")) == 4


def test_a_message_id_counts_within_its_source_and_the_first_row_stands(
    load: Any, cast: SimpleNamespace
) -> None:
    mapping = {"source": "a", "columns": {"id": "id", "name": "event", "time": "at", "account": "account"}}
    header = ["id", "event", "at", "account"]
    rows = [header, ["1", "first", "2025-03-05", "A-well"], ["1", "second", "2025-03-06", "A-well"]]
    result = load(rows, mapping)
    assert (result.created, result.duplicates, result.warnings) == (1, 1, {"same_id_other_content": 1})
    assert load(rows, mapping, source="b").created == 1
    assert sorted(stored("source, name", "source")) == [("a", "first"), ("b", "first")]


def test_a_survey_answer_becomes_an_event_that_names_its_contact(
    load: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    Contact.objects.create(
        account=cast.well, external_id="K-1", name="王", email="w@well.example", known_at=now
    )
    result = load(
        [
            ["kind", "score", "comment", "email", "account", "at"],
            ["NPS", "9", "很好", "W@well.example", "", "2025-03-05 10:00"],
            ["满意度", "4.5", "", "", "A-well", "2025-03-06 10:00"],
            ["csat", "9", "", "", "A-well", "2025-03-06 10:00"],
            ["nps", "", "", "", "A-well", "2025-03-06 10:00"],
        ],
        {"columns": {"kind": "kind", "score": "score", "comment": "comment", "contact": "email", "account": "account", "time": "at"}},
        record="surveys",
    )  # fmt: skip
    assert (result.created, result.rejected) == (2, 2)
    found = [(kind, name, json.loads(said)) for kind, name, said in stored("kind, name, properties")]
    assert found == [
        ("system", "survey.answered", {"kind": "nps", "score": 9, "contact": "K-1", "comment": "很好"}),
        ("system", "survey.answered", {"kind": "csat", "score": 4.5}),
    ]


def test_a_job_loads_a_stored_file_and_gives_its_result(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    home.files.mkdir()
    write_csv(home.files / "stored-1.csv", [["id", "name"], ["A-1", "One"], ["A-2", ""]])
    params = {
        "file": "stored-1.csv",
        "name": "客户.csv",
        "record": "accounts",
        "mapping": {"columns": {"id": "id", "name": "name"}},
    }
    start_job("import", params, by=cast.boss, now=now)
    job = claim_job("w", now=now)
    assert job is not None
    run_job(job, now=now)
    job.refresh_from_db()
    assert (job.state, job.result["created"], job.result["rejected"], job.result["exit_code"]) == (
        "done",
        1,
        1,
        3,
    )
    assert job.result["file"] == "客户.csv"
    assert (home.files / job.result["rejects"]).exists()
    assert job.done > 0
    start_job("import", {**params, "mapping": {"columns": {"id": "id"}}}, by=cast.boss, now=now)
    job = claim_job("w", now=now)
    assert job is not None
    run_job(job, now=now)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "name is missing" in job.error
