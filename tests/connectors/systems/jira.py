"""Jira Cloud: JQL with minutes, pages by a token."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.systems.base import System, Truth


class Jira(System):
    """Five issues a page, by a token; moments in JQL by the minute."""

    kind = "jira"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.issues: list[dict[str, Any]] = [
            {
                "id": str(10_000 + k), "key": f"SUP-{k}",
                "fields": {
                    "summary": f"问题 {k}", "status": {"name": "Done", "statusCategory": {"key": "done" if k % 2 else "new"}},
                    "priority": {"name": "Highest"}, "created": f"2026-11-0{1 + k % 9}T08:00:00.000+0800",
                    "updated": f"2026-11-1{k % 9}T08:00:{k:02}.000+0800", "resolutiondate": None,
                    "customfield_10050": {"value": "s1"},
                },
            }
            for k in range(17)
        ]  # fmt: skip
        self.routes = {"/rest/api/3/search/jql": self._search}
        self.unsigned = lambda asked: not asked.headers.get("authorization", "").startswith("Basic ")

    def _search(self, asked: Asked) -> Answer:
        found = re.fullmatch(r'project in \(SUP\) (?:AND updated >= "(.{16})" )?ORDER BY key ASC', asked.query["jql"])  # fmt: skip
        assert found, asked.query["jql"]
        place = self.place(asked.query.get("nextPageToken"))
        if place is None:
            return Answer({"errorMessages": ["token"]}, 400)
        fitting = self.issues
        if found[1]:
            since = dt.datetime.fromisoformat(found[1]).replace(tzinfo=dt.UTC)
            fitting = [one for one in self.issues if self._at(one) >= since]
        start = int(place or 0)
        end = start + min(5, int(asked.query["maxResults"]))
        more = {} if end >= len(fitting) else {"nextPageToken": self.cursor(end)}
        return Answer({"issues": fitting[start:end], "isLast": not more, **more})

    @staticmethod
    def _at(one: dict[str, Any]) -> dt.datetime:
        return dt.datetime.fromisoformat(one["fields"]["updated"])

    def config(self) -> dict[str, Any]:
        return {"address": self.url, "email": "a@example.com", "token": "canary", "projects": "SUP", "account_field": "customfield_10050"}  # fmt: skip

    def truth(self) -> Truth:
        return {"tickets": {one["key"]: str(one["fields"]["summary"]) for one in self.issues}}

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [one["fields"] for one in self.issues], "summary"

    def stamp(self, one: dict[str, Any]) -> str:
        one["updated"] = f"{self.next_moment():%Y-%m-%dT%H:%M:%S.000+0000}"
        return next(str(there["key"]) for there in self.issues if there["fields"] is one)

    def remove(self) -> None:
        self.issues[:] = [one for one in self.issues if one["key"] != "SUP-16"]

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        return Answer(
            {
                "issues": [],
                "isLast": False,
                "nextPageToken": asked.query.get("nextPageToken") or self.cursor(0),
            }
        )
