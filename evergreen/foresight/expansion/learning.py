"""The weekly round: learn from past purchases, judge that on later months, and put what every account may buy now on the list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from django.db import transaction

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.lines import NEVER, NONE, day
from evergreen.customers.models import Account, Edition, Product
from evergreen.foresight.expansion import cases as reading
from evergreen.foresight.expansion import chances, evaluating, signs, values
from evergreen.foresight.expansion.buying import KINDS, Kind
from evergreen.foresight.expansion.cases import Cases, History, Tell
from evergreen.foresight.expansion.chances import Table
from evergreen.foresight.expansion.evaluating import Evaluation, Judged, TooLittleHistoryError
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion

EVERY_DAYS = 7
_KEPT = 26
# What somebody dismissed is not suggested again for half a year; what was won may be followed by more after the horizon.
QUIET_DAYS = 180
State = Suggestion.State
_BATCH = 500
_WRITTEN = (
    "state", "since", "ended_on", "ended_by", "reason", "note", "day", "chance", "seats", "value_cents", "expected_cents", "evidence",
    "edition", "product",
)  # fmt: skip


def is_due(now: dt.datetime) -> bool:
    """Whether nothing was learned, nor tried, for a week."""
    since = now - dt.timedelta(days=EVERY_DAYS)
    return not ExpansionLearning.objects.filter(made_at__gt=since).exists()


def learn(*, now: dt.datetime, by: User | None = None, tell: Tell | None = None) -> ExpansionLearning:
    """Learn, judge, and write the suggestions as of the newest snapshot. The row says what came of it."""
    today = base.vendor_day(now)
    history = reading.reading(today)
    if history is None:
        reason = "There is no snapshot or no contract yet. Load contracts and use (docs/imports.md), run `evergreen night`, and ask again."
        return _keep(ExpansionLearning(state=ExpansionLearning.State.WAITING, reason=reason), by=by, now=now)
    every = evaluating.all_cases(history, tell)
    tables = evaluating.tables(history, every)
    made = ExpansionLearning(state=ExpansionLearning.State.JUDGED, day=day(history.last))
    found: Evaluation | None = None
    try:
        found = evaluating.evaluate(history, every)
    except TooLittleHistoryError as error:
        made.state, made.reason = ExpansionLearning.State.UNJUDGED, str(error)
    with transaction.atomic():
        written = _write(history, every, tables)
        made.report = {**report(found), "tables": _told(tables), "suggestions": written}
        return _keep(made, by=by, now=now)


def report(found: Evaluation | None) -> dict[str, Any]:
    """What judging said, for JSON; empty where nothing could be judged."""
    if found is None:
        return {}
    return {
        "teach": [str(found.teaching[0]), str(found.teaching[-1]), len(found.teaching)],
        "judge": [str(found.judging[0]), str(found.judging[-1]), len(found.judging)],
        "judged": [_of(one) for one in found.judged],
    }


def _of(one: Judged) -> dict[str, Any]:
    return {
        "kind": one.kind.value if one.kind else "all",
        **one.figures.as_dict(),
        "accounts": one.accounts,
        "accounts_bought": one.bought,
        "auc_low": one.interval.low if one.interval else None,
        "auc_high": one.interval.high if one.interval else None,
        "said_cents": round(one.said_cents),
        "came_cents": round(one.came_cents),
    }


def _told(tables: Mapping[Kind, Table]) -> dict[str, Any]:
    """Tables for JSON: of each the vendor's rate and every sign's odds against being without it."""
    return {
        kind.value: {
            **{
                key: value
                for key, value in asdict(table).items()
                if key not in {"counts", "effects", "signs"}
            },
            "thin": table.is_thin,
            "signs": {
                sign: {"odds": round(float(np.exp(effect)), 3), **_alone(table, place)}
                for place, (sign, effect) in enumerate(zip(table.signs, table.effects[1:], strict=True))
            },
        }
        for kind, table in tables.items()
        if table.cases
    }


def _alone(table: Table, place: int) -> dict[str, float]:
    """Past cases with a sign and without, and how many of each bought."""
    sums = {"with": [0.0, 0.0], "without": [0.0, 0.0]}
    for pattern, (cases, bought) in table.counts.items():
        side = sums["with" if pattern >> place & 1 else "without"]
        side[0] += cases
        side[1] += bought
    return {
        f"{name}_{what}": round(side[at], 2)
        for name, side in sums.items()
        for at, what in enumerate(("cases", "bought"))
    }


def _keep(made: ExpansionLearning, *, by: User | None, now: dt.datetime) -> ExpansionLearning:
    made.made_at = now
    made.save()
    kept = ExpansionLearning.objects.values_list("pk", flat=True)[:_KEPT]
    ExpansionLearning.objects.exclude(pk__in=list(kept)).delete()
    audit(
        "expansion.learned",
        "expansion",
        [made.pk],
        by=by,
        now=now,
        after={"state": made.state, "day": str(made.day)},
    )
    return made


def _write(history: History, every: Sequence[Cases], tables: Mapping[Kind, Table]) -> int:
    """Bring the list to the state of the day; returns how many suggestions are open."""
    _settle(history)
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    names = dict(Edition.objects.values_list("pk", "key")), dict(Product.objects.values_list("pk", "key"))
    alive = set(Account.objects.exclude(stage=Account.Stage.CHURNED).order_by().values_list("pk", flat=True))
    for one in every:
        sound = signs.makes_sense(one.kind, history.standing.chosen(one.row))
        table = tables[one.kind]
        reason = signs.has_reason(one.kind, one.flags, is_thin=table.is_thin)
        rows = np.flatnonzero((one.day == history.last) & reason & sound)
        in_need = signs.in_need(one.kind, one.flags)
        share = reading.share_of(history.purchases.of(Kind.SEATS), history.last)
        for row in rows.tolist():
            chance = table.chance(int(chances.patterns(one.flags[row : row + 1])[0]))
            if int(one.account[row]) not in alive or (chance.share < table.base and not in_need[row]):
                continue
            target = int(one.target[row])
            key = "" if target == NONE else names[one.kind is Kind.PRODUCT][target]
            found[int(one.account[row]), one.kind.value, key] = _fields(history, one, row, chance, share)
    today = day(history.last)
    stored = {(row.account_id, row.kind, row.target): row for row in Suggestion.objects.all()}
    faded = [one for place, one in stored.items() if place not in found and one.state == State.OPEN]
    Suggestion.objects.filter(pk__in=[one.pk for one in faded]).update(state=State.FADED, ended_on=today)
    fresh, changed = [], []
    for place, fields in found.items():
        made = stored.get(place)
        if made is None:
            made = Suggestion(account_id=place[0], kind=place[1], target=place[2], since=today)
            fresh.append(made)
        elif made.state != State.OPEN and not _may_return(made, today):
            continue
        else:
            changed.append(made)
        if made.state != State.OPEN:
            made.state, made.since, made.ended_on, made.ended_by = State.OPEN, today, None, None
            made.reason = made.note = ""
        for name, value in fields.items():
            setattr(made, name, value)
        made.day = today
    Suggestion.objects.bulk_create(fresh, batch_size=_BATCH)
    Suggestion.objects.bulk_update(changed, _WRITTEN, batch_size=_BATCH)
    return len(fresh) + len(changed)


def _may_return(row: Suggestion, today: dt.date) -> bool:
    if row.state == State.FADED or row.ended_on is None:
        return True
    quiet = (
        signs.HORIZON_DAYS
        if row.state == State.WON or row.reason == Suggestion.Reason.TOO_SOON
        else QUIET_DAYS
    )
    return (today - row.ended_on).days >= quiet


def _settle(history: History) -> None:
    """What was bought since it was suggested is won, also where somebody had let it be or it had just faded."""
    purchases = history.purchases
    bought: dict[tuple[int, str], list[tuple[dt.date, int, float]]] = {}
    for account, kind, product, on, cents in zip(
        purchases.account.tolist(), purchases.kind.tolist(), purchases.product.tolist(), purchases.bought.tolist(),
        purchases.cents.tolist(), strict=True,
    ):  # fmt: skip
        if on <= history.last:
            bought.setdefault((account, KINDS[kind].value), []).append((day(on), product, cents))
    for row in Suggestion.objects.filter(state__in=(State.OPEN, State.FADED, State.DISMISSED)):
        until = (row.ended_on or day(history.last)) + dt.timedelta(days=signs.HORIZON_DAYS)
        fits = [
            (on, cents)
            for on, product, cents in bought.get((row.account_id, row.kind), [])
            if row.since < on <= until and (row.product_id is None or product == row.product_id)
        ]
        if fits:
            row.state, row.ended_on, row.ended_by = State.WON, fits[0][0], None
            row.won_cents = values.rounded(fits[0][1])
            row.save(update_fields=["state", "ended_on", "ended_by", "won_cents"])


def _fields(history: History, one: Cases, row: int, chance: chances.Chance, share: float) -> dict[str, Any]:
    """A suggestion's figures and the evidence they rest on; ``share`` is by how much past buyers of seats enlarged."""
    standing, at, target = history.standing, int(one.row[row]), int(one.target[row])
    value = values.rounded(float(one.value[row]))
    evidence: dict[str, Any] = {
        "signs": [
            sign for sign, is_on in zip(signs.SIGNS[one.kind], one.flags[row].tolist(), strict=True) if is_on
        ],
        "cases": round(chance.cases, 1),
        "bought": round(chance.bought, 1),
        "base": chance.base,
        "alike": [
            int(one.alike_count[row]),
            int(one.alike_bought[row]),
            float(one.alike_share[row]),
            float(one.base[row]),
        ],
        "neighbours": one.neighbours.get(row, [])[:5],
        "used": _number(standing.used[at]),
        "contracted": _number(standing.seats[at]),
        "change": _number(standing.change[at]),
        "weeks": list(signs.weeks_left(standing, at)),
        "seat_cents": _number(standing.seat_cents[at]),
        "cents": _number(standing.cents[at]),
        "score": _number(standing.score[at]),
        "until": None if standing.until[at] >= NEVER else str(day(int(standing.until[at]))),
        "limit": [history.limit_name[at], float(history.limit[at])],
        **{key: _number(standing.figures[key][at]) for key in ("events_trend", "feature_adoption")},
    }
    fields: dict[str, Any] = {
        "chance": chance.share,
        "value_cents": value,
        "expected_cents": round(chance.share * (value or 0)),
        "evidence": evidence,
        "edition_id": target if one.kind is Kind.EDITION else None,
        "product_id": target if one.kind is Kind.PRODUCT else None,
    }
    if one.kind is Kind.SEATS:
        fields["seats"] = int(values.seats_wanted(standing.chosen(np.array([at])), share)[0])
    return fields


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
