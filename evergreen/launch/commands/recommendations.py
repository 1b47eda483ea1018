"""``evergreen recommendations``: what to show or do next, and what it brings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

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

app = group("What to show or do next for an account or an end user.")


@app.command()
def refresh(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Learn what goes together and what helped, as the worker does every week."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.foresight.recommendations import learning

    with progress("recommendations") as tell:
        made = learning.learn(now=clock.utc_now(), tell=tell)
    say(f"Learned up to {made.day}.")
    if as_json:
        put({"day": str(made.day), "backtest": made.report["backtest"], "helped": made.report["helped"]})


@app.command()
def evaluate(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Tell how often what was begun was among the first three named, and what was taken up against the share held back."""
    open_installation(home)
    from evergreen.base import clock, queries
    from evergreen.events import store
    from evergreen.foresight.recommendations import learning, measuring

    now = clock.utc_now()
    with store.session() as con:
        hits = learning.backtest(con, queries.vendor_day(now))
    found = measuring.take_up(now)
    if as_json:
        put({"backtest": hits, "take_up": asdict(found)})
        return
    rows = [
        [
            whom,
            f"{row['asked']:,}",
            f"{row['hits'] / row['asked']:.1%}",
            f"{row['popular'] / row['asked']:.1%}",
        ]
        for whom, row in hits.items()
        if isinstance(row, dict) and row["asked"]
    ]
    table(rows, header=["who", "began something", "among the first three", "among the three most used"])
    arms = [
        [
            name,
            f"{arm.accounts:,}",
            f"{arm.items:,}",
            f"{arm.taken:,}",
            "-" if arm.share is None else f"{arm.share:.1%}",
        ]
        for name, arm in (("shown", found.shown), ("held back", found.held))
    ]
    table(arms, header=["", "accounts", "features named", "taken up within 14 days", "mean over accounts"])


@app.command("list")
def list_(
    account: Annotated[str, typer.Argument(help="The account's external id.")],
    user: Annotated[str, typer.Option(help="One of its end users, as events name it.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is recommended now, with reasons. Nothing is noted as shown."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.customers.models import Account
    from evergreen.foresight.recommendations import recommending, words
    from evergreen.playbooks.queries import open_to

    row = Account.objects.select_related("edition").filter(external_id=account).first()
    if row is None:
        raise stop(
            f"There is no account {account!r}. Nothing was listed. `evergreen accounts` lists them.", 2
        )
    now = clock.utc_now()
    found = recommending.recommend(
        row, now=now, end_user=user, playbooks=() if user else open_to(row, recommending.proven(), now=now)
    )
    if found.day is None:
        say(
            "Nothing was learned yet. The worker learns every week; `evergreen recommendations refresh` learns now."
        )
    if found.is_held:
        say("This account is held back: neither its page nor the API shows these.")
    names = words.feature_names()
    for one in found.items if as_json else ():
        put(
            {
                "kind": one.kind,
                "key": one.key,
                "name": one.name,
                "score": one.score,
                "held_back": found.is_held,
                "reason": words.reasons(one, names, for_user=bool(user)),
            }
        )
    if not as_json:
        rows = [
            [one.kind, words.named(one), "; ".join(words.reasons(one, names, for_user=bool(user)))]
            for one in found.items
        ]
        table(rows, header=["kind", "what", "why"])
