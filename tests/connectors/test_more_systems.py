"""Jira, Mixpanel's export and PostHog: everything arrives exactly once, whatever happens."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from evergreen.customers.actions import create_account
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.connections import actions, running
from tests.connectors import fake as faults
from tests.connectors.fake import Answer, Asked, Fake
from tests.connectors.recorded import rows, zulu

pytestmark = pytest.mark.django_db

SCRIPTS = {
    "well": {},
    "ill": {1: faults.FAIL, 3: faults.CUT, 4: faults.THROTTLE, 6: faults.HALF, 8: faults.FAIL, 9: faults.CUT},
    "throttled": {2: faults.THROTTLE, 4: faults.THROTTLE_DATELESS},
}
each_script = pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))


class Jira(Fake):
    """Five issues a page, by a token; moments in JQL by the minute."""

    def __init__(self, script: dict[int, str]) -> None:
        super().__init__(script)
        self.issues: list[dict[str, Any]] = [
            {
                "id": str(10_000 + k), "key": f"SUP-{k}",
                "fields": {
                    "summary": f"问题 {k}", "status": {"name": "Done", "statusCategory": {"key": "done" if k % 2 else "new"}},
                    "priority": {"name": "Highest"}, "created": f"2026-11-0{1 + k % 9}T08:00:00.000+0800",
                    "updated": f"2026-11-1{k % 9}T08:00:{k:02}.000+0800", "resolutiondate": None,
                    "customfield_10050": {"value": "s1"},
                },
            }
            for k in range(17)
        ]  # fmt: skip
        self.routes = {"/rest/api/3/search/jql": self._search}
        self.unsigned = lambda asked: not asked.headers.get("authorization", "").startswith("Basic ")

    def _search(self, asked: Asked) -> Answer:
        found = re.fullmatch(r'project in \(SUP\) AND updated >= "(.{16})" ORDER BY updated ASC, key ASC', asked.query["jql"])  # fmt: skip
        assert found, asked.query["jql"]
        since = dt.datetime.fromisoformat(found[1]).replace(tzinfo=dt.UTC)
        fitting = sorted((one for one in self.issues if self._at(one) >= since), key=self._at)
        start = int(asked.query.get("nextPageToken", "0"))
        end = start + min(5, int(asked.query["maxResults"]))
        more = {} if end >= len(fitting) else {"nextPageToken": str(end)}
        return Answer({"issues": fitting[start:end], "isLast": not more, **more})

    @staticmethod
    def _at(one: dict[str, Any]) -> dt.datetime:
        return dt.datetime.fromisoformat(one["fields"]["updated"])

    def config(self) -> dict[str, Any]:
        return {"address": self.url, "email": "a@example.com", "token": "canary", "projects": "SUP", "account_field": "customfield_10050"}  # fmt: skip


class Mixpanel(Fake):
    """JSON lines by the day; made of recorded events."""

    def __init__(self, script: dict[int, str]) -> None:
        super().__init__(script)
        self.events: list[dict[str, Any]] = []
        for place, row in enumerate(rows("mixpanel", "event") * 6):
            at = dt.datetime.fromisoformat(str(zulu(row["time"]))).replace(
                year=2026, month=11, day=1 + place % 20
            )
            properties = {"time": int(at.timestamp()), "distinct_id": row["distinct_id"], "$insert_id": f"{row['insert_id']}{place}", "account_id": "s1", **json.loads(row["properties"] or "{}")}  # fmt: skip
            self.events.append({"event": row["name"], "properties": properties})
        self.routes = {"/api/2.0/export": self._export}
        self.unsigned = lambda asked: not asked.headers.get("authorization", "").startswith("Basic ")

    def _export(self, asked: Asked) -> Answer:
        assert asked.query["from_date"] == asked.query["to_date"] and asked.query["project_id"] == "77"
        lines = [
            json.dumps(one) for one in self.events
            if dt.datetime.fromtimestamp(one["properties"]["time"], dt.UTC).date().isoformat() == asked.query["from_date"]
        ]  # fmt: skip
        return Answer("\n".join(lines).encode())

    def config(self) -> dict[str, Any]:
        return {"project": "77", "user": "u", "password": "canary", "address": self.url}


class Posthog(Fake):
    """A query language over events."""

    def __init__(self, script: dict[int, str]) -> None:
        super().__init__(script)
        self.events = [
            [f"0000-{k:04}", "report.opened", f"2026-11-{1 + k // 4:02} 08:00:00.000000", f"u{k % 3}", json.dumps({"$group_0": "s1", "n": k})]
            for k in range(30)
        ]  # fmt: skip
        self.routes = {"/api/projects/5/query/": self._query}
        self.unsigned = lambda asked: asked.headers.get("authorization") != "Bearer canary"

    def _query(self, asked: Asked) -> Answer:
        query = asked.json["query"]["query"]
        if query.startswith("SELECT count()"):
            return Answer({"results": [[3]]})
        moments = re.findall(r"toDateTime64\('([^']+)'", query)
        behind = re.search(r"toString\(uuid\) > '([^']*)'", query)
        since, until = moments[-2], moments[-1]
        limit = int(query.rpartition("LIMIT ")[2])
        fitting = [
            one for one in sorted(self.events, key=lambda one: (one[2], one[0]))
            if one[2] <= until and (one[2] > since or (one[2] == since and (behind is None or one[0] > behind[1])))
        ]  # fmt: skip
        return Answer({"columns": [], "results": fitting[:limit]})

    def config(self) -> dict[str, Any]:
        return {"project": "5", "token": "canary", "address": self.url}


def events_here() -> int:
    with store.session() as con:
        return int(store.scalar(con, "SELECT count(*) FROM lake.events WHERE kind = 'track'") or 0)


@each_script
@pytest.mark.postgres
def test_jiras_issues_become_tickets(script: dict[int, str], serving: Any, run_it: Any, now: Any) -> None:
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Jira(dict(script)))
    connection = actions.add_connection("jira", "jira", source.config(), by=None, now=now)
    adapter = running.adapter_of(connection)
    assert adapter.test(running.wired(adapter)) if not script else True
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert set(Ticket.objects.values_list("external_id", flat=True)) == {one["key"] for one in source.issues}
    assert set(Ticket.objects.values_list("state", "priority")) == {("open", "urgent"), ("closed", "urgent")}
    source.issues[0]["fields"] |= {"summary": "改了", "updated": "2026-11-20T09:00:00.000+0800"}
    again = run_it(connection)
    assert (again.total("created"), again.total("updated")) == (0, 1)


@each_script
def test_mixpanels_events_arrive(script: dict[int, str], serving: Any, run_it: Any, now: Any) -> None:
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Mixpanel(dict(script)))
    connection = actions.add_connection("mixpanel", "mixpanel", source.config(), by=None, now=now)
    run = run_it(connection, why="history", since=now - dt.timedelta(days=30))
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert events_here() == len(source.events)
    again = run_it(connection)
    assert (again.state, again.total("created")) == ("done", 0)
    assert events_here() == len(source.events)


@each_script
def test_posthogs_events_arrive(
    script: dict[int, str], serving: Any, run_it: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.events.sources.posthog import adapter

    monkeypatch.setattr(adapter, "_PAGE", 3)  # fewer than happen in one moment
    create_account(external_id="s1", name="一号店", by=None, now=now)
    source = serving(Posthog(dict(script)))
    connection = actions.add_connection("posthog", "posthog", source.config(), by=None, now=now)
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected"), source.too_early) == ("done", "", 0, 0)
    assert events_here() == len(source.events)
    source.events.append(
        ["0000-9999", "report.opened", "2026-11-07 20:00:00.000000", "u9", '{"$group_0": "s1"}']
    )
    again = run_it(connection)
    assert (again.state, again.total("created")) == ("done", 1), "what arrived late is caught"
