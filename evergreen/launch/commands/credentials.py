"""``evergreen credentials``: the stored keys and passwords of connections."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from evergreen.base import files
from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say, stop

app = group("Stored keys and passwords.")


@app.command()
def reseal(
    home: HomeOption = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make a new secret key first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Encrypt every stored credential with today's secret key; the old one still opens until all are."""
    where = open_installation(home)
    from evergreen.base import clock
    from evergreen.events.connections import actions

    if new_key:
        if os.environ.get("EVERGREEN_SECRET_KEY"):
            raise stop(
                "The secret key is given as EVERGREEN_SECRET_KEY: set the new one there and the old one as "
                "EVERGREEN_SECRET_KEY_BEFORE on every machine, then run this without --new-key. Nothing was changed.",
                2,
            )
        if where.secret_before.exists():
            raise stop(
                f"{where.secret_before.name} is there: an earlier new key was not brought to its end. Run this without "
                "--new-key first. Nothing was changed.",
                2,
            )
        _replace(where.secret, where.secret_before)
    done = actions.reseal_credentials(by=None, now=clock.utc_now())
    if done.lost:
        say(
            "Neither key opens the credentials of: "
            + ", ".join(done.lost)
            + ". Enter them again on their pages."
        )
    elif where.secret_before.exists():
        where.secret_before.unlink()
    if as_json:
        put({"resealed": done.resealed, "lost": list(done.lost)})
    else:
        print(f"{done.resealed} credentials are encrypted with today's key.")
    if new_key:
        say(
            "Restart every process: sessions are signed with the new key from then on, so people sign in again."
        )
    if done.lost:
        raise typer.Exit(3)


def _replace(secret: Path, before: Path) -> None:
    """A new key in the place of the old one, which stays beside it; at no moment is neither there."""
    files.replace(before, secret.read_bytes())
    files.replace(secret, (secrets.token_urlsafe(50) + "\n").encode())
