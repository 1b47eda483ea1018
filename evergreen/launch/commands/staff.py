"""``evergreen staff``: who may sign in."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say, stop, table

app = group("Who may sign in.")


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="E-mail to sign in with.")],
    role: Annotated[str, typer.Option(help="administrator, manager, csm, … (see docs).")],
    name: Annotated[str, typer.Option(help="Name as colleagues read it.")] = "",
    team: Annotated[list[str] | None, typer.Option(help="Team; made when absent; may be repeated.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a member of staff. Without --password-stdin a password is made and printed this once."""
    open_installation(home)
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from evergreen.base import clock
    from evergreen.base.actions import add_staff
    from evergreen.base.models import User
    from evergreen.base.roles import Role

    if role not in Role.values:
        raise stop(f"The role is {role!r}; allowed are {', '.join(Role.values)}. Nobody was added.", 2)
    if User.objects.filter(email=email.strip().lower()).exists():
        raise stop(f"{email} is on the staff already. Nothing was changed.")
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(12)
    try:
        validate_password(password, User(email=email, name=name))
        user = add_staff(
            email, name=name, role=role, teams=team or (), password=password, by=None, now=clock.utc_now()
        )
    except ValidationError as error:
        raise stop(f"{' '.join(error.messages)} Nobody was added.", 2) from None
    say(f"{user.email} may sign in as {role}.")
    if as_json:
        put({"email": user.email, "role": role} | ({} if password_stdin else {"password": password}))
    elif not password_stdin:
        say("Password (shown this once):")
        print(password)


@app.command("list")
def list_staff(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the staff."""
    open_installation(home)
    from evergreen.base.models import User

    rows = [
        {
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "sees": user.sees.value,
            "teams": [team.name for team in user.teams.all()],
            "active": user.is_active,
        }
        for user in User.objects.order_by("email").prefetch_related("teams")
    ]
    if as_json:
        for row in rows:
            put(row)
        return
    header = ["email", "name", "role", "sees", "teams", "active"]
    table(
        [[", ".join(v) if isinstance(v, list) else str(v) for v in row.values()] for row in rows],
        header=header,
    )
