"""How well losses would have been foretold on the installation's own past: earlier weeks teach, later ones judge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.base.measures import Interval, Reals, Truths, auc_interval
from evergreen.customers.lines import Ints, number
from evergreen.events import store
from evergreen.foresight.history import sets, timing, use
from evergreen.foresight.history.sets import Rows
from evergreen.foresight.history.timing import Split
from evergreen.foresight.learning.choosing import choose
from evergreen.foresight.learning.columns import Column
from evergreen.foresight.learning.judging import LEAST_OF_A_KIND, MOST_TO_CHOOSE, Figures, judge, thinned
from evergreen.foresight.learning.leaks import suspects
from evergreen.foresight.learning.members import Kind
from evergreen.foresight.learning.model import Model

if TYPE_CHECKING:
    import duckdb

Tell = Callable[[str, int, int], None]
MOST_ROWS = 300_000
# Of a bigger book every second, third, … account is read: rows of so many accounts, and so many that judge, leave no figure unsure.
MOST_ACCOUNTS = 200_000
MOST_JUDGED = 1_000_000
_ENDS_WITHIN = "contract:ends_within"


class TooLittleHistoryError(ValueError):
    """The past is too short or too calm to learn from; ``words`` {zh, en} say what was found and what is needed."""

    def __init__(self, *, zh: str, en: str) -> None:
        super().__init__(en)
        self.words = {"zh": zh, "en": en}


@dataclass(frozen=True, slots=True)
class Past:
    """The history as rows: those that teach, those between, those that judge, and the columns to learn from."""

    split: Split
    known_until: dt.date
    teaching: Rows
    between: Rows
    judging: Rows
    columns: tuple[Column, ...]

    def all_weeks(self) -> Rows:
        """The rows whose outcome is known, thinned as those that teach: every loss, others weighted."""
        rows = sets.joined([self.teaching, self.between, self.judging])
        kept = thinned(rows.labels, MOST_ROWS)
        chosen = rows.chosen(kept.rows)
        return replace(chosen, weight=chosen.weight * kept.weights)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The forecast's figures on the judging weeks, those of the logistic regression alone, and what they rest on.

    ``at_stake`` are the figures among the rows whose cover ends within the horizon: with contracts of a year most of the whole's AUC
    is only that the others cannot leave yet.
    """

    past: Past
    said: Reals
    figures: Figures
    baseline: Figures
    at_stake: Figures
    accounts: int
    accounts_lost: int
    auc_interval: Interval | None
    suspects: dict[str, float]

    @property
    def taught(self) -> int:
        """Rows that taught, those left out counted."""
        return round(float(self.past.teaching.weight.sum()))

    @property
    def taught_lost(self) -> int:
        return int(self.past.teaching.labels.sum())


def evaluate(
    today: dt.date,
    *,
    horizon_days: int,
    grace_days: int = 0,
    share: float | None = None,
    until: dt.date | None = None,
    tell: Tell | None = None,
) -> Evaluation:
    """Learn from the earlier weeks of the installation's history and judge on the later ones, with a gap of the horizon between.

    ``until`` is the last day whose renewals are known (``sets.known_until`` where it is None). Raises TooLittleHistoryError,
    ValueError for a horizon, grace or share that makes no sense.
    """
    if horizon_days < 1 or grace_days < 0:
        raise ValueError(
            f"The horizon is at least a day and the grace at least 0; asked were {horizon_days} and {grace_days}. Nothing was computed."
        )
    past = _past(today, until, horizon_days, grace_days, share, tell)
    judging = past.judging
    if tell:
        tell("learning", 0, 2)
    said = learn(past.teaching, past.columns).probabilities(judging.read)
    if tell:
        tell("learning", 1, 2)
    plain = learn(past.teaching, past.columns, (Kind.LOGISTIC,)).probabilities(judging.read)
    figures = judge(judging.labels, said)
    ends = judging.read.get(_ENDS_WITHIN, np.ones(len(said))) == 1
    lost, every = _accounts(judging.account, judging.labels), int(np.unique(judging.account).size)
    return Evaluation(
        past=past,
        said=said,
        figures=figures,
        baseline=judge(judging.labels, plain),
        at_stake=judge(judging.labels[ends], said[ends]),
        accounts=every,
        accounts_lost=lost,
        # Weeks of one account are no new evidence: accounts are counted.
        auc_interval=None if figures.auc is None else auc_interval(figures.auc, lost, max(1, every - lost)),
        # What contracts say is read by their days here and nowhere else: that nobody leaves in mid-term is no leak.
        suspects=suspects(
            past.teaching.read,
            [column for column in past.columns if not column.name.startswith("contract:")],
            past.teaching.labels,
        ),
    )


