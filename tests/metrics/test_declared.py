"""Metrics that the vendor declares: computed as the built-in ones, versions, past days, refusals."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account
from evergreen.desk.models import Ticket
from evergreen.events import rollup, store
from evergreen.metrics import actions, queries, registry
from evergreen.metrics.declared import filling, previews
from evergreen.metrics.declared.actions import checked, retire_metric, save_metric
from evergreen.metrics.declared.definition import DefinitionError, told
from evergreen.metrics.library import METRICS
from evergreen.metrics.models import DeclaredMetric, Newest, Use
from evergreen.metrics.rules import Metric, Rows, Usage
from evergreen.metrics.segments.actions import save_segment
from tests.metrics.test_snapshot import DAY, MATCHED, SHANGHAI, _append, _features, _random_history

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 20, tzinfo=dt.UTC)
DAYS = [DAY - dt.timedelta(days=n) for n in (8, 3, 1, 0)]
REPORTS = {"kind": "count", "source": "usage", "aggregation": "users", "filter": "event = report.opened"}
EVENTS = {"kind": "count", "source": "usage", "aggregation": "events", "window_days": 7}


@pytest.fixture(autouse=True)
def _english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of the metrics that pages list by, for compiling all of them takes longer than the rest of a test."""
    listed = {field.name for field in Newest._meta.fields} | {"arr_cents", "events_28d"}
    library = {key: metric for key, metric in METRICS.items() if key in listed}
    monkeypatch.setattr(registry, "METRICS", library)
    monkeypatch.setattr(registry, "_BUILT_IN", registry.Registry(library))


@pytest.fixture
def book(home: Any, cast: SimpleNamespace) -> SimpleNamespace:
    """The cast with 80 days of use and some tickets, rolled up to the last of DAYS."""
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    _features()
    cast.events = _random_history([cast.well.pk, cast.slipping.pk], 1, rows=150)
    _append(cast.events)
    for number in range(30):
        opened = dt.datetime(2026, 3, 6, 4, tzinfo=dt.UTC) - dt.timedelta(days=2 * number)
        Ticket.objects.create(
            account=(cast.well, cast.slipping)[number % 2], external_id=f"T{number}", opened_at=opened,
            known_at=opened, priority=("urgent", "high", "low")[number % 3],
            closed_at=opened + dt.timedelta(days=3) if number % 4 else None,
            first_response_at=opened + dt.timedelta(minutes=7 * number),
        )  # fmt: skip
    with store.session() as con:
        rollup.roll_up(con, DAY)
    return cast


def declare(key: str, **of: Any) -> DeclaredMetric:
    return save_metric(key, name={"en": key}, of=of, by=None, now=NOW)


def night(day: dt.date) -> None:
    with store.session() as con:
        actions.take_snapshot(con, day, now=NOW)
        actions.write_newest(con, day)


def column(key: str, day: dt.date) -> dict[int, Any]:
    rows = store.reading().execute(
        f"SELECT account_id, {key} FROM lake.snapshots WHERE day = ? AND tenant = ''", [day]
    )
    return dict(rows.fetchall())


def filled(key: str, since: dt.date, *, at_most: int = 1000) -> None:
    """Past days as the worker computes them; stops short after so many."""
    version = filling.newest_version(key)
    days = filling.days_to_fill(since, version.counts_from)[:at_most]
    while days:
        with store.session() as con:
            done = filling.fill_days(con, key, version.metric.version, days, now=NOW)
        days = days[done:]


def of_built_in(metric: Metric) -> dict[str, Any]:
    """The definition of a built-in metric as somebody would declare it."""
    of = metric.of
    if isinstance(of, Rows) and of.where:
        data = told(metric.kind, Rows(of.source, of.op, of.column, of.on, of.days, (), of.empty))
        return {**data, "filter": " and ".join(f"{name} = true" for name in of.where)}
    return told(metric.kind, of)


def test_the_declared_twin_of_every_built_in_metric_gives_equal_values_on_every_day(
    book: SimpleNamespace,
) -> None:
    twins = {}
    for key, metric in METRICS.items():
        twins[key] = f"own_{key}"
        kind, of = checked(twins[key], of_built_in(metric))
        made = DeclaredMetric.objects.create(key=twins[key], name={"en": key}, created_at=NOW, changed_at=NOW)
        made.versions.create(number=1, definition=told(kind, of), counts_from=DAYS[0], made_at=NOW)
    for day in DAYS[1::2]:
        night(day)
        names = ", ".join([*twins, *twins.values()])
        cursor = store.reading().execute(f"SELECT {names} FROM lake.snapshots WHERE day = ?", [day])
        for row in cursor.fetchall():
            values = dict(zip([*twins, *twins.values()], row, strict=True))
            assert {key: values[twin] for key, twin in twins.items()} == {key: values[key] for key in twins}
    newest = Newest.objects.get(account=book.well).values
    assert newest["own_tickets_open"] == newest["tickets_open"] is not None


