"""Models in service: kept as bytes, replaced by what is no worse, asked every night, told in words."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zstandard
from django.utils import translation

from evergreen.base.models import AuditEntry, Job
from evergreen.customers.lines import day, number
from evergreen.customers.models import Account, Contract, ContractLine
from evergreen.events import store
from evergreen.foresight import jobs
from evergreen.foresight.history import evaluating, sets
from evergreen.foresight.history.evaluating import Evaluation, Past, learn
from evergreen.foresight.history.sets import Rows
from evergreen.foresight.history.timing import Split
from evergreen.foresight.learning import choosing, members, storing
from evergreen.foresight.learning.judging import judge
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import refitting, scoring, telling, words

FIRST = number(dt.date(2025, 1, 6))
NOW = dt.datetime(2026, 6, 1, 2, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _few_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {
        members.Kind.LOGISTIC: {10.0: (1,)},
        members.Kind.LIGHTGBM: {3: (20, 40)},
        members.Kind.CATBOOST: {2: (20, 40)},
    }
    monkeypatch.setattr(choosing, "CHOICES", few)


def _rows(weeks: range, seed: int, accounts: int = 60) -> Rows:
    """Accounts over weeks; those whose contract ends soon and who are quiet are lost."""
    dice = np.random.default_rng(seed)
    size = accounts * len(weeks)
    on = np.repeat(FIRST + 7 * np.array(list(weeks)), accounts)
    ends, quiet = dice.integers(1, 300, size).astype(float), dice.exponential(10, size)
    chance = 1 / (1 + np.exp(3.0 + ends / 60 - quiet / 4))
    read = {
        "contract:days_to_end": ends,
        "use:quiet_days": np.where(dice.random(size) < 0.1, np.nan, quiet),
        "record:tier": dice.choice(["high", "low", ""], size).astype(object),
    }
    account = np.tile(np.arange(accounts), len(weeks))
    return Rows(account, on, read, dice.random(size) < chance, np.ones(size))


def _past(teaching: Rows, judging: Rows) -> Past:
    split = Split(
        (day(teaching.day.min()), day(teaching.day.max())), (day(judging.day.min()), day(judging.day.max()))
    )
    nothing = teaching.chosen(np.zeros(0, int))
    return Past(split, day(judging.day.max() + 30), teaching, nothing, judging, sets.columns(teaching))


def _evaluation(teaching: Rows, judging: Rows) -> Evaluation:
    past = _past(teaching, judging)
    said = learn(teaching, past.columns).probabilities(judging.read)
    figures = judge(judging.labels, said)
    return Evaluation(past, said, figures, figures, figures, 60, 40, None, {})


def test_a_model_comes_back_from_its_bytes_as_it_was() -> None:
    teaching, asked = _rows(range(20), 1), _rows(range(3), 2)
    model = learn(teaching, sets.columns(teaching))
    assert len(model.members) == 3
    again = storing.from_bytes(storing.to_bytes(model))
    assert np.allclose(again.probabilities(asked.read), model.probabilities(asked.read), atol=1e-12)
    for name, pulls in model.pulls(asked.read).items():
        assert np.allclose(again.pulls(asked.read)[name], pulls, atol=1e-9)


@pytest.mark.parametrize("body", [b"", b"rubbish", zstandard.compress(b'{"format": 99}')])
def test_bytes_that_are_no_model_are_refused_with_what_to_do(body: bytes) -> None:
    with pytest.raises(storing.StoredModelError, match="churn refit"):
        storing.from_bytes(body)


def test_what_goes_into_service_learns_from_as_many_rows_as_may_teach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teaching, judging = _rows(range(20), 1), _rows(range(26, 60), 2)
    past = _past(replace(teaching, weight=np.full(len(teaching.account), 2.0)), judging)
    whole = past.all_weeks()
    assert len(whole.account) == len(teaching.account) + len(judging.account)
    monkeypatch.setattr(evaluating, "MOST_ROWS", 1200)
    fewer = past.all_weeks()
    assert len(fewer.account) == 1200
    # Every loss stays while losses are the fewer; the others stand for those left out, about as many in all.
    assert fewer.labels.sum() == whole.labels.sum()
    assert fewer.weight.sum() == pytest.approx(whole.weight.sum(), rel=0.1)


@pytest.mark.django_db
def test_a_challenger_takes_the_place_only_when_it_is_no_worse_on_weeks_the_old_one_never_saw() -> None:
    teaching, judging = _rows(range(20), 1), _rows(range(26, 40), 2)
    found = _evaluation(teaching, judging)
    assert refitting.duel_of(None, found).wins
    dice = np.random.default_rng(5)
    blind = learn(replace(teaching, lost=dice.permutation(teaching.labels)), found.past.columns)
    weak = ChurnModel(known_until=day(FIRST + 7 * 28), body=storing.to_bytes(blind))
    duel = refitting.duel_of(weak, found)
    assert duel.wins and duel.figures["new"]["log_loss"] < duel.figures["old"]["log_loss"]
    # Only weeks after what the old one learned are looked at.
    assert duel.figures["from"] == str(day(FIRST + 7 * 29))
    knowing = learn(judging, found.past.columns)
    strong = ChurnModel(known_until=day(FIRST + 7 * 28), body=storing.to_bytes(knowing))
    duel = refitting.duel_of(strong, found)
    assert not duel.wins and "more than" in duel.why["en"]
    unread = ChurnModel(known_until=day(FIRST + 7 * 39), body=b"of another version")
    assert refitting.duel_of(unread, found).wins
    recent = ChurnModel(known_until=day(FIRST + 7 * 39), body=storing.to_bytes(blind))
    duel = refitting.duel_of(recent, found)
    assert not duel.wins and "20 are needed" in duel.why["en"]


@pytest.mark.django_db
def test_too_little_history_is_a_row_that_says_so_and_is_tried_again_after_a_week(home: Any) -> None:
    assert refitting.due(NOW) == [30, 90, 180]
    for _again in range(2):
        made = refitting.refit(30, now=NOW)
        assert made.state == ChurnModel.State.WAITING and "no use in this home yet" in made.why["en"]
    assert ChurnModel.objects.filter(horizon_days=30).count() == 1
    assert refitting.due(NOW) == [90, 180]
    assert refitting.due(NOW + dt.timedelta(days=8)) == [30, 90, 180]
    assert AuditEntry.objects.filter(verb="churn_model.made").count() == 2
    assert "no use in this home yet" in telling.why_none(30)["en"]
    assert "Nothing was learned for 90 days" in telling.why_none(90)["en"]


@pytest.mark.django_db
def test_learning_is_put_in_the_queue_once() -> None:
    job = jobs.start_if_due(now=NOW)
    assert job is not None and job.params == {"horizons": [30, 90, 180]}
    assert jobs.start_if_due(now=NOW) is None
    Job.objects.update(state=Job.State.DONE)
    for horizon in refitting.HORIZONS:
        ChurnModel.objects.create(horizon_days=horizon, state=ChurnModel.State.REFUSED, made_at=NOW)
    assert jobs.start_if_due(now=NOW) is None


def _account(key: str, ends: dt.date) -> Account:
    moment = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    made = Account.objects.create(external_id=key, name=key, created_at=moment, known_at=moment)
    contract = Contract.objects.create(account=made, external_id=key, currency="CNY", known_at=moment)
    ContractLine.objects.create(contract=contract, start_on=dt.date(2025, 1, 1), end_on=ends, mrr_cents=100)
    return made


@pytest.mark.django_db
def test_the_night_tells_the_risk_of_every_account_that_is_still_covered(home: Any) -> None:
    on = dt.date(2026, 5, 31)
    soon, late = _account("soon", on + dt.timedelta(days=5)), _account("late", on + dt.timedelta(days=280))
    over = _account("over", on)
    teaching = _rows(range(20), 1)
    model = learn(teaching, sets.columns(teaching))
    with store.session() as con:
        assert scoring.score_day(con, on) == 0
        champion = ChurnModel.objects.create(
            horizon_days=30, state=ChurnModel.State.CHAMPION, made_at=NOW, body=storing.to_bytes(model)
        )
        Risk.objects.create(account=over, model=champion, horizon_days=30, day=on, probability=0.5)
        assert scoring.score_day(con, on) == 2
        assert scoring.score_day(con, on) == 2
    found = {risk.account_id: risk for risk in Risk.objects.all()}
    assert set(found) == {soon.pk, late.pk}
    assert found[soon.pk].probability > found[late.pk].probability
    expected = model.probabilities(
        {
            "contract:days_to_end": np.array([5.0]),
            "use:quiet_days": np.array([np.nan]),
            "record:tier": np.array([""], object),
        }
    )
    assert found[soon.pk].probability == pytest.approx(expected[0])
    reasons = {column: (value, pull) for column, value, pull in found[soon.pk].reasons}
    assert reasons["contract:days_to_end"][0] == 5 and reasons["contract:days_to_end"][1] > 0
    assert reasons["use:quiet_days"][0] is None
    with translation.override("en"):
        told = telling.riskiest(30, 1)
    assert told[0].account == "soon" and any(
        "until the contract ends: 5 days" in one for one in told[0].reasons
    )
    assert telling.riskiest(90, 5) == []


@pytest.mark.django_db
def test_a_model_that_this_version_does_not_read_keeps_no_night_from_going_on(home: Any) -> None:
    on = dt.date(2026, 5, 31)
    one = _account("one", on + dt.timedelta(days=5))
    old = ChurnModel.objects.create(
        horizon_days=30,
        state=ChurnModel.State.CHAMPION,
        made_at=NOW,
        body=zstandard.compress(b'{"format": 1}'),
    )
    Risk.objects.create(account=one, model=old, horizon_days=30, day=on, probability=0.5)
    with store.session() as con:
        assert scoring.score_day(con, on) == 0
    assert Risk.objects.get().probability == 0.5


@pytest.mark.parametrize(
    ("told", "zh", "en"),
    [
        (["contract:days_to_end", 12.0, 0.4], "距合同到期：12 天（推高风险）", "until the contract ends: 12 days (raises the risk)"),
        (["contract:days_to_end", -12.0, 0.4], "距合同到期：−12 天（推高风险）", "until the contract ends: −12 days (raises the risk)"),
        (["metric:renewal_on", -36.0, 0.4], "到期日：36 天后（推高风险）", "Renewal date: in 36 days (raises the risk)"),
        (["metric:renewal_on", 1.0, 0.4], "到期日：1 天前（推高风险）", "Renewal date: 1 day ago (raises the risk)"),
        (["contract:ends_within", 0.0, -0.4], "合同在期限内到期：否（降低风险）", "contract ends within the horizon: no (lowers the risk)"),
        (["event:ledger.posted", 3.456, -0.1], "日均“ledger.posted”次数（84 天）：3.46（降低风险）", "“ledger.posted” a day over 84 days: 3.46 (lowers the risk)"),
        (["metric:active_days_28d", None, 0.1], "28 天活跃天数：无数据（推高风险）", "Active days in 28: no data (raises the risk)"),
        (["contract:discount", 0.155, 0.1], "折扣：16%（推高风险）", "discount: 16% (raises the risk)"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_reason_says_what_and_how_much_in_both_languages(told: list[object], zh: str, en: str) -> None:
    assert words.reason(told, "zh-hans") == zh
    assert words.reason(told, "en") == en


def test_every_column_of_contracts_and_use_has_a_name() -> None:
    from evergreen.foresight.history import contracts

    lines = contracts.known_lines([(1, 0, 400, 0, 100.0, 0.1, 5.0, "large")])
    numbers = contracts.standing(lines, 200, 30, 0, np.zeros(0, np.int64)).numbers
    for name in numbers:
        column = f"contract:{name}"
        assert words.named(column, "zh") != name


def test_who_may_still_sign_late_is_foretold_until_the_grace_is_over() -> None:
    from evergreen.foresight.history import contracts

    lines = contracts.known_lines(
        [(1, 0, 100, 0, 100.0, 0.1, 5.0, "small"), (1, 0, 90, 0, 50.0, 0.1, 5.0, ""), (2, 0, 100, 0, 9.0, 0.1, 1.0, ""), (2, 100, 300, 0, 9.0, 0.1, 1.0, "")]
    )  # fmt: skip
    nobody = np.zeros(0, np.int64)
    assert contracts.standing(lines, 110, 30, 0, nobody).account.tolist() == [2]
    within = contracts.standing(lines, 110, 30, 20, nobody)
    assert within.account.tolist() == [1, 2]
    assert within.numbers["days_to_end"].tolist() == [-10, 190]
    assert within.numbers["mrr"].tolist() == [100, 9] and within.numbers["ends_within"].tolist() == [1, 0]
    assert contracts.standing(lines, 120, 30, 20, nobody).account.tolist() == [2]
