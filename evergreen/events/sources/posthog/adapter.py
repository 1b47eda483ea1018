"""PostHog's events by HogQL, oldest first. Each page begins behind the last event of the one before; what arrives late is
caught by reading the last hours again, where an event that is here already adds nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_PAGE = 5_000
_LATE = dt.timedelta(hours=48)
_DAYS = 365
STREAMS = (
    Stream(
        "events", "events", "行为事件", "Events",
        {
            "columns": {"id": "uuid", "name": "event", "account": "account", "end_user": "distinct_id", "time": "at"},
            "properties": "*",
        },
        key="",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PosthogConfig:
    project: str = option("项目编号", "Project id", example="12345")
    token: str = option(
        "个人 API 密钥", "Personal API key", secret=True, example="phx_…",
        about=("需要 query:read 权限", "With the scope query:read"),
    )  # fmt: skip
    account_property: str = option(
        "客户属性", "Account property", default="$group_0",
        about=("事件属性中存放客户编号的那一个；$group_0 是第一种分组", "The event property that names the account; $group_0 is the first kind of group"),
    )  # fmt: skip
    address: str = option(
        "地址", "Address", default="https://us.posthog.com", example="https://eu.posthog.com"
    )


class PosthogAdapter(Adapter):
    kind = "posthog"
    zh = "PostHog"
    en = "PostHog"
    Config = PosthogConfig

    def __init__(self, config: PosthogConfig) -> None:
        super().__init__(config)
        if not re.fullmatch(r"\d{1,12}", config.project):
            raise SourceError(_("“%(found)s” is no number of a project.") % {"found": config.project[:60]})

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Header(Authorization=f"Bearer {self.config.token}")

    def test(self, wire: Wire) -> str:
        rows = self._asked(wire, "SELECT count() FROM events WHERE timestamp > now() - INTERVAL 1 DAY")
        return _("PostHog answers: %(count)s events in the last day.") % {"count": rows[0][0] if rows else 0}

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        def exported() -> Iterator[list[Row]]:
            state = dlt.current.resource_state()
            since = asked.since or asked.now - dt.timedelta(days=_DAYS)
            if "at" in state:
                since = dt.datetime.fromisoformat(state["at"]) - _LATE
            last = ""
            while True:
                behind = f"(timestamp = {_moment(since)} AND toString(uuid) > '{last}') OR " if last else ""
                comparison = ">" if last else ">="
                rows = self._asked(
                    wire,
                    "SELECT toString(uuid), event, toString(toTimeZone(timestamp, 'UTC')), distinct_id, properties FROM events "
                    f"WHERE ({behind}timestamp {comparison} {_moment(since)}) AND timestamp <= {_moment(asked.now)} "
                    f"ORDER BY timestamp ASC, toString(uuid) ASC LIMIT {_PAGE}",
                )
                if rows:
                    since, last = _read(rows[-1][2]), str(rows[-1][0])
                    state["at"] = since.isoformat()
                yield [self._row(row) for row in rows]
                if len(rows) < _PAGE:
                    return

        return dlt.resource(exported, name=stream.name)()

    def _asked(self, wire: Wire, query: str) -> list[list[Any]]:
        path = f"/api/projects/{self.config.project}/query/"
        answer = wire.client(self.config.address).post(path, json={"query": {"kind": "HogQLQuery", "query": query}}).json()  # fmt: skip
        rows = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise SourceError(_("“%(name)s” is not answered as PostHog does.") % {"name": "events"})
        return rows

    def _row(self, row: list[Any]) -> Row:
        uuid, event, at, distinct_id, given = row
        properties = msgspec.json.decode(given) if isinstance(given, str) else dict(given or {})
        account = properties.pop(self.config.account_property, None)
        return {"uuid": uuid, "event": event, "at": _read(at).isoformat(), "distinct_id": distinct_id, "account": account, **properties}  # fmt: skip


def _moment(at: dt.datetime) -> str:
    return f"toDateTime64('{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"


def _read(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
