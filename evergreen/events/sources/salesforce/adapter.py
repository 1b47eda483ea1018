"""Salesforce by SOQL, oldest change first; what the mapping reads is what is selected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import GONE, Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_API = "/services/data/v60.0"
_CHANGED = "SystemModstamp"
_FIRST = "2000-01-01T00:00:00.000+0000"
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,3}")
_OBJECTS = {"accounts": "Account", "contacts": "Contact", "cases": "Case", "meetings": "Event"}

_UNEVEN = {"address", "location", "textarea", "base64"}
_MOST_FIELDS = 200

STREAMS = (
    Stream(
        "accounts", "accounts", "客户", "Accounts",
        {
            "columns": {
                "id": "Id", "name": "Name", "parent": "ParentId", "owner": "Owner.Email", "industry": "Industry",
                "region": "BillingCountry", "size": "NumberOfEmployees",
            },
            "external_ids": {"salesforce": "Id"},
            "custom": {"account_number": "AccountNumber"},
        },
        key="Id", makes_accounts=True,
    ),
    Stream(
        "contacts", "contacts", "联系人", "Contacts",
        {
            "columns": {
                "id": "Id", "account": "AccountId", "name": "Name", "title": "Title", "email": "Email",
                "phone": "Phone", "reports_to": "ReportsToId", "since": "CreatedDate",
            },
        },
        key="Id",
    ),
    Stream(
        "cases", "tickets", "个案", "Cases",
        {
            "columns": {
                "id": "Id", "account": "AccountId", "requester": "ContactId", "assignee": "Owner.Email",
                "subject": "Subject", "priority": "Priority", "opened": "CreatedDate", "closed": "ClosedDate",
                "escalated": "IsEscalated",
            },
        },
        key="Id",
    ),
    Stream(
        "meetings", "conversations", "会议", "Meetings",
        {
            "columns": {
                "id": "Id", "kind": {"constant": "meeting"}, "account": "AccountId", "contacts": "WhoId",
                "time": "StartDateTime", "minutes": "DurationInMinutes", "summary": "Subject", "by": "Owner.Email",
            },
        },
        key="Id",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class SalesforceConfig:
    address: str = option("我的域地址", "My Domain address", example="https://acme.my.salesforce.com")
    client_id: str = option(
        "Consumer key", "Consumer key",
        about=("启用客户端凭据流的外部客户端应用", "Of an external client app with the client credentials flow"),
    )  # fmt: skip
    client_secret: str = option("Consumer secret", "Consumer secret", secret=True)


class SalesforceAdapter(Adapter):
    kind = "salesforce"
    zh = "Salesforce"
    en = "Salesforce"
    Config = SalesforceConfig

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Token(self._token)
        wire.judge = _judged

    def _token(self, wire: Wire) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.config.client_id,
            "client_secret": self.config.client_secret,
        }
        answer = wire.bare(
            requests.Request("POST", f"{self.config.address}/services/oauth2/token", data=form)
        ).json()
        return str(answer.get("access_token") or "")

    def test(self, wire: Wire) -> str:
        seen = []
        for name, thing in _OBJECTS.items():
            found = self._get(wire, f"{_API}/query", {"q": f"SELECT COUNT() FROM {thing}"})
            seen.append(f"{name} {found.get('totalSize', 0)}")
        return _("Salesforce answers: %(seen)s.") % {"seen": ", ".join(seen)}

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        names = _selected(stream, asked)
        first = _written(asked.since) if asked.since else _FIRST

        def changed(
            at: Any = dlt.sources.incremental(_CHANGED, initial_value=first),  # noqa: B008
        ) -> Iterator[list[Row]]:
            yield from self._queried(wire, stream.name, names, at)

        return dlt.resource(changed, name=stream.name)()

    def fields(self, stream: Stream, wire: Wire) -> tuple[str, ...]:
        """The object's fields, but for long texts and places, which are no columns."""
        told = self._get(wire, f"{_API}/sobjects/{_OBJECTS[stream.name]}/describe", {})
        plain = [str(one["name"]) for one in told.get("fields") or () if one.get("type") not in _UNEVEN]
        return tuple(plain[:_MOST_FIELDS])

    def _queried(self, wire: Wire, name: str, names: list[str], at: Any) -> Iterator[list[Row]]:
        """Pages of one query, which stands still while it is read. One that expired is asked again from there on."""
        for _turn in range(5):
            since = str(at.last_value).replace("+0000", "Z")
            soql = (
                f"SELECT {', '.join(names)} FROM {_OBJECTS[name]} WHERE {_CHANGED} >= {since} "
                f"ORDER BY {_CHANGED} ASC, Id ASC"
            )
            try:
                answer = self._get(wire, f"{_API}/queryAll", {"q": soql})
                while True:
                    records = answer.get("records")
                    if not isinstance(records, list):
                        raise SourceError(
                            _("“%(name)s” is not answered as Salesforce does.") % {"name": name}
                        )
                    # Of deleted ones only that is told; what was loaded of them stays.
                    yield [
                        {**_bare(one), GONE: True} if one.get("IsDeleted") else _bare(one) for one in records
                    ]
                    if answer.get("done", True):
                        return
                    answer = self._get(wire, answer["nextRecordsUrl"], {})
            except SourceError as error:
                if "INVALID_QUERY_LOCATOR" not in str(error):
                    raise
        raise SourceError(
            _("The query for “%(name)s” expires again and again.") % {"name": name}, is_permanent=False
        )

    def _get(self, wire: Wire, path: str, params: dict[str, Any]) -> Any:
        return wire.client(self.config.address).get(path, params=params).json()


def _selected(stream: Stream, asked: Asked) -> list[str]:
    """Fields of the query. They come from a mapping, so nothing but names is let through."""
    names = dict.fromkeys(["Id", _CHANGED, "IsDeleted", *asked.columns])
    wrong = [name for name in names if not _FIELD.fullmatch(name)]
    if wrong:
        raise SourceError(
            _(
                "“%(name)s”: %(wrong)s are no names of fields. Allowed: such as Industry, Owner.Email, Level__c."
            )
            % {"name": stream.name, "wrong": ", ".join(wrong)}
        )
    return list(names)


def _bare(record: Row) -> Row:
    """A record without what Salesforce says of its kind; a reference that is empty has no inner names."""
    return {
        name: _bare(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if name != "attributes"
    }


def _written(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _judged(response: requests.Response) -> tuple[str, str] | None:
    """Salesforce tells of its daily limit as of a thing forbidden."""
    if response.status_code == 403 and "REQUEST_LIMIT_EXCEEDED" in response.text[:2_000]:
        return "busy", "REQUEST_LIMIT_EXCEEDED"
    return None
