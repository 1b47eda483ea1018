"""Mixpanel's raw export: JSON lines by the day."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.recorded import rows, zulu
from tests.connectors.systems.base import System, Truth


class Mixpanel(System):
    """JSON lines by the day; made of recorded events."""

    kind = "mixpanel"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.events: list[dict[str, Any]] = []
        for place, row in enumerate(rows("mixpanel", "event") * 4):
            at = dt.datetime.fromisoformat(str(zulu(row["time"]))).replace(
                year=2026, month=11, day=16 + place % 5
            )
            properties = {"time": int(at.timestamp()), "distinct_id": row["distinct_id"], "$insert_id": f"{row['insert_id']}{place}", "account_id": "s1", **json.loads(row["properties"] or "{}")}  # fmt: skip
            self.events.append({"event": row["name"], "properties": properties})
        self.routes = {"/api/2.0/export": self._export}
        self.unsigned = lambda asked: not asked.headers.get("authorization", "").startswith("Basic ")

    def _export(self, asked: Asked) -> Answer:
        assert asked.query["from_date"] == asked.query["to_date"] and asked.query["project_id"] == "77"
        lines = [
            json.dumps(one) for one in self.events
            if dt.datetime.fromtimestamp(one["properties"]["time"], dt.UTC).date().isoformat() == asked.query["from_date"]
        ]  # fmt: skip
        return Answer("\n".join(lines).encode())

    def config(self) -> dict[str, Any]:
        return {"project": "77", "user": "u", "password": "canary", "address": self.url}

    def truth(self) -> Truth:
        return {"events": {str(one["properties"]["$insert_id"]): one["event"] for one in self.events}}

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [one["properties"] for one in self.events], "screen"

    def stamp(self, one: dict[str, Any]) -> str:
        """Events don't change; another one comes."""
        made = {**one, "blob": "", "$insert_id": f"new-{self.next_moment().timestamp():.0f}"}
        self.events.append({"event": "came later", "properties": made})
        return str(made["$insert_id"])
