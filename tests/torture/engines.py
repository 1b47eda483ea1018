"""Every metric, condition and roll-up on a real Spark cluster: a master and two workers on loopback.

Needs Java 17 and pyspark (``make torture GROUP=engines`` installs the latter). The figures must be the embedded engine's.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from tests.torture.reports import ROOT, Report, Sizes, reported, say

_START_SECONDS = 120.0
_WORKERS = 2


def run(sizes: Sizes, folder: Path) -> list[Report]:
    with reported("engines-spark", sizes.seed) as report:
        if shutil.which("java") is None:
            raise RuntimeError(
                "Spark needs Java 17, and there is no `java` on the path; install one and ask again."
            )
        with _cluster(folder) as master:
            found = folder / "engines.xml"
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "tests/engines/test_figures.py",
                f"--junitxml={found}",
            ]
            environment = {**_environment(), "EVERGREEN_SPARK_MASTER": master}
            subprocess.run(command, env=environment, cwd=ROOT, check=False, stdout=sys.stderr)
        for case in ElementTree.parse(found).getroot().iter("testcase"):  # noqa: S314  # ours
            report.cases += 1
            failed = [part for part in case if part.tag in {"failure", "error"}]
            report.expect(
                not failed, f"{case.get('name')}: {failed[0].get('message', '')[:300] if failed else ''}"
            )
        report.expect(report.cases, "no test ran")
    return [report]


def _environment() -> dict[str, str]:
    import pyspark

    home = str(Path(pyspark.__file__).parent)
    return {**os.environ, "SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A standalone master with its workers; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    started: list[subprocess.Popen[bytes]] = []
    log = folder / "spark.log"
    try:
        _start(started, log, "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        _wait_for(log, "I have been elected leader", 1)
        for number in range(_WORKERS):
            own = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
            _start(
                started, log, "worker.Worker", master, *own, "--work-dir", str(folder / f"worker-{number}")
            )
        _wait_for(log, "Successfully registered with master", _WORKERS)
        say(f"engines-spark: {master} with {_WORKERS} workers")
        yield master
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(started: list[subprocess.Popen[bytes]], log: Path, what: str, *arguments: str) -> None:
    environment = _environment()
    command = [f"{environment['SPARK_HOME']}/bin/spark-class", f"org.apache.spark.deploy.{what}", *arguments]
    with log.open("ab") as file:
        started.append(subprocess.Popen(command, env=environment, stdout=file, stderr=file))


def _wait_for(log: Path, words: str, times: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if log.exists() and log.read_text(errors="replace").count(words) >= times:
            return
        time.sleep(0.5)
    tail = log.read_text(errors="replace")[-1500:] if log.exists() else "(no log)"
    raise RuntimeError(f"The cluster did not say {words!r} {times} times in {_START_SECONDS:.0f} s: {tail}")
