"""Learning anew: a challenger is judged on weeks that the one in service never saw, and takes its place when it is no worse."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.measures import calibration
from evergreen.base.models import User
from evergreen.customers.lines import day, number
from evergreen.foresight.history import evaluating, sets
from evergreen.foresight.history.evaluating import Evaluation, Tell, TooLittleHistoryError
from evergreen.foresight.learning.choosing import log_loss
from evergreen.foresight.learning.judging import LEAST_OF_A_KIND, judge
from evergreen.foresight.learning.storing import StoredModelError, from_bytes, to_bytes
from evergreen.foresight.models import ChurnModel
from evergreen.foresight.risks import watching
from evergreen.foresight.risks.words import Words

# A month is soon enough to call somebody; annual contracts are decided a quarter or half a year before.
HORIZONS = (30, 90, 180)
EVERY_DAYS = 7
State = ChurnModel.State


@dataclass(frozen=True, slots=True)
class Duel:
    """Whether the challenger takes the place, and why as {zh, en}, with both losses where there was a champion to beat."""

    wins: bool
    why: Words
    figures: dict[str, Any]


def due(now: dt.datetime) -> list[int]:
    """The horizons for which nothing was learned, nor tried, for a week."""
    since = now - dt.timedelta(days=EVERY_DAYS)
    tried = set(ChurnModel.objects.filter(made_at__gt=since).values_list("horizon_days", flat=True))
    return [horizon for horizon in HORIZONS if horizon not in tried]


def refit(
    horizon_days: int,
    *,
    now: dt.datetime,
    grace_days: int | None = None,
    by: User | None = None,
    tell: Tell | None = None,
) -> ChurnModel:
    """Learn a model from the whole history and put it in service where it earns that; the row says what came of it.

    Earlier weeks teach and later ones judge, as in ``history.evaluating``. Where a model is in service, both are held against weeks
    whose features came after everything that one learned; the new one must lose no more. What goes into service has then learned from
    all weeks by the settings chosen. Too little history is a row too, in state *waiting*. The grace is the setting's unless given.
    """
    grace_days = int(base.setting("renewal_grace_days")) if grace_days is None else grace_days
    today = base.vendor_day(now)
    try:
        found = evaluating.evaluate(today, horizon_days=horizon_days, grace_days=grace_days, tell=tell)
    except TooLittleHistoryError as error:
        return _keep(
            ChurnModel(state=State.WAITING, why=error.words), horizon_days, grace_days, by=by, now=now
        )
    past = found.past
    champion = ChurnModel.objects.filter(horizon_days=horizon_days, state=State.CHAMPION).first()
    duel = duel_of(champion, found)
    made = ChurnModel(known_until=past.known_until, why=duel.why, report=_report(found, duel))
    made.state = State.CHAMPION if duel.wins else State.REFUSED
    if duel.wins:
        made.body = to_bytes(evaluating.learn(past.all_weeks(), past.columns))
    return _keep(made, horizon_days, grace_days, by=by, now=now)


def _report(found: Evaluation, duel: Duel) -> dict[str, Any]:
    split = found.past.split
    bins = calibration(found.past.judging.labels, found.said)
    interval = found.auc_interval
    return {
        "figures": found.figures.as_dict(),
        "baseline": found.baseline.as_dict(),
        "at_stake": found.at_stake.as_dict(),
        "auc_interval": [interval.low, interval.high] if interval else None,
        "teach": [str(split.teaching[0]), str(split.teaching[-1]), len(split.teaching)],
        "judge": [str(split.judging[0]), str(split.judging[-1]), len(split.judging)],
        "taught": found.taught,
        "taught_lost": found.taught_lost,
        "accounts": found.accounts,
        "accounts_lost": found.accounts_lost,
        "columns": [column.name for column in found.past.columns],
        "suspects": found.suspects,
        "calibration": [[one.low, one.high, one.n, one.said, one.happened] for one in bins],
        "duel": duel.figures,
        "shapes": watching.shapes(found.past.judging, found.said),
    }


def duel_of(champion: ChurnModel | None, found: Evaluation) -> Duel:
    """The challenger against the one in service, on weeks whose features came after everything that one learned."""
    if champion is None or champion.known_until is None or champion.body is None:
        return Duel(True, {"zh": "这是第一个模型。", "en": "It is the first."}, {})
    try:
        old = from_bytes(bytes(champion.body))
    except StoredModelError as error:
        said = {
            "zh": f"在用的模型已无法读取：{error}",
            "en": f"The one in service cannot be read any more: {error}",
        }
        return Duel(True, said, {})
    judging = found.past.judging
    newest = judging.day > number(champion.known_until)
    rows = judging.chosen(newest)
    lost = int(np.unique(rows.account[rows.labels]).size)
    if lost < LEAST_OF_A_KIND:
        return Duel(
            False,
            {
                "zh": f"在用的模型学到 {champion.known_until} 为止；此后结果已知的流失客户有 {lost} 个，要分出两者高下需要 {LEAST_OF_A_KIND} 个。",
                "en": f"Since {champion.known_until}, up to which the one in service learned, {lost} accounts were lost whose outcome is "
                f"known; {LEAST_OF_A_KIND} are needed to tell which of the two is better.",
            },
            {"accounts_lost": lost},
        )
    names = [column.name for column in old.encoder.columns]
    theirs = old.probabilities(sets.like(rows, names).read)
    mine = found.said[newest]
    ones = np.ones(len(rows.account))
    loss_new, loss_old = log_loss(rows.labels, mine, ones), log_loss(rows.labels, theirs, ones)
    figures = {
        "from": str(day(rows.day.min())),
        "to": str(day(rows.day.max())),
        "accounts_lost": lost,
        "new": {**judge(rows.labels, mine).as_dict(), "log_loss": loss_new},
        "old": {**judge(rows.labels, theirs).as_dict(), "log_loss": loss_old},
    }
    verb, zh_verb = ("no more than", "不高于") if loss_new <= loss_old else ("more than", "高于")
    why = {
        "zh": f"在 {champion.known_until} 之后的 {len(rows.account):,} 行上，新模型的对数损失为 {loss_new:.4f}，{zh_verb}在用模型的 {loss_old:.4f}。",
        "en": f"On {len(rows.account):,} rows since {champion.known_until} the new model's log loss is {loss_new:.4f}, {verb} the "
        f"{loss_old:.4f} of the one in service.",
    }
    return Duel(loss_new <= loss_old, why, figures)


@transaction.atomic
def _keep(
    made: ChurnModel, horizon_days: int, grace_days: int, *, by: User | None, now: dt.datetime
) -> ChurnModel:
    made.horizon_days, made.grace_days, made.made_at = horizon_days, grace_days, now
    if made.state == State.CHAMPION:
        # Kept with its figures, not with its body: nobody asks it any more.
        ChurnModel.objects.filter(horizon_days=horizon_days, state=State.CHAMPION).update(
            state=State.RETIRED, body=None
        )
    # Why nothing could be learned last week is no history worth keeping.
    ChurnModel.objects.filter(horizon_days=horizon_days, state=State.WAITING).delete()
    made.save()
    audit(
        "churn_model.made", "churn_model", [made.pk], by=by, now=now,
        after={"horizon_days": horizon_days, "state": made.state, "why": made.why},
    )  # fmt: skip
    return made
