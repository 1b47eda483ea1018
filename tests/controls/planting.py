"""A copy of the checkout in which faults are planted, one at a time, and its tests run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.controls import Control

ROOT = Path(__file__).resolve().parents[2]
# What the tests of the controls need to run; homes and caches are not among them.
COPIED = ("evergreen", "tests", "examples", "docs", "manage.py", "pyproject.toml", ".gitignore")
SECONDS = 180


class ControlError(Exception):
    """A control that says nothing: its text is not in the source, or its tests do not run."""


@dataclass(frozen=True, slots=True)
class Run:
    """How pytest ended: its exit code, the tests that failed, what it printed, how long it took."""

    code: int
    failed: tuple[str, ...]
    output: str
    seconds: float

    @property
    def tail(self) -> str:
        return "\n".join(self.output.strip().splitlines()[-15:])


class Copy:
    """The package and its tests in a folder of their own, imported from there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._planted = 0
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            elif source.exists():
                shutil.copy2(source, folder / name)
        # Laws of the house ask git which files there are.
        for command in (["git", "init", "-q"], ["git", "add", "--all"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        data = os.environ.get("EVERGREEN_DATASETS") or str(ROOT.parent / "shared" / "data")
        return {
            **kept,
            "PYTHONPATH": str(self.folder),
            "EVERGREEN_DATASETS": data,
        }

    def imported_from(self) -> Path:
        """Where Python finds the package in this copy (an editable install must not win)."""
        code = "import evergreen, tests; print(evergreen.__file__); print(tests.__file__)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        places = {Path(line).resolve().parents[1] for line in done.stdout.splitlines()}
        if places != {self.folder.resolve()}:
            raise ControlError(f"The tests would import {places}, not the copy in {self.folder}.")
        return self.folder

    def lacks(self, control: Control) -> list[str]:
        """Named tests that are not there."""
        absent = []
        for test in control.tests:
            file, _, name = test.partition("::")
            path = self.folder / file
            # A test that is tried with several values is named with one of them in brackets.
            name = name.partition("[")[0]
            if not path.exists() or (name and f"def {name}(" not in path.read_text("utf-8")):
                absent.append(test)
        return absent

    @contextmanager
    def planted(self, control: Control) -> Iterator[None]:
        """The fault in its place; afterwards the file is as it was."""
        path = self.folder / control.file
        text = path.read_text("utf-8") if path.exists() else ""
        if text.count(control.find) != 1:
            raise ControlError(
                f"{control.file} holds the text to replace {text.count(control.find)} times, wanted once: "
                f"{control.find.strip()!r}. Look how the promise is kept now and write the fault anew."
            )
        stamp = path.stat()
        path.write_text(text.replace(control.find, control.put), "utf-8")
        # Bytecode is known by its source's second: one of its own for each fault, the old one when it is put back.
        self._planted += 1
        os.utime(path, (stamp.st_atime, stamp.st_mtime + 1_000 * self._planted))
        try:
            yield
        finally:
            path.write_text(text, "utf-8")
            os.utime(path, (stamp.st_atime, stamp.st_mtime))

    def test(self, tests: Sequence[str], *, stop_at_first: bool = True) -> Run:
        """Run tests in the copy; every one of them must exist."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "--tb=short",
            "-p",
            "no:cacheprovider",
        ]
        command += ["-p", "no:xdist", "--nomigrations", *(["-x"] if stop_at_first else []), *tests]
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS if stop_at_first else SECONDS * 5,
        )
        failed = tuple(re.findall(r"(?m)^FAILED (\S+)", done.stdout))
        return Run(done.returncode, failed, done.stdout + done.stderr, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a control: caught by a test, survived, or said nothing (``error``)."""

    control: Control
    caught: bool
    by: str
    seconds: float
    error: str = ""


def tried(copy: Copy, control: Control) -> Outcome:
    """Plant a fault and run its tests: only a failed test counts, not one that could not start."""
    began = time.monotonic()
    try:
        with copy.planted(control):
            run = copy.test(control.tests)
    except ControlError as error:
        return Outcome(control, False, "", time.monotonic() - began, str(error))
    except subprocess.TimeoutExpired:
        return Outcome(control, False, "", time.monotonic() - began, f"Its tests took over {SECONDS} s.")
    if run.code == 1 and run.failed:
        return Outcome(control, True, run.failed[0], run.seconds)
    if run.code == 0:
        return Outcome(control, False, "", run.seconds)
    return Outcome(control, False, "", run.seconds, f"pytest ended with {run.code}:\n{run.tail}")
