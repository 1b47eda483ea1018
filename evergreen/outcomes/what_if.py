"""What saving a scorecard would change, on the newest day: who would change band, which alerts would open or close, which playbooks
would start. Writes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from evergreen.alerts import actions as alerts
from evergreen.alerts import conditions
from evergreen.alerts import rules as alert_rules
from evergreen.alerts.facts import facts_on
from evergreen.alerts.models import Alert, Rule
from evergreen.base import clock
from evergreen.base import queries as base
from evergreen.base.conditions import ConditionError, checked, fields_of, from_data, holds
from evergreen.customers.lines import number
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health import queries, rules
from evergreen.health.actions import own_scorecards
from evergreen.health.actions.scoring import overrides_for
from evergreen.health.backtest import rescoring
from evergreen.health.backtest.judging import Ints
from evergreen.health.models import Assignment, Scorecard, Standing
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks.book import Book, published
from evergreen.playbooks.models import Playbook

BANDS = ("green", "yellow", "red", "insufficient_data")
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Side:
    """How an account stands: NaN without a score."""

    score: float
    band: str


@dataclass(frozen=True, slots=True)
class Mover:
    """An account whose band would be another one. ``arr_cents`` in the vendor's currency."""

    account: int
    arr_cents: int
    before: Side
    after: Side


@dataclass(frozen=True, slots=True)
class Raised:
    """What a rule's alerts would do: open anew, close by themselves."""

    rule: Rule
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Effect:
    """``accounts`` are those that the scorecard would show; where it would show none (``is_supposed``) it is told as if it showed
    all. ``before`` and ``after`` count them by band, ``moves`` by (from, to): accounts and their ARR.
    """

    day: dt.date
    accounts: int
    is_supposed: bool
    before: Mapping[str, int]
    after: Mapping[str, int]
    moves: Mapping[tuple[str, str], tuple[int, int]]
    movers: tuple[Mover, ...]
    alerts: tuple[Raised, ...]
    playbooks: tuple[tuple[Playbook, int], ...]

    @property
    def moved(self) -> int:
        return sum(n for n, _cents in self.moves.values())

    @property
    def moved_cents(self) -> int:
        return sum(cents for _n, cents in self.moves.values())


def what_if(card: rules.Card, *, saved: Scorecard | None = None, segment: str = "") -> Effect | None:
    """What the card would change, in the place of the ``saved`` one or as a new one of a segment. None before the first night."""
    day = queries.newest_day()
    if day is None:
        return None
    living = set(Account.objects.exclude(stage=Account.Stage.CHURNED).order_by().values_list("pk", flat=True))
    shown = _shown(saved, segment) & living
    chosen = shown or living
    keys = np.array(sorted(chosen), np.int64)
    after, week = _scored(card, saved, keys, day)
    before = {
        one.account_id: Side(np.nan if one.score is None else one.score, one.band)
        for one in Standing.objects.filter(is_own=True, day=day).defer("contributions", "beyond")
        if one.account_id in chosen
    }
    none = Side(np.nan, "insufficient_data")
    arr = dict(Account.objects.order_by().values_list("pk", "arr_base_cents").iterator(_CHUNK))
    movers = [
        Mover(key, arr.get(key) or 0, before.get(key, none), after[key])
        for key in keys.tolist()
        if before.get(key, none).band != after[key].band
    ]
    moves: dict[tuple[str, str], tuple[int, int]] = {}
    for one in movers:
        way = (one.before.band, one.after.band)
        n, cents = moves.get(way, (0, 0))
        moves[way] = (n + 1, cents + one.arr_cents)
    raised = _raised(card, after, week, day)
    return Effect(
        day=day,
        accounts=len(keys),
        is_supposed=not shown,
        before=Counter(before.get(key, none).band for key in keys.tolist()),
        after=Counter(side.band for side in after.values()),
        moves=moves,
        movers=tuple(sorted(movers, key=lambda one: (-one.arr_cents, one.account))),
        alerts=tuple(raised),
        playbooks=tuple(_started(raised)),
    )


def _shown(saved: Scorecard | None, segment: str) -> set[int]:
    """The accounts that the card would show, were it saved with this segment."""
    own = own_scorecards()
    place = saved.pk if saved else -1
    by_hand = dict(Assignment.objects.values_list("account_id", "scorecard_id"))
    others = {account for account, card in own.items() if card != place}
    mine = {account for account, card in by_hand.items() if card == place}
    if segment:
        return mine | (queries.segment_accounts(segment) - others)
    if saved is not None and saved.key == base.setting("scorecard"):
        everyone = Account.objects.order_by().values_list("pk", flat=True)
        return mine | (set(everyone) - others)
    return mine


