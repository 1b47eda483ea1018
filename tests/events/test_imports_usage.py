"""Use that was counted before: a row a span of days, event and account."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from evergreen.events import rollup, store
from evergreen.events.imports.mapping import MappingError
from evergreen.events.imports.run import import_file
from evergreen.metrics import actions
from tests.events.table_files import Rows, write_csv

pytestmark = pytest.mark.django_db

HEADER = ["account", "from", "to", "event", "count", "active_days", "active_users", "last_day"]
COLUMNS = {name: name for name in HEADER}
MONDAY = dt.date(2025, 3, 3)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def load(tmp_path: Path, home: Any, now: dt.datetime) -> Any:
    def run(rows: Rows, mapping: dict[str, Any] | None = None, **options: Any) -> Any:
        path = write_csv(tmp_path / "usage.csv", rows)
        mapping = mapping or {"source": "counts", "columns": COLUMNS}
        return import_file(path, "usage", mapping, now=now, **options)

    return run


def rolled_up(until: dt.date = dt.date(2025, 12, 31)) -> None:
    with store.session() as con:
        rollup.roll_up(con, until)


def asked(sql: str) -> list[tuple[Any, ...]]:
    return store.reading().execute(sql).fetchall()


def test_a_row_is_an_event_of_kind_usage_known_when_its_span_is_over(
    load: Any, cast: SimpleNamespace
) -> None:
    result = load(
        [HEADER, ["A-well", "2025-03-03", "2025-03-09", "report", 12, 3, 2, "2025-03-07"]],
    )
    assert (result.created, result.rejected, result.warnings) == (1, 0, {})
    (row,) = asked(
        "SELECT kind, name, account_id, known_at, day, known_on, count, end_user, properties FROM lake.events"
    )
    end = dt.datetime(2025, 3, 9, 15, 59, 59, 999_999)
    sunday = dt.date(2025, 3, 9)
    assert row[:-1] == ("usage", "report", cast.well.pk, end, sunday, sunday, 12, None)
    assert json.loads(row[-1]) == {
        "from": "2025-03-03", "to": "2025-03-09", "active_days": 3, "active_users": 2, "last_day": "2025-03-07",
    }  # fmt: skip


def test_a_span_without_an_end_is_the_week_or_month_of_its_first_day(
    load: Any, cast: SimpleNamespace
) -> None:
    columns = {name: name for name in ("account", "from", "event", "count")}
    for span, end in (("day", "2025-03-05"), ("week", "2025-03-09"), ("month", "2025-03-31")):
        mapping = {"source": span, "format": {"span": span}, "columns": columns}
        assert load([list(columns), ["A-well", "2025-03-05", "report", 1]], mapping).created == 1
        assert asked(f"SELECT day::TEXT FROM lake.events WHERE source = '{span}'") == [(end,)]
    with pytest.raises(MappingError, match=r"format\.span: found hour; allowed: day, week, month"):
        load(
            [list(columns), ["A-well", "2025-03-05", "report", 1]],
            {"format": {"span": "hour"}, "columns": columns},
        )


def test_days_and_people_of_a_span_are_no_more_than_it_says(load: Any, cast: SimpleNamespace) -> None:
    load([HEADER, ["A-well", "2025-03-03", "2025-03-09", "report", 12, 3, 2, "2025-03-07"]])
    rolled_up()
    found = asked("SELECT end_user, day::TEXT, count, known_on::TEXT FROM lake.usage ORDER BY 1, 2")
    assert found == [
        ("#1", "2025-03-05", 0, "2025-03-09"),
        ("#1", "2025-03-06", 0, "2025-03-09"),
        ("#1", "2025-03-07", 12, "2025-03-09"),
        ("#2", "2025-03-07", 0, "2025-03-09"),
    ]


@pytest.mark.postgres
def test_a_count_stands_on_the_last_day_that_rows_of_its_span_tell(load: Any, cast: SimpleNamespace) -> None:
    """Counts and days often come in two files; together they have no more active days than the second says."""
    load(
        [
            HEADER,
            ["A-well", "2025-03-03", "2025-03-09", "report", 5, "", "", ""],
            ["A-well", "2025-03-10", "2025-03-16", "report", 4, "", "", ""],
            ["A-slipping", "2025-03-03", "2025-03-09", "report", 7, "", "", ""],
        ]
    )
    rolled_up()
    days = "SELECT day::TEXT, users, events FROM lake.account_days WHERE account_id = {} ORDER BY 1"
    assert asked(days.format(cast.well.pk)) == [("2025-03-09", 0, 5), ("2025-03-16", 0, 4)]
    load([HEADER, ["A-well", "2025-03-03", "2025-03-09", "used", "", 2, 1, "2025-03-06"]])
    rolled_up()
    assert asked(days.format(cast.well.pk)) == [
        ("2025-03-05", 1, 0),
        ("2025-03-06", 1, 5),
        ("2025-03-16", 0, 4),
    ]
    assert asked(days.format(cast.slipping.pk)) == [("2025-03-09", 0, 7)]


@pytest.mark.postgres
def test_the_same_span_again_adds_nothing_though_its_count_was_corrected(
    load: Any, cast: SimpleNamespace
) -> None:
    first = [
        HEADER,
        ["A-well", "2025-03-03", "2025-03-09", "report", 5, "", "", ""],
        ["A-well", "2025-03-03", "2025-03-09", "report", 6, "", "", ""],
        ["A-well", "2025-03-03", "2025-03-09", "export", 1, "", "", ""],
    ]
    assert load(first).created == 3, "rows that a file has twice are two, such as of two regions"
    later = [*first[:2], ["A-well", "2025-03-03", "2025-03-09", "report", 60, "", "", ""], *first[3:]]
    later += [["A-well", "2025-03-10", "2025-03-16", "report", 2, "", "", ""]]
    again = load(later)
    assert (again.created, again.duplicates) == (1, 3)
    assert again.warnings == {"same_id_other_content": 1}
    assert asked("SELECT sum(count) FROM lake.events") == [(14,)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["A-well", "2025-03-09", "2025-03-03", "x", 1, "", "", ""], "The row ends before it starts. Found: 2025-03-03. Allowed: 2025-03-09 or later."),
        (["A-well", "2024-03-03", "2025-03-09", "x", 1, "", "", ""], "The span is too long. Found: 2025-03-09. Allowed: at most 366 days from 2024-03-03 on."),
        (["A-well", "2025-03-03", "2025-03-09", "x", 1, 8, "", ""], "More active days than the span has. Found: 8. Allowed: at most 7: the days from 2025-03-03 to 2025-03-09."),
        (["A-well", "2025-03-03", "2025-03-09", "x", 1, 3, "", "2025-03-04"], "More active days than the span has. Found: 3. Allowed: at most 2: the days from 2025-03-03 to 2025-03-04."),
        (["A-well", "2025-03-03", "2025-03-09", "x", 1, 3, "", "2025-03-10"], "The last day lies outside its span. Found: 2025-03-10. Allowed: a day from 2025-03-03 to 2025-03-09."),
        (["A-well", "2025-03-03", "2025-03-09", "x", "", "", "", ""], "The row does not say how much it was used. Found: nothing. Allowed: a count, active days or active users."),
        (["A-well", "2025-03-03", "2025-03-09", "x", 1, "", 100_001, ""], "Found: 100001. Allowed: a whole number from 0 to 100000."),
        (["nobody", "2025-03-03", "2025-03-09", "x", 1, "", "", ""], "Unknown: load it first, or correct it. Found: nobody."),
        (["A-well", "", "2025-03-09", "x", 1, "", "", ""], "A required field is empty."),
    ],
)  # fmt: skip
def test_days_that_contradict_each_other_are_refused_with_what_is_allowed(
    load: Any, cast: SimpleNamespace, row: list[Any], said: str
) -> None:
    result = load([HEADER, row, ["A-well", "2025-03-03", "2025-03-09", "y", 1, "", "", ""]])
    assert (result.created, result.rejected) == (1, 1)
    assert said in result.examples[0]


def test_what_is_odd_is_loaded_and_said(load: Any, cast: SimpleNamespace, now: dt.datetime) -> None:
    future = (now + dt.timedelta(days=40)).date().isoformat()
    result = load(
        [
            HEADER,
            ["A-well", "2025-03-03", "2025-03-09", "none", 0, 0, 0, ""],
            ["A-well", "2025-03-03", "2025-03-09", "odd", 4, 0, "", ""],
            ["A-well", future, future, "early", 4, 1, "", ""],
        ]
    )
    assert result.created == 3
    assert result.warnings == {"count_is_zero": 1, "in_the_future": 1, "used_on_no_day": 1}
    rolled_up()
    assert asked("SELECT event, day::TEXT, count FROM lake.usage") == [("odd", "2025-03-09", 4)]


@pytest.mark.postgres
def test_random_spans_become_the_days_and_people_that_a_slow_reading_gives(
    load: Any, cast: SimpleNamespace
) -> None:
    rng = random.Random(20261122)
    accounts = {"A-well": cast.well.pk, "A-slipping": cast.slipping.pk, "A-gone": cast.gone.pk}
    rows: list[Any] = []
    for _ in range(300):
        first = MONDAY + dt.timedelta(days=7 * rng.randrange(4))
        to = first + dt.timedelta(days=rng.choice([6, 6, 6, 0, 13]))
        last = rng.choice([None, to, first + (to - first) // 2])
        days = rng.choice([None, None, 0, 1, ((last or to) - first).days + 1])
        users = rng.choice([None, None, 0, 1, 3])
        count = rng.choice([None, 0, 1, 9]) if days is not None or users is not None else rng.choice([0, 2])
        rows.append([rng.choice(list(accounts)), first, to, rng.choice("abc"), count, days, users, last])
    result = load([HEADER, *[["" if cell is None else str(cell) for cell in row] for row in rows]])
    assert (result.created, result.rejected) == (300, 0)
    rolled_up()

    told: dict[tuple[Any, ...], list[dt.date]] = defaultdict(list)
    for who, first, to, _event, _count, days, users, last in rows:
        if days or users:
            told[who, first, to].append(last or to)
    slow: Counter[tuple[Any, ...]] = Counter()
    for who, first, to, event, count, days, users, last in rows:
        if not (count or days or users):
            continue
        end = (last or to) if days or users else last or max(told[who, first, to], default=to)
        people: list[str | None] = [f"#{n + 1}" for n in range(users)] if users else [None]
        for number, person in enumerate(people):
            for back in range(max(days or 0, 1) if number == 0 else 1):
                on = end - dt.timedelta(days=back)
                slow[accounts[who], person, on, to, event] += count or 0 if number == back == 0 else 0
    fast = asked("SELECT account_id, end_user, day, known_on, event, count FROM lake.usage")
    assert len(fast) == len(slow) > 200
    assert {row[:-1]: row[-1] for row in fast} == dict(slow)


def test_metrics_of_a_day_read_what_was_counted_before(
    load: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    """Four weeks that end with the day: all of their uses, their active days, and the most people of one of them."""
    type(cast.well).objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    weeks = [(3, 2, "2025-03-07"), (1, 4, "2025-03-10"), (0, 0, ""), (5, 3, "2025-03-29")]
    rows: list[list[Any]] = [HEADER]
    for number, (days, users, last) in enumerate(weeks):
        first = MONDAY + dt.timedelta(days=7 * number)
        span = [first, first + dt.timedelta(days=6)]
        rows += [
            ["A-well", *span, "report", 10 + number, "", "", ""],
            ["A-well", *span, "used", "", days, users, last],
        ]
    rows[5][4] = 0  # nothing was done in the third week
    assert load(rows).rejected == 0
    with store.session() as con:
        rollup.roll_up(con, dt.date(2025, 3, 30))
        # The last week is known on its Sunday only.
        for day in (29, 30):
            actions.take_snapshot(con, dt.date(2025, 3, day), now=now)
    names = (
        "events_28d, active_days_28d, active_users_28d, active_users_7d, active_days_7d, last_active_on::TEXT"
    )
    figures = "SELECT {} FROM lake.snapshots WHERE account_id = {} AND tenant = '' ORDER BY day"
    assert asked(figures.format(names, cast.well.pk)) == [
        (21, 4, 4, 0, 0, "2025-03-10"),
        (10 + 11 + 13, 9, 4, 3, 5, "2025-03-29"),
    ]
