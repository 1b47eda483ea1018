"""Stripe: lists newest first, and events that tell what changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.recorded import folder, rows
from tests.connectors.systems.base import FEW, System, Truth


class Stripe(System):
    kind = "stripe"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        raw = json.loads((folder("stripe_api") / "fixtures3.json").read_text("utf-8"))["resources"]
        names = [
            row["name"] or f"Customer {place}"
            for place, row in enumerate(rows("stripe", "customer_data")[:FEW])
        ]

        def made(kind: str, key: str, created: int, **changed: Any) -> dict[str, Any]:
            return {**json.loads(json.dumps(raw[kind])), "id": key, "created": created, **changed}

        self.objects: dict[str, list[dict[str, Any]]] = {
            "customers": [made("customer", f"cus_{k}", 1_700_000_000 + k, name=name) for k, name in enumerate(names)],
            "invoices": [made("invoice", f"in_{k}", 1_700_000_000 + k, customer=f"cus_{k % len(names)}", status="open", number=f"A-{k}") for k in range(7)],
            "subscriptions": [],
        }  # fmt: skip
        for k in range(9):
            one = made("subscription", f"sub_{k}", 1_700_000_000 + k, customer=f"cus_{k % len(names)}", status="active", ended_at=None, cancel_at=None, cancel_at_period_end=False)  # fmt: skip
            item = one["items"]["data"][0]
            item |= {"id": f"si_{k}", "quantity": k + 1, "created": 1_700_000_000 + k}
            item["price"] |= {"unit_amount": 1_000, "unit_amount_decimal": "1000"}
            self.objects["subscriptions"].append(one)
        self.objects["customers"].append(made("customer", "cus_extra", 1_700_000_500, name="多余的人"))
        self.events: list[dict[str, Any]] = [{"id": "evt_0", "type": "ping", "created": 1_763_000_000, "data": {"object": {"id": "x"}}}]  # fmt: skip
        self.given: set[str] = set()
        self.lost: set[str] = set()  # places that one list finds no more
        self.routes = {"/v1/events": self._heard}
        for name in self.objects:
            self.routes[f"/v1/{name}"] = self._listing(name)
            self.routes[f"/v1/{name}/*"] = self._one(name)
        self.unsigned = lambda asked: asked.headers.get("authorization") != "Bearer canary"

    def config(self) -> dict[str, Any]:
        return {"api_key": "canary", "address": self.url}

    def _heard(self, asked: Asked) -> Answer:
        types = asked.all("types[]")
        return self._list(asked, [one for one in self.events if not types or one["type"] in types])

    def _list(self, asked: Asked, listed: list[dict[str, Any]]) -> Answer:
        least = int(asked.query.get("created[gte]") or 0)
        newest = sorted((one for one in listed if one["created"] >= least), key=lambda one: one["created"], reverse=True)  # fmt: skip
        if after := asked.query.get("starting_after"):
            places = [one["id"] for one in newest]
            if after in self.lost or after not in places:
                self.lost.clear()
                return Answer({"error": {"code": "resource_missing"}}, 400)
            newest = newest[places.index(after) + 1 :]
        size = min(int(asked.query["limit"]), 4)
        self.given |= {str(one["id"]) for one in newest[:size]}
        return Answer({"object": "list", "data": newest[:size], "has_more": len(newest) > size})

    def _listing(self, name: str) -> Callable[[Asked], Answer]:
        return lambda asked: self._list(asked, [one for one in self.objects[name] if not one.get("deleted")])

    def _one(self, name: str) -> Callable[[Asked], Answer]:
        def found(asked: Asked) -> Answer:
            one = next((one for one in self.objects[name] if asked.path.endswith(f"/{one['id']}")), None)
            return Answer({"error": {"code": "resource_missing"}}, 404) if one is None else Answer(one)

        return found

    def truth(self) -> Truth:
        return {
            "accounts": {one["id"]: str(one["name"]) for one in self.objects["customers"] if not one.get("deleted")},
            "lines": {
                one["items"]["data"][0]["id"]: str(1_000 * (place + 1)) for place, one in enumerate(self.objects["subscriptions"])
            },
            "receivables": {one["id"]: str(one["amount_due"]) for one in self.objects["invoices"]},
        }  # fmt: skip

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return self.objects["customers"], "name"

    def stamp(self, one: dict[str, Any]) -> str:
        self._tell("customer.updated", one)
        return str(one["id"])

    def _tell(self, kind: str, one: dict[str, Any]) -> None:
        at = int(self.next_moment().timestamp()) - 31_000_000
        self.events.append(
            {"id": f"evt_{at}", "type": kind, "created": at, "data": {"object": {"id": one["id"]}}}
        )

    def remove(self) -> None:
        one = self.objects["customers"][-1]
        one["deleted"] = True
        self._tell("customer.deleted", one)

    def lose_cursors(self) -> None:
        """A list goes on behind an object; one that is there no more is no place to go on from."""
        self.lost |= self.given

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if "/v1/events" in asked.path or asked.path.count("/") > 2:
            return None
        return Answer({**answer.body, "data": [], "has_more": True})
