"""ING-06: a disk that something else fills, keeps full, and gives free."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.launch.installation import Installation
from tests.torture.fault_disk import SENDERS, note
from tests.torture.fault_traffic import Askers
from tests.torture.kill_processes import checked
from tests.torture.ledger import Ledger
from tests.torture.load_pages import Person
from tests.torture.resuming import Part

_LEDGER = 4_000_000


def full(part: Part) -> None:
    """ING-06: data on 64 MB of memory that something else fills, keeps full, and gives free."""
    if os.geteuid() != 0:
        part.figures["skipped"] = "mounting needs root"
        return
    rounds = max(1, part.sizes.rounds // 2)
    with _small_disk(part.folder / "disk") as disk:
        installation = Installation(disk / "home", dies_with_parent=True)
        _full_rounds(part, disk, installation, rounds)


@contextlib.contextmanager
def _small_disk(where: Path) -> Iterator[Path]:
    where.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(where):  # left by a run that was killed
        subprocess.run(["umount", "-l", str(where)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "evergreen-torture", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def _full_rounds(part: Part, disk: Path, installation: Installation, rounds: int) -> None:
    part.report.cases = 0  # what was on the disk went with it
    (part.folder / "ledger").unlink(missing_ok=True)
    ledger = Ledger(part.folder / "ledger", _LEDGER)
    installation.home.mkdir(parents=True, exist_ok=True)
    installation.run("init")
    key = installation.new_key("shop")
    Person.hire(installation)
    installation.serve()
    hold = 60.0 * min(1.0, part.sizes.span / 10)
    askers = Askers(SENDERS, installation.port, key, part.report.seed, ledger, begin=0)
    person = Person(installation)
    part.expect(person.sign_in() == 200, "signing in failed before anything was full")
    ballast = disk / "ballast"
    shares, waits = [], []
    try:
        for number in range(rounds):
            share = _filled(part, disk, ballast, askers)
            shares.append(share)
            part.expect(share >= 0.05, f"round {number + 1}: 503 began with {share:.1%} of the disk left")
            until = time.monotonic() + hold
            while time.monotonic() < until:
                _top_up(disk, ballast)
                pages = [Person(installation).sign_in(), person.read("/accounts/"), person.read("/readyz")]
                part.expect(
                    pages == [200, 200, 503], f"while full: sign-in, a page, readiness answered {pages}"
                )
                time.sleep(1.0)
            _to_the_last(disk, ballast)
            pages = [person.read("/accounts/"), person.read("/readyz")]
            part.expect(pages == [200, 503], f"with nothing free: a page, readiness answered {pages}")
            ballast.unlink()
            took = askers.taken_within(30.0)
            waits.append(took if took is not None else 30.0)
            part.expect(took is not None and took <= 5.0, f"round {number + 1}: taken again after {took} s")
            part.report.cases += 1
            part.save()
        askers.end()
        note(part, askers)
        checked(part, installation, ledger, exactly=False)
        part.figures |= {
            "503 began with at least": f"{min(shares):.1%} of the disk left",
            "taken again within": f"{max(waits):.1f} s of space",
        }
    finally:
        askers.end()
        installation.kill()
        ledger.close()
        shutil.copyfile(installation.home / "server.log", part.folder / "server.log")


def _free(disk: Path) -> float:
    room = os.statvfs(disk)
    return room.f_bavail / room.f_blocks


def _filled(part: Part, disk: Path, ballast: Path, askers: Askers) -> float:
    """Fill slowly; the share of the disk that was free when the first 503 came."""
    askers.seen.first_refused = 0.0
    with ballast.open("ab") as file:
        while _free(disk) > 0.15:
            file.write(bytes(256 << 10))
            file.flush()
        for _ in range(2_000):
            if askers.seen.first_refused:
                return _free(disk)
            if _free(disk) < 0.03:
                return _free(disk)
            file.write(bytes(64 << 10))
            file.flush()
            time.sleep(0.05)
    raise AssertionError("The disk did not become full.")


def _top_up(disk: Path, ballast: Path) -> None:
    """What the mover gave free is taken too: under the reserve, above the last 5 %."""
    with ballast.open("ab") as file:
        while _free(disk) > 0.058:
            file.write(bytes(64 << 10))
            file.flush()


def _to_the_last(disk: Path, ballast: Path) -> None:
    """Whoever fills the disk cares for no reserve."""
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while _free(disk) > 0:
            file.write(bytes(4 << 10))
