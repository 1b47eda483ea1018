"""Reading again from a day on, and rows that are much too wide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.test_rest import Customers, connect, rows

pytestmark = pytest.mark.django_db


def test_a_back_fill_reads_from_its_day_on(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(23)))
    connection = connect(source, now)
    run_it(connection)
    source.rows[15]["name"] = "补录"  # changed without its time: only a back-fill sees it
    assert run_it(connection).total("updated") == 0
    run = run_it(connection, why="history", since=now.replace(day=2, hour=0))
    assert (run.total("rows"), run.total("updated")) == (13, 1)


def test_after_a_back_fill_the_next_run_goes_on_from_where_the_last_one_ended(
    serving: Any, run_it: Any, now: Any
) -> None:
    connection = connect(serving(Customers(rows(23))), now)
    first = run_it(connection, why="history", since=now.replace(day=2, hour=0))
    assert first.total("created") == 13
    assert run_it(connection).total("created") == 10, "what is older than the back-fill was not read by it"
    connection.refresh_from_db()
    reached = dict(connection.state)
    run_it(connection, why="history", since=now.replace(day=2, hour=0))
    connection.refresh_from_db()
    assert connection.state["customers"] == reached["customers"]


def test_a_field_of_ten_megabytes_that_nothing_maps_costs_no_row(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers([{**row, "logo": "x" * 10_000_000} for row in rows(1)]))
    run = run_it(connect(source, now))
    assert (run.state, run.total("created"), run.total("rejected")) == ("done", 1, 0)


def test_a_text_that_is_too_long_for_its_field_is_rejected_with_its_row_alone(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Customers(rows(3)))
    source.rows[1]["name"] = "x" * 2_000_000
    run = run_it(connect(source, now))
    assert (run.state, run.total("created"), run.total("rejected")) == ("done", 2, 1)
