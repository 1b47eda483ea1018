"""From an event's 200 to its line in the account's timeline, on the real server under a steady load.

Runs in a process of its own, on an installation of its own: ``python -m bench.ingest.visible`` prints the seconds as JSON.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.ingest import bodies

RATE, BATCH = 1_000, 50
MARKS, PAUSE = 20, 1.0
# Not among those that the stream is of, so that the marked event is its newest.
ACCOUNT = "B-1"
_LONGEST = 60.0
COMMAND = (sys.executable, "-m", "evergreen.launch.command")


def waits() -> list[float]:
    """Seconds that each marked event took; an event is marked once a second while others stream in."""
    command = [sys.executable, "-m", "bench.ingest.visible"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: list[float] = json.loads(done.stdout)
    return found


@contextmanager
def installed() -> Iterator[None]:
    """An installation of its own, made by its command, with Django set up on it."""
    with tempfile.TemporaryDirectory(prefix="evergreen-bench-", ignore_cleanup_errors=True) as home:
        os.environ["EVERGREEN_HOME"] = home
        os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
        subprocess.run([*COMMAND, "init"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        import django

        django.setup()
        yield


def main() -> None:
    with installed():
        print(json.dumps(_measured()))


def _measured() -> list[float]:
    account, cookie, key = _prepared()
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
        return [_seen_after(port, account, cookie, key, number) for number in range(MARKS)]
    finally:
        stopping.set()
        server.terminate()
        server.wait(40)


def _prepared() -> tuple[int, str, str]:
    """An account, the cookie of somebody signed in, and a write key."""
    from django.conf import settings
    from django.test import Client

    from evergreen.base.actions import add_staff
    from evergreen.customers.models import Account
    from evergreen.events.actions import create_key, create_source

    now = dt.datetime.now(dt.UTC)
    account = Account.objects.create(external_id=ACCOUNT, name="Bench", created_at=now, known_at=now)
    staff = add_staff("boss@bench.example", name="Boss", role="administrator", password="bench-pw-1", now=now)
    key = create_key(create_source("bench", now=now), now=now)
    client = Client()
    client.force_login(staff)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    return account.pk, f"{cookie.key}={cookie.value}", key


def up(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request("GET", "/healthz")
            if link.getresponse().status == 200:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def post(link: http.client.HTTPConnection, key: str, path: str, body: bytes) -> None:
    link.request("POST", path, body, bodies.authorization(key))
    answer = link.getresponse()
    assert answer.read() == b'{"success":true}', answer.status


def stream(port: int, key: str, stopping: threading.Event) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    due = time.monotonic()
    while not stopping.is_set():
        post(link, key, "/v1/batch", bodies.batch(BATCH))
        due += BATCH / RATE
        stopping.wait(max(0.0, due - time.monotonic()))


def _seen_after(port: int, account: int, cookie: str, key: str, number: int) -> float:
    """Send one use of the product, and look at the account's timeline until it stands there."""
    mark = f"mark-{number:03d}-seen"
    told = {
        "event": mark,
        "context": {"groupId": ACCOUNT},
        "timestamp": dt.datetime.now(dt.UTC).isoformat(),
    }
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    post(link, key, "/v1/track", json.dumps(bodies.event(number, **told)).encode())
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST:
        link.request("GET", f"/accounts/{account}/timeline/?kind=usage", headers={"Cookie": cookie})
        answer = link.getresponse()
        page = answer.read()
        assert answer.status == 200, answer.status
        if mark.encode() in page:
            took = time.monotonic() - began
            time.sleep(PAUSE)
            return took
        time.sleep(0.1)
    raise AssertionError(f"The event {mark} was not in the timeline after {_LONGEST:.0f} s.")


if __name__ == "__main__":
    main()
