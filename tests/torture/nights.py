"""The night killed at random points: done again, it says what an undisturbed one says."""

from __future__ import annotations

import random
from pathlib import Path

from tests.launch.installation import Installation, made
from tests.torture import comparing, dying, vendor
from tests.torture.reports import Report, Sizes, reported, say

SPAN = ("--from", "2026-10-29", "--to", "2026-10-31")


def run(sizes: Sizes, folder: Path) -> list[Report]:
    return [killed(sizes, folder / "nights")]


def killed(sizes: Sizes, folder: Path) -> Report:
    """`evergreen night` over three days, killed again and again, against the same span undisturbed."""
    with reported("NIGHT-KILL", sizes.seed) as report:
        folder.mkdir(parents=True)
        loaded = _loaded(folder, sizes.seed)
        chance = random.Random(sizes.seed)
        calm = dying.copied(loaded.home, folder / "calm")
        undisturbed = dying.seconds_of(calm, ("night", *SPAN))
        wanted = _after(calm)
        say(
            f"NIGHT-KILL: undisturbed {undisturbed:.1f} s, {len(wanted['alerts'])} alerts, {len(wanted['tasks'])} tasks"
        )
        report.expect(
            wanted["alerts"] and wanted["tasks"], "the undisturbed nights raised nothing to compare"
        )
        died = 0
        for number in range(sizes.rounds):
            restless = dying.copied(loaded.home, folder / "restless")
            died += dying.worried(restless, ("night", *SPAN), undisturbed, chance)
            for wrong in comparing.differences(wanted, _after(restless)):
                report.failures.append(f"round {number + 1}: {wrong}")
            report.cases += 1
        say(f"NIGHT-KILL: killed {died} times in {sizes.rounds} rounds")
        report.expect(died >= sizes.rounds // 2, f"the nights were killed only {died} times")
    return report


def _loaded(folder: Path, seed: int) -> Installation:
    """An installation with a small vendor loaded and no night run."""
    installation = made(folder / "loaded")
    for file in vendor.files(folder / "files", seed):
        installation.run(*file.arguments)
    return installation


def _after(installation: Installation) -> comparing.Tables:
    """What the nights left, internal events in the lake included."""
    # A night moves the journal at its beginning: what this one tells is stored by the next.
    installation.run("night", "--day", SPAN[-1])
    return comparing.tables(installation.home)
