"""The cast of every test: an owner, a team mate, an outsider; an account that is well, one slipping, one gone."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from evergreen.base.roles import Role, Scope

# Nothing in the tests depends on how fast this machine is just now, nor on luck: `make test` draws the same examples each
# time, so that a change fails by what it changes; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)  # Friday 10:00 in Shanghai
TODAY = dt.date(2026, 11, 20)


@pytest.fixture
def now() -> dt.datetime:
    return NOW


@pytest.fixture
def today() -> dt.date:
    return TODAY


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A fresh home with an empty lake (records stay in the test database)."""
    from evergreen.base import env
    from tests.lakes import empty_lake

    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    where = env.home()
    where.root.mkdir(exist_ok=True)
    with empty_lake(where):
        yield where


@pytest.fixture
def cast(db: None) -> SimpleNamespace:
    """owner and mate share team North; outsider sees only own accounts; boss sees all and may configure."""
    from evergreen.base.models import Team, User
    from evergreen.customers.models import Account

    north, south = Team.objects.create(name="North"), Team.objects.create(name="South")

    def person(name: str, role: str, team: Any = None, **fields: Any) -> User:
        user = User.objects.create_user(
            f"{name}@vendor.example", "evergreen-pw", name=name, role=role, **fields
        )
        if team:
            user.teams.add(team)
        return user

    cast = SimpleNamespace(north=north, south=south)
    cast.owner = person("owner", Role.CSM, north, language="en")
    cast.mate = person("mate", Role.CSM, north, language="zh-hans")
    cast.outsider = person("outsider", Role.CSM, south, scope=Scope.OWN, language="en")
    cast.boss = person("boss", Role.ADMINISTRATOR, language="en")

    def account(key: str, name: str, **fields: Any) -> Account:
        return Account.objects.create(
            external_id=key, name=name, owner=cast.owner, team=north, created_at=NOW, known_at=NOW, **fields
        )

    cast.well = account("A-well", "恒岳机械", stage=Account.Stage.STEADY, industry="制造")
    cast.slipping = account("A-slipping", "澄明财税科技", stage=Account.Stage.ADOPTION, industry="财税")
    cast.gone = account("A-gone", "云杉物业", stage=Account.Stage.CHURNED, industry="物业")
    return cast


@pytest.fixture
def real_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """SQLite's test database lives in the memory of one connection; put it into a file, as it is in a home."""
    from django.db import connection, connections

    if connection.vendor != "sqlite":
        yield
        return
    in_memory, kept = connections["default"], connections.settings["default"]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(tmp_path / "records.sqlite3")])
    connections.settings["default"] = {**kept, "NAME": str(tmp_path / "records.sqlite3")}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = kept
        connections["default"] = in_memory


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of the real data sets; a test that needs one skips with the reason where it is absent."""
    found = Path(
        os.environ.get("EVERGREEN_DATASETS") or Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    )
    if not found.is_dir():
        pytest.skip(f"the real data sets are not at {found} (EVERGREEN_DATASETS)")
    return found.resolve()
