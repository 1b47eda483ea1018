"""HubSpot by its search, oldest change first.

A search counts its pages, and objects that change meanwhile move behind its end; so each page is asked for from the
newest change seen, which also keeps below the 10,000 results that one search gives.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import GONE, Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_PAGE = 100
# Seconds that a search may be behind the objects.
_LAG = 300
_MOST_FIELDS = 100
_CHANGED = {
    "companies": "hs_lastmodifieddate",
    "contacts": "lastmodifieddate",
    "tickets": "hs_lastmodifieddate",
}
_TOGETHER = {"contacts": ("companies",), "tickets": ("companies", "contacts")}
_FIRST = "2000-01-01T00:00:00.000Z"

STREAMS = (
    Stream(
        "companies", "accounts", "公司", "Companies",
        {
            "columns": {
                "id": {"template": "hubspot:{id}"}, "name": "display_name", "industry": "properties.industry",
                "region": "properties.country", "size": "employees", "owner": "owner_email",
            },
            "external_ids": {"hubspot": "id"},
            "custom": {"domain": "properties.domain"},
        },
        makes_accounts=True,
    ),
    Stream(
        "contacts", "contacts", "联系人", "Contacts",
        {
            "columns": {
                "id": {"template": "hubspot:{id}"}, "account": {"template": "hubspot:{company}"},
                "name": "display_name", "email": "properties.email", "phone": "properties.phone",
                "title": "properties.jobtitle", "since": "properties.createdate",
            },
        },
    ),
    Stream(
        "tickets", "tickets", "工单", "Tickets",
        {
            "columns": {
                "id": {"template": "hubspot:{id}"}, "account": {"template": "hubspot:{company}"},
                "requester": {"template": "hubspot:{contact}"}, "subject": "properties.subject",
                "priority": "properties.hs_ticket_priority", "opened": "properties.createdate",
                "first_response": "properties.first_agent_reply_date", "closed": "properties.closed_date",
                "assignee": "owner_email",
            },
        },
    ),
)  # fmt: skip
_PROPERTIES = {
    "companies": ("name", "domain", "industry", "country", "numberofemployees", "hubspot_owner_id"),
    "contacts": ("email", "firstname", "lastname", "phone", "jobtitle", "createdate"),
    "tickets": (
        "subject", "hs_ticket_priority", "createdate", "closed_date", "first_agent_reply_date", "hubspot_owner_id",
        "hs_pipeline_stage",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class HubspotConfig:
    token: str = option(
        "私有应用令牌", "Private app token", secret=True, example="pat-…",
        about=("需要 crm.objects.companies/contacts/owners.read 与 tickets 权限",
               "Scopes: crm.objects.companies.read, crm.objects.contacts.read, crm.objects.owners.read, tickets"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="https://api.hubapi.com")


class HubspotAdapter(Adapter):
    kind = "hubspot"
    zh = "HubSpot"
    en = "HubSpot"
    Config = HubspotConfig

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Header(Authorization=f"Bearer {self.config.token}")

    def test(self, wire: Wire) -> str:
        seen = []
        for name in _CHANGED:
            found = self._search(wire, name, (), _FIRST, "", size=1)
            seen.append(f"{name} {found.get('total', 0)}")
        return _("HubSpot answers: %(seen)s.") % {"seen": ", ".join(seen)}

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        first = _written(asked.since) if asked.since else _FIRST
        path = f"properties.{_CHANGED[stream.name]}"
        properties = dict.fromkeys(_PROPERTIES[stream.name])
        properties |= dict.fromkeys(name.removeprefix("properties.") for name in asked.columns if name.startswith("properties."))  # fmt: skip

        def changed(
            at: Any = dlt.sources.incremental(  # noqa: B008
                path, initial_value=first, lag=_LAG, on_cursor_value_missing="include"
            ),
        ) -> Iterator[list[Row]]:
            owners = self._owners(wire) if "hubspot_owner_id" in properties else {}
            for page in self._sought(wire, stream.name, tuple(properties), at.last_value):
                yield self._complete(wire, stream.name, page, owners)
            yield from self._archived(wire, stream.name)

        return dlt.resource(changed, name=stream.name)()

    def fields(self, stream: Stream, wire: Wire) -> tuple[str, ...]:
        """The portal's own properties first; those that HubSpot counts for itself are left out."""
        told = wire.client(self.config.address).get(f"/crm/v3/properties/{stream.name}").json()
        listed = [one for one in told.get("results") or () if not str(one.get("name", "")).startswith("hs_")]
        listed.sort(key=lambda one: bool(one.get("hubspotDefined")))
        return tuple(f"properties.{one['name']}" for one in listed[:_MOST_FIELDS])

    def _sought(self, wire: Wire, name: str, properties: tuple[str, ...], since: str) -> Iterator[list[Row]]:
        """Pages without what was seen, each from the newest change on. Several objects of one moment are paged."""
        seen: set[tuple[str, str]] = set()
        after = ""
        while True:
            answer = self._search(wire, name, properties, since, after)
            page = answer.get("results")
            if not isinstance(page, list):
                raise SourceError(_("“%(name)s” is not answered as HubSpot does.") % {"name": name})
            fresh = [one for one in page if (one["id"], _changed(one, name)) not in seen]
            if fresh:
                yield fresh
            following = ((answer.get("paging") or {}).get("next") or {}).get("after", "")
            newest = max((_changed(one, name) for one in page), default=since)
            is_more = bool(following)
            if newest > since:
                since, following, seen = newest, "", set()
            seen |= {(one["id"], _changed(one, name)) for one in page if _changed(one, name) == since}
            if not is_more:
                return
            after = following

    def _archived(self, wire: Wire, name: str) -> Iterator[list[Row]]:
        """What was deleted in the last 90 days, which the search no longer finds."""
        after = ""
        while True:
            params = {"archived": "true", "limit": _PAGE, **({"after": after} if after else {})}
            answer = wire.client(self.config.address).get(f"/crm/v3/objects/{name}", params=params).json()
            yield [{"id": str(one["id"]), GONE: True} for one in answer.get("results") or []]
            after = ((answer.get("paging") or {}).get("next") or {}).get("after", "")
            if not after:
                return

    def _search(
        self, wire: Wire, name: str, properties: tuple[str, ...], since: str, after: str, size: int = _PAGE
    ) -> Any:
        changed = _CHANGED[name]
        asked = {
            "filterGroups": [
                {"filters": [{"propertyName": changed, "operator": "GTE", "value": _millis(since)}]}
            ],
            "sorts": [{"propertyName": changed, "direction": "ASCENDING"}],
            "properties": [*properties, changed],
            "limit": size,
            **({"after": after} if after else {}),
        }
        return wire.client(self.config.address).post(f"/crm/v3/objects/{name}/search", json=asked).json()

    def _complete(self, wire: Wire, name: str, page: list[Row], owners: dict[str, str]) -> list[Row]:
        """The rows with the names of what they belong to."""
        together = {other: self._associated(wire, name, other, page) for other in _TOGETHER.get(name, ())}
        rows = []
        for one in page:
            given = one.get("properties") or {}
            full = " ".join(filter(None, (given.get("firstname"), given.get("lastname"))))
            named = given.get("name") or full or given.get("email") or given.get("domain") or f"#{one['id']}"
            rows.append({
                **one,
                "display_name": str(named)[:200],
                "employees": _whole(given.get("numberofemployees")),
                "owner_email": owners.get(str(given.get("hubspot_owner_id") or "")),
                "company": together.get("companies", {}).get(str(one["id"])),
                "contact": together.get("contacts", {}).get(str(one["id"])),
            })  # fmt: skip
        return rows

    def _associated(self, wire: Wire, name: str, other: str, page: list[Row]) -> dict[str, str]:
        """Of each object the first associated one, the primary where HubSpot names it."""
        asked = {"inputs": [{"id": str(one["id"])} for one in page]}
        answer = (
            wire.client(self.config.address)
            .post(f"/crm/v4/associations/{name}/{other}/batch/read", json=asked)
            .json()
        )
        found = {}
        for result in answer.get("results") or []:
            to = result.get("to") or []
            primary = [
                one
                for one in to
                if any(kind.get("label") == "Primary" for kind in one.get("associationTypes") or [])
            ]
            if to:
                found[str(result["from"]["id"])] = str((primary or to)[0]["toObjectId"])
        return found

    def _owners(self, wire: Wire) -> dict[str, str]:
        """E-mail addresses by id."""
        found: dict[str, str] = {}
        after = ""
        while True:
            params = {"limit": _PAGE, **({"after": after} if after else {})}
            answer = wire.client(self.config.address).get("/crm/v3/owners", params=params).json()
            found |= {str(one["id"]): one.get("email") or "" for one in answer.get("results") or []}
            after = ((answer.get("paging") or {}).get("next") or {}).get("after", "")
            if not after:
                return found


def _changed(one: Row, name: str) -> str:
    return str((one.get("properties") or {}).get(_CHANGED[name]) or one.get("updatedAt") or "")


def _written(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _millis(moment: str) -> str:
    return str(round(dt.datetime.fromisoformat(moment).timestamp() * 1000))


def _whole(value: Any) -> int | None:
    try:
        return round(float(value))
    except (TypeError, ValueError):
        return None
