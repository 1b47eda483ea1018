"""The HTTP face of the journal, without any Django import (a test holds it)."""

from evergreen.events.ingest.app import HEALTH, READY, Ingest
from evergreen.events.ingest.wires import PATHS

__all__ = ["HEALTH", "PATHS", "READY", "Ingest"]
