"""Fakes of four systems, made of recorded rows: their paths, their paging, their ways of refusing.

Recorded keys do not always meet (each file served another test), so references are bent to rows that are there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.connectors.fake import Answer, Asked, Fake
from tests.connectors.recorded import folder, rows, typed, zulu

Found = dict[str, set[str]]


class System(Fake):
    """A fake with the configuration that reaches it, and what must stand here in the end."""

    kind: ClassVar[str]

    def config(self) -> dict[str, Any]:
        raise NotImplementedError

    def truth(self) -> Found:
        """External ids by kind of record."""
        raise NotImplementedError

    def touch(self) -> str:
        """Change an account's name at the source; its external id."""
        raise NotImplementedError


class Zendesk(System):
    kind = "zendesk"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        organizations = rows("zendesk", "organization_data")
        self.organizations = [self._object(one) for one in organizations]
        self.organizations[0]["external_id"] = "CRM-1"
        ids = [one["id"] for one in self.organizations]
        people = [self._object(one) for one in rows("zendesk", "user_data")]
        for place, one in enumerate(people):
            one["organization_id"] = ids[place % len(ids)]
        self.users = people
        guests = [one["id"] for one in people if one["role"] == "end-user"]
        self.tickets = [self._object(one) for one in rows("zendesk", "ticket_data")]
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
        fitting = sorted((one for one in self.organizations if _seconds(one["updated_at"]) >= since), key=lambda one: one["updated_at"])  # fmt: skip
        page = fitting[:3]
        # A page ends with whole seconds, as the real one's does.
        page += [one for one in fitting[3:] if page and one["updated_at"] == page[-1]["updated_at"]]
        end = _seconds(page[-1]["updated_at"]) if page else since
        end += 1 if len(page) < len(fitting) else 0
        return Answer({"organizations": page, "end_time": end, "count": len(page), "end_of_stream": len(page) == len(fitting)})  # fmt: skip

    def _cursor(self, asked: Asked, name: str) -> Answer:
        if "cursor" in asked.query:
            moment, key = base64.b64decode(asked.query["cursor"]).decode().split("|")
        else:
            moment, key = "", "0"
        everything = sorted(getattr(self, name), key=lambda one: (one["updated_at"], one["id"]))
        fitting = [one for one in everything if (one["updated_at"], one["id"]) > (moment, int(key))]
        page = fitting[:4]
        last = f"{page[-1]['updated_at']}|{page[-1]['id']}" if page else f"{moment}|{key}"
        told = [{"ticket_id": one["id"], "reopens": 1, "solved_at": one["updated_at"] if one["status"] in {"solved", "closed"} else None, "reply_time_in_minutes": {"calendar": 30}} for one in page] if name == "tickets" else []  # fmt: skip
        cursor = base64.b64encode(last.encode()).decode()
        return Answer({
            name: page, **({"users": self.users} if name != "users" else {}), "organizations": self.organizations,
            "metric_sets": told, "after_cursor": cursor, "end_of_stream": len(page) == len(fitting),
        })  # fmt: skip

    def truth(self) -> Found:
        accounts = {str(one.get("external_id") or f"zendesk:{one['id']}") for one in self.organizations}
        contacts = {f"zendesk:{one['id']}" for one in self.users if one["role"] == "end-user"}
        return {"accounts": accounts, "contacts": contacts, "tickets": {f"zendesk:{one['id']}" for one in self.tickets}}  # fmt: skip

    def touch(self) -> str:
        self.organizations[1] |= {"name": "改了名", "updated_at": "2026-11-19T00:00:00Z"}
        return f"zendesk:{self.organizations[1]['id']}"


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
            self.objects[name] = list({one["id"]: one for one in listed}.values())
        for one in self.objects["contacts"]:
            one["properties"]["email"] = f"{one['id']}@example.com"  # hashed in the recording
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
                one for one in self.objects[name] if _seconds(one["properties"][field]) * 1000 >= least
            ]
            fitting.sort(key=lambda one: (one["properties"][field], one["id"]))
            start = int(body.get("after") or 0)
            page = fitting[start : start + min(5, body["limit"])]
            shown = [{**one, "properties": {key: one["properties"].get(key) for key in body["properties"]}} for one in page]  # fmt: skip
            following = {"paging": {"next": {"after": str(start + len(page))}}} if start + len(page) < len(fitting) else {}  # fmt: skip
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

    def truth(self) -> Found:
        kinds = {"accounts": "companies", "contacts": "contacts", "tickets": "tickets"}
        return {
            record: {f"hubspot:{one['id']}" for one in self.objects[name]} for record, name in kinds.items()
        }

    def touch(self) -> str:
        one = self.objects["companies"][0]
        one["properties"] |= {"name": "改了名", "hs_lastmodifieddate": "2026-11-19T00:00:00.000Z"}
        return f"hubspot:{one['id']}"


