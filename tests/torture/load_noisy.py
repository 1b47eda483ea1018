"""ING-16: one source that sends twenty times its limit beside nine that keep to theirs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np

from tests.launch.installation import Installation
from tests.torture import kill_checking
from tests.torture.load_sending import BROKEN, NO_ANSWER, Flow, Plan, Rows, Sending, centile
from tests.torture.resuming import Part

LIMIT, TIMES = 50, 20
QUIET, QUIET_RATE = 9, 10.0
# Alone and disturbed take turns, so that whatever else the machine does falls on both.
_ALONE_SECONDS, _NOISY_SECONDS = 15.0, 45.0
_LEDGER = 4_000_000
# A percentile of a busy machine's milliseconds is no exact thing.
_GRACE_MS = 5.0


def disturbed(part: Part) -> None:
    """The quiet ones are never refused and wait hardly longer than alone; what the noisy one is refused it is told."""
    turns = max(1, round(part.sizes.span * 60 / _NOISY_SECONDS))
    seconds = turns * (_ALONE_SECONDS + _NOISY_SECONDS)
    part.check_time(seconds + 240)
    shutil.rmtree(part.folder / "home", ignore_errors=True)
    for path in part.folder.glob("ledger-*"):
        path.unlink()
    installation = Installation(
        part.folder / "home", {"EVERGREEN_INGEST_RATE": str(LIMIT)}, dies_with_parent=True
    )
    installation.run("init")
    try:
        installation.serve()
        flows = [_flow(installation, part, number) for number in range(QUIET)]
        quiet = Sending(Plan(installation.port, flows, seconds, links=200))
        began = time.monotonic()
        noisy_rows, noisy = [], _flow(installation, part, QUIET)
        for turn in range(turns):
            time.sleep(
                max(0.0, began + turn * (_ALONE_SECONDS + _NOISY_SECONDS) + _ALONE_SECONDS - time.monotonic())
            )
            left = _NOISY_SECONDS - 1.0
            sent = Sending(Plan(installation.port, [noisy], left, links=200)).result()
            noisy = Flow(noisy.key, noisy.seed, noisy.rate, 1, sent.ends[0], noisy.ledger, noisy.size)
            noisy_rows.append(sent.rows)
        rows = quiet.result().rows
        np.save(part.folder / "rows.npy", rows)  # to look at when something was slow
        _judge(part, rows, np.concatenate(noisy_rows))
        _count(part, installation)
        part.report.cases += len(rows)
        part.figures["load average"] = f"{os.getloadavg()[0]:.1f}"
    finally:
        installation.kill()


def _source(number: int) -> str:
    return "noisy" if number == QUIET else f"quiet-{number}"


def _ledger(part: Part, number: int) -> Path:
    return part.folder / f"ledger-{number}"


def _flow(installation: Installation, part: Part, number: int) -> Flow:
    key = installation.new_key(_source(number))
    rate = float(LIMIT * TIMES) if number == QUIET else QUIET_RATE
    return Flow(key, part.report.seed + number, rate, 1, 0, _ledger(part, number), _LEDGER)


def _judge(part: Part, quiet: Rows, noisy: Rows) -> None:
    turn = quiet["at"] % (_ALONE_SECONDS + _NOISY_SECONDS)
    alone, beside = quiet[turn < _ALONE_SECONDS], quiet[turn >= _ALONE_SECONDS]
    refused = int((quiet["status"] != 200).sum())
    kept_out = np.isin(noisy["status"], (429, 503))
    other = sorted({int(one) for one in noisy["status"]} - {200, 429, 503})
    before, during = centile(alone, 99), centile(beside, 99)
    part.expect(not refused, f"{refused:,} calls of quiet sources were not taken")
    part.expect(
        not other, f"the noisy source was answered {other} ({BROKEN}: link broken, {NO_ANSWER}: no answer)"
    )
    part.expect(noisy["told_when"][kept_out].all(), "a refusal without Retry-After")
    share = float(kept_out.mean())
    part.expect(share > 0.5, f"only {share:.0%} of the noisy source's calls were refused")
    part.expect(
        during <= 1.5 * before + _GRACE_MS,
        f"p99 of the quiet ones: {before:.0f} ms alone, {during:.0f} ms beside",
    )
    part.figures |= {
        "quiet calls": len(quiet),
        "of them refused": refused,
        "noisy calls": len(noisy),
        "of them told to come again": int(kept_out.sum()),
        "p99 of the quiet ones alone / beside (ms)": f"{before:.1f} / {during:.1f}",
        "quiet calls while the machine stood still": int(quiet["still"].sum()),
        "p50": f"{centile(alone, 50):.1f} / {centile(beside, 50):.1f}",
    }


def _count(part: Part, installation: Installation) -> None:
    """Of every source: each acknowledged event once, none that was refused."""
    from tests.torture.ledger import Ledger

    kill_checking.settled(installation)
    acked = kept = lost = twice = never = 0
    with kill_checking.lake_of(installation) as con:
        for number in range(QUIET + 1):
            ledger = Ledger(_ledger(part, number), _LEDGER)
            standing = ledger.standing()
            ledger.close()
            found = kill_checking.stored(con, part.report.seed + number, _LEDGER, _source(number))
            acked += int(standing.acked.sum())
            kept += int(found.times.sum())
            lost += int((standing.acked & (found.times == 0)).sum())
            twice += int((found.times > 1).sum())
            never += int((~standing.acked & ~standing.open & (found.times > 0)).sum()) + found.strange
    for count, words in (
        (lost, "lost"),
        (twice, "stored twice"),
        (never, "stored though refused or never sent"),
    ):
        part.expect(not count, f"{count:,} events are {words}")
    part.figures |= {"acked": acked, "stored": kept, "lost": lost, "duplicated": twice}
