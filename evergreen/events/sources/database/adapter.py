"""A SQL database read through dlt's sql_database source: tables declared in YAML, the new by a column that grows."""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import yaml
from django.utils.translation import gettext as _
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from evergreen.base import outbound
from evergreen.base.configurations import option
from evergreen.events.imports.mapping import MappingError, read_mapping
from evergreen.events.imports.records import RECORDS
from evergreen.events.sources.adapter import GONE, NAME, Adapter, Asked, Row, SourceError, Stream, wrong_name
from evergreen.events.sources.wire import Wire

_PORTS = {"postgresql": 5432, "mysql": 3306}
_CONNECT_SECONDS = 10
_ROWS = 5_000
_MOST_CHARACTERS = 100_000
_EXAMPLE = """\
- table: customers
  schema: sales
  record: accounts
  key: code
  changed: updated_at
  mapping:
    columns: {id: code, name: full_name, signed: signed_on}"""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table or view. ``changed`` is the column that tells what is new; without it the whole is read each time.
    What is gone is told by the column ``deleted`` (a flag, or a time where it is filled in), else by comparing keys.
    """

    table: str
    record: str
    mapping: dict[str, Any]
    name: str = ""
    schema: str | None = None
    key: str = "id"
    changed: str = ""
    lag_minutes: int = 0
    deleted: str = ""
    compare: bool = True
    title: dict[str, str] = {}

    @property
    def stream(self) -> str:
        return self.name or self.table


@dataclass(frozen=True)
class DatabaseConfig:
    dialect: Literal["postgresql", "mysql"] = option(
        "数据库", "Database",
        choices={"postgresql": ("PostgreSQL 及兼容", "PostgreSQL and the like"), "mysql": ("MySQL、MariaDB", "MySQL, MariaDB")},
    )  # fmt: skip
    host: str = option("主机", "Host", example="db.example.com")
    database: str = option("库名", "Database name")
    user: str = option(
        "用户", "User", about=("建议使用只读用户", "Best one that may only read"),
    )  # fmt: skip
    password: str = option("密码", "Password", secret=True)
    tables: str = option(
        "表（YAML）", "Tables (YAML)", is_long=True, example=_EXAMPLE,
        about=("表、记录类型、增量列与映射；见 docs/connectors.md", "Tables, records, growing columns and mappings; see docs/connectors.md"),
    )  # fmt: skip
    port: int = option("端口", "Port", default=0, about=("空为默认端口", "Empty: the usual one"))
    encryption: Literal["require", "off"] = option(
        "加密", "Encryption", default="require",
        choices={"require": ("必须加密", "required"), "off": ("不加密", "off")},
    )  # fmt: skip


class DatabaseAdapter(Adapter):
    kind = "database"
    zh = "SQL 数据库"
    en = "SQL database"
    Config = DatabaseConfig

    def __init__(self, config: DatabaseConfig) -> None:
        super().__init__(config)
        self.tables = _read_tables(config.tables)
        self._lent: list[weakref.ref[Any]] = []

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(
            Stream(
                one.stream, one.record, one.title.get("zh", one.stream), one.title.get("en", one.stream), one.mapping,
                key="" if one.record == "events" else one.key, order="ascending" if one.changed else "none",
                makes_accounts=one.record == "accounts",
                is_whole=not one.changed and not one.deleted and one.compare and one.record != "events",
            )
            for one in self.tables
        )  # fmt: skip

    def wire_up(self, wire: Wire) -> None:
        try:
            outbound.addresses(self.config.host, self._port)
        except outbound.OutboundError as error:
            raise SourceError(str(error)) from error

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt
        from dlt.sources.sql_database import sql_table

        table = next(one for one in self.tables if one.stream == stream.name)
        at = None
        if table.changed:
            at = dlt.sources.incremental(
                table.changed,
                initial_value=asked.since,
                row_order="asc",
                on_cursor_value_missing="include",
                lag=60 * table.lag_minutes if table.lag_minutes else None,
            )
        try:
            rows = sql_table(
                self._engine(), table.table, table.schema, incremental=at, chunk_size=_ROWS,
                reflection_level="minimal", defer_table_reflect=False,
            )  # fmt: skip
        except (SQLAlchemyError, outbound.OutboundError) as error:
            raise self.told(error) or error from error
        return _marked(rows, table.deleted) if table.deleted else rows

    def keys(self, stream: Stream, wire: Wire, asked: Asked) -> Iterable[str] | None:
        """Every key of the table, where deleted rows simply go."""
        table = next(one for one in self.tables if one.stream == stream.name)
        if not (table.changed and table.compare and stream.key) or table.deleted:
            return None
        return self._keys(table)

    def _keys(self, table: Table) -> Iterator[str]:
        engine = self._engine()
        quoted = engine.dialect.identifier_preparer.quote
        name = ".".join(_quoted(quoted, table.schema, table.table))
        asked = text(f"SELECT {quoted(table.key)} FROM {name}")
        try:
            with engine.connect().execution_options(stream_results=True) as connection:
                for row in connection.execute(asked).yield_per(_ROWS):
                    yield str(row[0])
        except (SQLAlchemyError, outbound.OutboundError) as error:
            raise self.told(error) or error from error

    def close(self) -> None:
        """End connections that a reading which broke off still holds: their transactions would stay open in somebody
        else's database until the collector comes by.
        """
        for lent in self._lent:
            if (connection := lent()) is not None and connection.is_valid:
                connection.invalidate()
        self._lent.clear()

    def told(self, error: BaseException) -> SourceError | None:
        if isinstance(error, outbound.OutboundError):
            return SourceError(str(error))
        return _in_words(error, self.config) if isinstance(error, SQLAlchemyError) else None

    def test(self, wire: Wire) -> str:
        engine = self._engine()
        seen = []
        try:
            for one in self.tables:
                quoted = engine.dialect.identifier_preparer.quote
                name = ".".join(_quoted(quoted, one.schema, one.table))
                with engine.connect() as connection:
                    found = connection.execute(text(f"SELECT * FROM {name} LIMIT 1"))
                    columns = list(found.keys())
                missing = sorted({*read_mapping(one.mapping, one.record).columns} - set(columns))
                if missing:
                    raise SourceError(
                        _("The table “%(table)s” has no column %(missing)s. It has: %(columns)s.")
                        % {
                            "table": one.table,
                            "missing": ", ".join(missing),
                            "columns": ", ".join(columns[:60]),
                        }
                    )
                seen.append(f"{one.table} ({len(columns)})")
        except (SQLAlchemyError, outbound.OutboundError) as error:
            raise self.told(error) or error from error
        return _("The database answers. Tables and their columns: %(seen)s.") % {"seen": ", ".join(seen)}

    @property
    def _port(self) -> int:
        return int(self.config.port or _PORTS[self.config.dialect])

    def _engine(self) -> Engine:
        connect = _to_postgres if self.config.dialect == "postgresql" else _to_mysql
        driver = {"postgresql": "postgresql+psycopg://", "mysql": "mysql+pymysql://"}[self.config.dialect]
        engine = create_engine(driver, creator=lambda: connect(self.config, self._port), poolclass=NullPool)
        event.listen(engine, "checkout", lambda _raw, _record, lent: self._lent.append(weakref.ref(lent)))
        return engine


def _to_postgres(config: DatabaseConfig, port: int) -> Any:
    """A connection that only reads, to the address that was checked; the certificate is that of the name."""
    import psycopg

    address = outbound.addresses(config.host, port)[0]
    return psycopg.connect(
        host=config.host, hostaddr=address, port=port, dbname=config.database, user=config.user,
        password=config.password, connect_timeout=_CONNECT_SECONDS,
        sslmode="require" if config.encryption == "require" else "disable",
        options="-c default_transaction_read_only=on",
    )  # fmt: skip


def _to_mysql(config: DatabaseConfig, port: int) -> Any:
    import pymysql

    connection = pymysql.connect(
        host=config.host, port=port, user=config.user, password=config.password, database=config.database,
        charset="utf8mb4", connect_timeout=_CONNECT_SECONDS, read_timeout=300, defer_connect=True,
        init_command="SET SESSION TRANSACTION READ ONLY", local_infile=False,
        **({"ssl": {"check_hostname": False}} if config.encryption == "require" else {}),
    )  # fmt: skip
    try:
        connection.connect(outbound.connect(config.host, port, seconds=_CONNECT_SECONDS))
    except OSError as error:
        raise pymysql.err.OperationalError(2003, type(error).__name__) from error
    return connection


def _marked(rows: Iterable[Row], column: str) -> Iterator[Row]:
    """Rows, those among them marked whose column says that they were deleted."""
    for row in rows:
        is_gone = str(row.get(column) or "").strip().lower() not in {"", "0", "f", "false", "n", "no"}
        yield {**row, GONE: True} if is_gone else row


def _quoted(quoted: Callable[[str], str], *names: str | None) -> list[str]:
    return [quoted(name) for name in names if name]


def _in_words(error: SQLAlchemyError, config: DatabaseConfig) -> SourceError:
    """A database's refusal in words; its own first line has no password in it."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:300]
    said = said.replace(config.password, "•••") if config.password else said
    message = _(
        "The database %(host)s says: %(said)s. Check address, user, rights and names. What was loaded stays."
    )
    is_passing = any(word in said.lower() for word in ("could not connect", "timeout", "closed", "lost", "2003", "2013"))  # fmt: skip
    return SourceError(message % {"host": config.host, "said": said}, is_permanent=not is_passing)


