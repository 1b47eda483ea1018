"""The history: a DuckLake opened here and nowhere else.

Readers share one read-only connection a process (take a cursor a thread); a writer opens its own and commits
one transaction. The catalog is SQLite in the home, or PostgreSQL when the records are there. DuckDB writes
Parquet without fsync, so ``writing`` syncs the file system that holds the lake before the catalog's commit
names the new files.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from evergreen.base import env
from evergreen.events import schema
from evergreen.events.warehouses import vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")

_lock = threading.Lock()
# Whether this thread is inside a transaction: it would wait for itself.
_inside = threading.local()
_syncs = True
# Files added by the transactions under way, by connection.
_written: dict[int, list[Path]] = {}
_reader: tuple[str, float, duckdb.DuckDBPyConnection] | None = None
# A connection keeps something of every commit that it saw, for good (DuckLake 1.0: some 0.1 to 0.4 MB each; measured). So
# nobody holds one for ever.
READER_SECONDS = 600.0
_ATTEMPTS = 8


class LakeError(RuntimeError):
    """The lake cannot be opened or written; the message says what to do."""


def create(home: env.Home | None = None) -> list[int]:
    """Make the lake if it is absent and run the schema steps it lacks. Returns the numbers of the steps run."""
    home = home or env.home()
    home.lake.mkdir(parents=True, exist_ok=True)
    con = _open(home, read_only=False)
    try:
        return schema.upgrade(con)
    finally:
        con.close()
        close()


def reading(home: env.Home | None = None) -> duckdb.DuckDBPyConnection:
    """A cursor on the process's read-only connection: it sees every commit made before each of its statements."""
    global _reader
    home = home or env.home()
    with _lock:
        if _reader is not None and _reader[0] != str(home.root):
            _reader[-1].close()
            _reader = None
        if _reader is None or time.monotonic() - _reader[1] > READER_SECONDS:
            # Not closed: cursors that others hold go on and end it with the last of them.
            _reader = (str(home.root), time.monotonic(), _open(home, read_only=True))
        return _reader[-1].cursor()


def close() -> None:
    """Forget the process's read-only connection (after the lake was made anew, and in tests)."""
    global _reader
    with _lock:
        if _reader is not None:
            _reader[-1].close()
            _reader = None


@contextmanager
def session(home: env.Home | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A writer's connection for several transactions; wrap each in ``transaction``. Not for thousands: see READER_SECONDS."""
    con = _open(home or env.home(), read_only=False)
    try:
        yield con
    finally:
        con.close()


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection, home: env.Home | None = None) -> Iterator[None]:
    """One transaction on a writer's connection: all of it is durable after the block, or none of it happened."""
    home = home or env.home()
    with _sole_writer(home):
        con.execute("BEGIN")
        _written[id(con)] = []
        try:
            yield
            if _syncs:
                _sync(home)
        except BaseException:
            with _quiet():
                con.execute("ROLLBACK")
            for path in _written.pop(id(con)):
                path.unlink(missing_ok=True)
            raise
        # From here on the commit may have happened though it seems to fail: no file is taken away.
        del _written[id(con)]
        try:
            con.execute("COMMIT")
        except BaseException:
            with _quiet():
                con.execute("ROLLBACK")
            raise


def wrote(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Tell of a file that the caller's transaction adds; it is taken away when the transaction fails."""
    _written[id(con)].append(path)


@contextmanager
def synced_at_the_end(home: env.Home | None = None) -> Iterator[None]:
    """Sync the lake once after the block instead of in every transaction of this process.

    Only for what is thrown away whole when it does not reach its end (the demo's build): until then a power cut may
    leave a catalog that names files which are not there.
    """
    global _syncs
    _syncs = False
    try:
        yield
        _sync(home or env.home())
    finally:
        _syncs = True


@contextmanager
def _sole_writer(home: env.Home) -> Iterator[None]:
    """One transaction at a time in a thread; on a catalog in SQLite, which refuses whoever was overtaken, in all processes.

    A second one in the same thread would wait for itself on SQLite and commit against the first on PostgreSQL, so both
    stores refuse it.
    """
    if getattr(_inside, "home", None) == home.root:
        raise LakeError(
            "A transaction on the lake is open in this thread already; end it before the next one."
        )
    with ExitStack() as held:
        if not env.database_url():
            fd = os.open(home.lake / "write.lock", os.O_RDWR | os.O_CREAT, 0o600)
            held.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)
        _inside.home = home.root
        try:
            yield
        finally:
            _inside.home = None