def _uses(events: list[dict[str, Any]], account: int) -> list[SimpleNamespace]:
    """What of an account's events was known on DAY, as an analyst would note it down."""

    def local(moment: dt.datetime) -> dt.date:
        return moment.replace(tzinfo=dt.UTC).astimezone(SHANGHAI).date()

    return [
        SimpleNamespace(
            day=local(one["occurred_at"]), user=one["end_user"], name=one["name"], count=one["count"],
            feature=MATCHED.get(one["name"]),
        )
        for one in events
        if one["account_id"] == account and one["count"] > 0 and local(one["known_at"]) <= DAY
    ]  # fmt: skip


def test_a_filter_narrows_to_what_a_naive_calculation_counts(few: None, book: SimpleNamespace) -> None:
    only = 'event in ("report.opened", "settings.changed")'
    declare("own_reporters", **{**REPORTS, "filter": only})
    declare(
        "own_report_uses",
        kind="count",
        source="usage",
        aggregation="events",
        window_days=20,
        lag_days=5,
        filter=only,
    )
    declare("own_report_days", kind="count", source="usage", aggregation="days", window_days=14, filter=only)
    declare(
        "own_core_or_file",
        kind="count",
        source="usage",
        aggregation="features",
        filter="is_core = true or feature = upload",
    )
    declare(
        "own_urgent",
        kind="count",
        source="tickets",
        aggregation="count",
        date="opened_on",
        window_days=28,
        filter="priority = urgent and is_closed = true",
    )
    night(DAY)
    for account in (book.well, book.slipping):
        known = _uses(book.events, account.pk)
        named = [use for use in known if use.name in {"report.opened", "settings.changed"}]

        def within(uses: list[Any], days: int, lag: int = 0) -> list[Any]:
            return [use for use in uses if lag <= (DAY - use.day).days < lag + days]

        assert column("own_reporters", DAY)[account.pk] == len({u.user for u in within(named, 28) if u.user})
        assert column("own_report_uses", DAY)[account.pk] == sum(u.count for u in within(named, 20, 5))
        assert column("own_report_days", DAY)[account.pk] == len({u.day for u in within(named, 14)})
        features = {u.feature for u in within(known, 28) if u.feature in {"ledger", "upload"}}
        assert column("own_core_or_file", DAY)[account.pk] == len(features)
        urgent = [t for t in Ticket.objects.filter(account=account, priority="urgent", closed_at__lt=dt.datetime(2026, 3, 6, 16, tzinfo=dt.UTC))
                  if (DAY - t.opened_at.date()).days < 28]  # fmt: skip
        assert column("own_urgent", DAY)[account.pk] == len(urgent)
    assert any(column("own_report_uses", DAY).values())


def test_a_preview_gives_the_values_of_the_next_night(few: None, book: SimpleNamespace) -> None:
    declare("own_reporters", **REPORTS)
    tries: dict[str, dict[str, Any]] = {
        "own_often": {**REPORTS, "working_days_a_week": 1, "window_days": 40},
        "own_newest": {"kind": "date", "source": "tickets", "aggregation": "max", "column": "opened_on"},
        "own_share": {"kind": "share", "source": "formula", "formula": "own_reporters / active_users_28d"},
        "own_idle": {"kind": "days", "source": "formula", "formula": "least(working_days_since(last_active_on), 9)"},
    }  # fmt: skip
    tried = {}
    for key, data in tries.items():
        kind, of = checked(key, data)
        tried[key] = previews.tried(Metric(key, kind, of, {}, {}), DAY)
    assert store.scalar(store.reading(), "SELECT count(*) FROM lake.snapshots") == 0, "nothing is written"
    for key, data in tries.items():
        declare(key, **data)
    night(DAY)
    for key in tries:
        saved = queries.values_on(key, DAY)
        assert len(saved.values), key
        assert dict(zip(*tried[key].values[1:], strict=True)) == dict(zip(*saved[1:], strict=True)), key
    assert tried["own_share"].missing == {"active_users_28d": set(), "own_reporters": set()}
    assert previews.stored_missing(registry.metric("own_share"), DAY) == tried["own_share"].missing


