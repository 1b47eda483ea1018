"""Whether what stands here is what the source holds: the oracle of every fault."""

from __future__ import annotations

from typing import Any

from evergreen.customers.models import Account, Contact, ContractLine, Receivable
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.connections.models import Connection, ConnectionRun, SourceRow
from evergreen.work.models import Conversation
from tests.connectors.systems import System

# By kind of record: its table, and the column that holds the text by which people know it.
TABLES: dict[str, tuple[Any, str]] = {
    "accounts": (Account, "name"),
    "contacts": (Contact, "name"),
    "tickets": (Ticket, "subject"),
    "conversations": (Conversation, "summary"),
    "lines": (ContractLine, "mrr_cents"),
    "receivables": (Receivable, "amount_cents"),
}
# Records whose rows are brought under another name than the tables they become.
_RECORDS = {"lines": "contracts", "receivables": "invoices"}


def differences(source: System, connection: Connection) -> list[str]:
    """Where our mirror is not the source's truth; empty when it is."""
    found = []
    for record, truth in source.truth().items():
        here = _events(connection) if record == "events" else _standing(record)
        gone = _gone(connection, _RECORDS.get(record, record))
        for key, text in truth.items():
            if key not in here:
                found.append(f"{record} {key} is missing")
            elif here[key] != text:
                found.append(f"{record} {key} is {here[key][:40]!r}, at the source {text[:40]!r}")
        found += [f"{record} {key} is marked as gone" for key in gone & truth.keys()]
        found += [
            f"{record} {key} is gone at the source and not marked"
            for key in here.keys() - truth.keys() - gone
        ]
    return found


def changed(run: ConnectionRun) -> int:
    """Rows that a run changed here."""
    return sum(run.total(what) for what in ("created", "updated", "gone", "back"))


def _standing(record: str) -> dict[str, str]:
    model, column = TABLES[record]
    rows = model.objects.exclude(external_id="").values_list("external_id", column)
    return {str(key): str(text or "") for key, text in rows}


def _events(connection: Connection) -> dict[str, str]:
    query = "SELECT message_id, name FROM lake.events WHERE source = ? AND kind = 'track'"
    with store.session() as con:
        rows = con.execute(query, [connection.name]).fetchall()
    assert len({key for key, _name in rows}) == len(rows), "an event stands twice"
    return dict(rows)


def _gone(connection: Connection, record: str) -> set[str]:
    gone = SourceRow.objects.filter(connection=connection, record=record, gone_at__isnull=False)
    return set(gone.values_list("external_id", flat=True))
