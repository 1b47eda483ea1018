"""ING-15: three times as much as the server can take for minutes, then the usual again."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.torture import load_watching
from tests.torture.kill_processes import begun, checked
from tests.torture.load_sending import BROKEN, NO_ANSWER, Flow, Plan, Rows, Sent, centile, send
from tests.torture.resuming import Part

TIMES = 3.0
SLOWEST_MS = 500.0
_LEDGER = 40_000_000
_PROBE_SECONDS = 20.0
_CALM_SECONDS = 90.0
_NORMAL_WITHIN = 60.0
_PROBE_LINKS = 32
_LINKS = 1_000
# One call in ten is a batch.
_SINGLES, _BATCH = 0.9, 20


def overloaded(part: Part) -> None:
    """Everything acknowledged is stored; the excess is told when to come again; afterwards all is as before."""
    minutes = part.sizes.span
    part.check_time(minutes * 60 + _CALM_SECONDS + 300)
    part.marks.clear()
    shutil.rmtree(part.folder / "home", ignore_errors=True)
    (part.folder / "ledger").unlink(missing_ok=True)
    installation, ledger = begun(part, _LEDGER)
    try:
        installation.serve()
        server = installation.processes()[0]
        _on_one_core(installation.processes())
        key = str(part.marks["key"])
        one = Flow(key, part.report.seed, 1.0, 1, 0, ledger.path, ledger.size)
        probe = send(Plan(installation.port, [one], _PROBE_SECONDS, _PROBE_LINKS, is_closed=True))
        sustained = len(probe.rows) / _PROBE_SECONDS
        usual = _phase(installation.port, one, probe.ends[0], sustained * 0.3, 30.0)
        idle = load_watching.megabytes(server)
        watch = load_watching.Watch(installation, every=1.0)
        watch.start()
        part.say(f"{sustained:,.0f} calls/s are taken; now {TIMES:.0f} times as many, {minutes:g} min")
        much = _phase(installation.port, one, max(usual.ends), sustained * TIMES, minutes * 60)
        after = _phase(installation.port, one, max(much.ends), sustained * 0.3, _CALM_SECONDS)
        most = max(look.megabytes[0] for look in watch.stop())
        part.report.cases += len(much.rows)
        _judge(part, much.rows, centile(usual.rows, 99), after.rows)
        part.expect(most <= 1.5 * idle, f"the server held {most:.0f} MB, {idle:.0f} MB before")
        part.figures |= {
            "calls/s taken at best": round(sustained),
            "calls/s offered": round(len(much.rows) / (minutes * 60)),
            "found no free link": much.held_back,
            "memory": f"{idle:.0f} MB, at most {most:.0f}",
            "calls while the machine stood still": int(
                sum(sent.rows["still"].sum() for sent in (usual, much, after))
            ),
            "load average": f"{os.getloadavg()[0]:.1f}",
        }
        taken = int((much.rows["status"] == 200).sum()) / (minutes * 60)
        part.expect(taken >= sustained / 4, f"under it only {taken:,.0f} calls/s were taken")
        checked(part, installation, ledger, exactly=False)
    finally:
        installation.kill()
        ledger.close()


def _on_one_core(processes: list[int]) -> None:
    """Bind web server and worker to one core of several, so that the sender beside them can offer more than they take: on a core
    of its own each answers as fast as one sender asks.
    """
    cores = sorted(os.sched_getaffinity(0))
    for process in processes:
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores[:1])


def _phase(port: int, one: Flow, begin: int, rate: float, seconds: float) -> Sent:
    """So many calls a second, nine of ten single, from a free number on; the numbers end where the next phase begins."""
    singles = replace(one, rate=rate * _SINGLES, begin=begin)
    reserved = int(rate * seconds * 1.2) + 1_000
    batches = replace(one, rate=rate * (1 - _SINGLES), events=_BATCH, begin=begin + reserved)
    return send(Plan(port, [singles, batches], seconds, _LINKS))


def _judge(part: Part, rows: Rows, base_ms: float, after: Rows) -> None:
    taken, refused = rows["status"] == 200, np.isin(rows["status"], (429, 503))
    lost_links, unanswered = int((rows["status"] == BROKEN).sum()), int((rows["status"] == NO_ANSWER).sum())
    other = sorted({int(one) for one in rows["status"]} - {200, 429, 503, BROKEN, NO_ANSWER})
    untold = int((refused & ~rows["told_when"]).sum())
    slowest = centile(rows, 99)
    # The first seconds of calm still drain the queue; what counts is the state after a minute.
    normal = after[(after["at"] > _NORMAL_WITHIN) & ~after["still"]]
    later = centile(normal, 99)
    part.expect(not unanswered, f"{unanswered:,} calls got no answer in 30 s")
    part.expect(not lost_links, f"{lost_links:,} calls ended with a broken link")
    part.expect(not other, f"calls were answered {other}")
    part.expect(not untold, f"{untold:,} refusals told no Retry-After")
    part.expect(refused.sum() > 0, "nothing was refused: this was no overload")
    part.expect(slowest <= max(SLOWEST_MS, 20 * base_ms), f"p99 of admitted calls was {slowest:.0f} ms")
    part.expect((normal["status"] == 200).all(), "calls were refused a minute after the overload")
    part.expect(
        later <= max(2.0 * base_ms, base_ms + 50), f"p99 {later:.0f} ms a minute after, {base_ms:.0f} before"
    )
    part.figures |= {
        "taken": int(taken.sum()),
        "refused": int(refused.sum()),
        "without an answer": unanswered + lost_links,
        "p99 before / under / after (ms)": f"{base_ms:.0f} / {slowest:.0f} / {later:.0f}",
    }
