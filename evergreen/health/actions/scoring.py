"""Score a day, keep the scores in the history, and write the newest standing of each account back as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from django.db import transaction

from evergreen.base import queries as base
from evergreen.base.upserts import put
from evergreen.events import store
from evergreen.health import definitions, queries, rules
from evergreen.health.models import Assignment, Override, Scorecard, ScorecardVersion, Standing

if TYPE_CHECKING:
    import duckdb

COMPARED_DAYS = (7, 30, 90)
# A past score serves for a comparison when it is at most this much older than asked for (weekly nights of long ago).
COMPARISON_SLACK_DAYS = 6
_BATCH = 2_000
_SCORES = pa.schema(
    [
        ("day", pa.date32()),
        ("account_id", pa.int64()),
        ("tenant", pa.string()),
        ("scorecard", pa.string()),
        ("version", pa.int32()),
        ("score", pa.float64()),
        ("band", pa.string()),
        ("coverage", pa.float64()),
        ("oldest_input_on", pa.date32()),
        ("contributions", pa.string()),
    ]
)


def versions_on(day: dt.date) -> list[tuple[Scorecard, ScorecardVersion, rules.Card]]:
    """The version of each active scorecard in force on a day."""
    found: dict[int, ScorecardVersion] = {}
    rows = ScorecardVersion.objects.filter(
        scorecard__is_active=True, is_withdrawn=False, effective_on__lte=day
    ).select_related("scorecard")
    for version in rows.order_by("scorecard_id", "effective_on", "number"):
        found[version.scorecard_id] = version
    return [
        (version.scorecard, version, definitions.card_from(version.definition)) for version in found.values()
    ]


def score_day(con: duckdb.DuckDBPyConnection, day: dt.date) -> int:
    """Score every account of the day's snapshot on every active scorecard; replaces the day's scores. Returns rows."""
    cards = versions_on(day)
    metrics = sorted(set().union(*(card.metrics for _, _, card in cards)))
    table = con.execute(
        f"SELECT account_id, {', '.join(metrics)} FROM lake.snapshots WHERE day = ? AND tenant = '' ORDER BY account_id",
        [day],
    ).to_arrow_table()
    accounts = table["account_id"]
    columns = {name: _numbers(table[name], day) for name in metrics}
    keys = np.asarray(accounts.to_numpy(), np.int64)
    verdicts = list(queries.overrides_on(day))
    scored = []
    for card, version, parsed in cards:
        among = _populations(card, parsed, keys, columns)
        said = overrides_for(card, keys, verdicts)
        found = rules.score(parsed, columns, rules.ages(parsed, columns), among, said)
        scored.append(_rows(accounts, card.key, version.number, parsed, found, columns, day))
    with store.transaction(con):
        con.execute("DELETE FROM lake.scores WHERE day = ?", [day])
        for rows in scored:
            con.register("scored_now", rows)
            con.execute("INSERT INTO lake.scores SELECT * FROM scored_now ORDER BY account_id")
            con.unregister("scored_now")
    return sum(rows.num_rows for rows in scored)


def _numbers(column: pa.ChunkedArray, day: dt.date) -> rules.Column:
    """A metric's column as floats, missing as NaN; dates become their age in days."""
    if pa.types.is_date(column.type):
        days = column.cast(pa.int32()).cast(pa.float64())
        ages = (day - dt.date(1970, 1, 1)).days - days.to_numpy(zero_copy_only=False)
        return np.asarray(ages, dtype=np.float64)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _populations(
    card: Scorecard, parsed: rules.Card, keys: npt.NDArray[np.int64], columns: Mapping[str, rules.Column]
) -> dict[str, rules.Column] | None:
    """A segment's card ranks its percentiles among the accounts of the segment."""
    ranked = {measure.metric for measure in parsed.measures if measure.scale.ranks}
    if not card.segment or not ranked:
        return None
    inside = np.isin(keys, sorted(queries.segment_accounts(card.segment)))
    return {metric: columns[metric][inside] for metric in ranked}


