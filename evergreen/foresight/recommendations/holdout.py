"""Who is held back from seeing recommendations, so that what they bring can be told from what would have come anyway. Pure."""

from __future__ import annotations

import hashlib

# Another salt would deal all accounts anew and end every comparison under way.
_SALT = "evergreen-recommendations-1"
_PARTS = 10_000


def is_held(account_id: int, percent: float) -> bool:
    """Whether an account belongs to the held-back share: the same answer for ever, on every machine."""
    digest = hashlib.sha256(f"{_SALT}:{account_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _PARTS < round(percent / 100 * _PARTS)
