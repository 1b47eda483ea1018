"""Four months of a customer that stops using the product, is called, and comes back."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from evergreen.alerts.models import Alert
from evergreen.base import clock
from evergreen.base.models import Progress
from evergreen.customers.models import Account, Feature, Product, Receivable
from evergreen.events import arrivals, store
from evergreen.flow import installing, night
from evergreen.health import actions as health
from evergreen.health import queries, words
from evergreen.health.queries import score_history
from evergreen.metrics import actions as metrics
from evergreen.work.models import Task

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = dt.date(2026, 6, 1)
STOPPED, BACK, END = dt.date(2026, 8, 3), dt.date(2026, 9, 1), dt.date(2026, 9, 28)


def _after(day: dt.date) -> dt.datetime:
    """Two in the morning after a day, in Shanghai."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(2), SHANGHAI).astimezone(dt.UTC)


def _use(account: Account, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
    """Six users, four core actions each on every day of the span."""
    rows = []
    for n in range((last - first).days + 1):
        day = first + dt.timedelta(days=n)
        for user in range(6):
            for turn in range(4):
                moment = (
                    dt.datetime.combine(day, dt.time(9 + turn), SHANGHAI)
                    .astimezone(dt.UTC)
                    .replace(tzinfo=None)
                )
                rows.append(
                    {
                        "source": "product", "kind": "track", "name": "ledger.posted", "account_id": account.pk,
                        "tenant": "", "end_user": f"u{user}", "occurred_at": moment, "received_at": moment,
                        "known_at": moment, "count": 1, "message_id": f"{account.pk}-{day}-{user}-{turn}",
                        "backfilled": False,
                    }
                )  # fmt: skip
    return rows


@pytest.fixture
def _story(home: Any, cast: SimpleNamespace) -> None:
    installing.install(now=_after(START))
    Account.objects.update(known_at=_after(START), created_at=_after(START))
    product = Product.objects.create(key="suite")
    Feature.objects.create(
        product=product, key="ledger", is_core=True, adds_data=True, matchers=[{"event": "ledger.posted"}]
    )
    for account in (cast.well, cast.slipping):
        Receivable.objects.create(
            account=account,
            external_id=f"I-{account.pk}",
            currency="CNY",
            amount_cents=1_000,
            paid_cents=1_000,
            due_on=START,
            paid_on=START,
            known_at=_after(START),
        )
    rows = _use(cast.well, START, END)
    rows += _use(cast.slipping, START, STOPPED) + _use(cast.slipping, BACK, END)
    table = pa.Table.from_pylist(rows, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(), store.writing() as con:
        arrivals.append(con, table, origin="story", until=1, zone="Asia/Shanghai", now=_after(END))


def _open(account: Account) -> set[str]:
    return set(Alert.objects.filter(account=account, state="open").values_list("rule__key", flat=True))


@pytest.mark.postgres
@pytest.mark.usefixtures("_story")
def test_a_customer_that_falls_silent_is_noticed_called_and_won_back(cast: SimpleNamespace) -> None:
    night.run(STOPPED, now=_after(STOPPED))
    assert _open(cast.slipping) == set()

    # The tenth working day without use is the second Monday after.
    night.run(dt.date(2026, 8, 14), now=_after(dt.date(2026, 8, 14)))
    assert _open(cast.slipping) == set()
    silent = dt.date(2026, 8, 17)
    night.run(silent, now=_after(silent))
    assert "no_activity" in _open(cast.slipping) and _open(cast.well) == set()
    task = Task.objects.get(
        account=cast.slipping, origin_kind="alert", title__en__startswith="Ask the customer"
    )
    assert task.assignee == cast.owner and "10" in task.reason["zh"]

    month = dt.date(2026, 9, 2)
    night.run(month, now=_after(month))
    standing = queries.standing_of(cast.slipping)
    assert standing is not None and standing.band == "red" and (standing.change_30d or 0) < -20
    said = words.sentence(standing, "zh-hans")
    assert said.startswith("30 天里下降") and "使用频率" in said
    assert "no_activity" not in _open(cast.slipping), "they are back, so the alert closed by itself"
    task.refresh_from_db()
    assert task.state == Task.State.DROPPED

    night.run(END, now=_after(END))
    assert _open(cast.slipping) == set()
    cast.slipping.refresh_from_db()
    assert cast.slipping.band == "green" and cast.slipping.open_alerts == 0
    history = score_history(cast.slipping.pk, "standard", START, END)
    assert [point.day for point in history] == [STOPPED, dt.date(2026, 8, 14), silent, month, END]


@pytest.mark.postgres
@pytest.mark.usefixtures("_story")
def test_a_night_that_died_half_way_is_done_again(
    cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(health, "write_standings", die)
        with pytest.raises(RuntimeError, match="killed"):
            night.run(END, now=_after(END))
    assert Progress.objects.get(step="newest", day=END).state == Progress.State.STARTED
    night.run(END, now=_after(END))
    assert Progress.objects.get(step="newest", day=END).state == Progress.State.DONE
    once = (Alert.objects.count(), Task.objects.count())
    night.run(END, now=_after(END))
    assert (Alert.objects.count(), Task.objects.count()) == once


@pytest.mark.usefixtures("_story")
def test_a_day_to_come_is_refused_with_the_newest_possible_one(cast: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="today is 2026-09-29"):
        night.run(END + dt.timedelta(days=2), now=_after(END))


@pytest.mark.usefixtures("_story")
def test_a_day_under_way_is_computed_so_far_and_again_when_it_is_over(
    cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_noon = dt.datetime.combine(END, dt.time(12), SHANGHAI).astimezone(dt.UTC)
    monkeypatch.setattr(clock, "utc_now", lambda: at_noon)
    night.run(END, now=at_noon)
    monkeypatch.setattr(clock, "utc_now", lambda: _after(END))
    assert night.missing_days(_after(END)) == [END]
    night.run(END, now=_after(END))
    assert night.missing_days(_after(END)) == []
    restated = store.scalar(store.reading(), "SELECT count(*) FROM lake.snapshots WHERE restated")
    assert restated == 0


@pytest.mark.usefixtures("_story")
def test_nights_of_a_span_say_of_each_day_what_the_night_of_that_day_alone_says(
    cast: SimpleNamespace,
) -> None:
    last = dt.date(2026, 8, 12)
    days = [last - dt.timedelta(days=back) for back in range(5, -1, -1)]
    results = night.run_range(days[0], last, now=_after(last))
    assert [result["day"] for result in results] == [day.isoformat() for day in days]
    marks = Progress.objects.filter(step="snapshot", state=Progress.State.DONE)
    accounts = Account.objects.count()
    assert {mark.day: mark.figures["accounts"] for mark in marks} == dict.fromkeys(days, accounts)

    def told(day: dt.date) -> list[Any]:
        sql = "SELECT * EXCLUDE (computed_at) FROM lake.snapshots WHERE day = ? ORDER BY account_id, tenant"
        return store.reading().execute(sql, [day]).fetchall()

    among = told(days[2])
    assert len(among) == accounts
    with store.session() as con:
        metrics.take_snapshot(con, days[2], now=_after(last))
    # Nothing is marked restated either.
    assert told(days[2]) == among
    assert [point.day for point in score_history(cast.slipping.pk, "standard", days[0], last)] == days


@pytest.mark.usefixtures("_story")
def test_a_night_a_week_takes_every_seventh_day_and_the_newest_of_them_is_shown(
    cast: SimpleNamespace,
) -> None:
    first, until = dt.date(2026, 7, 27), dt.date(2026, 8, 12)
    results = night.run_range(first, until, now=_after(until), step_days=7)
    days = [first, dt.date(2026, 8, 3), dt.date(2026, 8, 10)]
    assert [result["day"] for result in results] == [day.isoformat() for day in days]
    marks = Progress.objects.filter(step="snapshot", state=Progress.State.DONE)
    assert sorted(mark.day for mark in marks) == days
    assert Progress.objects.get(step="newest").day == days[-1]
