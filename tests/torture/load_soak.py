"""ING-21: an ordinary day's load for minutes, while pages are read and the worker does its rounds."""

from __future__ import annotations

import os
import shutil

import numpy as np

from tests.torture import load_watching
from tests.torture.kill_processes import begun, checked
from tests.torture.load_pages import Person, Reader
from tests.torture.load_sending import Flow, Plan, Rows, Sending, centile
from tests.torture.load_watching import Look
from tests.torture.resuming import Part

BATCHES, BATCH, SINGLES = 10.0, 50, 20.0
SLOWEST_MS, LAG_SECONDS, FILES = 250.0, 30.0, 5
# The bar is 1 MB in ten minutes behind half an hour of warming up. In ten minutes caches still fill, so the second
# half is looked at and may grow by what a cache grows; a leak of a kilobyte a request would be 18 MB.
GROWTH_MB = 10.0
_LEDGER = 8_000_000


def soaked(part: Part) -> None:
    """No error, nothing lost, answers quick, memory and files as they were, the lake close behind."""
    seconds = part.sizes.span * 60
    part.check_time(seconds + 240)
    part.marks.clear()
    shutil.rmtree(part.folder / "home", ignore_errors=True)
    (part.folder / "ledger").unlink(missing_ok=True)
    installation, ledger = begun(part, _LEDGER)
    try:
        Person.hire(installation)
        installation.serve()
        reader, watch = Reader(installation), load_watching.Watch(installation, every=5.0, with_lag=True)
        reader.start()
        watch.start()
        key, seed = str(part.marks["key"]), part.report.seed
        batches = Flow(key, seed, BATCHES, BATCH, 0, ledger.path, ledger.size)
        singles = Flow(key, seed, SINGLES, 1, int(BATCHES * BATCH * seconds * 1.1), ledger.path, ledger.size)
        rows = Sending(Plan(installation.port, [batches, singles], seconds, links=100)).result().rows
        looks = watch.stop()
        for wrong in sorted(set(reader.stop())):
            part.expect(False, wrong)
        part.report.cases += len(rows)
        np.save(part.folder / "rows.npy", rows)  # to look at when something was slow
        _judge(part, rows, looks, seconds)
        part.figures |= {"pages read": len(reader.answers), "load average": f"{os.getloadavg()[0]:.1f}"}
        checked(part, installation, ledger, exactly=True)
    finally:
        installation.kill()
        ledger.close()


def _judge(part: Part, rows: Rows, looks: list[Look], seconds: float) -> None:
    errors = int((rows["status"] != 200).sum())
    slowest = centile(rows, 99)
    part.expect(not errors, f"{errors:,} calls were not taken")
    # How slow this machine is just now is told by the middle of the same answers.
    part.expect(slowest <= max(SLOWEST_MS, 20 * centile(rows, 50)), f"p99 was {slowest:.0f} ms")
    lag = max(look.lag_seconds for look in looks)
    part.expect(lag <= LAG_SECONDS, f"the lake was {lag:.0f} s behind the journal")
    later = [look for look in looks if look.at >= seconds / 2]
    grown = []
    for process, name in enumerate(("server", "worker")):
        growth = load_watching.slope(looks, process, seconds / 2)
        grown.append(f"{name} {growth:+.1f}")
        part.expect(growth <= GROWTH_MB, f"the {name}'s memory grows by {growth:.1f} MB in ten minutes")
        # The worker opens files while it merges and closes them: what counts is how many stay.
        files = [
            float(np.median([look.files[process] for look in part_of if len(look.files) > process]))
            for part_of in (looks[: len(looks) // 2], later)
        ]
        part.expect(
            abs(files[1] - files[0]) <= FILES, f"the {name}'s open files went from {files[0]} to {files[1]}"
        )
    part.figures |= {
        "errors": errors,
        "calls while the machine stood still": int(rows["still"].sum()),
        "p50 / p99 (ms)": f"{centile(rows, 50):.0f} / {slowest:.0f}",
        "MB in ten minutes": ", ".join(grown),
        "MB at the end": ", ".join(f"{one:.0f}" for one in looks[-1].megabytes),
        "open files": ", ".join(map(str, looks[-1].files)),
        "lag at most (s)": f"{lag:.1f}",
    }