@pytest.mark.postgres
def test_past_days_filled_in_equal_a_full_rebuild_also_after_a_kill(few: None, book: SimpleNamespace) -> None:
    for day in DAYS:
        night(day)
    declare("own_reporters", **REPORTS)
    declare("own_share", kind="share", source="formula", formula="own_reporters / active_users_28d")
    assert column("own_reporters", DAY)[book.well.pk] is None
    others = {day: column("active_users_28d", day) for day in DAYS}
    filled("own_reporters", DAYS[0], at_most=2)
    (version,) = DeclaredMetric.objects.get(key="own_reporters").versions.all()
    assert version.counts_from == DAYS[2], "what was done before the kill counts"
    filled("own_reporters", DAYS[0])
    filled("own_share", DAYS[0])
    found = {day: (column("own_reporters", day), column("own_share", day)) for day in DAYS}
    restated = "SELECT count(*) FROM lake.snapshots WHERE restated"
    assert store.scalar(store.reading(), restated) == 0, "another definition is no late data"
    for day in DAYS:
        night(day)
        assert (column("own_reporters", day), column("own_share", day)) == found[day]
        assert column("active_users_28d", day) == others[day]
    assert Newest.objects.get(account=book.well).values["own_reporters"] == found[DAY][0][book.well.pk]


def test_an_edit_makes_a_version_and_earlier_values_stay_under_theirs(
    few: None, book: SimpleNamespace
) -> None:
    declare("own_reporters", **REPORTS)
    for day in DAYS[:3]:
        night(day)
    first = {day: column("own_reporters", day) for day in DAYS[:3]}
    metric = declare("own_reporters", **{**REPORTS, "filter": "event = file.uploaded"})
    assert [(one.number, one.counts_from) for one in metric.versions.all()] == [
        (1, dt.date(2000, 1, 1)),
        (2, DAYS[2] + dt.timedelta(days=1)),
    ]
    night(DAYS[3])
    night(DAYS[1])
    assert {day: column("own_reporters", day) for day in DAYS[:3]} == first, "a day again, by its own version"
    filled("own_reporters", DAYS[2])
    con = store.reading()
    assert [(actions.definitions(con, day) or {})["own_reporters"] for day in DAYS] == [1, 1, 2, 2]
    kept = con.execute(
        "SELECT account_id, value FROM lake.former_figures WHERE metric = 'own_reporters' AND version = 1 AND day = ?",
        [DAYS[2]],
    )
    assert dict(kept.fetchall()) == {pk: value for pk, value in first[DAYS[2]].items() if value is not None}
    # Words make no version, and neither does the same definition again.
    save_metric(
        "own_reporters",
        name={"en": "Readers"},
        of={**REPORTS, "filter": 'event = "file.uploaded"'},
        by=None,
        now=NOW,
    )
    assert metric.versions.count() == 2


def test_a_metric_that_does_not_count_yet_is_missing_and_its_formulas_too(
    few: None, book: SimpleNamespace
) -> None:
    night(DAYS[0])
    declare("own_week", **EVENTS)
    declare("own_double", kind="number", source="formula", formula="own_week * 2")
    night(DAYS[0])
    assert set(column("own_double", DAYS[0]).values()) == {None}
    night(DAYS[1])
    assert column("own_week", DAYS[1])[book.well.pk]
    assert column("own_double", DAYS[1])[book.well.pk] == 2 * column("own_week", DAYS[1])[book.well.pk]


def test_what_was_retired_keeps_its_values_and_comes_back(few: None, book: SimpleNamespace) -> None:
    metric = declare("own_week", **EVENTS)
    night(DAYS[0])
    before = column("own_week", DAYS[0])
    retire_metric(metric, by=book.boss, now=NOW)
    assert "own_week" not in registry.metrics()
    night(DAYS[0])
    night(DAYS[1])
    assert column("own_week", DAYS[0]) == before
    assert set(column("own_week", DAYS[1]).values()) == {None}
    declare("own_week", **EVENTS)
    night(DAYS[1])
    assert column("own_week", DAYS[1])[book.well.pk] is not None
    verbs = (
        AuditEntry.objects.filter(verb__startswith="metric.").order_by("pk").values_list("verb", flat=True)
    )
    assert list(verbs) == ["metric.declared", "metric.retired", "metric.changed"]