def _scored(
    card: rules.Card, saved: Scorecard | None, keys: Ints, day: dt.date
) -> tuple[dict[int, Side], dict[int, float]]:
    """How each account would stand, and its change in seven days where it would have had a score then."""
    con = store.reading()
    today = rescoring.look_back(con, keys, np.full(len(keys), number(day)), card.metrics)
    former = rescoring.look_back(con, keys, np.full(len(keys), number(day) - 7), card.metrics)
    verdicts = list(queries.overrides_on(day))
    overrides = overrides_for(saved or Scorecard(), keys, verdicts)
    now = rescoring.score(con, card, today, overrides=overrides)
    then = rescoring.score(con, card, former)
    standing = {
        key: Side(score, band)
        for key, score, band in zip(keys.tolist(), now.score.tolist(), now.band.tolist(), strict=True)
    }
    change = now.score - np.where(former.seen_on >= 0, then.score, np.nan)
    return standing, {key: one for key, one in zip(keys.tolist(), change.tolist(), strict=True) if one == one}


def _raised(
    card: rules.Card, after: Mapping[int, Side], week: Mapping[int, float], day: dt.date
) -> list[Raised]:
    """Rules whose alerts would not be as they are."""
    facts, _arr = facts_on(day)
    found = []
    for rule in Rule.objects.filter(is_on=True).exclude(kind=Rule.Kind.EVENT):
        verdict = _by_condition(rule, day) if rule.is_condition else _by_detector(rule, facts, card, week)
        if verdict is None:
            continue
        open_now = set(
            Alert.objects.filter(rule=rule, state=Alert.State.OPEN).values_list("account_id", flat=True)
        )
        quiet = alerts.quiet_accounts(rule, day)
        opens = closes = 0
        for key, side in after.items():
            if key not in facts:
                continue
            is_open = key in open_now
            # What holds as things stand opens or closes anyway, whatever is saved.
            is_so, would = verdict(key, side, is_open)
            opens += would and not is_so and not is_open and key not in quiet
            closes += is_open and is_so and not would
        if opens or closes:
            found.append(Raised(rule, opens, closes))
    return found


# (account, how it would stand, whether its alert is open) → (the rule holds as things stand, it would hold).
_Verdict = Callable[[int, Side, bool], tuple[bool, bool]]


def _by_detector(
    rule: Rule, facts: Mapping[int, alert_rules.Facts], card: rules.Card, week: Mapping[int, float]
) -> _Verdict:
    shipped = alert_rules.SHIPPED[rule.key]
    params = {**shipped.params, **rule.params}

    def verdict(key: int, side: Side, is_open: bool) -> tuple[bool, bool]:
        supposed = replace(
            facts[key],
            score=_known(side.score),
            band=side.band,
            yellow=card.yellow,
            change_7d=week.get(key),
            drop_alerts=card.drop_alerts,
        )
        is_so, would = (shipped.holds(one, params, is_open) is not None for one in (facts[key], supposed))
        return is_so, would

    return verdict


def _by_condition(rule: Rule, day: dt.date) -> _Verdict | None:
    """None where the condition asks nothing of the health, or cannot be read any more."""
    fields = catalogue.all_fields()
    try:
        tree = checked(from_data(rule.condition), fields)
    except ConditionError:
        return None
    if not fields_of(tree) & {"health_score", "health_band"}:
        return None
    values = conditions.values(store.reading(), day, fields_of(tree), fields)

    def verdict(key: int, side: Side, _is_open: bool) -> tuple[bool, bool]:
        known = values.get(key, {})
        supposed = {**known, "health_score": _known(side.score), "health_band": side.band}
        return holds(tree, known, day), holds(tree, supposed, day)

    return verdict


def _known(score: float) -> float | None:
    return score if score == score else None


def _started(raised: Collection[Raised]) -> list[tuple[Playbook, int]]:
    """Playbooks that the new alerts would start, with how many entries."""
    found = []
    book = Book(clock.utc_now())
    for playbook, version in published():
        triggers = [one for one in book.definition(version).triggers if one.kind == "alert"]
        n = sum(
            one.opens for one in raised if any(not to.names or one.rule.key in to.names for to in triggers)
        )
        if n:
            found.append((playbook, n))
    return found
