"""The HTTP face of the journal, without any Django import (a test holds it)."""

from evergreen.events.ingest.app import HEALTH, PATHS, READY, Ingest

__all__ = ["HEALTH", "PATHS", "READY", "Ingest"]
