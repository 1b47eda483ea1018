"""Imports killed at random points: the same file loaded again brings exactly the rest."""

from __future__ import annotations

import random
from pathlib import Path

from tests.launch.installation import made
from tests.torture import comparing, dying, vendor
from tests.torture.reports import Report, Sizes, reported, say


def run(sizes: Sizes, folder: Path) -> list[Report]:
    return [killed(sizes, folder / "imports")]


def killed(sizes: Sizes, folder: Path) -> Report:
    """Every kind of file, each import killed again and again, against the same files loaded undisturbed."""
    with reported("IMPORT-KILL", sizes.seed) as report:
        folder.mkdir(parents=True)
        files = vendor.files(folder / "files", sizes.seed)
        chance = random.Random(sizes.seed)
        empty = made(folder / "empty")
        calm = dying.copied(empty.home, folder / "calm")
        undisturbed = {file.record: dying.seconds_of(calm, file.arguments) for file in files}
        wanted = comparing.tables(calm.home)
        say(
            "IMPORT-KILL: undisturbed "
            + ", ".join(f"{name} {took:.1f} s" for name, took in undisturbed.items())
        )
        died = 0
        for number in range(sizes.rounds):
            restless = dying.copied(empty.home, folder / "restless")
            for file in files:
                died += dying.worried(restless, file.arguments, undisturbed[file.record], chance)
                report.cases += 1
            for wrong in comparing.differences(wanted, comparing.tables(restless.home)):
                report.failures.append(f"round {number + 1}: {wrong}")
        say(f"IMPORT-KILL: killed {died} times in {report.cases} imports")
        report.expect(died >= report.cases // 2, f"the imports were killed only {died} times")
    return report
