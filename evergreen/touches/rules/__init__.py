"""Whether a message may go now, must wait, or is held back. Pure."""

from evergreen.touches.rules.addresses import address_key, phone_number
from evergreen.touches.rules.consenting import Line, refusal
from evergreen.touches.rules.deciding import (
    Case,
    Limits,
    Sent,
    Verdict,
    allowance,
    decide,
    rested,
)

__all__ = [
    "Case", "Limits", "Line", "Sent", "Verdict", "address_key", "allowance", "decide", "phone_number", "refusal", "rested",
]  # fmt: skip
