"""PostHog: a query language over events."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.systems.base import System, Truth


class Posthog(System):
    """A query language over events."""

    kind = "posthog"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.events = [
            [f"0000-{k:04}", "report.opened", f"2026-11-{1 + k // 4:02} 08:00:00.000000", f"u{k % 3}", json.dumps({"$group_0": "s1", "n": k})]
            for k in range(17)
        ]  # fmt: skip
        self.routes = {"/api/projects/5/query/": self._query}
        self.unsigned = lambda asked: asked.headers.get("authorization") != "Bearer canary"

    def _query(self, asked: Asked) -> Answer:
        query = asked.json["query"]["query"]
        if query.startswith("SELECT count()"):
            return Answer({"results": [[3]]})
        moments = re.findall(r"toDateTime64\('([^']+)'", query)
        behind = re.search(r"toString\(uuid\) > '([^']*)'", query)
        since, until = moments[-2], moments[-1]
        limit = int(query.rpartition("LIMIT ")[2])
        fitting = [
            one for one in sorted(self.events, key=lambda one: (one[2], one[0]))
            if one[2] <= until and (one[2] > since or (one[2] == since and (behind is None or one[0] > behind[1])))
        ]  # fmt: skip
        return Answer({"columns": [], "results": fitting[:limit]})

    def config(self) -> dict[str, Any]:
        return {"project": "5", "token": "canary", "address": self.url}

    def truth(self) -> Truth:
        return {"events": {str(one[0]): str(one[1]) for one in self.events}}

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [{} for _one in self.events], "n"

    def stamp(self, one: dict[str, Any]) -> str:
        """Events don't change; another one comes."""
        at = self.next_moment()
        made = [
            f"0001-{self.changes:04}",
            "came.later",
            f"{at:%Y-%m-%d %H:%M:%S.000000}",
            "u1",
            json.dumps({"$group_0": "s1", **one, "blob": ""}),
        ]
        self.events.append(made)
        return str(made[0])
