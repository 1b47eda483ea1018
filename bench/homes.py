"""A scratch installation for a benchmark, removed at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_home() -> Iterator[Path]:
    """Initialise a home in a temporary folder and set Django up on it."""
    root = Path(tempfile.mkdtemp(prefix="evergreen-bench-"))
    os.environ["EVERGREEN_HOME"] = str(root)
    os.environ["EVERGREEN_SECRET_KEY"] = "bench"
    os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
    os.environ.pop("EVERGREEN_DATABASE", None)
    try:
        import django

        django.setup()
        from django.core.management import call_command

        from evergreen.events import store
        from evergreen.flow.installing import install

        call_command("migrate", verbosity=0)
        store.create()
        install()
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def line(what: str, figure: str, allowed: str = "") -> None:
    """One result, aligned; ``allowed`` is the bar of the issue."""
    print(f"{what:<62} {figure:>16}   {allowed}", flush=True)