def learn(of: Rows, columns: Sequence[Column], kinds: Sequence[Kind] = tuple(Kind)) -> Model:
    """A model of all rows, settings chosen by folds in which an account stands on one side only."""
    few = thinned(of.labels, MOST_TO_CHOOSE)
    chosen = of.chosen(few.rows)
    choice = choose(
        chosen.read,
        columns,
        chosen.labels,
        groups=chosen.account,
        weights=few.weights * chosen.weight,
        kinds=kinds,
    )
    return Model.learn(of.read, columns, of.labels, choice, of.weight)


def _past(
    today: dt.date,
    until: dt.date | None,
    horizon_days: int,
    grace_days: int,
    share: float | None,
    tell: Tell | None,
) -> Past:
    con = store.reading()
    split, known, days = _split(con, today, until, horizon_days, share)
    events = use.events(con, number(split.teaching[-1]))
    records = sets.Records.read()
    between = tuple(day for day in days if split.teaching[-1] < day < split.judging[0])
    parts = []
    accounts = int(np.unique(records.lines.account).size)
    every = -(-accounts // MOST_ACCOUNTS)
    every_judged = max(every, -(-accounts * len(split.judging) // MOST_JUDGED))
    for place, some in enumerate((split.teaching, between, split.judging)):
        if tell:
            tell("history", place, 3)
        rows = sets.build(
            con,
            some,
            horizon_days=horizon_days,
            grace_days=grace_days,
            of_events=events,
            records=records,
            until=known,
            # Judged are all rows of an account: their figures are of what comes, not of a choice.
            most=MOST_ROWS if some is not split.judging else None,
            every=max(1, every_judged if some is split.judging else every),
        )
        parts.append(rows)
    teaching, middle, judging = parts
    _check(teaching, judging, split)
    columns = sets.columns(teaching)
    names = [column.name for column in columns]
    return Past(
        split, known, sets.like(teaching, names), sets.like(middle, names), sets.like(judging, names), columns
    )


def _split(
    con: duckdb.DuckDBPyConnection,
    today: dt.date,
    until: dt.date | None,
    horizon_days: int,
    share: float | None,
) -> tuple[Split, dt.date, tuple[dt.date, ...]]:
    first, known = use.first_day(con), until or sets.known_until(today)
    if first is None or known is None:
        lacking, zh_lacking = ("use", "使用数据") if first is None else ("contract", "合同")
        raise TooLittleHistoryError(
            zh=f"这里还没有{zh_lacking}，学不到任何东西。请导入合同和使用数据（docs/imports.md），运行 `evergreen night` 后再试。",
            en=f"There is no {lacking} in this home yet, so nothing can be learned. Load contracts and use (docs/imports.md), run "
            "`evergreen night`, and ask again.",
        )
    days = timing.mondays(first, known, horizon_days)
    split = timing.split(days, horizon_days, share)
    if not split.judging:
        raise TooLittleHistoryError(
            zh=f"使用数据始于 {first}，续约情况已知至 {known}：只有 {len(days)} 个周一的 {horizon_days} 天已过完，不够一部分用来学习、"
            f"隔 {horizon_days} 天之后的另一部分用来检验。请等数据再多一些，或换更短的 --horizon-days。",
            en=f"Use is known from {first} and renewals until {known}: that is {len(days)} Mondays whose {horizon_days} days are over, too "
            f"few to learn from some and judge on later ones with {horizon_days} days between. Wait for more, or ask for a shorter "
            "--horizon-days.",
        )
    return split, known, days


def _check(teaching: Rows, judging: Rows, split: Split) -> None:
    parts = (("learn from", "学习", teaching, split.teaching), ("judge on", "检验", judging, split.judging))
    for name, zh_name, of, days in parts:
        lost, stayed = _accounts(of.account, of.labels), _accounts(of.account, ~of.labels)
        if min(lost, stayed) < LEAST_OF_A_KIND:
            raise TooLittleHistoryError(
                zh=f"用于{zh_name}的 {len(days)} 周（{days[0]} 至 {days[-1]}）里，{lost} 个客户流失，{stayed} 个留存；两者各至少需要 "
                f"{LEAST_OF_A_KIND} 个，数字才有意义。在那之前，健康分和续约日期比模型更可靠。",
                en=f"In the {len(days)} weeks to {name} ({days[0]} to {days[-1]}) {lost} accounts were lost and {stayed} stayed; at "
                f"least {LEAST_OF_A_KIND} of each are needed for figures that mean anything. Until then scorecards and renewal dates "
                "serve better than a model.",
            )


def _accounts(account: Ints, which: Truths) -> int:
    return int(np.unique(account[which]).size)
