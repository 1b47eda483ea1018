"""Mixpanel's raw export, a day at a time. What arrives late belongs to days that are over, so the last ones are read
again; an event that is here already adds nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_HOSTS = {
    "us": "https://data.mixpanel.com",
    "eu": "https://data-eu.mixpanel.com",
    "in": "https://data-in.mixpanel.com",
}
_LATE_DAYS = 5
_DAYS = 365
STREAMS = (
    Stream(
        "events", "events", "行为事件", "Events",
        {
            "columns": {
                "id": "insert_id", "name": "event", "account": "account", "end_user": "distinct_id", "time": "at",
            },
            "properties": "*",
        },
        key="",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class MixpanelConfig:
    project: str = option("项目编号", "Project id", example="1234567")
    user: str = option("服务账号", "Service account")
    password: str = option("服务账号密钥", "Secret of the service account", secret=True)
    account_property: str = option(
        "客户属性", "Account property", default="account_id",
        about=("事件属性中存放客户编号的那一个", "The event property that names the account"),
    )  # fmt: skip
    timezone: str = option("项目时区", "Time zone of the project", default="UTC", example="Asia/Shanghai")
    residency: str = option("数据驻留", "Data residency", default="us", choices=tuple(_HOSTS))
    address: str = option(
        "接口地址", "API address", default="", about=("空为按驻留地选择", "Empty: by residency")
    )


class MixpanelAdapter(Adapter):
    kind = "mixpanel"
    zh = "Mixpanel"
    en = "Mixpanel"
    Config = MixpanelConfig

    def __init__(self, config: MixpanelConfig) -> None:
        super().__init__(config)
        self._zone = clock.zone(config.timezone)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    @property
    def _address(self) -> str:
        return str(self.config.address or _HOSTS[self.config.residency])

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self._address)
        wire.sign_in = wires.Basic(self.config.user, self.config.password)

    def test(self, wire: Wire) -> str:
        day = dt.datetime.now(self._zone).date() - dt.timedelta(days=1)
        found = sum(1 for _row in self._day(wire, day))
        return _("Mixpanel answers: %(count)s events yesterday.") % {"count": found}

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        def exported() -> Iterator[list[Row]]:
            state = dlt.current.resource_state()
            today = asked.now.astimezone(self._zone).date()
            day = today - dt.timedelta(days=_DAYS)
            if asked.since is not None:
                day = asked.since.astimezone(self._zone).date()
            if "day" in state:
                day = dt.date.fromisoformat(state["day"]) - dt.timedelta(days=_LATE_DAYS)
            while day <= today:
                rows = list(self._day(wire, day))
                state["day"] = day.isoformat()
                yield rows
                day += dt.timedelta(days=1)

        return dlt.resource(exported, name=stream.name)()

    def _day(self, wire: Wire, day: dt.date) -> Iterator[Row]:
        params = {"project_id": self.config.project, "from_date": day.isoformat(), "to_date": day.isoformat()}
        request = requests.Request("GET", f"{self._address}/api/2.0/export", params=params)
        for line in wire.send(wire.prepare_request(request)).content.splitlines():
            if line.strip():
                yield self._row(line)

    def _row(self, line: bytes) -> Row:
        try:
            event = msgspec.json.decode(line)
            properties = dict(event["properties"])
            # Mixpanel counts seconds by the project's clock, as if it were UTC.
            naive = dt.datetime.fromtimestamp(float(properties.pop("time")), dt.UTC).replace(tzinfo=None)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise SourceError(
                _("“%(name)s” is not answered as Mixpanel does.") % {"name": "export"}
            ) from error
        return {
            "event": event["event"],
            "insert_id": properties.pop("$insert_id", None),
            "distinct_id": properties.pop("distinct_id", None),
            "account": properties.pop(self.config.account_property, None),
            "at": naive.replace(tzinfo=self._zone).isoformat(),
            **properties,
        }
