"""``evergreen purchases``: what customers without a contract will still buy, from a table of what they bought."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.launch.terminal import WRONG_USE, JsonOption, put, say, start_django, stop, table

if TYPE_CHECKING:
    from evergreen.foresight.purchases.forecasting import Forecast, Judged, Trial


def purchases(
    file: Annotated[
        Path, typer.Option("--table", help="One row a purchase: CSV, XLSX, JSON lines or Parquet.")
    ],
    customer: Annotated[str, typer.Option(help="Column that says who bought.")] = "customer",
    date: Annotated[str, typer.Option(help="Column that says when.")] = "date",
    amount: Annotated[
        str, typer.Option(help="Column that says for how much; without it no worth is told.")
    ] = "",
    weeks: Annotated[float, typer.Option(help="How far to look ahead.")] = 52,
    until: Annotated[
        str, typer.Option(help="Last day to learn from, as YYYY-MM-DD.", show_default="the table's last")
    ] = "",
    split: Annotated[
        str,
        typer.Option(
            help="Day up to which the trial learns; it is judged on the days after it.",
            show_default="the middle",
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="CSV to write, a row a customer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What each customer will still buy, without contracts: learned from purchases, tried on a later time first."""
    start_django()
    from evergreen.events.sources.files import LoadError
    from evergreen.foresight.purchases import forecasting, tables
    from evergreen.foresight.purchases.fitting import NotFoundError

    try:
        read = tables.read(file, customer=customer, date=date, amount=amount)
        bought = read.purchases
        end = _day(until) if until else bought.last_day
        cut = _day(split) if split else bought.first_day + (end - bought.first_day) / 2
        if read.left_out:
            say(f"{read.left_out:,} of {read.rows:,} rows are left out: {'; '.join(read.reasons)}.")
        trial = forecasting.tried(bought, cut, end)
        ahead = forecasting.forecast(bought, trial.best, end, weeks)
    except LoadError as error:
        raise stop(str(error)) from None
    except NotFoundError as error:
        raise stop(f"{error} Nothing was foretold.") from None
    except ValueError as error:
        raise stop(f"{error} Nothing was computed.", WRONG_USE) from None
    if out is not None:
        _write(out, ahead)
    told = _told(trial, ahead, end)
    if as_json:
        put({"rows": read.rows, "left_out_rows": read.left_out, **told})
        return
    _show(trial, ahead, end)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; write it as 2026-03-31.") from None


def _told(trial: Trial, ahead: Forecast, until: dt.date) -> dict[str, Any]:
    judged = [
        dataclasses.asdict(one) | {"parameters": dataclasses.asdict(model)}
        for one, model in zip(trial.found, trial.models, strict=True)
    ]
    return {
        "trial": {
            "learned_until": trial.split,
            "judged_until": trial.until,
            "customers": trial.customers,
            "bought": trial.bought,
            "models": judged,
            "naive": dataclasses.asdict(trial.naive),
            "best": trial.best.NAME,
        },
        "forecast": {
            "learned_until": until,
            "weeks": ahead.weeks,
            "model": ahead.model.NAME,
            "customers": len(ahead.known),
            "still_buying": float(ahead.alive.sum()),
            "purchases": float(ahead.purchases.sum()),
            "worth": None if ahead.worth is None else float(ahead.worth.sum()),
            "spend": None if ahead.spend is None else dataclasses.asdict(ahead.spend),
        },
    }


def _show(trial: Trial, ahead: Forecast, until: dt.date) -> None:
    say(
        f"Learned up to {trial.split} from {trial.customers:,} customers and held against the {trial.bought:,} purchases they made"
        f" up to {trial.until}:"
    )
    table(
        [_row(one) for one in (*trial.found, trial.naive)],
        header=["forecast", "in all", "error a customer", "rank"],
    )
    say(
        f"From {until} on, {ahead.weeks:g} weeks, by {ahead.model.NAME}: {ahead.purchases.sum():,.0f} purchases of"
        f" {ahead.alive.sum():,.0f} customers who still buy"
        + ("." if ahead.worth is None else f", worth {ahead.worth.sum():,.0f}.")
    )


def _row(one: Judged) -> list[str]:
    return [
        one.name,
        "-" if one.bias is None else f"{one.bias:+.1%}",
        f"{one.mae:.3f}",
        "-" if one.rank is None else f"{one.rank:.3f}",
    ]


def _write(out: Path, ahead: Forecast) -> None:
    """A row a customer; those who will buy most come first."""
    known = ahead.known
    worth = ahead.purchases if ahead.worth is None else ahead.worth
    names = ["customer", "purchases_after_first", "weeks_since_first", "mean_amount", "chance_still_buying"]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [*names, "expected_purchases", *(["expected_worth"] if ahead.worth is not None else [])]
        )
        for place in (-worth).argsort(kind="stable"):
            row = [
                known.customers[place],
                int(known.again[place]),
                round(float(known.age[place]), 1),
                round(float(known.spend[place]), 2),
                round(float(ahead.alive[place]), 4),
                round(float(ahead.purchases[place]), 4),
            ]
            writer.writerow([*row, *([] if ahead.worth is None else [round(float(ahead.worth[place]), 2)])])
