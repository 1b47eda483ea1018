"""Tables of experiments without the rows of somebody who is erased. What was reckoned of them are sums over many, and stay."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Collection
from pathlib import Path

import duckdb

from evergreen.base import env
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contact, ExternalId, Tenant
from evergreen.events.models import EndUser
from evergreen.outcomes.models import Experiment


def names_of_account(account: Account) -> set[str]:
    """What may stand in a table for an account: its ids, its tenants', its name, its end users' and contacts'."""
    found = {account.external_id, account.name}
    found |= set(ExternalId.objects.filter(account=account).values_list("value", flat=True))
    found |= set(Tenant.objects.filter(account=account).values_list("external_id", flat=True))
    found |= set(EndUser.objects.filter(account=account).values_list("key", flat=True))
    for contact in Contact.objects.filter(account=account):
        found |= names_of_contact(contact)
    return {one for one in found if one}


def names_of_contact(contact: Contact) -> set[str]:
    """What may stand in a table for a contact: ids, mail, telephone, end users. Not the name, which others bear too."""
    found = {contact.external_id, contact.email, contact.phone, contact.end_user}
    found |= set(contact.external_ids.values_list("value", flat=True))
    found |= set(EndUser.objects.filter(contact=contact).values_list("key", flat=True))
    return {one for one in found if one}


def forget(names: Collection[str], *, by: User | None, now: dt.datetime) -> int:
    """Write every experiment's table anew without the rows in which a cell is one of the names, whatever its case and the blanks around
    it. Returns the rows; the audit keeps their number. A table that is not there any more is passed over."""
    wanted = sorted({one.strip().lower() for one in names if one.strip()})
    gone = 0
    for experiment in Experiment.objects.exclude(file="").order_by("pk") if wanted else ():
        path = env.home().files / experiment.file
        if not path.is_file():
            continue
        rows = _without(path, experiment.file_name, wanted)
        if rows:
            gone += rows
            Experiment.objects.filter(pk=experiment.pk).update(rows=max(0, experiment.rows - rows))
            audit(
                "experiment.rows_erased", "experiment", [experiment.pk], by=by, now=now, after={"rows": rows}
            )
    return gone


def _without(path: Path, name: str, wanted: list[str]) -> int:
    """The rows taken out of a file, which is replaced whole and durably; 0 leaves it untouched."""
    is_parquet = name.lower().endswith(".parquet")
    said = str(path).replace("'", "''")
    # Texts as they stand: a date or an amount is not to be written another way.
    read = f"read_parquet('{said}')" if is_parquet else f"read_csv('{said}', all_varchar = true)"
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        con.execute(f"CREATE TABLE given AS SELECT * FROM {read}")
        con.execute("CREATE TABLE wanted AS SELECT unnest(?) AS name", [wanted])
        columns = [str(row[0]) for row in con.execute("DESCRIBE given").fetchall()]
        told = " OR ".join(
            f"lower(trim(CAST({_quoted(one)} AS VARCHAR))) IN (SELECT name FROM wanted)" for one in columns
        )
        before = _count(con)
        con.execute(f"DELETE FROM given WHERE {told}")
        gone = before - _count(con)
        if not gone:
            return 0
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        mark = "\t" if name.lower().endswith(".tsv") else ","
        how = "FORMAT parquet" if is_parquet else f"FORMAT csv, HEADER, DELIMITER '{mark}'"
        con.execute(f"COPY given TO '{str(made).replace(chr(39), chr(39) * 2)}' ({how})")
    _settle(made, path)
    return gone


def _count(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("SELECT count(*) FROM given").fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _settle(made: Path, path: Path) -> None:
    """DuckDB writes without a sync: after a power cut the old or the new file is to be there, whole."""
    made.chmod(0o600)
    for one in (made, path.parent):
        held = os.open(one, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
        if one == made:
            made.replace(path)
