"""The training set: an account on a Monday as it was known, with what became of it; nothing known later has a say."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base import env
from evergreen.customers.lines import NEVER, day, number
from evergreen.customers.models import Account, Contract, ContractLine, FieldChange
from evergreen.events import rollup, store
from evergreen.foresight.history import contracts, evaluating, sets, timing, use
from evergreen.foresight.learning import choosing, judging, leaks, members
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.metrics.actions import take_snapshot
from tests.lakes import empty_lake
from tests.metrics.oracle import World, drawn, loaded, settled
from tests.metrics.oracle.cutting import cut
from tests.metrics.oracle.poison import poisoned

ACCOUNTS = 60
WEEK = dt.timedelta(days=7)
Told = dict[tuple[str, int], dict[str, Any]]


def _mondays(world: World, back: int) -> list[dt.date]:
    last = world.day - dt.timedelta(days=world.day.weekday())
    return [last - n * WEEK for n in range(back - 1, -1, -1)]


def _rows(days: list[dt.date], newest: dt.date) -> Told:
    """Every feature of every row, by the account's own name and the day."""
    with store.session() as con:
        rollup.roll_up(con, newest)
        for one in days:
            take_snapshot(con, one, now=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        events = use.events(con, number(days[-1]))
        found = sets.build(con, days, horizon_days=30, grace_days=0, of_events=events)
    names = dict(Account.objects.values_list("pk", "external_id"))
    return {
        (names[pk], on): {name: values[place] for name, values in found.read.items()}
        for place, (pk, on) in enumerate(zip(found.account.tolist(), found.day.tolist(), strict=True))
    }


def _differing(one: Told, other: Told) -> list[str]:
    told = [f"{key}: in one of the two only" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        for name in one[key].keys() | other[key].keys():
            mine, theirs = (row[key].get(name, math.nan) for row in (one, other))
            if isinstance(mine, str) or isinstance(theirs, str):
                same = mine == theirs
            else:
                same = bool(np.isclose(float(mine), float(theirs), rtol=1e-9, equal_nan=True))
            if not same:
                told.append(f"{key} {name}: {mine} and {theirs}")
    return told


@contextmanager
def _a_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home whose records are gone after the block."""
    monkeypatch.setenv("EVERGREEN_HOME", str(folder))
    where = env.home()
    where.root.mkdir(exist_ok=True)
    with empty_lake(where), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_cutting_the_store_at_a_day_changes_no_feature_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    days: list[dt.date] = []
    for name, is_cut in (("whole", False), ("cut", True)):
        world = drawn("Asia/Shanghai", 5, ACCOUNTS)
        days = _mondays(world, 4)[1:2]
        with _a_home(tmp_path / name, monkeypatch):
            settled(world)
            loaded(cut(world, days[-1]) if is_cut else world)
            found.append(_rows(days, days[-1] if is_cut else world.day))
    whole, as_it_was = found
    assert len(whole) >= 6
    assert sum(name.startswith("metric:") for name in next(iter(whole.values()))) > 40
    assert any(name.startswith("event:ledger") for name in next(iter(whole.values())))
    last = {key: row for key, row in whole.items() if key[1] == number(days[-1])}
    assert _differing(last, {key: row for key, row in as_it_was.items() if key[1] == number(days[-1])}) == []


@pytest.mark.django_db
def test_absurd_things_that_became_known_later_change_no_feature(home: Any) -> None:
    world = drawn("Africa/Cairo", 8, ACCOUNTS)
    days = _mondays(world, 1)
    settled(world)
    loaded(world)
    before = _rows(days, world.day)
    for seed in range(5):
        poisoned(world, seed)
    # Losses are told later too.
    late = world.midnight(world.day + dt.timedelta(days=2))
    for pk in Account.objects.values_list("pk", flat=True)[::2]:
        FieldChange.objects.create(account_id=pk, field="stage", old="steady", new="churned", known_at=late)
    assert _differing(before, _rows(days, world.day)) == []


@pytest.mark.django_db
def test_use_equals_a_naive_count_of_what_was_known(home: Any) -> None:
    world = drawn("Asia/Shanghai", 3, ACCOUNTS)
    days = _mondays(world, 5)
    settled(world)
    loaded(world)
    with store.session() as con:
        rollup.roll_up(con, world.day)
        usage = con.execute("SELECT account_id, event, day, known_on, count FROM lake.usage").fetchall()
        of_days = con.execute("SELECT DISTINCT account_id, day, known_on FROM lake.account_days").fetchall()
        accounts = np.array([told.pk for told in world.accounts for _ in days])
        on = np.array([number(one) for _ in world.accounts for one in days])
        names = use.events(con, int(on.max()))
        found = use.features(con, accounts, on, np.full(len(on), 500.0), names, number(world.day) - 500)
    assert "ledger.posted" in names
    for place, (pk, at) in enumerate(zip(accounts.tolist(), on.tolist(), strict=True)):
        seen = [
            row for row in usage if row[0] == pk and number(row[3]) <= at and 0 <= at - number(row[2]) < 84
        ]
        for name in names:
            assert math.isclose(
                found[f"event:{name}"][place] * 84, sum(row[4] for row in seen if row[1] == name)
            )
        month = sum(row[4] for row in seen if at - number(row[2]) < 28)
        before = sum(row[4] for row in seen if 28 <= at - number(row[2]) < 56)
        assert math.isclose(found["use_change"][place], (month + 1) / (before + 1))
        used = {
            row[1]
            for row in of_days
            if row[0] == pk and number(row[2]) <= at and 0 <= at - number(row[1]) < 84
        }
        assert found["active_days"][place] * 4 == sum(at - number(one) < 28 for one in used)
        assert found["quiet_days"][place] == (at - max(map(number, used)) if used else 365)


def test_mondays_begin_four_weeks_into_use_and_end_when_the_last_horizon_is_over() -> None:
    days = timing.mondays(dt.date(2019, 12, 30), dt.date(2020, 6, 1), 30)
    assert days[0] == dt.date(2020, 1, 27) and days[-1] == dt.date(2020, 4, 27)


@pytest.mark.parametrize(
    ("first", "until", "teach", "judge", "judge_from"),
    [
        ("2019-12-30", "2020-06-01", 6, 4, "2020-04-06"),
        ("2021-12-27", "2024-01-01", 53, 40, "2023-02-27"),
        ("2026-01-01", "2026-03-20", 0, 0, ""),
    ],
)
def test_earlier_weeks_teach_and_later_ones_judge_with_the_horizon_between(
    first: str, until: str, teach: int, judge: int, judge_from: str
) -> None:
    days = timing.mondays(dt.date.fromisoformat(first), dt.date.fromisoformat(until), 30)
    split = timing.split(days, 30)
    if not judge:
        assert not split.judging
        return
    assert (len(split.teaching), len(split.judging)) == (teach, judge)
    assert str(split.judging[0]) == judge_from
    assert (split.judging[0] - split.teaching[-1]).days > 30
    assert all(one.weekday() == 0 for one in days)


def test_a_share_of_all_weeks_may_be_named() -> None:
    days = timing.mondays(dt.date(2021, 12, 27), dt.date(2024, 1, 1), 30)
    assert len(timing.split(days, 30, 0.55).teaching) == 53
    with pytest.raises(ValueError, match="between 0 and 1"):
        timing.split(days, 30, 1.5)


LINES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(0, 300),
        st.one_of(st.none(), st.integers(1, 400)),
        st.integers(-30, 60),
        st.integers(0, 900),
        st.one_of(st.none(), st.floats(0, 0.5)),
    ),
    max_size=8,
)


@given(LINES, st.integers(50, 350))
@settings(max_examples=120, deadline=None)
def test_what_contracts_said_equals_a_naive_reading(lines: list[tuple[Any, ...]], at: int) -> None:
    rows = sorted(
        (
            (account, start, NEVER if term is None else start + term, start + lag, float(cents), math.nan if d is None else d, math.nan, "")
            for account, start, term, lag, cents, d in lines
        ),
        key=lambda row: row[:2],
    )  # fmt: skip
    found = contracts.standing(contracts.known_lines(rows), at, 30, 0, np.array([3]))
    seen = [row for row in rows if row[3] <= at and row[0] != 3]
    active = sorted({row[0] for row in seen if row[1] <= at < row[2]})
    assert found.account.tolist() == active
    for place, account in enumerate(active):
        own = [row for row in seen if row[0] == account]
        force = [row for row in own if row[1] <= at < row[2]]
        until = max(row[2] for row in own if row[2] > at)
        begun = {row[1] for row in own if row[1] <= at}
        naive = {
            "days_to_end": math.nan if until == NEVER else until - at,
            "ends_within": float(until <= at + 30),
            "tenure_days": at - min(begun),
            "term_age_days": at - max(row[1] for row in force),
            "renewals": len(begun) - 1,
            "lines": len(force),
            "mrr": sum(row[4] for row in force),
            "term_at_stake": max(row[2] - row[1] for row in force) if until <= at + 30 else 0.0,
        }
        for name, value in naive.items():
            assert np.isclose(found.numbers[name][place], value, equal_nan=True), name
        told = [row for row in force if not math.isnan(row[5])]
        amount = sum(row[4] for row in told)
        discount = sum(row[4] * row[5] for row in told) / amount if amount else math.nan
        assert np.isclose(found.numbers["discount"][place], discount, equal_nan=True)


@pytest.mark.django_db
def test_lost_is_the_earlier_of_a_recorded_loss_and_the_end_with_its_grace(home: Any) -> None:
    began = dt.date(2026, 1, 1)

    def account(key: str, *terms: tuple[int, int]) -> Account:
        moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        made = Account.objects.create(external_id=key, name=key, created_at=moment, known_at=moment)
        for place, (start, end) in enumerate(terms):
            contract = Contract.objects.create(
                account=made, external_id=f"{key}-{place}", currency="CNY",
                known_at=moment + dt.timedelta(days=start), signed_on=began + dt.timedelta(days=start),
            )  # fmt: skip
            ContractLine.objects.create(
                contract=contract,
                start_on=began + dt.timedelta(days=start),
                end_on=began + dt.timedelta(days=end),
                mrr_cents=100,
            )
        return made

    account("renewed", (0, 70), (70, 400))
    account("ended", (0, 70))
    account("late", (0, 70), (80, 400))
    told = account("told", (0, 120))
    FieldChange.objects.create(
        account=told, field="stage", new="churned", known_at=dt.datetime(2026, 3, 12, tzinfo=dt.UTC)
    )
    monday, until = dt.date(2026, 2, 16), dt.date(2026, 12, 1)  # day 46: until day 76

    def lost(grace: int, on: dt.date = monday) -> set[str]:
        with store.session() as con:
            rows = sets.build(con, [on], horizon_days=30, grace_days=grace, of_events=[], until=until)
        names = dict(Account.objects.values_list("pk", "external_id"))
        return {names[pk] for pk in rows.account[rows.labels].tolist()}

    assert lost(0) == {"ended", "late", "told"}
    # With two weeks of grace the end counts later, and the one who signed late has not left; the record counts at once.
    assert lost(14) == {"told"}
    assert lost(14, monday + 2 * WEEK) == {"ended", "told"}
    # Who is recorded as lost is no longer foretold.
    with store.session() as con:
        rows = sets.build(con, [dt.date(2026, 3, 16)], horizon_days=30, grace_days=0, of_events=[])
    assert told.pk not in rows.account and rows.lost is None
    with pytest.raises(ValueError, match="nobody knows"):
        assert rows.labels.size


@pytest.mark.django_db
def test_renewals_are_known_until_contracts_stop_coming_in(home: Any) -> None:
    assert sets.known_until(dt.date(2026, 6, 1)) is None
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = Account.objects.create(external_id="a", name="a", created_at=moment, known_at=moment)
    for place, start in enumerate((dt.date(2026, 1, 1), dt.date(2026, 2, 1), dt.date(2026, 2, 20))):
        contract = Contract.objects.create(
            account=made, external_id=f"c{place}", currency="CNY", known_at=moment
        )
        ContractLine.objects.create(contract=contract, start_on=start, end_on=start + dt.timedelta(days=365))
    # Pauses were 31 and 19 days: a month later nothing says that the stream ended; half a year later it did.
    assert sets.known_until(dt.date(2026, 3, 23)) == dt.date(2026, 3, 23)
    assert sets.known_until(dt.date(2026, 8, 1)) == dt.date(2026, 2, 20)


def _made(n: int, seed: int) -> sets.Rows:
    """Rows of n / 4 accounts on four Mondays, with two columns that matter and one that does not."""
    dice = np.random.default_rng(seed)
    account = np.repeat(np.arange(n // 4), 4)
    chance = dice.normal(0, 1, n // 4)[account]
    read = {
        "event:posted": np.exp(chance + dice.normal(0, 0.5, n)),
        "contract:days_to_end": dice.integers(1, 300, n).astype(float),
        "metric:noise": dice.normal(0, 1, n),
    }
    lost = dice.random(n) < 1 / (1 + np.exp(1.5 + 1.5 * chance))
    return sets.Rows(account, np.tile(np.arange(0, 28, 7), n // 4), read, lost, np.ones(n))


@pytest.fixture
def few_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {
        members.Kind.LOGISTIC: {10.0: (1,)},
        members.Kind.LIGHTGBM: {3: (40,)},
        members.Kind.CATBOOST: {2: (40,)},
    }
    monkeypatch.setattr(choosing, "CHOICES", few)


def test_shuffled_losses_cannot_be_foretold(few_choices: None) -> None:
    teaching, judged = _made(2_000, 1), _made(2_000, 2)
    honest = evaluating.learn(teaching, sets.columns(teaching)).probabilities(judged.read)
    area = judging.judge(judged.labels, honest).auc
    assert area is not None and area > 0.65
    dice = np.random.default_rng(3)
    shuffled = replace(teaching, lost=dice.permutation(teaching.labels))
    said = evaluating.learn(shuffled, sets.columns(shuffled)).probabilities(judged.read)
    area = judging.judge(dice.permutation(judged.labels), said).auc
    assert area is not None and abs(area - 0.5) <= 0.05


def test_a_planted_leak_is_named_every_time_and_an_honest_column_never() -> None:
    for seed in range(20):
        rows = _made(400, seed)
        dice = np.random.default_rng(seed)
        reason_length = np.where(rows.labels, dice.integers(5, 80, 400), 0.0) * (dice.random(400) > 0.02)
        read = {**rows.read, "metric:cancel_reason_length": reason_length}
        columns = [Column(name, Kind.NUMBER) for name in read]
        assert set(leaks.suspects(read, columns, rows.labels)) == {"metric:cancel_reason_length"}


def test_of_two_columns_that_rank_alike_the_first_stays() -> None:
    rows = _made(400, 4)
    read = {**rows.read, "metric:twice": rows.read["event:posted"] * 2, "metric:same": np.ones(400)}
    kept = sets.columns(replace(rows, read=read))
    assert [column.name for column in kept] == ["event:posted", "contract:days_to_end", "metric:noise"]


@pytest.mark.django_db
def test_a_home_without_history_says_what_is_missing(home: Any) -> None:
    with pytest.raises(evaluating.TooLittleHistoryError, match="no use in this home yet"):
        evaluating.evaluate(dt.date(2026, 6, 1), horizon_days=30)
    with pytest.raises(ValueError, match="horizon is at least a day"):
        evaluating.evaluate(dt.date(2026, 6, 1), horizon_days=0)


def test_days_are_numbers_and_back() -> None:
    assert day(number(dt.date(2026, 2, 16))) == dt.date(2026, 2, 16)
