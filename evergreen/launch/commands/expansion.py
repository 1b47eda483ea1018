"""``evergreen expansion``: who is likely to buy more, worth what, and how far to believe it."""

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

app = group("Who is likely to buy more, and how far to believe it.")


@app.command()
def evaluate(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Measure on the installation's own past how well purchases would have been foretold: earlier months teach, later ones judge."""
    open_installation(home)
    from evergreen.base import clock, queries
    from evergreen.foresight.expansion import cases, evaluating, learning

    history = cases.reading(queries.vendor_day(clock.utc_now()))
    if history is None:
        raise stop(
            "There is no snapshot or no contract yet. Nothing was computed. Load contracts and use (docs/imports.md) and run "
            "`evergreen night` first."
        )
    try:
        with progress("expansion") as tell:
            found = evaluating.evaluate(history, evaluating.all_cases(history, tell))
    except evaluating.TooLittleHistoryError as error:
        raise stop(str(error), 2) from None
    told = learning.report(found)
    say(
        f"Learned from {told['teach'][2]} days, {told['teach'][0]} to {told['teach'][1]}; judged on {told['judge'][2]}, {told['judge'][0]} "
        f"to {told['judge'][1]}, every four weeks; bought within 90 days."
    )
    if as_json:
        for row in told["judged"]:
            put({**row, "teach": told["teach"], "judge": told["judge"]})
        return
    heads = [
        "kind",
        "AUC",
        "interval",
        "lift of the top tenth",
        "Brier",
        "cases",
        "bought",
        "accounts that bought",
    ]
    table([_line(row) for row in told["judged"]], header=heads)


@app.command()
def refresh(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Learn from past purchases and write the suggestions anew, as the worker does every week."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.foresight.expansion import learning

    with progress("expansion") as tell:
        made = learning.learn(now=clock.utc_now(), tell=tell)
    say(f"{made.get_state_display()}. {made.reason}".strip())
    if as_json:
        put({"state": made.state, "day": str(made.day), "reason": made.reason, **made.report})


@app.command("list")
def list_(
    kind: Annotated[str, typer.Option(help="Only seats, edition or product.")] = "",
    limit: Annotated[int, typer.Option(help="Those worth most.", min=1)] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the open suggestions, those of the greatest expected value first."""
    open_installation(home)
    from evergreen.foresight.expansion import telling
    from evergreen.foresight.models import Suggestion

    rows = telling.rows().filter(state=Suggestion.State.OPEN)
    if kind:
        if kind not in Suggestion.Kind.values:
            raise stop(
                f"--kind is {kind!r}; allowed are {', '.join(Suggestion.Kind.values)}. Nothing was listed.", 2
            )
        rows = rows.filter(kind=kind)
    found = [telling.as_dict(row) for row in rows[:limit]]
    if not found:
        say(telling.why_none())
    if as_json:
        for row in found:
            put(row)
        return
    lines = [
        [
            one["account"],
            one["name"],
            one["suggestion"],
            f"{one['chance']:.1%}",
            _money(one["value_cents"]),
            "; ".join(one["evidence"][:3]),
        ]
        for one in found
    ]
    table(lines, header=["account", "name", "suggestion", "within 90 days", "a year (minor units)", "why"])


def _line(row: dict[str, Any]) -> list[str]:
    def told(key: str, form: str) -> str:
        return "-" if row[key] is None else format(row[key], form)

    span = "-" if row["auc_low"] is None else f"{row['auc_low']:.2f} to {row['auc_high']:.2f}"
    return [
        row["kind"], told("auc", ".3f"), span, told("lift10", ".2f"), told("brier", ".4f"), f"{row['n']:,}", f"{row['positives']:,}",
        f"{row['accounts_bought']:,}",
    ]  # fmt: skip


def _money(cents: int | None) -> str:
    return "-" if cents is None else f"{cents:,}"
