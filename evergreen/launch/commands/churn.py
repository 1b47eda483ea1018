"""``evergreen churn``: how well losses are foretold, on any table or on the installation's own history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, progress, put, say, start_django, stop, table

if TYPE_CHECKING:
    from evergreen.foresight.learning.judging import Figures

app = typer.Typer(
    help="Who will be lost, and how far to believe it.", no_args_is_help=True, rich_markup_mode=None
)

_NAMES = {
    "auc": "AUC (0.5 blind, 1 perfect)",
    "pr_auc": "PR-AUC (blind: the share lost)",
    "brier": "Brier (0 perfect)",
    "ece": "calibration error",
    "lift10": "lift of the riskiest tenth",
    "n": "rows",
    "positives": "lost",
}


@app.callback()
def churn() -> None:
    """Who will be lost, and how far to believe it."""


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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well losses are foretold.

    With --table: cross-validates on any table, five times in five parts.
    """
    if file is None:
        raise stop("Name a table by --table and its column by --label. Nothing was computed.", 2)
    if label is None:
        raise stop("--table needs --label: the column that says who was lost. Nothing was computed.", 2)
    _of_table(file, label, positive, identity, leave_out or [], as_json=as_json)


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
