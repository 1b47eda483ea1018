"""An installation for a benchmark: a scratch one, removed at its end, or one that is kept for the next run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_home(database: str = "") -> Iterator[Path]:
    """Initialise a home in a temporary folder and set Django up on it; its records are in SQLite or at a PostgreSQL address."""
    root = Path(tempfile.mkdtemp(prefix="evergreen-bench-"))
    try:
        _install(root, database)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def home_of(name: str) -> Iterator[Path]:
    """The home of that name in the folder ``BENCH_HOMES``, made if it is not there and kept; without the folder a scratch one."""
    folder = os.environ.get("BENCH_HOMES")
    if not folder:
        with scratch_home() as root:
            yield root
        return
    root = Path(folder) / name
    root.mkdir(parents=True, exist_ok=True)
    _install(root)
    yield root


def _install(root: Path, database: str = "") -> None:
    os.environ["EVERGREEN_HOME"] = str(root)
    os.environ["EVERGREEN_SECRET_KEY"] = "bench"
    os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
    os.environ["EVERGREEN_DATABASE"] = database
    import django

    django.setup()
    from django.core.management import call_command

    from evergreen.events import store
    from evergreen.flow.installing import install

    call_command("migrate", verbosity=0)
    store.create()
    install()


def line(what: str, figure: str, allowed: str = "") -> None:
    """One result, aligned; ``allowed`` is the bar of the issue."""
    print(f"{what:<62} {figure:>16}   {allowed}", flush=True)
