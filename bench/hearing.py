"""From the answer to the last of three failing events to the open alert and work order of their account, on the real server.

An event rule is on; other events stream in meanwhile. ``python -m bench hearing`` prints the seconds.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import statistics
import subprocess
import threading
import time

from bench.homes import line
from bench.ingest import bodies
from bench.ingest.visible import COMMAND, RATE, installed, post, stream, up

ACCOUNTS, TIMES = 20, 3
EVENT = "Export Failed"
_LONGEST = 60.0


def main() -> None:
    with installed():
        key = _prepared()
        from evergreen.launch.server import free_port

        port = free_port("127.0.0.1", 0)
        server = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        stopping = threading.Event()
        load = threading.Thread(target=stream, args=(port, key, stopping), daemon=True)
        try:
            up(port)
            load.start()
            time.sleep(5)
            waits = [_opened_after(port, key, number) for number in range(ACCOUNTS)]
        finally:
            stopping.set()
            server.terminate()
            server.wait(40)
    line(f"alert open, median of {ACCOUNTS}, at {RATE} events/s (s)", f"{statistics.median(waits):.2f}")
    line("alert open, the longest (s)", f"{max(waits):.2f}", "under 5")


def _prepared() -> str:
    """Accounts, a rule that is on, and a write key."""
    from evergreen.alerts.actions import save_event_rule
    from evergreen.alerts.firing import Watch
    from evergreen.customers.models import Account
    from evergreen.events.actions import create_key, create_source

    now = dt.datetime.now(dt.UTC)
    Account.objects.bulk_create(
        Account(external_id=f"H-{n}", name=f"H {n}", created_at=now, known_at=now) for n in range(ACCOUNTS)
    )
    watch = Watch(EVENT, TIMES, 10)
    save_event_rule("hearing", name={"en": "Hearing"}, watch=watch, is_on=True, by=None, now=now)
    return create_key(create_source("bench", now=now), now=now)


def _opened_after(port: int, key: str, number: int) -> float:
    """Send the events of one account and look at the records until its alert is open and in its work order."""
    from evergreen.alerts.models import Alert

    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for n in range(TIMES):
        told = {
            "event": EVENT,
            "context": {"groupId": f"H-{number}"},
            "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        }
        post(link, key, "/v1/track", json.dumps(bodies.event(number * TIMES + n, **told)).encode())
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST:
        if Alert.objects.filter(account__external_id=f"H-{number}", order__isnull=False).exists():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"No alert was open on H-{number} after {_LONGEST:.0f} s.")


if __name__ == "__main__":
    main()
