"""Salesforce: SOQL, whose pages stand still until their locator expires."""

from __future__ import annotations

import re
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.recorded import rows, typed
from tests.connectors.systems.base import FEW, System, Truth


class Salesforce(System):
    kind = "salesforce"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        accounts = [self._object(one) for one in rows("salesforce", "sf_account_data")[:FEW]]
        for place, one in enumerate(accounts):
            one |= {"SystemModstamp": f"2020-01-{place + 1:02}T00:00:00.000+0000", "IsDeleted": place == 3, "Name": one["Name"] or f"No. {place}", "ParentId": None, "OwnerId": "005"}  # fmt: skip
        stand = [one["Id"] for one in accounts if not one["IsDeleted"]]
        contacts = [self._object(one) for one in rows("salesforce", "sf_contact_data")[:FEW]]
        for place, one in enumerate(contacts):
            one |= {
                "AccountId": stand[place % len(stand)],
                "Name": one["Name"] or f"No. {place}",
                "ReportsToId": None,
            }
        contacts.append(
            {**contacts[0], "Id": "003000000000EXTRA", "Name": "多余的人", "Email": "extra@example.com"}
        )
        events = [self._object(one) for one in rows("salesforce", "sf_event_data")[:FEW]]
        for place, one in enumerate(events):
            one |= {"AccountId": stand[place % len(stand)], "WhoId": contacts[place % (len(contacts) - 1)]["Id"], "StartDateTime": one["StartDateTime"] or one["SystemModstamp"]}  # fmt: skip
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

    def truth(self) -> Truth:
        def texts(name: str, field: str) -> dict[str, str]:
            return {one["Id"]: str(one[field] or "") for one in self.objects[name] if not one["IsDeleted"]}

        return {
            "accounts": texts("Account", "Name"), "contacts": texts("Contact", "Name"),
            "tickets": texts("Case", "Subject"), "conversations": texts("Event", "Subject"),
        }  # fmt: skip

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [one for one in self.objects["Account"] if not one["IsDeleted"]], "Name"

    def stamp(self, one: dict[str, Any]) -> str:
        one["SystemModstamp"] = f"{self.next_moment():%Y-%m-%dT%H:%M:%S.000+0000}"
        return str(one["Id"])

    def remove(self) -> None:
        one = next(one for one in self.objects["Contact"] if one["Id"].endswith("EXTRA"))
        one["IsDeleted"] = True
        self.stamp(one)

    def lose_cursors(self) -> None:
        self.queries.clear()

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if "more" not in asked.path:
            return None
        return Answer({**answer.body, "done": False, "records": [], "nextRecordsUrl": asked.path})
