"""The worked examples in examples/connectors, run against fakes that speak as those systems do."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evergreen.customers.models import Account, Contact, Receivable
from evergreen.events.connections import actions, running
from evergreen.events.connections.models import Connection
from evergreen.events.sources.adapter import SourceError
from evergreen.events.sources.rest.declaration import read_declaration
from tests.connectors import fake as faults
from tests.connectors.fake import Answer, Asked, Fake

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "connectors"
SECRETS = {
    "fxiaoke": {"app_id": "FSAID", "app_secret": "canary", "permanent_code": "P", "open_user_id": "FSUID_1"},
    "xiaoshouyi": {"client_id": "c", "client_secret": "canary", "user": "u", "password": "p"},
    "erp-stock": {"api_key": "canary"},
    "tiny": {"token": "open-sesame"},
}
SCRIPTS = [{}, {2: faults.EXPIRE, 3: faults.CUT, 5: faults.THROTTLE, 7: faults.FAIL}]


class ShareCrm(Fake):
    """200 to everything, errorCode tells; the token stands in each body."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], script: dict[int, str]) -> None:
        super().__init__(script)
        self.objects = objects
        self.free = {"/cgi/corpAccessToken/get/V2"}
        self.routes = {"/cgi/corpAccessToken/get/V2": self._sign, "/cgi/crm/v2/data/query": self._query}
        self.refused = Answer({"errorCode": 20016, "errorMessage": "corpAccessToken is expired"})
        self.unsigned = lambda asked: (asked.json.get("corpAccessToken"), asked.json.get("corpId")) != (self.token, "FSCID")  # fmt: skip

    def _sign(self, asked: Asked) -> Answer:
        assert asked.json == {"appId": "FSAID", "appSecret": "canary", "permanentCode": "P"}
        return Answer(
            {"errorCode": 0, "corpAccessToken": self.new_token(), "corpId": "FSCID", "expiresIn": 7200}
        )

    def _query(self, asked: Asked) -> Answer:
        assert asked.json["currentOpenUserId"] == "FSUID_1"
        data = asked.json["data"]
        info = data["search_query_info"]
        (condition,), (order,) = info["filters"], info["orders"]
        assert condition["operator"] == "GTE" and order == {"fieldName": "last_modified_time", "isAsc": True}
        since = int(condition["field_values"][0])
        fitting = [
            row for row in self.objects[data["dataObjectApiName"]] if row["last_modified_time"] >= since
        ]
        fitting.sort(key=lambda row: row["last_modified_time"])
        page = fitting[info["offset"] : info["offset"] + min(info["limit"], 4)]
        return Answer(
            {"errorCode": 0, "errorMessage": "success", "data": {"dataList": page, "total": len(fitting)}}
        )


