"""Zendesk: incremental exports by second and by cursor."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.recorded import rows, typed, zulu
from tests.connectors.systems.base import FEW, System, Truth, seconds


class Zendesk(System):
    kind = "zendesk"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        organizations = rows("zendesk", "organization_data")[:FEW]
        self.organizations = [self._object(one) for one in organizations]
        self.organizations[0]["external_id"] = "CRM-1"
        ids = [one["id"] for one in self.organizations]
        people = [self._object(one) for one in rows("zendesk", "user_data")[:FEW]]
        for place, one in enumerate(people):
            one["organization_id"] = ids[place % len(ids)]
        extra = {
            **people[-1],
            "id": 99_001,
            "name": "多余的人",
            "role": "end-user",
            "email": "extra@example.com",
        }
        self.users = [*people, extra]
        guests = [one["id"] for one in people if one["role"] == "end-user"]
        self.tickets = [self._object(one) for one in rows("zendesk", "ticket_data")[:FEW]]
        for place, one in enumerate(self.tickets):
            one |= {"organization_id": ids[place % len(ids)], "requester_id": guests[place % len(guests)], "assignee_id": people[0]["id"]}  # fmt: skip
        self.routes = {
            "/api/v2/incremental/organizations.json": self._organizations,
            "/api/v2/incremental/users/cursor.json": lambda asked: self._cursor(asked, "users"),
            "/api/v2/incremental/tickets/cursor.json": lambda asked: self._cursor(asked, "tickets"),
            "/api/v2/organizations/count.json": lambda asked: Answer({"count": {"value": len(ids)}}),
        }
        word = "Basic " + base64.b64encode(b"ops@example.com/token:canary").decode()
        self.unsigned = lambda asked: asked.headers.get("authorization") != word

    @staticmethod
    def _object(row: dict[str, str]) -> dict[str, Any]:
        found = {name: typed(value) for name, value in row.items() if not name.startswith("_")}
        for name in found:
            if name.endswith("_at"):
                found[name] = zulu(row[name])
            elif name == "id" or name.endswith("_id"):
                found[name] = int(row[name]) if row[name].isdigit() else None
        return found

    def config(self) -> dict[str, Any]:
        return {"address": self.url, "email": "ops@example.com", "token": "canary"}

    def _organizations(self, asked: Asked) -> Answer:
        since = int(asked.query["start_time"])
        fitting = sorted((one for one in self.organizations if seconds(one["updated_at"]) >= since), key=lambda one: one["updated_at"])  # fmt: skip
        page = fitting[:3]
        # A page ends with whole seconds, as the real one's does.
        page += [one for one in fitting[3:] if page and one["updated_at"] == page[-1]["updated_at"]]
        end = seconds(page[-1]["updated_at"]) if page else since
        end += 1 if len(page) < len(fitting) else 0
        return Answer({"organizations": page, "end_time": end, "count": len(page), "end_of_stream": len(page) == len(fitting)})  # fmt: skip

    def _cursor(self, asked: Asked, name: str) -> Answer:
        if "cursor" in asked.query:
            place = self.place(asked.query["cursor"])
            if place is None:
                return Answer({"error": "InvalidCursor"}, 400)
            moment, key = base64.b64decode(place).decode().split("|")
        else:
            since = dt.datetime.fromtimestamp(int(asked.query["start_time"]), dt.UTC)
            moment, key = f"{since:%Y-%m-%dT%H:%M:%SZ}", "0"
        everything = sorted(getattr(self, name), key=lambda one: (one["updated_at"], one["id"]))
        fitting = [one for one in everything if (one["updated_at"], one["id"]) > (moment, int(key))]
        page = fitting[:4]
        last = f"{page[-1]['updated_at']}|{page[-1]['id']}" if page else f"{moment}|{key}"
        told = [{"ticket_id": one["id"], "reopens": 1, "solved_at": one["updated_at"] if one["status"] in {"solved", "closed"} else None, "reply_time_in_minutes": {"calendar": 30}} for one in page] if name == "tickets" else []  # fmt: skip
        cursor = self.cursor(base64.b64encode(last.encode()).decode())
        return Answer({
            name: page, **({"users": self.users} if name != "users" else {}), "organizations": self.organizations,
            "metric_sets": told, "after_cursor": cursor, "end_of_stream": len(page) == len(fitting),
        })  # fmt: skip

    def truth(self) -> Truth:
        guests = [one for one in self.users if one["role"] == "end-user" and one.get("active") is not False]
        return {
            "accounts": {self._account(one): str(one["name"]) for one in self.organizations},
            "contacts": {f"zendesk:{one['id']}": str(one["name"]) for one in guests},
            "tickets": {
                f"zendesk:{one['id']}": str(one["subject"] or "")
                for one in self.tickets
                if one["status"] != "deleted"
            },
        }

    @staticmethod
    def _account(one: dict[str, Any]) -> str:
        return str(one.get("external_id") or f"zendesk:{one['id']}")

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return self.organizations, "name"

    def stamp(self, one: dict[str, Any]) -> str:
        one["updated_at"] = f"{self.next_moment():%Y-%m-%dT%H:%M:%SZ}"
        return self._account(one)

    def remove(self) -> None:
        self.users[-1]["active"] = False
        self.stamp(self.users[-1])

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if self.place(asked.query.get("cursor")) in {None, ""}:
            return None
        name = "users" if "users" in asked.path else "tickets"
        return Answer(
            {**answer.body, name: [], "after_cursor": asked.query["cursor"], "end_of_stream": False}
        )

    def here(self) -> Truth:
        """A deleted ticket is told, and closed here."""
        return {**self.truth(), "tickets": {f"zendesk:{one['id']}": "" for one in self.tickets}}