@contextmanager
def writing(home: env.Home | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A writer's connection inside one transaction."""
    with session(home) as con, transaction(con, home):
        yield con


def persistently(work: Callable[[], Result]) -> Result:
    """Do work that is one transaction, again while another writer was in its way (on PostgreSQL; on SQLite they queue)."""
    for attempt in range(_ATTEMPTS):
        try:
            return work()
        except duckdb.Error as error:
            if attempt == _ATTEMPTS - 1 or not is_passing(error):
                raise
            time.sleep(0.05 * 2**attempt)
    raise AssertionError("not reached")


def is_passing(error: duckdb.Error) -> bool:
    """Whether an error of the lake goes away by waiting: another process was committing."""
    text = str(error).lower()
    return "conflict" in text or "locked" in text or "busy" in text


def register(con: duckdb.DuckDBPyConnection, **tables: pa.Table) -> None:
    """Make Arrow tables readable by name on this connection."""
    for name, table in tables.items():
        con.register(name, table)


def scalar(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Any:
    """The first value of the first row, or None."""
    row = con.execute(sql, list(values)).fetchone()
    return row[0] if row else None


def _open(home: env.Home, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    if not home.lake.exists():
        raise LakeError(f"There is no lake in {home.root}: run `evergreen init` first.")
    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        # The lock holds the hashes of the wheels they come in; checking 70 MB of signatures took 0.25 s a connection.
        "allow_unsigned_extensions": "true",
        "threads": str(env.number("EVERGREEN_THREADS", os.cpu_count() or 1)),
        "temp_directory": str(home.lake / "spill"),
    }
    if memory := os.environ.get("EVERGREEN_MEMORY"):
        config["memory_limit"] = memory
    con = duckdb.connect(config=config)
    for path in _extensions(home):
        con.execute(f"LOAD '{path}'")
    con.execute("SET TimeZone = 'UTC'")
    con.execute(vocabulary.OF_DUCKDB)
    _attach(con, home, read_only=read_only)
    return con


def _attach(con: duckdb.DuckDBPyConnection, home: env.Home, *, read_only: bool) -> None:
    # A home may be moved or restored elsewhere: files stand in the catalog relative to this path.
    options = [
        f"DATA_PATH '{_quoted(home.lake / 'data')}'",
        "OVERRIDE_DATA_PATH true",
        "DATA_INLINING_ROW_LIMIT 0",
    ]
    if env.database_url():
        # Beside the records in one database, so under a name of its own.
        options.append(f"METADATA_SCHEMA '{env.lake_schema()}'")
    else:
        # With a rollback journal readers and a writer stop each other for seconds (measured); synced as before.
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 20000"]
    if read_only:
        options.append("READ_ONLY")
    sql = f"ATTACH '{_catalog(home)}' AS lake ({', '.join(options)})"
    for attempt in range(_ATTEMPTS):
        try:
            con.execute(sql)
            return
        except duckdb.Error as error:
            # Another process is committing to the SQLite catalog at this instant.
            if "locked" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.05 * 2**attempt)


def _catalog(home: env.Home) -> str:
    url = env.database_url()
    if url:
        return f"ducklake:postgres:{url.replace(chr(39), chr(39) * 2)}"
    return f"ducklake:sqlite:{_quoted(home.lake / 'catalog.sqlite')}"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _extensions(home: env.Home) -> list[Path]:
    """The engine's extensions from their wheels. DuckDB derives the entry point from the file name, so it is linked."""
    import duckdb_extension_ducklake
    import duckdb_extension_postgres
    import duckdb_extension_sqlite

    catalog = (
        (duckdb_extension_postgres, "postgres", "postgres_scanner")
        if env.database_url()
        else (duckdb_extension_sqlite, "sqlite", "sqlite_scanner")
    )
    found = []
    for module, name, entry in (catalog, (duckdb_extension_ducklake, "ducklake", "ducklake")):
        packaged = next(Path(str(module.__file__)).parent.glob(f"extensions/*/{name}.duckdb_extension"))
        if name == entry:
            found.append(packaged)
            continue
        link = home.lake / "engine" / f"{entry}.duckdb_extension"
        if not link.exists() or link.resolve() != packaged.resolve():
            link.parent.mkdir(parents=True, exist_ok=True)
            made = link.with_name(f"{link.name}.{os.getpid()}")
            made.symlink_to(packaged)
            made.replace(link)
        found.append(link)
    return found


def _sync(home: env.Home) -> None:
    """Flush the file system of the lake, so that the commit never names a file a power cut could take."""
    fd = os.open(home.lake, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise LakeError(
                f"The lake's files could not be synced: {os.strerror(code)}. Nothing was committed."
            )
    finally:
        os.close(fd)


@contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except duckdb.Error:
        return