class Neo(Fake):
    """A query language in one parameter."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], script: dict[int, str]) -> None:
        super().__init__(script)
        self.objects = objects
        self.free = {"/auc/oauth2/token"}
        self.routes = {"/auc/oauth2/token": self._sign, "/rest/data/v2/query": self._query}
        self.unsigned = lambda asked: asked.headers.get("authorization") != f"Bearer {self.token}"

    def _sign(self, asked: Asked) -> Answer:
        assert asked.form["grant_type"] == "password" and asked.form["client_secret"] == "canary"
        return Answer({"access_token": self.new_token()})

    def _query(self, asked: Asked) -> Answer:
        found = re.fullmatch(
            r"select (.+) from (\w+) where updatedAt >= (\d+) order by updatedAt asc limit (\d+),(\d+)", asked.query["q"]
        )  # fmt: skip
        assert found, asked.query["q"]
        names = found[1].split(", ")
        rows = [row for row in self.objects[found[2]] if row["updatedAt"] >= int(found[3])]
        rows.sort(key=lambda row: row["updatedAt"])
        start, size = int(found[4]), int(found[5])
        page = [{name: row.get(name) for name in names} for row in rows[start : start + size]]
        return Answer(
            {
                "code": 200,
                "msg": "OK",
                "result": {"totalSize": len(rows), "count": len(page), "records": page},
            }
        )


class Erp(Fake):
    def __init__(self, rows: list[dict[str, Any]], script: dict[int, str]) -> None:
        super().__init__(script)
        self.rows = rows
        self.routes = {"/api/v2/stock-turnover": self._list}
        self.unsigned = lambda asked: asked.headers.get("x-api-key") != "canary"

    def _list(self, asked: Asked) -> Answer:
        fitting = sorted(
            (row for row in self.rows if row["changed_at"] >= asked.query["changed_since"]), key=lambda row: row["changed_at"]
        )  # fmt: skip
        start, size = int(asked.query["skip"]), int(asked.query["take"])
        return Answer({"rows": fitting[start : start + size], "meta": {"total": len(fitting)}})


def connect(name: str, source: Fake, now: Any, **addresses: str) -> Connection:
    text = (EXAMPLES / f"{name}.yaml").read_text("utf-8")
    for address in re.findall(r"https://[\w.]+", text):
        text = text.replace(address, source.url)
    secrets = "\n".join(f"{key}: {value}" for key, value in SECRETS[name].items())
    return actions.add_connection("rest", name, {"declaration": text, "secrets": secrets}, by=None, now=now)


def test_the_first_run_of_the_documentation_works_as_it_is_written(
    run_it: Any, now: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(EXAMPLES / "tiny_api.py"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as api:
        try:
            monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", f"127.0.0.1:{port}")
            declaration = (EXAMPLES / "tiny.yaml").read_text("utf-8").replace("8099", str(port))
            given = {"declaration": declaration, "secrets": "token: open-sesame"}
            connection = actions.add_connection("rest", "tiny", given, by=None, now=now)
            adapter = running.adapter_of(connection)
            assert "signed_on" in _patiently(lambda: adapter.test(running.wired(adapter)))
            trial = run_it(connection, why="trial")
            assert (trial.error, trial.total("created"), Account.objects.count()) == ("", 12, 0)
            assert run_it(connection).total("created") == 12
            again = run_it(connection)
            assert (again.state, again.total("unchanged"), again.total("gone")) == ("done", 12, 0)
        finally:
            api.terminate()


def _patiently(asks: Callable[[], str]) -> str:
    """Ask until the server, which has just been started, answers."""
    for _turn in range(100):
        try:
            return asks()
        except SourceError:
            time.sleep(0.1)
    return asks()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_declaration_without_mistakes(path: Path) -> None:
    read_declaration(path.read_text("utf-8"), SECRETS[path.stem])


@pytest.mark.parametrize("script", SCRIPTS, ids=["well", "ill"])
def test_fxiaoke_customers_contacts_and_payment_plans_arrive(
    script: dict[int, str], serving: Any, run_it: Any, now: Any
) -> None:
    ms = int(now.timestamp() * 1000)
    objects = {
        "AccountObj": [
            {"_id": f"a{k}", "name": f"客户{k}", "account_level": str(k % 3 + 1), "last_modified_time": ms - k * 60_000}
            for k in range(9)
        ],
        "ContactObj": [
            {"_id": f"p{k}", "account_id": f"a{k % 9}", "name": f"张{k}", "mobile1": "13900000000", "email": f"p{k}@example.com", "job_title": "经理", "last_modified_time": ms - k}
            for k in range(11)
        ],
        "PaymentPlanObj": [
            {"_id": "r1", "account_id": "a1", "plan_payment_amount": "1200.50", "plan_payment_time": 1764547200000, "actual_payment_amount": "200.00", "last_modified_time": ms}
        ],
    }  # fmt: skip
    source = serving(ShareCrm(objects, dict(script)))
    connection = connect("fxiaoke", source, now)
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected")) == ("done", "", 0)
    assert set(Account.objects.values_list("external_id", flat=True)) == {f"a{k}" for k in range(9)}
    assert Contact.objects.count() == 11
    plan = Receivable.objects.get()
    assert (plan.amount_cents, plan.paid_cents, plan.account.external_id) == (120_050, 20_000, "a1")
    again = run_it(connection)
    assert (again.total("created"), again.total("updated"), source.too_early) == (0, 0, 0)


@pytest.mark.parametrize("script", SCRIPTS, ids=["well", "ill"])
def test_xiaoshouyi_customers_and_contacts_arrive(
    script: dict[int, str], serving: Any, run_it: Any, now: Any
) -> None:
    ms = int(now.timestamp() * 1000)
    objects = {
        "account": [{"id": k, "accountName": f"客户{k}", "employeeNumber": 10, "updatedAt": ms - k} for k in range(250)],
        "contact": [{"id": k, "contactName": f"李{k}", "accountId": k, "email": f"l{k}@example.com", "updatedAt": ms} for k in range(130)],
    }  # fmt: skip
    source = serving(Neo(objects, dict(script)))
    connection = connect("xiaoshouyi", source, now)
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected")) == ("done", "", 0)
    assert (Account.objects.count(), Contact.objects.count()) == (250, 130)
    again = run_it(connection)
    assert (again.total("created"), again.total("updated"), source.too_early) == (0, 0, 0)


@pytest.mark.parametrize("script", SCRIPTS, ids=["well", "ill"])
def test_an_erps_stock_turnover_becomes_values_of_its_kpi(
    script: dict[int, str], serving: Any, run_it: Any, now: Any
) -> None:
    from evergreen.customers.actions import create_account
    from evergreen.events.kpis.actions import declare_kpi
    from evergreen.events.kpis.models import KpiValue

    create_account(external_id="s1", name="一号店", by=None, now=now)
    declare_kpi("stock_turnover", {"zh": "库存周转率", "en": "Stock turnover"}, by=None, now=now)
    rows = [
        {"row_id": f"s1-{month}", "customer_code": "s1", "month": f"2026-{month:02}", "turns": month / 2, "changed_at": f"2026-{month:02}-28T00:00:00Z"}
        for month in range(1, 11)
    ]  # fmt: skip
    source = serving(Erp(rows, dict(script)))
    run = run_it(connect("erp-stock", source, now))
    assert (run.state, run.error, run.total("rejected"), run.total("created")) == ("done", "", 0, 10)
    assert KpiValue.objects.count() == 10
