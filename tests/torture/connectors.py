"""The group ``connectors`` (IMP-01): 200 seeded scripts of faults for each kind of connector, its worker killed among them.

A script is drawn from its number and the seed: what goes wrong at which requests, what changes and is deleted meanwhile,
when the worker gets SIGKILL. Afterwards the mirror must be the source's truth, and a run more must change nothing. The scripts
of a kind are shared among as many processes as there are processors (``connector_scripts``), each with a home of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.torture.reports import ROOT
from tests.torture.resuming import Part, Test

SCRIPTS = 200


def tried(kind: str, part: Part) -> None:
    """Every script of one kind, from the first that was not tried yet."""
    empty = _empty(part.folder.parent)
    at_once = os.cpu_count() or 1
    with ExitStack() as held:
        tellers = [
            held.enter_context(_teller(part.folder / f"at{place}", empty, kind, part.sizes.seed))
            for place in range(at_once)
        ]
        with ThreadPoolExecutor(at_once) as pool:
            while (begin := part.report.cases) < SCRIPTS:
                numbers = range(begin, min(begin + at_once, SCRIPTS))
                for number, found in zip(numbers, pool.map(_asked, tellers, numbers), strict=True):
                    part.marks["killed"] = part.marks.get("killed", 0) + found["killed"]
                    for wrong in found["said"]:
                        part.report.failures.append(f"script {number} ({found['told']}): {wrong}")
                part.case_done(len(numbers))
    part.figures = {"scripts": part.report.cases, "killed": part.marks.get("killed", 0)}
    part.expect(part.marks.get("killed", 0) >= SCRIPTS // 8, "hardly a worker was killed")


TESTS: dict[str, Test] = {
    f"IMP-01-{kind}": partial(tried, kind)
    for kind in (
        "salesforce", "hubspot", "zendesk", "stripe", "jira", "wecom", "rest", "mixpanel", "posthog",
    )
}  # fmt: skip


def _asked(teller: subprocess.Popen[str], number: int) -> dict[str, Any]:
    assert teller.stdin is not None and teller.stdout is not None
    teller.stdin.write(f"{number}\n")
    teller.stdin.flush()
    answer = teller.stdout.readline()
    if not answer:
        raise AssertionError(f"the process of script {number} ended with {teller.wait()}; see its said.log")
    found: dict[str, Any] = json.loads(answer)
    return found


@contextmanager
def _teller(folder: Path, empty: Path, kind: str, seed: int) -> Iterator[subprocess.Popen[str]]:
    """A process that does scripts; it ends with its input, so also with us."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
    command = [
        sys.executable,
        "-m",
        "tests.torture.connector_scripts",
        str(folder),
        str(empty),
        kind,
        str(seed),
    ]
    with (folder / "said.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _empty(folder: Path) -> Path:
    """An initialised installation, made once."""
    from tests.launch.installation import made

    empty = folder / "empty"
    if not empty.exists():
        coming = folder / "empty.new"
        shutil.rmtree(coming, ignore_errors=True)
        made(coming)
        coming.rename(empty)
    return empty
