"""Jira Cloud by JQL: what changed since a moment, by key, so that an issue keeps its place while pages are read.

Moments in JQL have minutes and the zone of who asks, so the last day is read again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wire import Wire

_PAGE = 100
# A search begins anew so often when its page's token expires.
_BEGINNINGS = 3
# Ids alone come in larger pages.
_KEYS = 5_000
_SEARCH = "/rest/api/3/search/jql"
_FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# JQL has the zone of the person who asks; no two zones are further apart than this.
_ZONES = dt.timedelta(hours=26)
_FIELDS = (
    "summary", "status", "priority", "created", "updated", "resolutiondate", "assignee", "reporter", "issuetype",
    "project",
)  # fmt: skip
_PROJECTS = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_STATES = {"new": "open", "indeterminate": "open", "done": "closed", "undefined": "open", "*": "open"}
STREAMS = (
    Stream(
        "issues", "tickets", "问题", "Issues",
        {
            "columns": {
                "id": "key", "account": "account", "requester": "fields.reporter.emailAddress",
                "assignee": "fields.assignee.emailAddress", "subject": "fields.summary",
                "priority": {"column": "fields.priority.name", "default": "medium"},
                "state": {"column": "fields.status.statusCategory.key", "values": _STATES},
                "opened": "fields.created", "closed": "fields.resolutiondate",
            },
        },
        key="id",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class JiraConfig:
    address: str = option("地址", "Address", example="https://acme.atlassian.net")
    email: str = option("账号邮箱", "E-mail of the account")
    token: str = option(
        "API 令牌", "API token", secret=True,
        about=("在 id.atlassian.com 的安全设置中创建", "Made at id.atlassian.com, under Security"),
    )  # fmt: skip
    projects: str = option(
        "项目",
        "Projects",
        example="SUP, OPS",
        about=("项目键，用逗号分隔", "Keys of projects, split by commas"),
    )
    account_field: str = option(
        "客户字段", "Account field", default="", example="customfield_10050",
        about=("存放客户编号的自定义字段；为空则按报告人的邮箱找客户", "The custom field with the account's id; empty: found by the reporter's e-mail"),
    )  # fmt: skip


class JiraAdapter(Adapter):
    kind = "jira"
    zh = "Jira"
    en = "Jira"
    Config = JiraConfig

    def __init__(self, config: JiraConfig) -> None:
        super().__init__(config)
        self._projects = [one.strip() for one in config.projects.split(",") if one.strip()]
        wrong = [
            one
            for one in [*self._projects, *filter(None, [config.account_field])]
            if not _PROJECTS.fullmatch(one)
        ]
        if wrong or not self._projects:
            raise SourceError(
                _("“%(wrong)s”: keys such as SUP are needed, and customfield_10050 for a field.")
                % {"wrong": ", ".join(wrong)}
            )

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Basic(self.config.email, self.config.token)

    def test(self, wire: Wire) -> str:
        found = self._page(wire, _FIRST, (), "", size=1)
        if not isinstance(found.get("issues"), list):
            raise SourceError(_("“%(name)s” is not answered as Jira does.") % {"name": "issues"})
        return _("Jira answers, and the account may read %(projects)s.") % {
            "projects": ", ".join(self._projects)
        }

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        fields = dict.fromkeys(_FIELDS)
        fields |= dict.fromkeys(name.split(".")[1] for name in asked.columns if name.startswith("fields."))
        if self.config.account_field:
            fields[self.config.account_field] = None

        def changed() -> Iterator[list[Row]]:
            state = dlt.current.resource_state()
            since = dt.datetime.fromisoformat(state["at"]) if "at" in state else (asked.since or _FIRST)
            page, newest = "", since
            turns = 0
            while True:
                try:
                    answer = self._page(wire, since, tuple(fields), page)
                except SourceError as error:
                    if not page or error.status != 400 or turns == _BEGINNINGS:
                        raise
                    page, turns = "", turns + 1  # the page's token is good no longer: the search begins anew
                    continue
                issues = answer.get("issues")
                if not isinstance(issues, list):
                    raise SourceError(_("“%(name)s” is not answered as Jira does.") % {"name": stream.name})
                newest = max([newest, *(_moment(one) for one in issues)])
                yield [
                    self._row(one) for one in issues if _moment(one) >= since.replace(second=0, microsecond=0)
                ]
                page = str(answer.get("nextPageToken") or "")
                if answer.get("isLast", not page) or not page:
                    break
            # Only now: pages of a search that is under way may shift.
            state["at"] = newest.isoformat()

        return dlt.resource(changed, name=stream.name)()

    def keys(self, stream: Stream, wire: Wire, asked: Asked) -> Iterable[str]:
        """Every issue's id."""
        jql = f"project in ({', '.join(self._projects)}) ORDER BY key ASC"
        page = ""
        while True:
            answer = self._sought(wire, jql, ("id",), page, _KEYS)
            issues = answer.get("issues")
            if not isinstance(issues, list):
                raise SourceError(_("“%(name)s” is not answered as Jira does.") % {"name": stream.name})
            yield from (str(one["id"]) for one in issues)
            page = str(answer.get("nextPageToken") or "")
            if answer.get("isLast", not page) or not page:
                return

    def _page(
        self, wire: Wire, since: dt.datetime, fields: tuple[str, ...], page: str, size: int = _PAGE
    ) -> Any:
        moment = (since - _ZONES).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")
        jql = f'project in ({", ".join(self._projects)}) AND updated >= "{moment}" ORDER BY key ASC'
        return self._sought(wire, jql, fields or ("summary",), page, size)

    def _sought(self, wire: Wire, jql: str, fields: tuple[str, ...], page: str, size: int) -> Any:
        params = {"jql": jql, "fields": ",".join(fields), "maxResults": size}
        return wire.client(self.config.address).get(_SEARCH, params={**params, **({"nextPageToken": page} if page else {})}).json()  # fmt: skip

    def _row(self, issue: Row) -> Row:
        value = (
            (issue.get("fields") or {}).get(self.config.account_field) if self.config.account_field else None
        )
        value = value.get("value") or value.get("name") if isinstance(value, dict) else value
        return {**issue, "account": value}


def _moment(issue: Row) -> dt.datetime:
    return dt.datetime.fromisoformat(str((issue.get("fields") or {}).get("updated")))
