"""The peer in an environment of its own, from its registry, and its commands run there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PEER = "fightchurn==1.2.0"


def installed(folder: Path) -> Path:
    """The Python of the peer's environment in ``folder``, made where it is not there yet."""
    python = folder / "peer" / "bin" / "python"
    if not (folder / "peer" / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "peer")], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, PEER], check=True, stdout=sys.stderr)
        (folder / "peer" / "done").touch()
    return python


def asked(python: Path, port: int, folder: Path, **told: Any) -> Any:
    """What the peer says to a command (see ``peer.py``)."""
    environment = {
        **os.environ,
        "CHURN_DB": "postgres",
        "CHURN_DB_HOST": "localhost",
        "CHURN_DB_USER": "postgres",
        "CHURN_DB_PASS": "unused",
        "CHURN_OUT_DIR": str(folder / "out"),
        "PGPORT": str(port),
        "TMPDIR": str(folder),
    }
    command = [str(python), str(Path(__file__).with_name("peer.py")), json.dumps(told)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    return json.loads(done.stdout.splitlines()[-1])
