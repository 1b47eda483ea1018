"""``evergreen api-key``: keys of the REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say, stop, table

app = group("Keys of the REST API.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who sends with it: the source of what it writes.")],
    right: Annotated[list[str], typer.Option(help="What it may do: kpis.read, kpis.write. Several times.")],
    staff: Annotated[str, typer.Option(help="E-mail of the person whose rights bound it.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. It is printed this once; only its hash is kept."""
    open_installation(home)
    from django.core.exceptions import ValidationError

    from evergreen.base import clock
    from evergreen.base.models import User
    from evergreen.web.api.keys import create_api_key

    person = User.objects.filter(email=staff.strip().lower(), is_active=True).first() if staff else None
    if staff and person is None:
        raise stop(
            f"Nobody active has the e-mail {staff}. No key was made; `evergreen staff add` adds them.", 2
        )
    try:
        key = create_api_key(name, right, staff=person, by=None, now=clock.utc_now())
    except ValidationError as error:
        raise stop(" ".join(error.messages), 2) from None
    say(f"An API key for {name.strip()}; it is shown this once:")
    if as_json:
        put({"key": key})
    else:
        print(key)


@app.command("list")
def list_keys(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the keys by their first characters."""
    open_installation(home)
    from evergreen.web.api.models import ApiKey

    rows = [
        {
            "id": key.pk,
            "name": key.name,
            "begins": key.hint,
            "rights": ",".join(key.rights),
            "staff": key.staff.email if key.staff else None,
            "created_at": key.created_at.isoformat(timespec="seconds"),
            "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
        }
        for key in ApiKey.objects.select_related("staff")
    ]
    if as_json:
        for row in rows:
            put(row)
    else:
        header = ["id", "name", "begins", "rights", "staff", "created_at", "revoked_at"]
        table([[str(value or "-") for value in row.values()] for row in rows], header=header)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id from `evergreen api-key list`, or the whole key.")],
    home: HomeOption = None,
) -> None:
    """Take a key back: the next request with it is refused."""
    open_installation(home)
    from django.db.models import Q

    from evergreen.base import clock
    from evergreen.events.ingest.keys import key_hash
    from evergreen.web.api.keys import revoke_api_key
    from evergreen.web.api.models import ApiKey

    wanted = Q(hash=key_hash(key)) | (Q(pk=int(key)) if key.isdecimal() and len(key) < 18 else Q(pk=None))
    found = ApiKey.objects.filter(wanted).first()
    if found is None:
        raise stop("There is no such key. Nothing was changed; `evergreen api-key list` shows the ids.")
    revoke_api_key(found, by=None, now=clock.utc_now())
    say(f"The key {found.hint}… of {found.name} is revoked.")