def _read_tables(given: str) -> list[Table]:
    if len(given) > _MOST_CHARACTERS:
        raise SourceError(
            _("The declaration has %(found)s characters; at most %(most)s are read.")
            % {"found": len(given), "most": _MOST_CHARACTERS}
        )
    try:
        tables = msgspec.convert(_texts(yaml.safe_load(given)), list[Table])
    except yaml.YAMLError as error:
        raise SourceError(_("The declaration is no YAML: %(error)s") % {"error": str(error)[:300]}) from error
    except msgspec.ValidationError as error:
        raise SourceError(_("The declaration: %(error)s.") % {"error": error}) from error
    problems = [] if tables else [_("No table is declared.")]
    for one in tables:
        if not NAME.fullmatch(one.stream):
            problems.append(wrong_name(one.stream))
        if one.record not in RECORDS:
            problems.append(
                _("resources.%(name)s.record: found “%(found)s”. Allowed: %(allowed)s.")
                % {"name": one.stream, "found": one.record, "allowed": ", ".join(RECORDS)}
            )
            continue
        try:
            read_mapping(one.mapping, one.record)
        except MappingError as error:
            problems += [f"{one.stream}.mapping: {said}" for said in error.problems]
    if problems:
        raise SourceError("\n".join(problems))
    return tables


def _texts(value: Any) -> Any:
    """YAML's dates as the texts that were written."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date) else value
