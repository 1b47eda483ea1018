"""JRN-09 and JRN-10: eight workers that send at the same time, on PostgreSQL, beside people who stop wanting it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.torture.postgresql import NoServerError, Server
from tests.torture.reports import ROOT
from tests.torture.resuming import Part
from tests.touches import mail_server

WORKERS = 8


def caps(part: Part) -> None:
    """JRN-09: 10,000 plans of twenty playbooks for the same people on twenty days; no cap is ever passed."""
    _race(part, "caps")


def leaving(part: Part) -> None:
    """JRN-10: 2,000 withdrawals of six kinds between plan and sending; no claim that committed after one is sent."""
    _race(part, "leaving")


def _race(part: Part, what: str) -> None:
    try:
        server = Server()
    except NoServerError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")
        return
    try:
        with psycopg.connect(server.url, autocommit=True) as con:
            con.execute("alter system set track_commit_timestamp = on")
        server.restart()
        with mail_server.running(part.folder / "mail.log") as port:
            told = _lead(part, server, port, what)
    finally:
        server.remove()
    part.report.cases = int(str(told.pop("cases", 0)))
    part.expect(told.get("wrong") == 0, f"{told.get('wrong', 'no result')}: {told.get('first')}")
    part.figures |= told


def _lead(part: Part, server: Server, port: int, what: str) -> dict[str, object]:
    home = part.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    for name in ("clock", "mail.log"):
        (part.folder / name).unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
    environment = {
        **kept, "DJANGO_SETTINGS_MODULE": "evergreen.launch.settings", "EVERGREEN_HOME": str(home), "EVERGREEN_DATABASE": server.url,
        "EVERGREEN_MAIL_PORT": str(port), "EVERGREEN_OUTBOUND_ALLOW": "127.0.0.1",
    }  # fmt: skip
    with (part.folder / "workers.log").open("ab") as log:

        def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"tests.torture.{module}", str(part.folder), *arguments]
            out = subprocess.PIPE if module == "racing_world" else log
            return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=log)

        init = [str(Path(sys.executable).with_name("evergreen")), "init", "--home", str(home)]
        subprocess.run(init, env=environment, cwd=ROOT, check=True, stdout=log, stderr=log)
        workers = [start("journey_worker") for _ in range(WORKERS)]
        try:
            out, _none = start("racing_world", str(part.sizes.seed), what).communicate()
        finally:
            for one in workers:
                one.kill()
                one.wait()
    lines = out.decode().splitlines()
    told: dict[str, object] = json.loads(lines[-1]) if lines else {"first": f"see {log.name}"}
    shutil.rmtree(home, ignore_errors=True)
    return told
