"""What commands share: the installation they work on, stdout for data, stderr for what people read."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from evergreen.base import env

# Exit codes (docs/command-line.md): 0 done, 1 failed, 2 wrong use, 3 done in part.
FAILED = 1
WRONG_USE = 2
PARTLY = 3

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of the installation.", show_default="EVERGREEN_HOME, else ./.evergreen"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One compact JSON object a line on stdout.")]

Tell = Callable[[str, int, int], None]
_PLAIN_SECONDS = 5.0


def group(about: str) -> typer.Typer:
    """Commands under one name, also where it is a single one."""
    app = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)

    @app.callback(help=about)
    def _keep_the_name() -> None: ...

    return app


def say(text: str) -> None:
    """A line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(row: dict[str, Any]) -> None:
    """A row of data as one line of JSON on stdout."""
    print(json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str))


def stop(text: str, code: int = FAILED) -> typer.Exit:
    """Say why and return the exit to raise."""
    say(text)
    return typer.Exit(code)


def choose_home(home: Path | None) -> env.Home:
    """``--home`` beats the environment beats ./.evergreen."""
    if home is not None:
        os.environ["EVERGREEN_HOME"] = str(home)
    return env.home()


def installed_home(home: Path | None) -> env.Home:
    """The home, which must have been initialised."""
    where = choose_home(home)
    if not where.exists():
        raise stop(
            f"There is no installation in {where.root}. Nothing was done. Run "
            f"`evergreen init --home {where.root}` first, or name another folder by --home or EVERGREEN_HOME."
        )
    return where


def open_installation(home: Path | None) -> env.Home:
    """The home with its records ready to be used."""
    where = installed_home(home)
    start_django()
    return where


def start_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()


def table(rows: list[list[str]], *, header: list[str]) -> None:
    """Aligned columns on stdout."""
    widths = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def progress(title: str) -> Iterator[Tell]:
    """Bars on a terminal, now and then a plain line elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        yield _plain(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step or title)
            bars.update(tasks[step], completed=done, total=total or None)

        yield tell


def _plain(title: str) -> Tell:
    last = {"at": time.monotonic()}

    def tell(step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - last["at"] >= _PLAIN_SECONDS:
            last["at"] = now
            say(f"{title}: {step} {done:,} of {total:,}" if total else f"{title}: {step} {done:,}")

    return tell
