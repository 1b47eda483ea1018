"""How the requests of each dialect come, and the answers that its clients need. Pure."""

from __future__ import annotations

from evergreen.events.ingest.wires.asked import Asked, Opening, Wire
from evergreen.events.ingest.wires.mixpanel import MixpanelWire
from evergreen.events.ingest.wires.posthog import PostHogWire
from evergreen.events.ingest.wires.segment import SegmentWire

WIRES: tuple[Wire, ...] = (SegmentWire(), MixpanelWire(), PostHogWire())
PATHS: dict[str, tuple[Wire, str]] = {
    path: (wire, call) for wire in WIRES for path, call in wire.dialect.PATHS.items()
}

__all__ = ["PATHS", "WIRES", "Asked", "Opening", "Wire"]
