"""Zendesk by its incremental exports: whatever changed since a cursor, or since a second, oldest first."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import GONE, LAST_WORD, Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_FIRST = 946_684_800  # 2000-01-01
_STATES = {
    "new": "open", "open": "open", "pending": "pending", "hold": "pending", "solved": "closed", "closed": "closed",
    "deleted": "closed",
}  # fmt: skip
STREAMS = (
    Stream(
        "organizations", "accounts", "组织", "Organizations",
        {"columns": {"id": "account_key", "name": "name", "tags": "tags"}, "external_ids": {"zendesk": "id"}},
        makes_accounts=True,
    ),
    Stream(
        "users", "contacts", "用户", "Users",
        {
            "columns": {
                "id": {"template": "zendesk:{id}"}, "account": "account_key", "name": "name", "email": "email",
                "phone": "phone", "since": "created_at",
            },
        },
    ),
    Stream(
        "tickets", "tickets", "工单", "Tickets",
        {
            "columns": {
                "id": {"template": "zendesk:{id}"}, "account": "account_key",
                "requester": {"template": "zendesk:{requester_id}"}, "assignee": "assignee_email", "subject": "subject",
                "priority": "priority", "state": {"column": "status", "values": _STATES}, "opened": "created_at",
                "closed": "metric_set.solved_at", "first_response_minutes": "metric_set.reply_time_in_minutes.calendar",
                "reopened": "metric_set.reopens", "replies": "metric_set.replies",
                "satisfaction": {"column": "satisfaction_rating.score", "values": {"good": "5", "bad": "1", "*": ""}},
            },
        },
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ZendeskConfig:
    address: str = option("地址", "Address", example="https://acme.zendesk.com")
    email: str = option("管理员邮箱", "E-mail of an administrator", example="ops@example.com")
    token: str = option(
        "API 令牌", "API token", secret=True,
        about=("管理中心 → 应用和集成 → API", "Admin Center → Apps and integrations → API"),
    )  # fmt: skip


class ZendeskAdapter(Adapter):
    kind = "zendesk"
    zh = "Zendesk"
    en = "Zendesk"
    Config = ZendeskConfig

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Basic(f"{self.config.email}/token", self.config.token)

    def test(self, wire: Wire) -> str:
        found = self._get(wire, "/api/v2/organizations/count.json", {})
        count = (found.get("count") or {}).get("value", 0)
        return _("Zendesk answers: %(count)s organizations.") % {"count": count}

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        def changed() -> Iterator[list[Row]]:
            state = dlt.current.resource_state()
            # What is asked for must lie a minute back.
            start = int(asked.since.timestamp()) if asked.since else _FIRST
            start = min(start, int(asked.now.timestamp()) - 120)
            pages = self._by_second if stream.name == "organizations" else self._by_cursor
            for page, at in pages(
                wire, stream.name, state.get("at"), max(start, int(state.get("second", 0)))
            ):
                state["at"] = at
                # Where the cursor is good no longer, the second of the newest change is the place to go on from.
                state["second"] = max([int(state.get("second", 0)), *(_second(one) for one in page)])
                yield page

        return dlt.resource(changed, name=stream.name)()

    def _by_cursor(
        self, wire: Wire, name: str, at: str | None, start: int
    ) -> Iterator[tuple[list[Row], str]]:
        """Tickets and users: an opaque cursor that stays good from run to run."""
        include = {"tickets": "users,organizations,metric_sets", "users": "organizations"}[name]
        while True:
            place = {"cursor": at} if at else {"start_time": start}
            try:
                answer = self._get(
                    wire, f"/api/v2/incremental/{name}/cursor.json", {**place, "include": include}
                )
            except SourceError as error:
                if not at or error.status not in {400, 404, 410, 422}:
                    raise
                at = None
                continue
            rows = self._rows(answer, name)
            at = str(answer.get("after_cursor") or at or "")
            yield [row for one in rows if (row := _complete(one, name, answer)) is not None], at
            if answer.get("end_of_stream", True) or not at:
                return

    def _by_second(
        self, wire: Wire, name: str, at: str | None, start: int
    ) -> Iterator[tuple[list[Row], str]]:
        """Organizations: by the second of their change. The last second is asked for again by the next run."""
        since = int(at) if at else start
        while True:
            answer = self._get(wire, f"/api/v2/incremental/{name}.json", {"start_time": since})
            rows = self._rows(answer, name)
            ends = int(answer.get("end_time") or since)
            yield [_complete(one, name, answer) or one for one in rows], str(ends)
            if answer.get("end_of_stream", not rows) or not rows or ends <= since:
                return
            since = ends

    def _rows(self, answer: Any, name: str) -> list[Row]:
        rows = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise SourceError(_("“%(name)s” is not answered as Zendesk does.") % {"name": name})
        return rows

    def _get(self, wire: Wire, path: str, params: dict[str, Any]) -> Any:
        return wire.client(self.config.address).get(path, params=params).json()


def _second(one: Row) -> int:
    try:
        return int(dt.datetime.fromisoformat(str(one.get("updated_at"))).timestamp())
    except ValueError:
        return 0


def account_key(organization: Row) -> str:
    """What the vendor calls the organization, where somebody told Zendesk; else a name of its own."""
    return str(organization.get("external_id") or f"zendesk:{organization['id']}")


def _complete(one: Row, name: str, answer: Any) -> Row | None:
    """The row with the names of what it belongs to; None for users who are staff."""
    if name == "organizations":
        return {**one, "account_key": account_key(one), **({GONE: True} if one.get("deleted_at") else {})}
    known = {there["id"]: there for there in answer.get("organizations") or []}
    there = known.get(one.get("organization_id"))
    key = (
        account_key(there)
        if there
        else (f"zendesk:{one['organization_id']}" if one.get("organization_id") else None)
    )
    if name == "users":
        if one.get("role") not in {None, "end-user"}:
            return None
        phone = re.sub(r"\s+", " ", one.get("phone") or "") or None
        return {
            **one,
            "account_key": key,
            "phone": phone,
            **({GONE: True} if one.get("active") is False else {}),
        }
    users = {there["id"]: there for there in answer.get("users") or []}
    metrics = {there["ticket_id"]: there for there in answer.get("metric_sets") or []}
    assignee = users.get(one.get("assignee_id")) or {}
    return {
        **one,
        "account_key": key,
        "assignee_email": assignee.get("email"),
        "metric_set": one.get("metric_set") or metrics.get(one["id"]) or {},
        **({GONE: LAST_WORD} if one.get("status") == "deleted" else {}),
    }