class Salesforce(System):
    kind = "salesforce"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        accounts = [self._object(one) for one in rows("salesforce", "sf_account_data")]
        for place, one in enumerate(accounts):
            one |= {"SystemModstamp": f"2020-01-{place + 1:02}T00:00:00.000+0000", "IsDeleted": place == 3, "Name": one["Name"] or f"No. {place}", "ParentId": None, "OwnerId": "005"}  # fmt: skip
        stand = [one["Id"] for one in accounts if not one["IsDeleted"]]
        contacts = [self._object(one) for one in rows("salesforce", "sf_contact_data")]
        for place, one in enumerate(contacts):
            one |= {
                "AccountId": stand[place % len(stand)],
                "Name": one["Name"] or f"No. {place}",
                "ReportsToId": None,
            }
        events = [self._object(one) for one in rows("salesforce", "sf_event_data")]
        for place, one in enumerate(events):
            one |= {"AccountId": stand[place % len(stand)], "WhoId": contacts[place % len(contacts)]["Id"], "StartDateTime": one["StartDateTime"] or one["SystemModstamp"]}  # fmt: skip
        self.objects: dict[str, list[dict[str, Any]]] = {
            "Account": accounts,
            "Contact": contacts,
            "Event": events,
        }
        self.objects["Case"] = [
            {"Id": f"500{place:015}", "AccountId": stand[place % len(stand)], "ContactId": contacts[0]["Id"], "Subject": "x", "Priority": "High", "CreatedDate": "2020-01-01T00:00:00.000+0000", "SystemModstamp": "2020-01-01T00:00:00.000+0000", "IsDeleted": False}
            for place in range(8)
        ]  # fmt: skip
        self.queries: dict[str, list[dict[str, Any]]] = {}
        self.free = {"/services/oauth2/token"}
        self.routes = {
            "/services/oauth2/token": self._sign,
            "/services/data/v60.0/queryAll": self._query,
            "/services/data/v60.0/query": lambda asked: Answer({"totalSize": 1, "done": True, "records": []}),
            "/services/data/v60.0/more/*": self._more,
        }
        self.refused = Answer([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], 401)
        self.unsigned = lambda asked: asked.headers.get("authorization") != f"Bearer {self.token}"

    @staticmethod
    def _object(row: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in row.items():
            if not name.startswith("_"):
                api = "".join(part.capitalize() for part in name.split("_"))
                is_moment = bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value))
                found[api] = f"{value.replace(' ', 'T')}.000+0000" if is_moment else typed(value)
        found.setdefault("SystemModstamp", found.get("LastModifiedDate"))
        return found

    def config(self) -> dict[str, Any]:
        return {"address": self.url, "client_id": "id", "client_secret": "canary"}

    def _sign(self, asked: Asked) -> Answer:
        assert asked.form == {
            "grant_type": "client_credentials",
            "client_id": "id",
            "client_secret": "canary",
        }
        return Answer({"access_token": self.new_token(), "instance_url": self.url})

    def _query(self, asked: Asked) -> Answer:
        found = re.fullmatch(r"SELECT (.+) FROM (\w+) WHERE SystemModstamp >= (\S+) ORDER BY SystemModstamp ASC, Id ASC", asked.query["q"])  # fmt: skip
        assert found, asked.query["q"]
        since = found[3].replace("Z", "+0000")
        fitting = sorted((one for one in self.objects[found[2]] if one["SystemModstamp"] >= since), key=lambda one: (one["SystemModstamp"], one["Id"]))  # fmt: skip
        shown = []
        for one in fitting:
            record: dict[str, Any] = {"attributes": {"type": found[2]}}
            for name in found[1].split(", "):
                if name == "Owner.Email":
                    record["Owner"] = {"attributes": {"type": "User"}, "Email": "lu@example.com"}
                else:
                    record[name] = one.get(name)
            shown.append(record)
        locator = f"01g{len(self.queries)}"
        self.queries[locator] = shown
        return self._page(locator, 0)

    def _more(self, asked: Asked) -> Answer:
        locator, _dash, start = asked.path.rpartition("/")[2].partition("-")
        if locator not in self.queries:
            return Answer([{"errorCode": "INVALID_QUERY_LOCATOR", "message": "gone"}], 400)
        return self._page(locator, int(start))

    def _page(self, locator: str, start: int) -> Answer:
        shown = self.queries[locator]
        end = start + 4
        following = (
            {} if end >= len(shown) else {"nextRecordsUrl": f"/services/data/v60.0/more/{locator}-{end}"}
        )
        return Answer(
            {"totalSize": len(shown), "done": not following, "records": shown[start:end], **following}
        )

    def truth(self) -> Found:
        def ids(name: str) -> set[str]:
            return {one["Id"] for one in self.objects[name] if not one["IsDeleted"]}

        return {"accounts": ids("Account"), "contacts": ids("Contact"), "tickets": ids("Case"), "conversations": ids("Event")}  # fmt: skip

    def touch(self) -> str:
        self.objects["Account"][0] |= {"Name": "改了名", "SystemModstamp": "2026-11-19T00:00:00.000+0000"}
        return str(self.objects["Account"][0]["Id"])


