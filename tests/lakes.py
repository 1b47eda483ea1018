"""Empty lakes for tests, copied from one that is made once a run: making it takes longer than most tests."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from evergreen.base import env
from tests.once import once

_TEMPLATE = "lake_template"
# A catalog beside the first one: its tables with what stands in them.
_COPY = """
DO $$ DECLARE t text; BEGIN
  EXECUTE format('CREATE SCHEMA %I', '{new}');
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{old}' LOOP
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL)', '{new}', t, '{old}', t);
    EXECUTE format('INSERT INTO %I.%I SELECT * FROM %I.%I', '{new}', t, '{old}', t);
  END LOOP;
END $$
"""


@contextlib.contextmanager
def empty_lake(home: env.Home) -> Iterator[None]:
    """An empty lake with its schema and metric columns in a home; EVERGREEN_HOME already names it."""
    from evergreen.events import store

    made = once("lake", _make)
    with pytest.MonkeyPatch.context() as patch:
        if env.database_url():
            patch.setenv("EVERGREEN_LAKE_SCHEMA", f"lake_{uuid.uuid4().hex}")
        store.close()
        shutil.copytree(made / "lake", home.lake, symlinks=True)
        _copy_catalog(home)
        try:
            yield
        finally:
            store.close()
            if env.database_url():
                _ask(f"DROP SCHEMA IF EXISTS {env.lake_schema()} CASCADE")


def _make(folder: Path) -> None:
    from evergreen.events import store
    from evergreen.metrics.actions import ensure_columns
    from evergreen.metrics.library import METRICS

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_HOME", str(folder))
        patch.setenv("EVERGREEN_LAKE_SCHEMA", _TEMPLATE)
        if env.database_url():  # what an attempt that failed left behind
            _ask(f"DROP SCHEMA IF EXISTS {_TEMPLATE} CASCADE")
        store.create()
        with store.session() as con:
            # The built-in ones: a test without records makes a lake too.
            ensure_columns(con, METRICS.values())


def _copy_catalog(home: env.Home) -> None:
    """The catalog names its lake's folder by an absolute path."""
    rename = "UPDATE {}ducklake_metadata SET value = '{}' WHERE key = 'data_path'"
    data = f"{home.lake / 'data'}/".replace("'", "''")
    if env.database_url():
        new = env.lake_schema()
        _ask(_COPY.format(new=new, old=_TEMPLATE) + ";" + rename.format(f"{new}.", data))
        return
    with contextlib.closing(sqlite3.connect(home.lake / "catalog.sqlite")) as catalog, catalog:
        catalog.execute(rename.format("", data))


def _ask(sql: str) -> None:
    import psycopg

    with psycopg.connect(env.database_url(), autocommit=True) as con:
        con.execute(sql.encode())
