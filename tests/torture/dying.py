"""Commands that are killed while they run, started again, and let through at last."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.launch.installation import COMMAND, ROOT, Installation


def seconds_of(installation: Installation, arguments: Sequence[str]) -> float:
    """Run a command to its end undisturbed; how long it took."""
    began = time.monotonic()
    installation.run(*arguments)
    return time.monotonic() - began


def killed(installation: Installation, arguments: Sequence[str], after: float) -> bool:
    """Start a command and kill it and its children after so many seconds; False when it had ended by then."""
    with (installation.home / "killed.log").open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=installation.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
    return False


def worried(
    installation: Installation, arguments: Sequence[str], undisturbed: float, chance: random.Random
) -> int:
    """Kill a command up to four times at random points, then let it through. Returns how often it died."""
    died = 0
    for _ in range(chance.randrange(1, 5)):
        # From its first line on, and a little beyond its usual end: a busy machine is slower.
        died += killed(installation, arguments, chance.uniform(0.1, undisturbed * 1.1))
    installation.run(*arguments)
    return died


def copied(home: Path, to: Path) -> Installation:
    """A copy of an installation that nothing runs on."""
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(home, to, symlinks=True)
    return Installation(to)
