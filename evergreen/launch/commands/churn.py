"""``evergreen churn``: how well losses are foretold, on any table or on the installation's own history."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.launch.terminal import (
    HomeOption,
    JsonOption,
    group,
    open_installation,
    progress,
    put,
    say,
    start_django,
    stop,
    table,
)

if TYPE_CHECKING:
    from evergreen.foresight.learning.judging import Figures

app = group("Who will be lost, and how far to believe it.")

_NAMES = {
    "auc": "AUC (0.5 blind, 1 perfect)",
    "pr_auc": "PR-AUC (blind: the share lost)",
    "brier": "Brier (0 perfect)",
    "ece": "calibration error",
    "lift10": "lift of the riskiest tenth",
    "n": "rows",
    "positives": "lost",
}


@app.command()
def evaluate(
    file: Annotated[
        Path | None, typer.Option("--table", help="CSV, Parquet, XLSX or JSON Lines; needs no home.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column of --table that says who was lost.")] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="The value of --label that means lost.", show_default="yes, 1 or such, else the rarer one"
        ),
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--id", help="The column that names the row; not learned from.")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="A column not to learn from; may be given again.")
    ] = None,
    horizon_days: Annotated[int, typer.Option(help="Lost within so many days.", min=1)] = 30,
    grace_days: Annotated[
        int, typer.Option(help="A contract that ended counts as lost so many days later.", min=0)
    ] = 0,
    teach: Annotated[
        float | None,
        typer.Option(help="Share of the weeks that teaches.", show_default="4 of 7 of what the gap leaves"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Last day whose renewals are known.", show_default="found from the contracts"),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well losses are foretold.

    Without --table: on the installation's own history; earlier weeks teach, later ones judge, with a gap between. With --table:
    cross-validates on any table, five times in five parts.
    """
    if file is None:
        if label or positive or identity or leave_out:
            raise stop(
                "--label, --positive, --id and --leave-out are for a --table. Nothing was computed.", 2
            )
        _of_home(home, horizon_days, grace_days, teach, until, as_json=as_json)
        return
    if label is None:
        raise stop("--table needs --label: the column that says who was lost. Nothing was computed.", 2)
    _of_table(file, label, positive, identity, leave_out or [], as_json=as_json)