def test_what_is_used_is_not_retired_and_its_users_are_named(home: Any, cast: SimpleNamespace) -> None:
    metric = declare("own_week", **EVENTS)
    declare("own_double", kind="number", source="formula", formula="own_week * 2")
    save_segment("busy", name={"en": "Busy ones"}, condition="own_week > 5", by=None, now=NOW)
    Use.objects.create(metric="own_week", kind="scorecard", ref="standard")
    with pytest.raises(ValidationError) as refused:
        retire_metric(metric, by=None, now=NOW)
    (said,) = refused.value.messages
    assert "metric own_double, scorecard standard, segment Busy ones" in said
    assert "nothing was changed" in said
    metric.refresh_from_db()
    assert not metric.is_retired


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "cout", "source": "usage"}, r"kind: found cout; allowed: count, number, .* Did you mean count\?"),
    ({"kind": "count", "source": "ticket"}, r"source: found ticket; allowed: formula, usage, .* Did you mean tickets\?"),
    ({"kind": "count", "source": "usage", "aggregation": "visits"}, "aggregation: found visits; allowed: users, days, events"),
    ({**EVENTS, "window_days": 57}, "window_days: found 57; allowed: a whole number from 1 to 56"),
    ({**EVENTS, "window_days": 28, "lag_days": 40}, "window_days: found 28; allowed: a whole number from 1 to 16"),
    ({**EVENTS, "working_days_a_week": 2}, "working_days_a_week: found 2; allowed: only beside aggregation: users"),
    ({**EVENTS, "kind": "money"}, "kind: found money; allowed: count"),
    ({**EVENTS, "filter": "evnt = a"}, r"filter: There is no field evnt. Did you mean event"),
    ({**EVENTS, "column": "count"}, "column: found count; allowed: not here, only kind, source, aggregation"),
    ({"kind": "count", "source": "tickets", "aggregation": "sum", "column": "priority"}, "column: found priority; allowed: is_negative, resolution_hours"),
    ({"kind": "count", "source": "tickets", "aggregation": "count", "date": "opened_on", "window_days": 91}, "a whole number from 0 to 90"),
    ({"kind": "count", "source": "tickets", "aggregation": "count", "window_days": 7}, "date: found -; allowed: opened_on"),
    ({"kind": "count", "source": "lines", "aggregation": "sum", "column": "mrr_cents"}, "kind: found count; allowed: money"),
    ({"kind": "number", "source": "formula", "formula": "active_user_28d / 2"}, r"There is no metric active_user_28d. Did you mean active_users_28d"),
    ({"kind": "number", "source": "formula", "formula": "last_active_on + 1"}, "last_active_on: found a date; allowed: a number"),
    ({"kind": "number", "source": "formula", "formula": "days_since(mrr_cents)"}, "mrr_cents: found a number; allowed: a date"),
    ({"kind": "number", "source": "formula", "formula": "mrr_cents > 3"}, "says yes or no"),
    ({"kind": "number", "source": "formula", "formula": "__import__('os')"}, "cannot be used; allowed: metric keys"),
    ({"kind": "number", "source": "formula", "formula": "mrr_cents +"}, "cannot be read at column"),
    ({"kind": "number", "source": "formula", "formula": "1 + 2"}, "uses no metric"),
    ({"kind": "count", "source": "formula", "formula": "last_active_on"}, "kind: found count; allowed: date"),
    ({"kind": "number", "source": "formula", "formula": "least(mrr_cents)"}, "found 1 values; allowed: two or more"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), REFUSED)
def test_what_cannot_be_used_is_told_with_what_is_allowed(db: None, data: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        checked("own_odd", data)
    assert re.search(said, "\n".join(refused.value.problems)), refused.value.problems


def test_a_circle_is_refused_with_its_way_and_a_kind_is_kept(home: Any, cast: SimpleNamespace) -> None:
    declare("own_a", **EVENTS)
    declare("own_b", kind="number", source="formula", formula="own_a * 2")
    declare("own_c", kind="number", source="formula", formula="own_b + active_users_28d")
    with pytest.raises(DefinitionError, match="own_a → own_c → own_b → own_a"):
        declare("own_a", kind="count", source="formula", formula="own_c - 1")
    with pytest.raises(DefinitionError, match="own_a → own_a"):
        declare("own_a", kind="count", source="formula", formula="own_a - 1")
    with pytest.raises(DefinitionError, match="kind: found number; allowed: only count, days"):
        declare("own_a", kind="number", source="formula", formula="active_users_28d / 2")
    for key in ("week", "own_", "own_Week", "own_" + "a" * 37, "own_a; DROP"):
        with pytest.raises(ValidationError, match="begins with own_"):
            declare(key, **EVENTS)


def test_declared_metrics_are_looked_at_once_a_page(
    home: Any, cast: SimpleNamespace, django_assert_num_queries: Any
) -> None:
    declare("own_a", **EVENTS)
    registry.current()
    with django_assert_num_queries(1), registry.held():
        for _n in range(30):
            assert registry.metric("own_a").of == Usage("events", 7)
            assert registry.metric("active_days_7d").kind == "count"
    with django_assert_num_queries(0):
        registry.metric("active_days_7d")
