"""``evergreen portfolio``: MRR movements, GRR, NRR and churn between two days."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, open_installation, put, say, stop, table


def portfolio(
    first: Annotated[str, typer.Option("--from", help="First day, as YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Day it is compared with, as YYYY-MM-DD.")],
    grace_days: Annotated[
        int, typer.Option(help="Days for which a lapsed contract counts as overdue for renewal.", min=0)
    ] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of the recurring revenue between two days, from contracts; strict unless a grace is given."""
    open_installation(home)
    from evergreen.base import money
    from evergreen.outcomes import queries

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


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; give it as YYYY-MM-DD.") from None
