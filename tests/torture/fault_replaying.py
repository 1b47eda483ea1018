"""``python -m tests.torture.fault_replaying``: correct every rejected row of an installation, and read them all again."""

from __future__ import annotations

import json
import os

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
    django.setup()
    from evergreen.base import clock
    from evergreen.events import store
    from evergreen.events.replaying import Key, replay_rejected

    read = stored = 0
    with store.session() as con:
        while True:
            rows = con.execute(
                "SELECT origin, position, item, kind FROM lake.rejected_events ORDER BY 1, 2, 3 LIMIT 10000"
            ).fetchall()
            if not rows:
                break
            corrected = {}
            for number, (origin, position, item, kind) in enumerate(rows, read):
                one = {
                    "type": "track",
                    "event": "Corrected",
                    "userId": "u",
                    "messageId": f"corrected-{number}",
                }
                is_batch = item < 0 and str(kind).endswith(("batch", "import"))
                corrected[Key(origin, position, item)] = json.dumps({"batch": [one]} if is_batch else one)
            done = replay_rejected(con, now=clock.utc_now(), corrected=corrected)
            read, stored = read + done.read, stored + done.stored
            if not done.stored:
                break
        left = store.scalar(con, "SELECT count(*) FROM lake.rejected_events")
    print(json.dumps({"read": read, "stored": stored, "left": left}))


if __name__ == "__main__":
    main()
