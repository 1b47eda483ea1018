"""Which source a write key belongs to, from the home's keys.json: hashes only, no Django, no database."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from evergreen.base import files

log = logging.getLogger(__name__)

REREAD_SECONDS = 2.0
_NO_HASH = "0" * 64


def key_hash(key: str) -> str:
    """How a write key is kept: SHA-256 in hex (keys are random, so no salt is needed)."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """What the records tell the ingest: source name by key hash, and the properties that name an account."""

    sources: dict[str, str] = field(default_factory=dict)
    account_properties: tuple[str, ...] = ()


class Keys:
    """The write keys in force: every process sees a created one at once, a revoked one within two seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._published = Published()
        self._stamp: tuple[int, int, int] | None = None
        self._next_look = 0.0

    def source_of(self, key: str) -> str | None:
        """The name of the source, or None; an unknown and a revoked key take the same way."""
        hashed = key_hash(key)
        if time.monotonic() >= self._next_look or hashed not in self._published.sources:
            self._reread()
        sources = self._published.sources
        known = hashed if hashed in sources else _NO_HASH
        return sources[known] if hmac.compare_digest(hashed, known) else None

    @property
    def account_properties(self) -> tuple[str, ...]:
        return self._published.account_properties

    def _reread(self) -> None:
        self._next_look = time.monotonic() + REREAD_SECONDS
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return
            self._published = read_keys(self._path)
            self._stamp = stamp
        except FileNotFoundError:
            self._published, self._stamp = Published(), None
        except (OSError, ValueError) as error:
            log.error("%s cannot be read (%s): the keys read before stay in force.", self._path, error)


def read_keys(path: Path) -> Published:
    """What the file says. Raises OSError or ValueError when the file is missing or damaged."""
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("keys"), dict):
        raise ValueError('it must be a JSON object with an object "keys"')
    return Published(
        {str(hashed): str(source) for hashed, source in content["keys"].items()},
        tuple(str(name) for name in content.get("account_properties", ())),
    )


def write_keys(path: Path, published: Published) -> None:
    """Replace the file whole (readers see the old or the new one) and durably."""
    content = {"keys": published.sources, "account_properties": published.account_properties}
    files.replace(path, json.dumps(content, ensure_ascii=False).encode())
