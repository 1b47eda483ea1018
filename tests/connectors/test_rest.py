"""A REST API declared in YAML, and with it what holds for every connector."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.base import vault
from evergreen.customers.models import Account
from evergreen.events.connections import actions
from evergreen.events.connections.models import Connection, ConnectionRun
from tests.connectors import fake as faults
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


@pytest.mark.postgres
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


FAULTS = {
    "a fault of the source": {2: faults.FAIL},
    "two faults in a row": {2: faults.FAIL, 3: faults.FAIL},
    "a connection cut": {1: faults.CUT, 4: faults.CUT},
    "half an answer": {3: faults.HALF},
    "throttled with a time": {2: faults.THROTTLE, 5: faults.THROTTLE},
    "throttled without a word": {3: faults.THROTTLE_DATELESS},
    "a token that ran out": {3: faults.EXPIRE},
    "everything at once": {
        1: faults.CUT,
        2: faults.FAIL,
        4: faults.EXPIRE,
        6: faults.THROTTLE,
        8: faults.HALF,
    },
}


@pytest.mark.parametrize("script", FAULTS.values(), ids=list(FAULTS))
def test_whatever_goes_wrong_on_the_way_everything_arrives_exactly_once(
    script: dict[int, str], serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Customers(rows(23), script))
    connection = connect(source, now)
    run = run_it(connection)
    assert (run.state, run.error) == ("done", "")
    assert (run.total("rows"), run.total("created")) == (23, 23)
    assert stored() == {row["id"]: row["name"] for row in source.rows}
    assert source.too_early == 0, "a source that asks to wait is left alone so long"
    again = run_it(connection)
    assert (again.total("created"), again.total("updated")) == (0, 0)


def test_a_row_that_changes_while_pages_are_read_arrives_as_it_is_at_the_end(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Customers(rows(12)))

    def change(number: int) -> None:
        if number == 2:
            source.rows[0] = {**source.rows[0], "name": "改了名", "updated_at": "2026-11-19T00:00:00Z"}

    source.before_each = change
    connection = connect(source, now)
    run_it(connection)
    run_it(connection)
    assert stored() == {row["id"]: row["name"] for row in source.rows}


@pytest.mark.postgres
def test_a_killed_run_goes_on_behind_its_last_page(
    serving: Any, run_it: Any, now: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    from evergreen.base import jobs
    from evergreen.events.connections import feeding, running, spool
    from evergreen.events.sources.adapter import Asked as Wanted

    monkeypatch.setattr(spool, "_SYNC_BYTES", 1)
    source = serving(Customers(rows(40)))
    connection = connect(source, now)
    run = actions.start_run(connection, by=None, now=now)
    adapter = running.adapter_of(connection)
    feed = feeding.feed_of(adapter, adapter.streams[0], None, connection.name)
    wire = running.wired(adapter)
    child = os.fork()
    if child == 0:
        held = spool.Spool(feeding.spools(home), run.pk, "customers")
        feeding.pull(adapter, feed, wire, held, {}, Wanted(now=now), tell=lambda _stream, _rows: None)
        os._exit(0)
    source.before_each = lambda number: os.kill(child, signal.SIGKILL) if number == 6 else None
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    asked = len(source.asked)
    job = jobs.claim_job("second", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    run.refresh_from_db()
    assert (run.state, run.error, run.total("created")) == ("done", "", 40)
    assert stored() == {row["id"]: row["name"] for row in source.rows}
    pages = [one for one in source.asked[asked:] if one.path == "/customers"]
    assert pages[0].query["since"] > "2026-11-02", "pages that were read before the kill are not read again"


def test_a_source_that_wants_an_hour_gets_it_and_the_run_goes_on_then(
    serving: Any, run_it: Any, now: Any
) -> None:
    from evergreen.base import clock, jobs

    source = serving(Customers(rows(23), {3: faults.LONG}))
    connection = connect(source, now)
    run = run_it(connection)
    assert (run.state, run.tries) == ("paused", 1)
    assert run.wake_at is not None and (run.wake_at - clock.utc_now()).total_seconds() > 3_500
    assert actions.start_due(now=now) == 0
    source.now += 3_600
    assert actions.start_due(now=run.wake_at) == 1
    job = jobs.claim_job("later", now=run.wake_at)
    assert job is not None
    jobs.run_job(job, now=run.wake_at)
    run.refresh_from_db()
    assert (run.state, run.total("created"), source.too_early) == ("done", 23, 0)


def test_a_source_that_stays_down_fails_in_words_after_some_pauses(
    serving: Any, run_it: Any, now: Any
) -> None:
    from evergreen.base import jobs

    source = serving(Customers(rows(3), dict.fromkeys(range(1, 200), faults.FAIL)))
    connection = connect(source, now)
    run = run_it(connection)
    for _ in range(5):
        assert run.state == "paused" and run.wake_at is not None
        actions.start_due(now=run.wake_at)
        job = jobs.claim_job("later", now=run.wake_at)
        assert job is not None
        jobs.run_job(job, now=run.wake_at)
        run.refresh_from_db()
    assert run.state == "failed"
    assert "500" in run.error and "customers" in run.error


def test_wrong_credentials_fail_at_once_and_say_so_without_naming_them(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Customers(rows(3)))
    connection = connect(source, now, secrets="app_key: wrong-canary")
    run = run_it(connection)
    assert run.state == "failed"
    assert "401" in run.error and "invalid_client" in run.error and "canary" not in run.error
    assert run.job is not None and "401" in run.job.error


def test_credentials_are_stored_sealed_and_leave_no_trace_in_the_clear(
    serving: Any, run_it: Any, now: Any
) -> None:
    from evergreen.base.models import AuditEntry, Job

    source = serving(Customers(rows(3)))
    connection = connect(source, now)
    actions.update_connection(
        connection, name="erp 2", every_minutes=30, by=None, now=now,
        given={**connection.config, "secrets": "app_key: s3cret-canary\nmore: other-canary"},
    )  # fmt: skip
    run_it(connection)
    connection.refresh_from_db()
    assert vault.unseal(connection.credentials) == {"secrets": "app_key: s3cret-canary\nmore: other-canary"}
    everything = [*Connection.objects.values(), *ConnectionRun.objects.values(), *AuditEntry.objects.values(), *Job.objects.values()]  # fmt: skip
    assert "canary" not in repr(everything)


def test_a_secret_that_is_left_empty_stays(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(3)))
    connection = connect(source, now)
    given = {**connection.config, "secrets": ""}
    actions.update_connection(connection, name="renamed", every_minutes=0, given=given, by=None, now=now)
    connection.refresh_from_db()
    assert (connection.name, connection.next_run_at) == ("renamed", None)
    assert run_it(connection).state == "done"


def test_a_dry_run_tells_the_counts_and_writes_nothing(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(7)))
    source.rows[3]["name"] = ""
    connection = connect(source, now)
    run = run_it(connection, why="trial")
    assert (run.state, run.total("created"), run.total("rejected")) == ("done", 6, 1)
    assert stored() == {}
    connection.refresh_from_db()
    assert (connection.state, connection.fresh_at) == ({}, None)
    assert run_it(connection).total("created") == 6


def test_a_bad_row_stands_alone_and_is_kept_with_its_reason(
    serving: Any, run_it: Any, now: Any, home: Any
) -> None:
    source = serving(Customers(rows(5)))
    source.rows[2]["name"] = None
    connection = connect(source, now)
    run = run_it(connection)
    assert (run.state, run.total("created"), run.total("rejected")) == ("done", 4, 1)
    kept = (home.files / run.rejects_of("customers")).read_text("utf-8-sig")
    assert "c002" in kept
    (held,) = (home.files / "spools").iterdir()
    assert held.name.startswith("held-") and b"c002" in held.read_bytes() and b"c001" not in held.read_bytes()
    assert held.stat().st_mode & 0o077 == 0, "only what is tried again is left, and for nobody else to read"
    source.rows[2] |= {"name": "now with a name"}
    again = run_it(connection)
    assert (again.total("created"), again.total("rejected")) == (0, 1), "the source tells of changes only"
    mapping = {"columns": {"id": "id", "name": {"column": "name", "default": "no name"}}}
    actions.set_feed(connection, "customers", is_on=True, mapping=mapping, by=None, now=now)
    mended = run_it(connection)
    assert (mended.total("created"), mended.total("rejected")) == (1, 0), "a better mapping loads what waited"
    assert list((home.files / "spools").iterdir()) == []


def test_a_column_that_was_renamed_at_the_source_is_told(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(3)))
    for row in source.rows:
        row["sector"] = row.pop("industry")
    run = run_it(connect(source, now))
    assert run.state == "done"
    assert any("industry.name" in said for said in run.streams["customers"]["notices"])


@pytest.mark.postgres
def test_connections_run_when_their_time_comes_and_never_twice_at_once(
    serving: Any, run_it: Any, now: Any
) -> None:
    import datetime as dt

    from django.core.exceptions import ValidationError

    from evergreen.flow import minute

    source = serving(Customers(rows(3)))
    connection = connect(source, now)
    minute.run(now=now)
    assert ConnectionRun.objects.count() == 0
    due = now + dt.timedelta(minutes=61)
    minute.run(now=due)
    minute.run(now=due)
    assert [run.why for run in connection.runs.all()] == ["schedule"]
    with pytest.raises(ValidationError):
        actions.start_run(connection, by=None, now=due)
    actions.cancel_run(connection.runs.get(), by=None, now=due)
    actions.pause_connection(connection, is_paused=True, by=None, now=due)
    minute.run(now=due + dt.timedelta(days=1))
    assert connection.runs.count() == 1
    actions.pause_connection(connection, is_paused=False, by=None, now=due)
    minute.run(now=due)
    assert connection.runs.count() == 2


def test_a_run_whose_job_was_given_up_is_closed_with_its_reason(serving: Any, run_it: Any, now: Any) -> None:
    from evergreen.base import jobs

    source = serving(Customers(rows(3)))
    run = actions.start_run(connect(source, now), by=None, now=now)
    assert run.job is not None
    jobs.cancel(run.job, by=None, now=now)
    actions.settle_lost(now=now)
    run.refresh_from_db()
    assert run.state == "cancelled" and run.ended_at == now


def test_credentials_never_go_where_a_next_page_points(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(3)))
    thief = Fake()
    with thief:
        thief.routes["/steal"] = lambda asked: Answer({"items": []})
        declaration = DECLARATION.format(url=source.url).replace(
            "pages: {kind: page_number, param: page, total: pages}", "pages: {kind: next_url, path: next}"
        )
        source.routes["/customers"] = lambda asked: Answer(
            {"items": source.rows, "next": f"{thief.url}/steal"}
        )
        run = run_it(connect(source, now, declaration=declaration))
        assert run.state == "failed" and thief.netloc in run.error
        assert thief.asked == []


def test_a_redirect_is_not_followed(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Customers(rows(3)))
    source.routes["/elsewhere"] = lambda asked: Answer({"items": []})
    source.routes["/customers"] = lambda asked: Answer({}, 302, {"Location": "/elsewhere"})
    run = run_it(connect(source, now))
    assert run.state == "failed"
    assert not any(asked.path == "/elsewhere" for asked in source.asked)


@pytest.mark.postgres
def test_runs_of_long_ago_go_with_their_files(serving: Any, run_it: Any, now: Any, home: Any) -> None:
    import datetime as dt

    source = serving(Customers(rows(5)))
    source.rows[2]["name"] = None
    run = run_it(connect(source, now))
    kept = home.files / run.rejects_of("customers")
    assert kept.is_file()
    actions.start_due(now=now + dt.timedelta(days=200))
    assert not kept.exists()
    assert not ConnectionRun.objects.filter(pk=run.pk).exists()
