"""How a ClickHouse is spoken to: over the network, or inside this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from evergreen.events import store

# As the standard and our other engines have it: a left join gives null where nothing was found; a name means the column
# and not what the same SELECT makes under that name; moments without a zone are UTC.
SETTINGS: dict[str, str | int] = {
    "join_use_nulls": 1,
    "prefer_column_name_to_alias": 1,
    "session_timezone": "UTC",
    "data_type_default_nullable": 0,
    # A file loaded as history has many known days.
    "max_partitions_per_insert_block": 0,
    # A deletion or an update is done when it returns, on every replica.
    "mutations_sync": 2,
}


class Client(Protocol):
    """A ClickHouse. Raises LakeError when a server does not answer or refuses."""

    # Whether it has our functions (``backend``); they stay there.
    knows_words: bool

    def command(self, statement: str) -> None: ...

    def query(self, statement: str) -> pa.Table: ...

    def insert(self, table: str, rows: pa.Table) -> None: ...


class InProcess:
    """ClickHouse in this process (chdb): for tests and for analysis by one process, not for a server of several.

    A process opens one folder, once; a folder one process.
    """

    def __init__(self, folder: str) -> None:
        from chdb.session import Session

        opened: Callable[[str], Any] = Session

        self.knows_words = False
        self._session = opened(folder)
        self._turn = threading.Lock()
        for name, value in SETTINGS.items():
            self.command(f"SET {name} = '{value}'" if isinstance(value, str) else f"SET {name} = {value}")

    def command(self, statement: str) -> None:
        with self._turn:
            self._session.query(statement)

    def query(self, statement: str) -> pa.Table:
        with self._turn:
            return self._session.query(statement, "ArrowTable")

    def insert(self, table: str, rows: pa.Table) -> None:
        incoming_rows = _plain(rows)  # chdb finds it by this name
        columns = ", ".join(f"`{name}`" for name in rows.column_names)
        with self._turn:
            self._session.query(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(incoming_rows)"
            )
        del incoming_rows


_opened: dict[str, InProcess] = {}


def in_process(folder: str) -> InProcess:
    """The one ClickHouse of this process over a folder."""
    if folder not in _opened:
        _opened[folder] = InProcess(folder)
    return _opened[folder]


class Server:
    """A ClickHouse server, or a cluster behind one address, over HTTP (clickhouse-connect, the extra ``clickhouse``)."""

    def __init__(self, url: str) -> None:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError

        self.knows_words = False
        parts = urlsplit(url)
        is_secure = parts.scheme == "clickhouses"
        host, port = parts.hostname or "localhost", parts.port or (8443 if is_secure else 8123)
        self._where = f"{host}:{port}"
        self._errors: tuple[type[Exception], ...] = (ClickHouseError, OSError)
        with self._asking():
            self._client: Any = clickhouse_connect.get_client(
                host=host,
                port=port,
                username=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
                database=parts.path.lstrip("/") or "default",
                secure=is_secure,
                settings=SETTINGS,
                # Several threads of one process ask at once.
                autogenerate_session_id=False,
                # A page waits for it.
                connect_timeout=5,
            )

    def command(self, statement: str) -> None:
        with self._asking():
            self._client.command(statement)

    def query(self, statement: str) -> pa.Table:
        with self._asking():
            found = self._client.query_arrow(statement, use_strings=True)
        assert isinstance(found, pa.Table)
        return found

    def insert(self, table: str, rows: pa.Table) -> None:
        with self._asking():
            self._client.insert_arrow(table, _plain(rows))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            said = str(error).strip().splitlines()
            raise store.LakeError(
                f"ClickHouse at {self._where} (EVERGREEN_WAREHOUSE) was asked for events and did not do it: "
                f"{said[0][:300] if said else type(error).__name__}. A server that answers and a user who may make tables are "
                "needed. What was acknowledged is in the journal and is stored once it answers; look at the server, then "
                "at `evergreen doctor`."
            ) from error


def _plain(rows: pa.Table) -> pa.Table:
    """Texts as texts: the batches of the mover come with dictionaries."""
    schema = pa.schema(
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in rows.schema
    )
    return rows.cast(schema).combine_chunks()
