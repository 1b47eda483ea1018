"""What is dear to make and the same for many tests: made once a run, by whichever test process asks first."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_FOLDER = "TESTS_MADE_ONCE"


def folder() -> Path:
    """The folder of this run. The first process of it makes and removes it, those that it starts inherit it."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="evergreen-once-")
        atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)
    return Path(os.environ[_FOLDER])


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, filled by ``make`` unless that happened already; copy it, never write into it."""
    made = folder() / name
    with made.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = made.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            done.touch()
    return made
