"""``python -m tests.torture.journey_worker FOLDER``: a worker of playbooks and messages in a world whose clock stands in a file; ends by being
killed. Says on standard error when it was fenced off."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import time
from pathlib import Path

LEASE = dt.timedelta(seconds=3)


def main() -> int:
    import django

    django.setup()
    from django.db import DatabaseError, InterfaceError, connection

    from evergreen.playbooks import actions
    from evergreen.touches import actions as touches
    from tests.playbooks.speaking import hello

    clock = Path(sys.argv[1]) / "clock"

    def told() -> dt.datetime:
        return dt.datetime.fromisoformat(clock.read_text("utf-8"))

    with hello():
        while True:
            try:
                done = actions.advance(now=told(), lease=LEASE)
                if not done + touches.send_due(now=told, most=200):
                    time.sleep(0.05)
            except (DatabaseError, InterfaceError) as error:
                logging.getLogger(__name__).warning("the database is away: %s", error)
                connection.close()
                time.sleep(0.2)
            except FileNotFoundError:
                time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
