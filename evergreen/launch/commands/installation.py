"""``evergreen init``: an installation made or brought up to date; and ``demo``."""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.launch.terminal import (
    HomeOption,
    JsonOption,
    choose_home,
    progress,
    put,
    say,
    start_django,
    stop,
)

if TYPE_CHECKING:
    from evergreen.base import env

_SETTINGS = ("timezone", "currency", "language", "vendor_name")


def init(
    home: HomeOption = None,
    timezone: Annotated[
        str | None, typer.Option(help="Where a day begins and ends.", show_default="Asia/Shanghai")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Portfolio figures are in it.", show_default="CNY")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="For people who chose none.", show_default="zh-hans")
    ] = None,
    vendor_name: Annotated[str | None, typer.Option(help="Your company, as it stands on pages.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an installation, or bring one up to date. Asks nothing; safe to repeat."""
    where = choose_home(home)
    chosen = {"timezone": timezone, "currency": currency, "language": language, "vendor_name": vendor_name}
    with _alone(where):
        new = _write_secret(where)
        start_django()
        done = _bring_up_to_date(where, {key: value for key, value in chosen.items() if value is not None})
    say(
        f"{'Made' if new else 'Brought up to date'}: {where.root} "
        f"({done['migrations']} migrations, {done['lake_steps']} lake steps run)."
    )
    if new:
        say("Next: `evergreen staff add EMAIL --role administrator`, then `evergreen serve`.")
    if as_json:
        put({"home": str(where.root), "new": new, **done})


@contextmanager
def _alone(where: env.Home) -> Iterator[None]:
    """One init at a time: a second one waits for the first."""
    where.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(where.root / "init.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _write_secret(where: env.Home) -> bool:
    """Make the key that signs sessions, for its owner's eyes only; False when there is one."""
    if where.exists():
        return False
    made = where.secret.with_suffix(f".{os.getpid()}.new")
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_urlsafe(50) + "\n")
        file.flush()
        os.fsync(file.fileno())
    made.replace(where.secret)
    return True


def _bring_up_to_date(where: env.Home, chosen: dict[str, str]) -> dict[str, Any]:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from evergreen.base import clock
    from evergreen.events import store
    from evergreen.events.actions import publish_keys
    from evergreen.flow.installing import install

    for folder in (where.journal, where.files, where.root / "static"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    call_command("migrate", interactive=False, verbosity=0)
    steps = store.create(where)
    _change_settings(chosen)
    added = install(now=clock.utc_now())
    publish_keys(where)
    return {"migrations": pending, "lake_steps": len(steps), "added": added}


def _change_settings(chosen: dict[str, str]) -> None:
    from evergreen.base import clock, queries
    from evergreen.base.actions import change_setting
    from evergreen.events.traffic import has_events

    for key in _SETTINGS:
        if key not in chosen or queries.setting(key) == chosen[key]:
            continue
        if key == "timezone" and has_events():
            raise stop(
                f"The time zone is {queries.setting(key)!r} and events are stored by its days: it stays. "
                f"{chosen[key]!r} needs a new installation. Nothing was changed; run init without --timezone."
            )
        try:
            change_setting(key, chosen[key], by=None, now=clock.utc_now())
        except ValueError as error:
            raise stop(f"{error} The installation stands; run init again with an allowed value.", 2) from None


def demo(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to serve on; 0 takes any free one.", min=0, max=65535)
    ] = 8000,
    serve: Annotated[bool, typer.Option(help="Serve it after building.")] = True,
    again: Annotated[
        bool, typer.Option("--again", help="Build it anew up to yesterday; forgets what was changed in it.")
    ] = False,
) -> None:
    """Build the demo vendor (once) and serve it."""
    where = choose_home(home)
    from evergreen.flow.demo import command, mark

    if serve:
        from evergreen.launch.server import free_port

        # Better to hear now than after minutes of building that the port is taken.
        free_port(host, port)
    with _alone(where):
        mark.make_room(where, again=again)
        _write_secret(where)
        start_django()
        _bring_up_to_date(where, {})
        with progress("demo") as tell:
            built = command.run(where, tell=tell)
    say(command.greeting(built))
    if serve:
        # A process of its own: the memory that building took is given back.
        program = (sys.executable, "-m", "evergreen.launch.command", "serve")
        os.execv(sys.executable, [*program, "--home", str(where.root), "--host", host, "--port", str(port)])  # noqa: S606
