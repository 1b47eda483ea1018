"""All that an installation holds, as rows that can be compared: without times of computing and row numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from evergreen.base.env import Home
from evergreen.events import store

Tables = dict[str, list[str]]

# Record table → what it says, by natural keys; row numbers differ after a transaction that was rolled back.
_RECORDS = {
    "accounts": "SELECT external_id, name, industry, arr_base_cents, renewal_on, score, band, change_30d,"
    " active_users_28d, last_active_on, overdue_days, tickets_open, open_alerts, known_at FROM customers_account",
    "external ids": "SELECT a.external_id, e.system, e.value FROM customers_externalid e"
    " JOIN customers_account a ON a.id = e.account_id",
    "contracts": "SELECT c.external_id, a.external_id, l.external_id, l.start_on, l.end_on, l.mrr_cents,"
    " l.amount_cents, l.seats, l.is_trial FROM customers_contractline l"
    " JOIN customers_contract c ON c.id = l.contract_id JOIN customers_account a ON a.id = c.account_id",
    "receivables": "SELECT r.external_id, a.external_id, amount_cents, paid_cents, paid_on, due_on"
    " FROM customers_receivable r JOIN customers_account a ON a.id = r.account_id",
    "tickets": "SELECT t.external_id, a.external_id, t.state, priority, opened_at, closed_at, satisfaction"
    " FROM desk_ticket t JOIN customers_account a ON a.id = t.account_id",
    "features": "SELECT key, is_core, is_advanced, adds_data FROM customers_feature",
    "sources": "SELECT name FROM events_source",
    "newest": 'SELECT a.external_id, n.day, n.currency, n.mrr_cents, n.arr_base_cents, n."values"'
    " FROM metrics_newest n JOIN customers_account a ON a.id = n.account_id",
    "standings": "SELECT a.external_id, c.key, s.day, s.score, s.band, s.coverage, s.contributions"
    " FROM health_standing s JOIN customers_account a ON a.id = s.account_id"
    " JOIN health_scorecard c ON c.id = s.scorecard_id",
    "alerts": "SELECT a.external_id, r.key, x.state, x.opened_on, x.seen_on, x.figures, x.priority"
    " FROM alerts_alert x JOIN alerts_rule r ON r.id = x.rule_id JOIN customers_account a ON a.id = x.account_id",
    "tasks": "SELECT a.external_id, r.key, t.title, t.reason, t.state, t.priority FROM work_task t"
    " JOIN customers_account a ON a.id = t.account_id JOIN alerts_alert x ON x.id = t.origin_id"
    " JOIN alerts_rule r ON r.id = x.rule_id",
    "enrolments": "SELECT a.external_id, r.key, e.state, e.step, e.note FROM playbooks_enrolment e"
    " JOIN customers_account a ON a.id = e.account_id JOIN alerts_alert x ON x.id = e.origin_id"
    " JOIN alerts_rule r ON r.id = x.rule_id",
}

# Lake table → columns that differ from run to run.
_LAKE = {
    "events": ("received_at",),
    "message_keys": (),
    "rejected_events": ("received_at",),
    "usage": (),
    "first_uses": (),
    "account_days": (),
    "answers": (),
    "rolled": (),
    "snapshots": ("computed_at",),
    "scores": (),
}


def tables(home: Path) -> Tables:
    """Every table as sorted lines of text. Internal events count by what they say, not by when they were told."""
    return {**_records(home), **_lake(home)}


def _records(home: Path) -> Tables:
    con = sqlite3.connect(f"file:{Home(home).records}?mode=ro", uri=True)
    try:
        return {name: _lines(con.execute(sql)) for name, sql in _RECORDS.items()}
    finally:
        con.close()


def _lake(home: Path) -> Tables:
    con = store.reading(Home(home))
    try:
        found = {}
        for name, left_out in _LAKE.items():
            columns = [row[0] for row in con.execute(f"DESCRIBE lake.{name}").fetchall()]
            listed = ", ".join(f'"{column}"' for column in columns if column not in left_out)
            where = " WHERE kind <> 'system'" if name == "events" else ""
            found[f"lake.{name}"] = _lines(con.execute(f"SELECT {listed} FROM lake.{name}{where}").fetchall())
        told = "SELECT name, account_id, properties->>'rule' FROM lake.events WHERE kind = 'system'"
        found["lake: internal events"] = _lines(con.execute(told).fetchall())
        return found
    finally:
        con.close()
        store.close()


def differences(wanted: Tables, found: Tables) -> list[str]:
    """What differs, a line a table with an example."""
    wrong = []
    for name, lines in wanted.items():
        if lines != found[name]:
            missing = sorted(set(lines) - set(found[name]))
            more = sorted(set(found[name]) - set(lines))
            example = (missing or more or ["equal rows, not equally often"])[0][:200]
            wrong.append(f"{name}: {len(lines)} rows wanted, {len(found[name])} found, e.g. {example}")
    return wrong


def _lines(rows: Iterable[tuple[object, ...]]) -> list[str]:
    return sorted("\t".join(map(str, row)) for row in rows)
