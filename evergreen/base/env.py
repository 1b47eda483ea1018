"""Where this installation lives and what its environment says. No Django import: the ingest process reads it too."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

PREFIX = "EVERGREEN_"
KNOWN = {
    "EVERGREEN_HOME": "folder of this installation (default ./.evergreen)",
    "EVERGREEN_DATABASE": "records: empty for SQLite in the home, or postgresql://user:password@host/name",
    "EVERGREEN_LAKE_SCHEMA": "with PostgreSQL: the schema that holds the lake's catalog (default lake)",
    "EVERGREEN_WAREHOUSE": "store of single events: empty for the home's lake, or clickhouse://user:password@host/database",
    "EVERGREEN_SECRET_KEY": "signs sessions; default: the file secret.key that `evergreen init` writes",
    "EVERGREEN_SECRET_KEY_BEFORE": "the secret key before this one: stored credentials that it encrypted still open",
    "EVERGREEN_OUTBOUND_ALLOW": "hosts, host:port and networks inside that connectors may call (default: public only)",
    "EVERGREEN_ALLOWED_HOSTS": "comma-separated host names that pages answer to (default 127.0.0.1,localhost,[::1])",
    "EVERGREEN_HTTPS": "1 when served behind HTTPS: secure cookies and HSTS",
    "EVERGREEN_DEBUG": "1 shows error pages with traces; never in production",
    "EVERGREEN_THREADS": "threads of the analytics engine a process may use (default: all cores)",
    "EVERGREEN_MEMORY": "memory limit of the analytics engine a process, e.g. 2GB (default 60% of the machine)",
    "EVERGREEN_DISK_RESERVE_MB": "events are refused below this free space (default 6% of the disk, at most 256)",
    "EVERGREEN_INGEST_RATE": "requests a second that one source may send (default: no limit)",
    "EVERGREEN_DATASETS": "folder of the real data sets that tests read (default ../shared/data)",
}


class SettingError(RuntimeError):
    """An environment variable is wrong: the message names it, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation and the places inside it."""

    root: Path

    @property
    def records(self) -> Path:
        return self.root / "records.sqlite3"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def secret(self) -> Path:
        return self.root / "secret.key"

    @property
    def secret_before(self) -> Path:
        """The key before it, while credentials are encrypted anew."""
        return self.root / "secret.key.before"

    @property
    def keys(self) -> Path:
        """Write-key hashes that the ingest process reads without Django."""
        return self.root / "keys.json"

    def exists(self) -> bool:
        return self.secret.exists()


def home() -> Home:
    """The installation's home: ``EVERGREEN_HOME``, else ``./.evergreen``. ``--home`` sets the variable first."""
    return Home(Path(os.environ.get("EVERGREEN_HOME") or ".evergreen").expanduser().resolve())


def flag(name: str) -> bool:
    """A switch from the environment: 1/true/yes/on or 0/false/no/off/empty; anything else is an error."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} is {value!r}: write 1 or 0.")


def number(name: str, default: int) -> int:
    """A whole number of at least 1 from the environment."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdigit() or int(value) < 1:
        raise SettingError(
            f"{name} is {value!r}: write a whole number of at least 1, or leave it out for {default}."
        )
    return int(value)


def database_url() -> str:
    """The PostgreSQL address from ``EVERGREEN_DATABASE``, or '' for SQLite in the home."""
    url = os.environ.get("EVERGREEN_DATABASE", "").strip()
    if url and urlsplit(url).scheme not in {"postgres", "postgresql"}:
        raise SettingError(
            f"EVERGREEN_DATABASE starts with {urlsplit(url).scheme!r}: "
            "write postgresql://user:password@host:port/name, or leave it empty for SQLite in the home."
        )
    return url


def lake_schema() -> str:
    """The PostgreSQL schema of the lake's catalog."""
    name = os.environ.get("EVERGREEN_LAKE_SCHEMA", "").strip() or "lake"
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        raise SettingError(
            f"EVERGREEN_LAKE_SCHEMA is {name!r}: write small letters, digits and underscores, or leave it out for lake."
        )
    return name


def database(where: Home) -> dict[str, object]:
    """Django's DATABASES['default'] for this installation."""
    url = database_url()
    if url:
        return _postgres(url)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(where.records),
        # IMMEDIATE: a transaction takes the write lock at its start, so two writers wait instead of failing;
        # FULL: with NORMAL a power cut loses acknowledged commits (measured). The log beside the file goes into it after
        # 1 MB instead of 4: on a disk that is all but full, what is left must do for people to sign in (ING-06).
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=256; PRAGMA foreign_keys=ON; "
                "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456"
            ),
        },
    }


def _postgres(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "evergreen",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def warehouse_url() -> str:
    """Where single events are kept: ``EVERGREEN_WAREHOUSE``, empty for the home's own lake."""
    return os.environ.get("EVERGREEN_WAREHOUSE", "").strip()


def unknown_variables() -> list[str]:
    """Variables with our prefix that mean nothing, so that a typing mistake is seen at start."""
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in KNOWN)
