"""``evergreen erase``: what the history holds of one account or one contact is taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say, stop

if TYPE_CHECKING:
    from evergreen.events.erasure import Erased

app = group("Take somebody's events out of the history.")

AtOnce = Annotated[
    bool, typer.Option("--at-once", help="Remove the old files now; a query that reads them just then fails.")
]


@app.command()
def account(
    external_id: Annotated[str, typer.Argument(help="The account's external id.")],
    at_once: AtOnce = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase an account's events, figures and end users. The account itself stays among the records."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.customers.models import Account
    from evergreen.events import erasure
    from evergreen.foresight.recommendations.erasing import forget_account
    from evergreen.outcomes.experiments import forgetting

    found = Account.everything.filter(external_id=external_id).first()
    if found is None:
        raise _absent("account", external_id, "`evergreen accounts` lists them")
    now = clock.utc_now()
    # Before the end users are gone, by whose ids tables name it too.
    rows = forgetting.forget(forgetting.names_of_account(found), by=None, now=now)
    forget_account(found)
    _tell(erasure.erase_account(found, by=None, now=now, at_once=at_once), at_once, as_json, rows)


@app.command()
def contact(
    external_id: Annotated[str, typer.Argument(help="The contact's external id.")],
    at_once: AtOnce = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase the events of a contact's end users, its answers, and the texts of messages to and from it. The contact itself and its consents stay."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.customers.models import Contact
    from evergreen.events import erasure
    from evergreen.outcomes.experiments import forgetting
    from evergreen.touches.actions import forget_contact

    found = Contact.objects.filter(external_id=external_id).first()
    if found is None:
        raise _absent("contact", external_id, "it stands on the account's page")
    now = clock.utc_now()
    rows = forgetting.forget(forgetting.names_of_contact(found), by=None, now=now)
    forgotten = forget_contact(found, by=None, now=now)
    say("Emptied: " + ", ".join(f"{count:,} {kind}" for kind, count in forgotten.items()) + ".")
    _tell(erasure.erase_contact(found, by=None, now=now, at_once=at_once), at_once, as_json, rows)


def _absent(kind: str, external_id: str, where: str) -> typer.Exit:
    return stop(
        f"The {kind} {external_id!r} was to be erased, but there is none with this external id; {where}. "
        "Nothing was erased."
    )


def _tell(done: Erased, at_once: bool, as_json: bool, experiments: int) -> None:
    if experiments:
        say(f"Taken out of the tables of experiments: {experiments:,} rows.")
    rows = ", ".join(f"{count:,} of {table}" for table, count in done.rows.items()) or "nothing was there"
    say(f"Erased from the history: {rows}; {done.end_users:,} end users forgotten.")
    if done.rows and not at_once:
        say("The files that held it leave the disk within three hours, when no query can read them any more.")
    for name in done.damaged:
        say(
            f"journal/{name} could not be read when it was moved and may hold more: look at it and delete it."
        )
    if as_json:
        put(
            {
                "rows": done.rows,
                "end_users": done.end_users,
                "damaged": done.damaged,
                "experiment_rows": experiments,
            }
        )
