"""Keys of the REST API from the command line, and the API on the real server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.launch.installation import Installation


def ask(installation: Installation, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """(status, answer) of values sent to the server."""
    request = urllib.request.Request(  # noqa: S310
        f"{installation.url}/api/v1/kpis",
        body,
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_an_api_key_is_made_listed_and_taken_back(installation: Installation) -> None:
    key = installation.run("api-key", "create", "ERP", "--right", "kpis.write").stdout.strip()
    assert key.startswith("ega_")
    (listed,) = installation.lines("api-key", "list")
    assert (listed["name"], listed["rights"], listed["staff"]) == ("ERP", "kpis.write", None)
    assert key not in json.dumps(listed)
    wrong = installation.run("api-key", "create", "ERP", "--right", "everything", check=False)
    assert (wrong.returncode, "kpis.read, kpis.write" in wrong.stderr) == (2, True)
    nobody = installation.run(
        "api-key", "create", "ERP", "--right", "kpis.read", "--staff", "x@y.example", check=False
    )
    assert (nobody.returncode, "No key was made" in nobody.stderr) == (2, True)
    installation.run("api-key", "revoke", key)
    assert installation.lines("api-key", "list")[0]["revoked_at"]
    gone = installation.run("api-key", "revoke", "999", check=False)
    assert (gone.returncode, "api-key list" in gone.stderr) == (1, True)


@pytest.mark.server
def test_values_reach_the_server_and_too_large_a_body_is_refused_before_it_is_read(
    installation: Installation, tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("id,name\nA-1,One\n")
    mapping = tmp_path / "accounts.yaml"
    mapping.write_text("record: accounts\ncolumns: {id: id, name: name}\n")
    installation.run("import", str(accounts), "--as", "accounts", "--mapping", str(mapping))
    key = installation.lines("api-key", "create", "ERP", "--right", "kpis.write")[-1]["key"]
    installation.serve()
    row = {"account": "A-1", "kpi": "close_days", "period": "2026-01", "value": 4}
    status, said = ask(installation, key, json.dumps({"values": [row]}).encode())
    assert (status, said["errors"][0]["field"]) == (422, "kpi")  # none is declared yet
    status, said = ask(installation, key, b" " * ((1 << 20) + 1))
    assert (status, said["error"]["code"]) == (413, "too_large")
    assert ask(installation, "ega_nobody", b"{}")[0] == 401
