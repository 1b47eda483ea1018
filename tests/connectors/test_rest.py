"""A REST API declared in YAML, and with it what holds for every connector."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.customers.models import Account
from evergreen.events.connections import actions
from evergreen.events.connections.models import Connection
from tests.connectors.fake import Answer, Asked, Fake

pytestmark = pytest.mark.django_db

DECLARATION = """
base_url: {url}
sign_in:
  kind: token
  request: {{path: /token, form: {{key: "${{app_key}}"}}}}
  token: access
pages: {{kind: page_number, param: page, total: pages}}
resources:
  - name: customers
    record: accounts
    path: /customers
    rows: items
    key: id
    order: ascending
    incremental: {{field: updated_at, param: since, format: iso_seconds}}
    mapping:
      columns: {{id: id, name: name, industry: industry.name}}
"""


class Customers(Fake):
    """Customers in the order of their change, five a page, from a moment on."""

    def __init__(self, rows: list[dict[str, Any]], script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.rows = rows
        self.routes = {"/token": self._sign, "/customers": self._list}
        self.free = {"/token"}
        self.unsigned = lambda asked: asked.headers.get("authorization") != f"Bearer {self.token}"

    def _sign(self, asked: Asked) -> Answer:
        if asked.form.get("key") != "s3cret-canary":
            return Answer({"error": "invalid_client"}, 401)
        return Answer({"access": self.new_token()})

    def _list(self, asked: Asked) -> Answer:
        since, page = asked.query["since"], int(asked.query["page"])
        fitting = sorted(
            (row for row in self.rows if row["updated_at"] >= since), key=lambda row: row["updated_at"]
        )
        pages = max(1, -(-len(fitting) // 5))
        return Answer({"items": fitting[5 * (page - 1) : 5 * page], "pages": pages})


def rows(n: int) -> list[dict[str, Any]]:
    return [
        {"id": f"c{k:03}", "name": f"客户 {k}", "industry": {"name": "零售"}, "updated_at": f"2026-11-{1 + k // 10:02}T{k % 10:02}:00:00Z"}
        for k in range(n)
    ]  # fmt: skip


def connect(source: Fake, now: Any, **named: Any) -> Connection:
    given = {"declaration": DECLARATION.format(url=source.url), "secrets": "app_key: s3cret-canary"}
    return actions.add_connection("rest", named.pop("name", "erp"), {**given, **named}, by=None, now=now)


def stored() -> dict[str, str]:
    return dict(Account.objects.values_list("external_id", "name"))


def test_every_row_arrives_and_a_second_run_changes_nothing(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(23)))
    connection = connect(source, now)
    first = run_it(connection)
    assert (first.state, first.error) == ("done", "")
    assert (first.total("rows"), first.total("created")) == (23, 23)
    assert stored() == {row["id"]: row["name"] for row in source.rows}
    asked = len(source.asked)
    second = run_it(connection)
    assert (second.state, second.total("created"), second.total("updated")) == ("done", 0, 0)
    assert len(source.asked) - asked <= 3, "only the newest page is asked for again"
    connection.refresh_from_db()
    assert connection.fresh_at == second.started_at
