"""``evergreen twin``: an account twelve months ahead with and without levers, and how far to believe it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from evergreen.launch.terminal import (
    HomeOption,
    JsonOption,
    group,
    open_installation,
    progress,
    put,
    say,
    stop,
    table,
)

app = group("An account twelve months ahead, and how far to believe it.")


@app.command()
def account(
    external_id: Annotated[str, typer.Argument(help="The account's external id.")],
    cost: Annotated[
        list[str] | None,
        typer.Option(
            help="LEVER=AMOUNT in minor units of the vendor's currency; may be given again. Others are those kept on the page."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate an account's next twelve months by doing nothing and by each lever."""
    open_installation(home)
    from evergreen.customers.models import Account
    from evergreen.foresight.twin import asking, outlooks
    from evergreen.foresight.twin.dynamics import TooLittleHistoryError

    given = _costs(cost or [])
    costs = {**{key: one.cost_cents for key, one in outlooks.costs().items()}, **given}
    found = Account.objects.filter(external_id=external_id).first()
    if found is None:
        raise stop(
            f"No account has the external id {external_id!r}. Nothing was simulated. The page Accounts shows the ids.",
            2,
        )
    try:
        told = asking.ask(asking.newest([found.pk]), found.pk, costs)
    except (TooLittleHistoryError, asking.NotThereError) as error:
        raise stop(str(error), 2) from None
    if as_json:
        put({"account": found.external_id, "name": found.name, **asking.as_dict(told)})
        return
    say(f"As of {told.on}. Still there in a year by doing nothing: {told.stays:.0%}.")
    rows = [_line(one) for one in asking.as_dict(told)["levers"]]
    table(
        rows,
        header=[
            "lever",
            "similar accounts",
            "effect on use",
            "80 % interval",
            "gain in staying",
            "return",
            "rests on",
        ],
    )
    if not told.best:
        say("No lever is told from chance among accounts like it: nothing is recommended.")


@app.command("backtest")
def backtest_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the twin from days in the past with what was known then, against what happened."""
    open_installation(home)
    from evergreen.customers.lines import number
    from evergreen.events import store
    from evergreen.foresight.twin import backtest
    from evergreen.foresight.twin.dynamics import TooLittleHistoryError
    from evergreen.metrics.queries import snapshot_span

    con = store.reading()
    span = snapshot_span(con)
    if span is None:
        raise stop("There is no snapshot yet. Nothing was computed. Run `evergreen night`.", 2)
    try:
        with progress("twin") as tell:
            found = backtest.backtest(con, number(span.newest), tell)
    except TooLittleHistoryError as error:
        raise stop(str(error), 2) from None
    if as_json:
        put(found.as_dict())
        return
    say(f"Started on {', '.join(found.starts)}, each with what was known then.")
    rows = [
        [
            one.what, "all" if one.months is None else str(one.months), f"{one.coverage:.1%}", f"{one.plain:.1%}", f"{one.error:.3f}",
            f"{one.naive:.3f}", f"{one.n:,}",
        ]
        for one in (*found.all, *found.months)
    ]  # fmt: skip
    table(
        rows,
        header=["figure", "month", "inside 80 %", "without widths", "error", "stays as it is", "outcomes"],
    )
    if (ends := found.renewals) is not None:
        say(
            f"Ends: {ends.n:,}, lost {ends.lost:,}, said {ends.said:.1f}; Brier {ends.brier:.4f}, by the vendor's rate {ends.naive:.4f}."
        )


def _costs(told: list[str]) -> dict[str, int]:
    from evergreen.foresight.twin.levers import LEVERS

    allowed = [lever.key for lever in LEVERS]
    found = {}
    for one in told:
        key, _equals, amount = one.partition("=")
        if key not in allowed or not amount.isdecimal() or int(amount) == 0:
            raise stop(
                f"--cost is {one!r}; allowed is LEVER=AMOUNT with a whole amount above 0 and one of {', '.join(allowed)}. Nothing was "
                "simulated.",
                2,
            )
        found[key] = int(amount)
    return found


def _line(row: dict[str, Any]) -> list[str]:
    if not row["told"]:
        return [row["lever"], f"{row['accounts']} (30 needed)", "-", "-", "-", "-", "-"]
    low, high = row["use_interval"] or (None, None)
    return [
        row["lever"],
        str(row["accounts"]),
        "-" if row["use_effect"] is None else f"{row['use_effect']:+.2f}",
        "-" if low is None else f"{low:+.2f} to {high:+.2f}",
        f"{row['gain'][1]:+.1%} ({row['gain'][0]:+.1%} to {row['gain'][2]:+.1%})",
        "-" if row["roi"] is None else f"{row['roi'][1]:.0%} ({row['roi'][0]:.0%} to {row['roi'][2]:.0%})",
        row["rests_on"],
    ]
