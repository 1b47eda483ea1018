"""What can be loaded from files, one module a record: its fields, and the loader that writes its rows."""

from evergreen.events.imports.records import (
    accounts,
    contacts,
    contracts,
    conversations,
    events,
    invoices,
    kpis,
    surveys,
    tickets,
    usage,
)
from evergreen.events.imports.records.kinds import Loader, Record

RECORDS: dict[str, Record] = {
    record.name: record
    for record in (
        accounts.RECORD,
        contacts.RECORD,
        contracts.RECORD,
        invoices.RECORD,
        tickets.RECORD,
        events.RECORD,
        usage.RECORD,
        surveys.RECORD,
        conversations.RECORD,
        kpis.RECORD,
    )
}

__all__ = ["RECORDS", "Loader", "Record"]
