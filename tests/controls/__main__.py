"""``python -m tests.controls``: plant each fault in a copy of the checkout; its tests must catch it.

Prints a line of JSON a control and a table at the end. Exit code 1 when a fault survives, its text is no
longer in the source, or its tests fail without it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.controls import (
    Control,
    analytics,
    connectors,
    dialects,
    events,
    figures,
    forecasts,
    identity,
    kpis,
    playbooks,
    records,
    scores,
    touches,
)
from tests.controls.planting import Copy, Outcome, tried

CONTROLS: tuple[Control, ...] = (
    *analytics.CONTROLS,
    *connectors.CONTROLS,
    *dialects.CONTROLS,
    *events.CONTROLS,
    *figures.CONTROLS,
    *forecasts.CONTROLS,
    *identity.CONTROLS,
    *kpis.CONTROLS,
    *playbooks.CONTROLS,
    *records.CONTROLS,
    *scores.CONTROLS,
    *touches.CONTROLS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    chosen = [control for control in CONTROLS if not asked.only or control.key in asked.only]
    if asked.list:
        for control in chosen:
            print(f"{control.key:<36} {control.breaks}")
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evergreen-controls-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(asked.jobs)]
        for copy in copies:
            copy.imported_from()
        if not _green(copies, chosen):
            return 1
        outcomes = _all_tried(copies, chosen)
    _table(outcomes, time.monotonic() - began)
    return 0 if all(outcome.caught for outcome in outcomes) else 1


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.controls", description=__doc__)
    parser.add_argument("--only", action="append", metavar="KEY", help="only this control; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at once (default 2)")
    parser.add_argument("--list", action="store_true", help="list the controls and stop")
    asked = parser.parse_args(arguments)
    unknown = set(asked.only or ()) - {control.key for control in CONTROLS}
    if unknown:
        parser.error(f"no control {', '.join(sorted(unknown))}; --list shows them all")
    return asked


def _green(copies: Sequence[Copy], chosen: Sequence[Control]) -> bool:
    """Whether all the tests pass while nothing is planted; else a red test says nothing."""
    if absent := sorted({test for control in chosen for test in copies[0].lacks(control)}):
        print("Tests that controls name are not there:", *absent, sep="\n", file=sys.stderr)
        return False
    tests = sorted({test for control in chosen for test in control.tests})
    # The tests of one file stay together: they share its fixtures.
    files = sorted({test.partition("::")[0] for test in tests})
    shares = [
        [test for test in tests if test.partition("::")[0] in files[number :: len(copies)]]
        for number in range(len(copies))
    ]
    shares = [share for share in shares if share]
    with ThreadPoolExecutor(len(copies)) as threads:
        runs = list(threads.map(lambda copy, share: copy.test(share, stop_at_first=False), copies, shares))
    for run in runs:
        if run.code:
            print(f"Without any fault the tests of the controls fail already:\n{run.tail}", file=sys.stderr)
    return not any(run.code for run in runs)


def _all_tried(copies: Sequence[Copy], chosen: Sequence[Control]) -> list[Outcome]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(control: Control) -> Outcome:
        copy = free.get()
        try:
            return tried(copy, control)
        finally:
            free.put(copy)

    outcomes = []
    with ThreadPoolExecutor(len(copies)) as threads:
        for outcome in threads.map(one, chosen):
            outcomes.append(outcome)
            line = {"id": outcome.control.key, "caught": outcome.caught, "by": outcome.by}
            line |= {"seconds": round(outcome.seconds, 1)} | (
                {"error": outcome.error} if outcome.error else {}
            )
            print(json.dumps(line, ensure_ascii=False), flush=True)
    return outcomes


def _table(outcomes: Sequence[Outcome], seconds: float) -> None:
    print()
    for outcome in outcomes:
        state = "caught" if outcome.caught else "ERROR" if outcome.error else "SURVIVED"
        print(f"{state:<9} {outcome.control.key:<36} {outcome.control.breaks}")
    caught = sum(outcome.caught for outcome in outcomes)
    print(f"\n{caught} of {len(outcomes)} planted faults caught in {seconds:.0f} s.")


if __name__ == "__main__":
    sys.exit(main())