@app.command()
def refit(
    horizon_days: Annotated[
        list[int] | None,
        typer.Option(help="Lost within so many days; may be given again.", show_default="30, 90, 180"),
    ] = None,
    grace_days: Annotated[
        int | None,
        typer.Option(help="Late signing is waited for.", show_default="setting renewal_grace_days", min=0),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the models in service anew, as the worker does every week.

    A new one takes the place of the one before when it is no worse on weeks that one never saw.
    """
    open_installation(home)
    from evergreen.base import clock
    from evergreen.base.languages import in_words
    from evergreen.foresight.risks import refitting

    for horizon in horizon_days or refitting.HORIZONS:
        try:
            with progress(f"{horizon} days") as tell:
                made = refitting.refit(horizon, now=clock.utc_now(), grace_days=grace_days, tell=tell)
        except ValueError as error:
            raise stop(str(error), 2) from None
        say(f"{horizon} days: {made.get_state_display()}. {in_words(made.why)}")
        if as_json:
            put(
                {
                    "horizon_days": horizon,
                    "grace_days": made.grace_days,
                    "state": made.state,
                    "why": made.why,
                    **made.report,
                }
            )


@app.command()
def risks(
    horizon_days: Annotated[int, typer.Option(help="Of the model for so many days.")] = 30,
    limit: Annotated[int, typer.Option(help="The riskiest so many.", min=1)] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the accounts most likely to be lost, with reasons, as of the newest night."""
    open_installation(home)
    from evergreen.base.languages import in_words
    from evergreen.foresight.risks import telling

    found = telling.riskiest(horizon_days, limit)
    if not found:
        say(in_words(telling.why_none(horizon_days)))
    if as_json:
        for row in found:
            put(row.as_dict())
        return
    rows = [[row.account, row.name, f"{row.probability:.1%}", "; ".join(row.reasons[:3])] for row in found]
    table(rows, header=["account", "name", f"lost within {horizon_days} days", "why"])


def _of_home(
    home: Path | None, horizon: int, grace: int, teach: float | None, until: str | None, *, as_json: bool
) -> None:
    open_installation(home)
    from evergreen.base import clock, queries
    from evergreen.foresight.history import evaluating

    today = queries.vendor_day(clock.utc_now())
    try:
        last = dt.date.fromisoformat(until) if until else None
    except ValueError:
        raise stop(
            f"--until is {until!r}; write it as YYYY-MM-DD, e.g. 2026-11-20. Nothing was computed.", 2
        ) from None
    try:
        with progress("churn") as tell:
            found = evaluating.evaluate(
                today, horizon_days=horizon, grace_days=grace, share=teach, until=last, tell=tell
            )
    except ValueError as error:
        raise stop(str(error), 2) from None
    for name, area in found.suspects.items():
        say(
            f"{name} alone tells losses almost perfectly (AUC {area:.3f}): find out when it is filled in before believing the figures."
        )
    teaching, judging = found.past.split.teaching, found.past.split.judging
    say(
        f"Learned from {len(teaching)} Mondays, {teaching[0]} to {teaching[-1]} ({found.taught:,} rows, {found.taught_lost:,} lost within "
        f"{horizon} days); judged on {len(judging)} Mondays, {judging[0]} to {judging[-1]} ({found.figures.n:,} rows, "
        f"{found.figures.positives:,} lost: {found.accounts_lost:,} accounts). Renewals are known until {found.past.known_until}."
    )
    _tell(found.figures, as_json, {
        "horizon_days": horizon,
        "grace_days": grace,
        "teach_from": str(teaching[0]),
        "teach_to": str(teaching[-1]),
        "teach_weeks": len(teaching),
        "judge_from": str(judging[0]),
        "judge_to": str(judging[-1]),
        "judge_weeks": len(judging),
        "known_until": str(found.past.known_until),
        "taught": found.taught,
        "taught_lost": found.taught_lost,
        "accounts": found.accounts,
        "accounts_lost": found.accounts_lost,
        "auc_low": found.auc_interval.low if found.auc_interval else None,
        "auc_high": found.auc_interval.high if found.auc_interval else None,
        "baseline": found.baseline.as_dict(),
        "at_stake": found.at_stake.as_dict(),
        "columns": [column.name for column in found.past.columns],
    })  # fmt: skip


def _of_table(
    file: Path, label: str, positive: str | None, identity: str | None, leave_out: list[str], *, as_json: bool
) -> None:
    start_django()
    from evergreen.foresight import tables

    try:
        with progress("churn") as tell:
            found = tables.evaluate(
                file,
                label,
                positive=positive,
                identity=identity,
                left_out=leave_out,
                tell=lambda done, total: tell("folds", done, total),
            )
    except ValueError as error:
        if not type(error).__module__.startswith("evergreen."):
            raise
        raise stop(str(error), 2) from None
    for notice in found.table.notices:
        say(notice)
    for name, reason in found.table.left_out.items():
        say(f"Not learned from: {name}: {reason}.")
    say(
        f"Lost means {label} = {found.table.positive}. Mean of {found.folds} folds, each learned without its own rows."
    )
    _tell(found.figures, as_json, {
        "auc_sd": found.auc_spread,
        "folds": found.folds,
        "label": label,
        "positive": found.table.positive,
        "columns": [column.name for column in found.table.columns],
        "left_out": found.table.left_out,
    })  # fmt: skip


def _tell(figures: Figures, as_json: bool, more: dict[str, Any]) -> None:
    told = figures.as_dict()
    if as_json:
        put({**told, **more})
        return
    rows = [
        [
            name,
            "-"
            if told[key] is None
            else f"{told[key]:,}"
            if isinstance(told[key], int)
            else f"{told[key]:.4f}",
        ]
        for key, name in _NAMES.items()
    ]
    table(rows, header=["figure", "value"])
