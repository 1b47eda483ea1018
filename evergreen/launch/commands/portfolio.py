"""``evergreen portfolio``: MRR movements, GRR, NRR and churn between two days."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated, Any

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, open_installation, put, say, stop, table


def portfolio(
    first: Annotated[str, typer.Option("--from", help="First day, as YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Day it is compared with, as YYYY-MM-DD.")],
    grace_days: Annotated[
        int,
        typer.Option(
            "--grace",
            "--grace-days",
            help="Days for which a lapsed contract counts as overdue for renewal.",
            min=0,
        ),
    ] = 0,
    by: Annotated[
        str,
        typer.Option(
            help="Divided: month or quarter, and/or segment, tier, industry, owner, cohort, edition (month,tier)."
        ),
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of the recurring revenue between two days, from contracts; strict unless a grace is given."""
    open_installation(home)
    from evergreen.base import money
    from evergreen.outcomes import queries

    if by:
        _divided(first, last, grace_days, by, as_json=as_json)
        return
    try:
        book = queries.book(_day(first), _day(last), grace_days=grace_days)
    except ValueError as error:
        raise stop(f"{error} Nothing was computed.", 2) from None
    figures = book.figures
    shares = {"logo_churn": figures.logo_churn, "grr": figures.grr, "nrr": figures.nrr}
    for currency, lines in book.left_out.items():
        say(f"{lines} contract lines in {currency} are left out: no rate is known for {last}.")
    if as_json:
        put(
            {
                "from": first,
                "to": last,
                "currency": book.currency,
                "grace_days": grace_days,
                **dataclasses.asdict(figures),
                **shares,
                "left_out_lines": sum(book.left_out.values()),
            }
        )
        return
    rows = [
        [name, f"{value:,}" if name.endswith("accounts") else money.full(value, book.currency)]
        for name, value in dataclasses.asdict(figures).items()
    ]
    rows += [[name, "-" if share is None else f"{share:.2%}"] for name, share in shares.items()]
    table(
        [[name.removesuffix("_cents"), value] for name, value in rows],
        header=["figure", f"{first} to {last}"],
    )


def _divided(first: str, last: str, grace_days: int, by: str, *, as_json: bool) -> None:
    """One row for each period and group."""
    from evergreen.base import money
    from evergreen.outcomes.portfolio import listing

    try:
        told = listing.divided(_day(first), _day(last), grace_days, by)
    except ValueError as error:
        raise stop(f"{error} Nothing was computed.", 2) from None
    for currency, lines in told.left_out.items():
        say(f"{lines} contract lines in {currency} are left out: no rate is known for {last}.")
    if as_json:
        for row in told.rows:
            put(row)
        return
    shown = [name for name in listing.SHOWN if told.rows and name in told.rows[0]]

    def cell(row: dict[str, Any], name: str) -> str:
        value = row[name]
        if name.endswith("_cents"):
            return money.full(value, told.currency)
        if isinstance(value, float) or value is None:
            return "-" if value is None else f"{value:.2%}"
        return f"{value:,}" if isinstance(value, int) else str(value)

    table(
        [[cell(row, name) for name in shown] for row in told.rows],
        header=[name.removesuffix("_cents") for name in shown],
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; give it as YYYY-MM-DD.") from None
