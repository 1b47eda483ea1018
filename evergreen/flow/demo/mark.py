"""The mark of a home that holds the demo: being built, or complete. A build that was killed is thrown away whole."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from dataclasses import asdict, dataclass

from evergreen.base import env

NAME = "demo.json"
# What a home holds besides the mark; nothing else in the folder is ever touched.
_PARTS = (
    "records.sqlite3", "records.sqlite3-wal", "records.sqlite3-shm", "records.sqlite3-journal", "lake", "journal", "files", "static",
    "keys.json", "keys.json.lock", "worker.json", "secret.key", "night.lock", "mover.lock", "write.lock", "demo-truth.parquet",
)  # fmt: skip


class NotADemoError(RuntimeError):
    """The folder holds an installation that is no demo; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Mark:
    """``state`` is ``building`` or ``complete``; the others say which vendor it is and what the build took."""

    state: str
    last: str = ""
    seed: int = 0
    accounts: int = 0
    events: int = 0
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        return self.state == "complete"

    @property
    def last_day(self) -> dt.date:
        return dt.date.fromisoformat(self.last)


def read(home: env.Home) -> Mark | None:
    """The mark of a home; None where there is none or it cannot be read."""
    try:
        return Mark(**json.loads((home.root / NAME).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        # Cut off in the middle: the build that wrote it was killed.
        return Mark("building")


def write(home: env.Home, mark: Mark) -> None:
    """Replace the mark at once; it is on the disk when this returns."""
    made = home.root / f"{NAME}.new"
    with made.open("w", encoding="utf-8") as file:
        json.dump(asdict(mark), file)
        file.flush()
        os.fsync(file.fileno())
    made.replace(home.root / NAME)


def make_room(home: env.Home, *, again: bool = False) -> bool:
    """Have the home ready: whether a demo is still to be built in it.

    A complete demo stays unless it is to be built ``again``; an unfinished one is thrown away. Raises NotADemoError
    where another installation stands, and where PostgreSQL holds the records of an unfinished one. Runs before Django
    opens anything.
    """
    mark = read(home)
    if mark is None and home.exists():
        raise NotADemoError(
            f"The demo was asked for in {home.root}, which holds an installation of its own. Nothing was changed. "
            "Name an empty folder, for instance `evergreen demo --home .evergreen/demo`."
        )
    if mark is not None and mark.is_complete and not again:
        return False
    if mark is not None and env.database_url():
        raise NotADemoError(
            f"The demo in {home.root} is to be built anew, but its records are in the PostgreSQL database named by "
            "EVERGREEN_DATABASE, which the demo does not empty. Nothing was changed. Empty that database and delete "
            f"{home.root / NAME}, or unset EVERGREEN_DATABASE."
        )
    if mark is not None:
        clear(home)
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    write(home, Mark("building"))
    return True


def clear(home: env.Home) -> None:
    """Delete what a demo put into its home, the mark last: a kill in between leaves it to be cleared again."""
    for name in _PARTS:
        path = home.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (home.root / NAME).unlink(missing_ok=True)
