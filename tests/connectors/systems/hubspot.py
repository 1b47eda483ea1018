"""HubSpot: a search that pages by number and shifts, a list of what was archived."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.recorded import rows, zulu
from tests.connectors.systems.base import FEW, System, Truth, seconds


class Hubspot(System):
    kind = "hubspot"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.objects = {
            "companies": [
                self._object(one, "hs_lastmodifieddate") for one in rows("hubspot", "company_data")
            ],
            "contacts": [self._object(one, "lastmodifieddate") for one in rows("hubspot", "contact_data")],
            "tickets": [self._object(one, "hs_lastmodifieddate") for one in rows("hubspot", "ticket_data")],
        }
        for name, listed in self.objects.items():
            # The recorded files hold a row for each version; an API has one of each object.
            self.objects[name] = list({one["id"]: one for one in listed}.values())[:FEW]
        for one in self.objects["contacts"]:
            one["properties"]["email"] = f"{one['id']}@example.com"  # hashed in the recording
        extra = json.loads(json.dumps(self.objects["contacts"][0]))
        extra["properties"]["email"] = "extra@example.com"
        self.objects["contacts"].append({**extra, "id": "99001"})
        companies = [one["id"] for one in self.objects["companies"]]
        contacts = [one["id"] for one in self.objects["contacts"]]
        self.ties = {
            ("contacts", "companies"): {one["id"]: companies[place % len(companies)] for place, one in enumerate(self.objects["contacts"])},
            ("tickets", "companies"): {one["id"]: companies[place % len(companies)] for place, one in enumerate(self.objects["tickets"])},
            ("tickets", "contacts"): {one["id"]: contacts[place % len(contacts)] for place, one in enumerate(self.objects["tickets"])},
        }  # fmt: skip
        self.routes = {
            "/crm/v3/owners": lambda asked: Answer({"results": [{"id": "1", "email": "lu@example.com"}]})
        }
        for name in self.objects:
            self.routes[f"/crm/v3/objects/{name}/search"] = self._searching(name)
            self.routes[f"/crm/v3/objects/{name}"] = self._archive(name)
        for name, other in self.ties:
            self.routes[f"/crm/v4/associations/{name}/{other}/batch/read"] = self._tying(name, other)
        self.unsigned = lambda asked: asked.headers.get("authorization") != "Bearer canary"

    @staticmethod
    def _object(row: dict[str, str], changed: str) -> dict[str, Any]:
        properties = {name.removeprefix("property_"): value or None for name, value in row.items() if name.startswith("property_")}  # fmt: skip
        for name, value in properties.items():
            if name.endswith("date"):
                properties[name] = _millis(zulu(value))
        properties[changed] = properties.get("createdate") or "2020-01-01T00:00:00.000Z"
        return {"id": row["id"], "properties": properties, "archived": False}

    def config(self) -> dict[str, Any]:
        return {"token": "canary", "address": self.url}

    def _searching(self, name: str) -> Callable[[Asked], Answer]:
        def search(asked: Asked) -> Answer:
            body = asked.json
            (condition,) = body["filterGroups"][0]["filters"]
            assert condition["operator"] == "GTE" and body["sorts"][0]["direction"] == "ASCENDING"
            field, least = condition["propertyName"], int(condition["value"])
            fitting = [
                one
                for one in self.objects[name]
                if not one["archived"] and seconds(one["properties"][field]) * 1000 >= least
            ]
            fitting.sort(key=lambda one: (one["properties"][field], one["id"]))
            place = self.place(body.get("after"))
            if place is None:
                return Answer({"category": "VALIDATION_ERROR"}, 400)
            start = int(place or 0)
            page = fitting[start : start + min(5, body["limit"])]
            shown = [{**one, "properties": {key: one["properties"].get(key) for key in body["properties"]}} for one in page]  # fmt: skip
            following = {"paging": {"next": {"after": self.cursor(start + len(page))}}} if start + len(page) < len(fitting) else {}  # fmt: skip
            return Answer({"total": len(fitting), "results": shown, **following})

        return search

    def _tying(self, name: str, other: str) -> Callable[[Asked], Answer]:
        def tie(asked: Asked) -> Answer:
            results = []
            for one in asked.json["inputs"]:
                to = self.ties[name, other].get(one["id"])
                results.append({"from": {"id": one["id"]}, "to": [{"toObjectId": int(to), "associationTypes": [{"label": "Primary"}]}] if to else []})  # fmt: skip
            return Answer({"status": "COMPLETE", "results": results}, 200 if all(one["to"] for one in results) else 207)  # fmt: skip

        return tie

    def _archive(self, name: str) -> Callable[[Asked], Answer]:
        def listed(asked: Asked) -> Answer:
            assert asked.query["archived"] == "true"
            found = [{"id": one["id"], "archived": True} for one in self.objects[name] if one["archived"]]
            start = int(asked.query.get("after") or 0)
            more = {"paging": {"next": {"after": str(start + 1)}}} if start + 1 < len(found) else {}
            return Answer({"results": found[start : start + 1], **more})

        return listed

    def truth(self) -> Truth:
        kinds = {"accounts": "companies", "contacts": "contacts", "tickets": "tickets"}
        return {
            record: {
                f"hubspot:{one['id']}": self._name(one, name)
                for one in self.objects[name]
                if not one["archived"]
            }
            for record, name in kinds.items()
        }

    @staticmethod
    def _name(one: dict[str, Any], name: str) -> str:
        given = one["properties"]
        if name == "tickets":
            return str(given.get("subject") or "")
        full = " ".join(filter(None, (given.get("firstname"), given.get("lastname"))))
        return str(given.get("name") or full or given.get("email") or given.get("domain") or f"#{one['id']}")

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [one["properties"] for one in self.objects["companies"]], "name"

    def stamp(self, one: dict[str, Any]) -> str:
        one["hs_lastmodifieddate"] = f"{self.next_moment():%Y-%m-%dT%H:%M:%S.000Z}"
        return next(
            f"hubspot:{there['id']}" for there in self.objects["companies"] if there["properties"] is one
        )

    def remove(self) -> None:
        self.objects["contacts"][-1]["archived"] = True

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if not asked.path.endswith("/search"):
            return None
        return Answer(
            {
                **answer.body,
                "results": [],
                "paging": {"next": {"after": asked.json.get("after") or self.cursor(0)}},
            }
        )


def _millis(moment: str | None) -> str | None:
    return moment.replace("Z", ".000Z") if moment else None
