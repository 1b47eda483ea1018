from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

from evergreen.launch.asgi import INGEST as TAKEN
from tests.house import ROOT

# The dispatcher gives these to the bare ingest app, so a page under one of them would never be seen.
INGEST = sorted(TAKEN)


def test_migrations_say_what_the_models_say(db: None) -> None:
    said = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(f"models and migrations differ; run makemigrations:\n{said.getvalue()}")


def test_a_deployment_behind_https_has_no_warning(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "EVERGREEN_HTTPS": "1",
        "EVERGREEN_HOME": str(tmp_path),
        "EVERGREEN_SECRET_KEY": "a-long-key-of-a-deployment-" + "0123456789abcdef" * 4,
        "EVERGREEN_ALLOWED_HOSTS": "evergreen.vendor.example",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Every page's route from the root, as written."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


def test_no_page_uses_a_path_of_the_ingest_app() -> None:
    taken = [
        route for route in routes() if route.lstrip("^/").split("/")[0].split("<")[0].rstrip("$") in INGEST
    ]
    assert taken == [], "the ingest app answers there; choose another noun (/imports/, /chats/)"


@pytest.mark.parametrize("first", INGEST)
def test_no_catch_all_page_answers_on_a_path_of_the_ingest_app(first: str) -> None:
    for path in (f"/{first}", f"/{first}/", f"/{first}/x"):
        with pytest.raises(Resolver404):
            resolve(path)


def test_pages_end_with_a_slash_and_are_nouns() -> None:
    verbs = {"add", "create", "delete", "edit", "update", "do", "run", "get", "set"}
    wrong = []
    for route in routes():
        parts = [part for part in route.split("/") if part and "<" not in part]
        # Addresses of the API are programs' and end as such addresses do everywhere.
        is_api = route.startswith("api/")
        if not route.endswith("/") and route and not re.search(r"\.\w+$", route) and not is_api:
            wrong.append(f"{route}: no slash at its end")
        if verbs & set(parts):
            wrong.append(f"{route}: a verb in the path")
    assert wrong == []
