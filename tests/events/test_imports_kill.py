"""A killed import, started again, ends where an import that was never killed ends."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.events.table_files import write_csv
from tests.launch.installation import made

# In the killed process: chunks of 200 rows, a line for each so that the test knows how far it is.
_RUN = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
import django
django.setup()
from evergreen.events.imports.records.kinds import RecordLoader
from evergreen.events.imports.records.events import EventLoader
RecordLoader.chunk = EventLoader.chunk = 200
from evergreen.events.imports.run import import_file
def tell(step, done, total):
    print(done, flush=True)
result = import_file(sys.argv[1], sys.argv[2], sys.argv[3], progress=tell)
print("end", result.created, result.updated, result.unchanged, result.duplicates, result.rejected, flush=True)
"""
_STATE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
import django
django.setup()
from evergreen.customers.models import Account, ExternalId, Tenant
from evergreen.events import store
accounts = sorted(Account.objects.values_list("external_id", "name", "parent__external_id", "signed_on", "custom"))
others = sorted(Tenant.objects.values_list("external_id", "account__external_id"))
others += sorted(ExternalId.objects.values_list("value", "account__external_id"))
events = store.reading().execute("SELECT message_id, account_id, count(*) FROM lake.events GROUP BY ALL ORDER BY ALL").fetchall()
keys = store.reading().execute("SELECT count(*) FROM lake.message_keys").fetchone()
print(hash((str(accounts), str(others), str(events), str(keys))), len(accounts), len(events))
"""

ACCOUNTS = """
columns: {id: id, name: name, parent: parent, signed: signed, tenants: tenant}
external_ids: {crm: crm}
custom: {n: n}
"""
EVENTS = "columns: {name: event, time: at, account: account}\n"


class Home:
    """An installation of its own, worked on by processes of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        clean = {name: value for name, value in os.environ.items() if name != "EVERGREEN_DATABASE"}
        self.environment = clean | {
            "EVERGREEN_HOME": str(root),
            "PYTHONHASHSEED": "0",
            "EVERGREEN_SECRET_KEY": "x" * 50,
        }
        made(root)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _RUN, *arguments]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(self, *arguments: str) -> str:
        out, err = self.start(*arguments).communicate(timeout=300)
        assert "end" in out, err
        return out.splitlines()[-1]

    def state(self) -> str:
        command = [sys.executable, "-c", _STATE]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Iterator[dict[str, tuple[str, str, str]]]:
    accounts: list[list[Any]] = [["id", "name", "parent", "signed", "tenant", "crm", "n"]]
    for n in range(2_000):
        accounts.append(
            [f"A-{n}", f"客户 {n}", f"A-{n + 7}" if n % 3 == 0 else "", "2025-01-31", f"t-{n}", f"c-{n}", n]
        )
    events: list[list[Any]] = [["event", "at", "account"]]
    for n in range(2_000):
        events.append(["used", f"2025-01-{1 + n * 10 // 2_000:02} 10:{n % 3:02}", f"A-{n % 5}"])
    (tmp_path / "accounts.yaml").write_text(ACCOUNTS)
    (tmp_path / "events.yaml").write_text(EVENTS)
    yield {
        "accounts": (
            str(write_csv(tmp_path / "accounts.csv", accounts)),
            "accounts",
            str(tmp_path / "accounts.yaml"),
        ),
        "events": (str(write_csv(tmp_path / "events.csv", events)), "events", str(tmp_path / "events.yaml")),
    }


@pytest.mark.server
def test_a_killed_import_started_again_ends_as_if_it_had_never_been_killed(
    tmp_path: Path, files: dict[str, tuple[str, str, str]]
) -> None:
    whole = Home(tmp_path / "whole")
    assert whole.finish(*files["accounts"]) == "end 2000 0 0 0 0"
    assert whole.finish(*files["events"]) == "end 2000 0 0 0 0"
    killed = Home(tmp_path / "killed")
    chance = random.Random(7)
    for name in ("accounts", "events"):
        for _attempt in range(2):
            process = killed.start(*files[name])
            assert process.stdout is not None
            for _chunk in range(chance.randrange(1, 5)):
                process.stdout.readline()
            time.sleep(chance.random() * 0.15)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        killed.finish(*files[name])
        assert killed.finish(*files[name]) in {"end 0 0 2000 0 0", "end 0 0 0 2000 0"}
    assert killed.state() == whole.state()
    with sqlite3.connect(killed.root / "records.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
