"""``evergreen key``: write keys of the sources that send events."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say, stop, table

app = group("Write keys of the sources that send events.")


@app.command()
def create(
    source: Annotated[str, typer.Option(help="Source the key sends for; made when absent.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a write key. It is printed this once; only its hash is kept."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.events import actions

    now = clock.utc_now()
    try:
        found = actions.create_source(source, now=now)
    except ValueError as error:
        raise stop(f"{error} No key was made.", 2) from None
    key = actions.create_key(found, now=now)
    say(f"A write key for the source {found.name}; it is shown this once:")
    if as_json:
        put({"key": key})
    else:
        print(key)


@app.command("list")
def list_keys(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the keys by their first characters."""
    open_installation(home)
    from evergreen.events.models import WriteKey

    rows = [
        {
            "id": key.pk,
            "source": key.source.name,
            "begins": key.hint,
            "created_at": key.created_at.isoformat(timespec="seconds"),
            "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
        }
        for key in WriteKey.objects.select_related("source").order_by("source__name", "pk")
    ]
    if as_json:
        for row in rows:
            put(row)
    else:
        header = ["id", "source", "begins", "created_at", "revoked_at"]
        table([[str(value or "-") for value in row.values()] for row in rows], header=header)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id from `evergreen key list`, or the whole key.")],
    home: HomeOption = None,
) -> None:
    """Take a key back: requests with it are refused within seconds."""
    open_installation(home)
    from django.db.models import Q

    from evergreen.base import clock
    from evergreen.events import actions
    from evergreen.events.ingest.keys import key_hash
    from evergreen.events.models import WriteKey

    wanted = Q(hash=key_hash(key)) | (Q(pk=int(key)) if key.isdecimal() and len(key) < 18 else Q(pk=None))
    found = WriteKey.objects.select_related("source").filter(wanted).first()
    if found is None:
        raise stop("There is no such key. Nothing was changed; `evergreen key list` shows the ids.")
    actions.revoke_key(found, now=clock.utc_now())
    say(f"The key {found.hint}… of {found.source.name} is revoked.")
