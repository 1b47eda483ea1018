"""Secrets at rest: encrypted with a key of their own, derived from the installation's secret key.

The database and its backups hold only what ``seal`` gave; without ``secret.key`` (or EVERGREEN_SECRET_KEY) nothing can
be read back. Where that key was replaced, the old one (EVERGREEN_SECRET_KEY_BEFORE, or ``secret.key.before`` while
`evergreen credentials reseal --new-key` is at work) still opens; ``reseal`` writes a secret with today's key. The file is
read each time, so processes that run open what another one has sealed anew.
"""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from evergreen.base import env

MASK = "••••••••"
# Names what the key is for: another use derives another key.
_PURPOSE = b"evergreen.vault.1"


class SealError(ValueError):
    """A stored secret cannot be opened; the message says what to do."""


def seal(secret: dict[str, Any]) -> str:
    """Encrypt and sign a JSON object; '' for an empty one."""
    if not secret:
        return ""
    return _fernet().encrypt(json.dumps(secret, ensure_ascii=False, sort_keys=True).encode()).decode()


def unseal(sealed: str) -> dict[str, Any]:
    """What was sealed. Raises SealError when the key is another one or the text was changed."""
    if not sealed:
        return {}
    try:
        opened: dict[str, Any] = json.loads(_fernet().decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise SealError(
            _(
                "The stored credentials cannot be opened: they were encrypted with another secret key. Nothing was "
                "sent. Enter them again, or give the old key as EVERGREEN_SECRET_KEY_BEFORE."
            )
        ) from error
    return opened


def reseal(sealed: str) -> str:
    """The same secret encrypted with today's key."""
    return seal(unseal(sealed))


def _fernet() -> MultiFernet:
    """Today's key first: it seals; the others open."""
    where = env.home()
    files = () if os.environ.get("EVERGREEN_SECRET_KEY") else (where.secret,)
    keys = [*map(_read, files), settings.SECRET_KEY, os.environ.get("EVERGREEN_SECRET_KEY_BEFORE", "")]
    keys.append(_read(where.secret_before))
    return MultiFernet([Fernet(_derived(key)) for key in dict.fromkeys(keys) if key])


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


@cache
def _derived(secret: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))
