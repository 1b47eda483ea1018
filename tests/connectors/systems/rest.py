"""A declared REST API: a list with a cursor that tells what was deleted, and one without times that is read whole."""

from __future__ import annotations

from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.systems.base import System, Truth

DECLARATION = """
base_url: {url}
sign_in:
  kind: token
  request: {{path: /token, json: {{key: "${{key}}"}}}}
  token: token
resources:
  - name: customers
    record: accounts
    path: /customers
    params: {{changed_since: "{{since}}"}}
    rows: data.items
    key: code
    order: ascending
    incremental: {{field: changed_at, format: iso_seconds}}
    pages: {{kind: cursor, path: data.next, param: cursor}}
    deleted: {{field: flags.deleted, values: [true]}}
    mapping: {{columns: {{id: code, name: name}}}}
  - name: people
    record: contacts
    path: /people
    rows: people
    pages: {{kind: page_number, param: page, total: pages}}
    mapping: {{columns: {{id: id, account: customer, name: name}}}}
"""


class Rest(System):
    kind = "rest"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.customers: list[dict[str, Any]] = [
            {
                "code": f"c{k}",
                "name": f"客户{k}",
                "changed_at": f"2026-01-01T00:00:{k:02}Z",
                "flags": {"deleted": False},
            }
            for k in range(10)
        ]
        self.people: list[dict[str, Any]] = [
            {"id": f"p{k}", "customer": f"c{k % 9}", "name": f"张{k}"} for k in range(8)
        ]
        self.free = {"/token"}
        self.routes = {"/token": self._sign, "/customers": self._customers, "/people": self._people}
        self.unsigned = lambda asked: asked.headers.get("authorization") != f"Bearer {self.token}"

    def config(self) -> dict[str, Any]:
        return {"declaration": DECLARATION.format(url=self.url), "secrets": "key: canary"}

    def _sign(self, asked: Asked) -> Answer:
        assert asked.json == {"key": "canary"}
        return Answer({"token": self.new_token()})

    def _customers(self, asked: Asked) -> Answer:
        place = self.place(asked.query.get("cursor"))
        if place is None:
            return Answer({"error": "cursor"}, 410)
        since = asked.query["changed_since"]
        rows = [one for one in self.customers if one["changed_at"] >= since and self._where(one) > place]
        rows.sort(key=self._where)
        cursor = self.cursor(self._where(rows[3])) if len(rows) > 4 else None
        return Answer({"data": {"items": rows[:4], "next": cursor}})

    @staticmethod
    def _where(one: dict[str, Any]) -> str:
        return f"{one['changed_at']}|{one['code']}"

    def _people(self, asked: Asked) -> Answer:
        page = int(asked.query.get("page") or 1)
        return Answer({"people": self.people[3 * page - 3 : 3 * page], "pages": -(-len(self.people) // 3)})

    def truth(self) -> Truth:
        return {
            "accounts": {
                one["code"]: str(one["name"]) for one in self.customers if not one["flags"]["deleted"]
            },
            "contacts": {one["id"]: str(one["name"]) for one in self.people},
        }

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return self.customers, "name"

    def stamp(self, one: dict[str, Any]) -> str:
        one["changed_at"] = f"{self.next_moment():%Y-%m-%dT%H:%M:%SZ}"
        return str(one["code"])

    def remove(self) -> None:
        self.customers[9]["flags"] = {"deleted": True}
        self.stamp(self.customers[9])
        del self.people[-1]

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if asked.path != "/customers":
            return None
        return Answer({"data": {"items": [], "next": asked.query.get("cursor") or self.cursor("0")}})