def overrides_for(
    card: Scorecard, keys: npt.NDArray[np.int64], verdicts: Sequence[Override]
) -> rules.Overrides | None:
    """Verdicts on accounts as columns in the order of ``keys`` (ascending); None where there is none for this card."""
    mine = [one for one in verdicts if one.scorecard_id in (None, card.pk)]
    if not mine:
        return None

    def column(rows: Iterable[Override]) -> rules.Column:
        found = np.full(len(keys), np.nan)
        for one in rows:
            place = int(np.searchsorted(keys, one.account_id))
            if place < len(keys) and keys[place] == one.account_id:
                found[place] = one.value
        return found

    def by_key(level: str) -> dict[str, rules.Column]:
        chosen = [one for one in mine if one.level == level]
        return {key: column(one for one in chosen if one.key == key) for key in {one.key for one in chosen}}

    return rules.Overrides(
        column(one for one in mine if one.level == Override.Level.ACCOUNT),
        by_key(Override.Level.DIMENSION),
        by_key(Override.Level.MEASURE),
    )


def _rows(
    accounts: pa.ChunkedArray,
    key: str,
    version: int,
    card: rules.Card,
    scored: rules.Scored,
    columns: Mapping[str, rules.Column],
    day: dt.date,
) -> pa.Table:
    size = len(accounts)
    ages = np.zeros(size)
    for measure in card.measures:
        if measure.as_of:
            ages = np.fmax(ages, columns[measure.as_of])
    oldest = [day - dt.timedelta(days=int(age)) for age in ages]
    return pa.table(
        {
            "day": pa.array([day] * size, pa.date32()),
            "account_id": accounts,
            "tenant": pa.array([""] * size),
            "scorecard": pa.array([key] * size),
            "version": pa.array([version] * size, pa.int32()),
            "score": pa.array(scored.score, from_pandas=True),
            "band": pa.array(scored.band.tolist()),
            "coverage": pa.array(scored.coverage),
            "oldest_input_on": pa.array(oldest, pa.date32()),
            "contributions": pa.array(_contributions(card, scored, columns, day)),
        },
        schema=_SCORES,
    )


def _contributions(
    card: rules.Card, scored: rules.Scored, columns: Mapping[str, rules.Column], day: dt.date
) -> list[str]:
    """One JSON list an account: what each measure added, what it could still add, and why it is missing."""
    encoder = msgspec.json.Encoder()
    lists = []
    for index, measure in enumerate(card.measures):
        ages = columns[measure.as_of].tolist() if measure.as_of else None
        raw = columns[measure.metric].tolist()
        lists.append(
            (
                measure,
                scored.values[index].tolist(),
                scored.scores[index].tolist(),
                scored.points[index].tolist(),
                scored.lost[index].tolist(),
                scored.share[index].tolist(),
                raw,
                ages,
                scored.overridden[index].tolist(),
            )
        )
    found = []
    for row in range(len(scored.score)):
        entries = []
        for measure, values, scores, points, lost, share, raw, ages, said in lists:
            value, mark = values[row], scores[row]
            missing = None if value == value else ("too_old" if raw[row] == raw[row] else "no_data")
            as_of = day
            if ages is not None and ages[row] == ages[row]:
                as_of = day - dt.timedelta(days=int(ages[row]))
            told = {"overridden": True} if said[row] else {}
            missing = None if said[row] else missing
            entries.append(
                {
                    **told,
                    "measure": measure.key,
                    "metric": measure.metric,
                    "value": value if value == value else None,
                    "score": mark if mark == mark else None,
                    "points": points[row],
                    "lost": lost[row],
                    "weight": share[row],
                    "missing": missing,
                    "as_of": as_of.isoformat(),
                }
            )
        found.append(encoder.encode(entries).decode())
    return found


@transaction.atomic
def write_standings(con: duckdb.DuckDBPyConnection, day: dt.date) -> int:
    """Write the day's scores back as rows, with their changes since 7, 30 and 90 days before. Returns rows written."""
    cards = dict(Scorecard.objects.values_list("key", "pk"))
    own = own_scorecards()
    default = cards.get(base.setting("scorecard"))
    verdicts = set(
        queries.overrides_on(day).filter(level=Override.Level.ACCOUNT).values_list("account_id", flat=True)
    )
    past = {days: _past(con, day - dt.timedelta(days=days)) for days in COMPARED_DAYS}
    newer = set(Standing.objects.filter(day__gt=day).values_list("account_id", flat=True).distinct())
    known = set(_known_accounts())
    reader = con.execute(
        "SELECT account_id, scorecard, version, score, band, coverage, oldest_input_on, contributions"
        " FROM lake.scores WHERE day = ? AND tenant = '' ORDER BY account_id",
        [day],
    )
    written = 0
    while batch := reader.fetchmany(_BATCH):
        rows = [
            _standing(row, day, cards[row[1]], own.get(row[0], default), past, is_verdict=row[0] in verdicts)
            for row in batch
            if row[0] in known and row[0] not in newer and row[1] in cards
        ]
        put(Standing, rows, unique=["account_id", "scorecard_id"])
        written += len(rows)
    return written


