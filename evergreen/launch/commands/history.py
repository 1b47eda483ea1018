"""``evergreen events`` and ``evergreen accounts``: what is stored, and how every account stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from evergreen.launch.terminal import (
    HomeOption,
    JsonOption,
    group,
    installed_home,
    open_installation,
    put,
    say,
    stop,
    table,
)

app = group("Stored events.")


class By(StrEnum):
    """What events are counted by."""

    event = "event"
    kind = "kind"
    source = "source"
    day = "day"


_COLUMNS = {By.event: "name", By.kind: "kind", By.source: "source", By.day: "day::VARCHAR"}


@app.command()
def count(
    by: Annotated[By, typer.Option(help="What to count by.")] = By.event,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the stored events (each message once, duplicates never)."""
    where = installed_home(home)
    from evergreen.events.warehouses.named import event_store

    sql = f"SELECT {_COLUMNS[by]} AS what, count(*) FROM lake.events GROUP BY what ORDER BY what"
    rows = event_store(where).rows(sql)
    if as_json:
        for what, counted in rows:
            put({by.value: what, "count": counted})
    else:
        table([[str(what), f"{counted:,}"] for what, counted in rows], header=[by.value, "count"])


@app.command()
def rejected(
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events that were put aside, with the reason."""
    installed_home(home)
    from evergreen.events import traffic

    rows = traffic.rejected(limit)
    if as_json:
        for row in rows:
            put({**row._asdict(), "received_at": row.received_at.isoformat()})
    else:
        header = ["received_at", "source", "reason", "body"]
        table(
            [[f"{row.received_at:%Y-%m-%d %H:%M:%S}", row.source, row.reason, row.body[:60]] for row in rows],
            header=header,
        )


@app.command()
def replay(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the rejected events again and store those that are good now.

    For after an upgrade or a changed setting made them readable. Safe to repeat.
    """
    where = open_installation(home)
    from evergreen.base import clock
    from evergreen.events import replaying, store

    with store.session(where) as con:
        done = replaying.replay_rejected(con, now=clock.utc_now(), source=source, home=where)
    say(
        f"{done.read:,} rejected rows read: {done.stored:,} events stored, {done.duplicates:,} were stored "
        f"already, {done.still:,} rows are rejected still."
    )
    if as_json:
        put({"read": done.read, "stored": done.stored, "duplicates": done.duplicates, "still": done.still})


def accounts(
    scorecard: Annotated[
        str | None, typer.Option(help="Scorecard key.", show_default="each account's own")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how every account stands.

    Its figures, health and open alerts are those of the newest night.
    """
    open_installation(home)
    from evergreen.flow.listing import UnknownScorecardError, account_lines

    try:
        lines = account_lines(scorecard)
        if as_json:
            for line in lines:
                put(line)
            return
        rows = [_row(line) for line in lines]
    except UnknownScorecardError as error:
        raise stop(str(error), 2) from None
    table(rows, header=["account", "name", "owner", "day", "MRR", "score", "band", "alerts"])


def _row(line: dict[str, object]) -> list[str]:
    from evergreen.base import money

    health = line.get("health")
    mrr = line.get("mrr_cents")
    score = health.get("score") if isinstance(health, dict) else None
    return [
        str(line["external_id"]),
        str(line["name"]),
        str(line["owner"] or "-"),
        str(line.get("day") or "-"),
        money.full(mrr, str(line["currency"])) if isinstance(mrr, int) else "-",
        f"{score:.1f}" if isinstance(score, float | int) else "-",
        str(health.get("band")) if isinstance(health, dict) else "-",
        ", ".join(map(str, line["open_alerts"])) if isinstance(line["open_alerts"], list) else "",
    ]