class Stripe(System):
    kind = "stripe"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        raw = json.loads((folder("stripe_api") / "fixtures3.json").read_text("utf-8"))["resources"]
        names = [
            row["name"] or f"Customer {place}" for place, row in enumerate(rows("stripe", "customer_data"))
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
        self.events: list[dict[str, Any]] = [{"id": "evt_0", "type": "ping", "created": 1_763_000_000, "data": {"object": {"id": "x"}}}]  # fmt: skip
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
            newest = newest[[one["id"] for one in newest].index(after) + 1 :]
        size = min(int(asked.query["limit"]), 4)
        return Answer({"object": "list", "data": newest[:size], "has_more": len(newest) > size})

    def _listing(self, name: str) -> Callable[[Asked], Answer]:
        return lambda asked: self._list(asked, self.objects[name])

    def _one(self, name: str) -> Callable[[Asked], Answer]:
        return lambda asked: Answer(
            next(one for one in self.objects[name] if asked.path.endswith(f"/{one['id']}"))
        )

    def truth(self) -> Found:
        return {
            "accounts": {one["id"] for one in self.objects["customers"]},
            "lines": {one["items"]["data"][0]["id"] for one in self.objects["subscriptions"]},
            "receivables": {one["id"] for one in self.objects["invoices"]},
        }

    def touch(self) -> str:
        one = self.objects["customers"][2]
        one["name"] = "改了名"
        self.events.append({"id": "evt_1", "type": "customer.updated", "created": 1_763_000_100, "data": {"object": one}})  # fmt: skip
        return str(one["id"])


def _seconds(moment: str) -> int:
    import datetime as dt

    return int(dt.datetime.fromisoformat(moment.replace("+0000", "+00:00")).timestamp())


def _millis(moment: str | None) -> str | None:
    return moment.replace("Z", ".000Z") if moment else None


SYSTEMS: list[type[System]] = [Salesforce, Hubspot, Zendesk, Stripe]
