"""Secrets at rest: encrypted with a key of their own, derived from the installation's secret key.

The database and its backups hold only what ``seal`` gave; without ``secret.key`` (or EVERGREEN_SECRET_KEY) nothing can
be read back. Where that key was replaced, the old one given as EVERGREEN_SECRET_KEY_BEFORE still opens; ``reseal``
writes a secret with today's key.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

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
    keys = [settings.SECRET_KEY, os.environ.get("EVERGREEN_SECRET_KEY_BEFORE", "")]
    return MultiFernet([Fernet(_derived(key)) for key in keys if key])


def _derived(secret: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))
