"""Killed at random, the server loses nothing it acknowledged and stores nothing twice; traced, it syncs before it answers."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from evergreen.base.env import Home
from evergreen.events import store
from tests.launch.installation import Installation, eventually
from tests.launch.sending import Event, Ledger, Sender, make_event
from tests.torture import kill_traces

EVENTS, SENDERS, KILLS = 50_000, 4, 10
SINGLES = 1_000
TRACED = 240
NAME = "Survived"


def requests(seed: int) -> list[list[Event]]:
    """All events, most of them in batches of 100, some alone, in a random order."""
    events = [make_event(NAME, number) for number in range(EVENTS)]
    alone, rest = events[:SINGLES], events[SINGLES:]
    found = [[one] for one in alone] + [rest[at : at + 100] for at in range(0, len(rest), 100)]
    random.Random(seed).shuffle(found)
    return found


@pytest.mark.server
def test_ten_kills_lose_no_acknowledged_event_and_store_none_twice(
    installation: Installation, tmp_path: Path
) -> None:
    seed = int(os.environ.get("EVERGREEN_SEED") or time.time())
    print(f"seed {seed}")
    chance = random.Random(seed)
    key = installation.new_key("shop")
    installation.serve()
    ledger = Ledger(tmp_path / "ledger")
    todo = requests(seed)
    senders = [Sender(installation.port, key, todo[n::SENDERS], ledger, seed + n) for n in range(SENDERS)]
    for sender in senders:
        sender.pace = 20.0 / len(todo[0::SENDERS])
        sender.start()
    killed: Counter[str] = Counter()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.8, 2.5))
        assert installation.server is not None
        victim = chance.choice(installation.processes())
        os.kill(victim, signal.SIGKILL)
        if victim == installation.server.pid:
            killed["server"] += 1
            installation.server.wait()
            installation.serve()
        else:
            killed["worker"] += 1
    for sender in senders:
        sender.join(120)
        assert not sender.is_alive()
    print(killed, len(ledger.acked), "acked", len(ledger.open), "open", ledger.replayed, "replayed")
    assert len(ledger.acked) > EVENTS * 0.8 and ledger.replayed > EVENTS * 0.1

    def stored() -> dict[str, int]:
        sql = "SELECT message_id, count(*) FROM lake.events WHERE name = ? GROUP BY ALL"
        return dict(store.reading(Home(installation.home)).execute(sql, [NAME]).fetchall())

    eventually(lambda: ledger.acked - stored().keys(), set())
    eventually(lambda: installation.faults("journal", "segments", "keys"), [])
    found = stored()
    assert set(found.values()) == {1}
    assert found.keys() - ledger.acked <= ledger.open
    assert installation.counts() == {NAME: len(found)}
    sums = "SELECT sum(received) - sum(stored) - sum(duplicates) - sum(rejected), sum(conflicts) FROM lake.batches"
    assert store.reading(Home(installation.home)).execute(sums).fetchall() == [(0, 0)]
    assert installation.stop() == 0


@pytest.mark.server
def test_every_byte_is_synced_before_its_answer_and_many_senders_share_a_sync(
    installation: Installation, tmp_path: Path
) -> None:
    key = installation.new_key("shop")
    try:
        found, sent = kill_traces.traced(installation, key, tmp_path / "trace", 7, TRACED)
    except kill_traces.NoStraceError as error:
        pytest.skip(str(error))
    assert sum(found.answers) == TRACED and len(found.answered) == sent
    assert found.early == set()
    alone, parallel = found.syncs[0] / found.answers[0], found.syncs[1] / found.answers[1]
    assert alone <= 1.05, "one a request, and one of the journal's folder"
    assert parallel < 0.5, "group commit; the bar of 0.2 is held by `make torture GROUP=ingest-kill`"
