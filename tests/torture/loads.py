"""The group ``ingest-load``: more than can be taken, one that is too loud, and an ordinary day's load."""

from __future__ import annotations

from tests.torture import load_noisy, load_overload, load_soak
from tests.torture.resuming import Test

TESTS: dict[str, Test] = {
    "ING-15": load_overload.overloaded,
    "ING-16": load_noisy.disturbed,
    "ING-21": load_soak.soaked,
}
