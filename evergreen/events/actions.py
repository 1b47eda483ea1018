"""Writes of sources and write keys. A key is shown once; only its hash is kept."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from evergreen.base import env
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.events import identity
from evergreen.events.ingest.keys import Published, key_hash, read_keys, write_keys
from evergreen.events.journal import SOURCE
from evergreen.events.models import Source, WriteKey

_HINT = 6
_LENGTH = 32
_LETTERS = string.ascii_letters + string.digits


@transaction.atomic
def create_source(name: str, *, now: dt.datetime, by: User | None = None) -> Source:
    """The source of this name; made when it is absent. Raises ValueError when the name is not allowed."""
    name = name.strip()
    longest = Source._meta.get_field("name").max_length or 0
    if not name or len(name) > longest or not name.isprintable():
        raise ValueError(f"A source's name has 1 to {longest} printable characters; found {name!r}.")
    if name == SOURCE:
        raise ValueError(f"The source {SOURCE!r} holds this installation's own events: choose another name.")
    source, made = Source.objects.get_or_create(name=name, defaults={"created_at": now})
    if made:
        audit("source.created", "source", [source.pk], by=by, now=now, after={"name": name})
    return source


@transaction.atomic
def create_key(source: Source, *, now: dt.datetime, by: User | None = None) -> str:
    """A new write key for a source, in clear this once. Requests with it are taken within two seconds."""
    key = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    row = WriteKey.objects.create(source=source, hash=key_hash(key), hint=key[:_HINT], created_at=now)
    audit("key.created", "key", [row.pk], by=by, now=now, after={"source": source.name, "hint": row.hint})
    transaction.on_commit(publish_keys)
    return key


@transaction.atomic
def revoke_key(key: WriteKey, *, now: dt.datetime, by: User | None = None) -> None:
    """Take a key back; within two seconds requests with it are refused like those of an unknown key."""
    if WriteKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        audit(
            "key.revoked",
            "key",
            [key.pk],
            by=by,
            now=now,
            after={"source": key.source.name, "hint": key.hint},
        )
    transaction.on_commit(publish_keys)


def publish_keys(home: env.Home | None = None) -> bool:
    """Write what the ingest must know to keys.json when it differs from the records; whether it did."""
    home = home or env.home()
    with _publishing(home):
        wanted = published()
        try:
            if read_keys(home.keys) == wanted:
                return False
        except (OSError, ValueError):
            pass  # missing or damaged: written anew
        write_keys(home.keys, wanted)
        return True


@contextmanager
def _publishing(home: env.Home) -> Iterator[None]:
    """One after another from the reading of the records on: who read them before a key was made must not write last."""
    home.root.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.keys.with_name(f"{home.keys.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def published() -> Published:
    """The keys in force and the account properties, as the records say."""
    rows = WriteKey.objects.filter(revoked_at=None).order_by("hash").values_list("hash", "source__name")
    return Published(dict(rows), identity.account_properties())