def own_scorecards() -> dict[int, int]:
    """account → scorecard, where it is not the default: by its segments, in the scorecards' order; by hand above these."""
    found: dict[int, int] = {}
    segments = Scorecard.objects.filter(is_active=True).exclude(segment="").order_by("place", "pk")
    for card, segment in segments.values_list("pk", "segment"):
        for account in queries.segment_accounts(segment):
            found.setdefault(account, card)
    active = Assignment.objects.filter(scorecard__is_active=True)
    return found | dict(active.values_list("account_id", "scorecard_id"))


def _known_accounts() -> Iterable[int]:
    from evergreen.customers.models import Account

    return Account.objects.values_list("pk", flat=True)


# (account, scorecard) → score, points by measure, version
_Past = dict[tuple[int, str], tuple[float, dict[str, float], int]]


def _past(con: duckdb.DuckDBPyConnection, day: dt.date) -> _Past:
    """Score and points by measure, on the newest scored day at or shortly before ``day``, of those that had a score."""
    decoder = msgspec.json.Decoder(list[dict[str, Any]])
    rows = con.execute(
        "SELECT account_id, scorecard, score, contributions, version FROM lake.scores"
        " WHERE tenant = '' AND score IS NOT NULL AND day = ("
        " SELECT max(day) FROM lake.scores WHERE day BETWEEN ? AND ?)",
        [day - dt.timedelta(days=COMPARISON_SLACK_DAYS), day],
    ).fetchall()
    return {
        (account, card): (score, {e["measure"]: e["points"] for e in decoder.decode(text)}, version)
        for account, card, score, text, version in rows
    }


def _standing(
    row: Any, day: dt.date, card: int, own: int | None, past: Mapping[int, _Past], *, is_verdict: bool
) -> dict[str, Any]:
    """The columns of a row of ``Standing``."""
    account, key, version, score, band, coverage, oldest, text = row
    entries = msgspec.json.decode(text)
    changes: dict[int, float | None] = {}
    beyond: dict[str, Any] = {}
    if score is not None:
        beyond = {"held": score - sum(entry["points"] for entry in entries)}
        beyond["why"] = "override" if is_verdict else "rules"
    for days, scores in past.items():
        former = scores.get((account, key)) if score is not None else None
        points = former[1] if former else {}
        for entry in entries:
            was = points.get(entry["measure"])
            entry[f"change_{days}d"] = entry["points"] - was if was is not None else None
        changes[days] = score - former[0] if former else None
        if former:
            beyond |= _unlisted(score, beyond["held"], entries, former, version, days)
    return {
        "account_id": account,
        "scorecard_id": card,
        "version": version,
        "is_own": card == own,
        "day": day,
        "score": score,
        "band": band,
        "coverage": coverage,
        "oldest_input_on": oldest,
        "change_7d": changes[7],
        "change_30d": changes[30],
        "change_90d": changes[90],
        "contributions": entries,
        "beyond": beyond,
    }


def _unlisted(
    score: float,
    held: float,
    entries: Sequence[Mapping[str, Any]],
    former: tuple[float, Mapping[str, float], int],
    version: int,
    days: int,
) -> dict[str, Any]:
    """Of a change what no measure's own change tells, so that all listed parts add up to it: what ceilings, bounds and verdicts hold
    (``held``), and measures that one of the two versions has not (``model``, with the former version).
    """
    before, points, number = former
    held_change = held - (before - sum(points.values()))
    listed = sum(entry[f"change_{days}d"] or 0.0 for entry in entries)
    model = score - before - listed - held_change
    return {
        f"held_change_{days}d": held_change,
        f"model_change_{days}d": model if abs(model) > 1e-9 else 0.0,
        f"former_version_{days}d": number if number != version else None,
    }
