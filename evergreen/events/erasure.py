"""What the history holds of one account or one contact is taken out of it: lake, rejected events, journal, end users,
rows of connections that wait.

Files that hold erased rows are written anew without them; the old ones leave the disk when no reader can hold them any
more (``upkeep``), or at once when asked. The hashes of message ids stay, so that nothing erased comes back when it is
sent again.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from django.db import transaction

from evergreen.base import env
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contact, ExternalId, Tenant
from evergreen.events import arrivals, facts, journal, mover, store, upkeep
from evergreen.events.connections.erasing import erase_rows
from evergreen.events.models import EndUser
from evergreen.events.warehouses.contract import Whose
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

_FILES_AT_ONCE = 64
# fallocate: make a hole, keep the size.
_HOLE = 0x02 | 0x01


@dataclass(slots=True)
class Erased:
    """Rows taken out by table, end users forgotten, bytes of the journal emptied.

    ``damaged`` names segments that could not be read and are kept aside: they may hold more and are for people to
    look at.
    """

    rows: dict[str, int] = field(default_factory=dict)
    end_users: int = 0
    journal_bytes: int = 0
    damaged: list[str] = field(default_factory=list)


def erase_account(
    account: Account,
    *,
    by: User | None,
    now: dt.datetime,
    at_once: bool = False,
    home: env.Home | None = None,
) -> Erased:
    """Take an account's events and figures out of the history. ``at_once``: its files too, though a query that reads
    them just now fails and has to be asked again."""
    keys = {account.external_id, *ExternalId.objects.filter(account=account).values_list("value", flat=True)}
    keys |= set(Tenant.objects.filter(account=account).values_list("external_id", flat=True))
    people = EndUser.objects.filter(account=account)
    named = tuple(sorted(filter(None, keys)))
    whose = Whose(account.pk, named, _named(people), elsewhere=named)
    done = _erase(whose, now, at_once=at_once, home=home or env.home())
    return _told(done, people, "account", account.pk, by, now)


def erase_contact(
    contact: Contact,
    *,
    by: User | None,
    now: dt.datetime,
    at_once: bool = False,
    home: env.Home | None = None,
) -> Erased:
    """Take out what the history holds of one contact: the events of its end users and its answers."""
    roots = list(EndUser.objects.filter(contact=contact).values_list("source_id", "root"))
    people = EndUser.objects.filter(contact=contact)
    for source, root in roots:
        people |= EndUser.objects.filter(source_id=source, root=root)
    names = tuple(filter(None, (contact.external_id, str(contact.pk))))
    ids = contact.external_ids.values_list("value", flat=True)
    elsewhere = tuple(filter(None, (contact.external_id, contact.email, contact.end_user, *ids)))
    whose = Whose(None, (), _named(people), names, elsewhere)
    done = _erase(whose, now, at_once=at_once, home=home or env.home())
    return _told(done, people, "contact", contact.pk, by, now)


def _named(people: Iterable[EndUser]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(one.source.name, one.key) for one in people}))


@transaction.atomic
def _told(done: Erased, people: Any, kind: str, pk: int, by: User | None, now: dt.datetime) -> Erased:
    """Forget the end users and write the audit entry: counts only, for the entry is kept for ever."""
    ids = list(people.values_list("pk", flat=True).distinct())
    EndUser.objects.filter(pk__in=ids).delete()
    done.end_users = len(ids)
    audit("events.erased", kind, [pk], by=by, now=now, after={"rows": done.rows, "end_users": len(ids)})
    return done


def _erase(whose: Whose, now: dt.datetime, *, at_once: bool, home: env.Home) -> Erased:
    """First what waits in the journal goes into the lake, where rows can be told apart; then they leave it."""
    mover.move(now=now, home=home)
    done = Erased()
    with store.session(home) as con:
        con.register("erased_people", _people(whose))
        with arrivals.appending(home):
            outside = event_store(home).erase(whose)
        if outside:
            done.rows["events"] = outside
        for table, rows in _take_out(con, _conditions(whose), home).items():
            done.rows[table] = done.rows.get(table, 0) + rows
        moment = now.astimezone(dt.UTC).replace(tzinfo=None)
        with store.transaction(con, home):
            con.execute("INSERT INTO lake.erasures VALUES (?, ?)", [moment, sum(done.rows.values())])
        if at_once:
            upkeep.forget(con, home=home)
        held = dict(con.execute("SELECT origin, max(until) FROM lake.batches GROUP BY origin").fetchall())
    done.journal_bytes = _empty_moved(home, held)
    if waiting := erase_rows(whose.elsewhere):
        done.rows["rows of connections"] = waiting
    done.damaged = [path.name for path in journal.damaged(home)]
    return done


def _people(whose: Whose) -> pa.Table:
    columns = list(zip(*whose.people, strict=True)) or [(), ()]
    return pa.table({"source": pa.array(columns[0], pa.string()), "key": pa.array(columns[1], pa.string())})


def _conditions(whose: Whose) -> dict[str, str]:
    """What goes from each table, as SQL; texts of ours and of the records, quoted."""
    person = "EXISTS (SELECT 1 FROM erased_people AS p WHERE p.source = t.source AND p.key = t.end_user)"
    if whose.account is not None:
        mine = f"t.account_id = {whose.account}"
        waiting = f"t.account_id IS NULL AND (t.account_key IN ({_listed(whose.keys)}) OR {person})"
        tables = (
            "usage",
            "first_uses",
            "first_features",
            "account_days",
            "answers",
            "facts",
            "snapshots",
            "former_figures",
            "scores",
            "risks",
        )
        found = {"events": f"{mine} OR ({waiting})", **dict.fromkeys(tables, mine)}
    else:
        contacts = _listed(whose.contacts)
        told = f"(t.kind = 'system' OR t.name IN ({_listed(facts.NAMES)}))"
        told += f" AND (t.properties::JSON->>'contact') IN ({contacts})"
        found = {"events": f"{person} OR ({told})", "usage": person, "first_uses": person}
        found["answers"] = f"t.contact IN ({contacts})"
        found["facts"] = f"{person} OR t.contact IN ({contacts})"
    names = [
        json.dumps(name, ensure_ascii=False) for name in {*whose.keys, *(key for _, key in whose.people)}
    ]
    if names:
        said = " OR ".join(f"contains(t.body, {_quoted(name)})" for name in sorted(names))
        found["rejected_events"] = said
    return found


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(_quoted, texts)) or "NULL"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _take_out(con: duckdb.DuckDBPyConnection, conditions: dict[str, str], home: env.Home) -> dict[str, int]:
    """Write the files that hold such rows, or rows deleted before, anew without them, until there are none; returns how
    many rows went, by table."""
    erased: dict[str, int] = {}
    while files := _files(con, conditions):
        for table, paths in files.items():
            where = conditions[table]
            for begin in range(0, len(paths), _FILES_AT_ONCE):
                rows = store.persistently(
                    partial(_rewritten, con, table, where, paths[begin : begin + _FILES_AT_ONCE], home)
                )
                erased[table] = erased.get(table, 0) + rows
        # What was clean at the first look stays so: only the others are looked at again.
        conditions = {table: conditions[table] for table in files}
    return {table: rows for table, rows in erased.items() if rows}


def _rewritten(
    con: duckdb.DuckDBPyConnection, table: str, where: str, files: list[str], home: env.Home
) -> int:
    """Write such files anew in one transaction; returns how many rows went.

    A merge since they were looked for leaves the rows in files of other names: none of these is there any more, and the
    next look finds the others.
    """
    with arrivals.appending(home), store.transaction(con, home):
        listed = _listed(files)
        named = f"filename IN ({listed})"
        gone = f"coalesce({where}, false)"
        kept = f"SELECT t.* FROM lake.{table} AS t WHERE t.{named} AND NOT {gone}"
        left = int(store.scalar(con, f"INSERT INTO lake.{table} {kept}") or 0)
        had = int(store.scalar(con, f"DELETE FROM lake.{table} WHERE {named}") or 0)
    return had - left


def _files(con: duckdb.DuckDBPyConnection, conditions: dict[str, str]) -> dict[str, list[str]]:
    """By table: files with such rows; and files with rows deleted earlier, which may be older versions of such rows.

    One statement, so of one moment: each statement reads the catalog anew, and most tables hold nothing.
    """
    looks = []
    for table, where in conditions.items():
        looks.append(f"SELECT '{table}' AS held_in, t.filename AS path FROM lake.{table} AS t WHERE {where}")
        listed = f"ducklake_list_files('lake', '{table}')"
        looks.append(f"SELECT '{table}', data_file FROM {listed} WHERE delete_file IS NOT NULL")
    found: dict[str, list[str]] = {}
    for table, path in con.execute(
        f"SELECT DISTINCT * FROM ({' UNION ALL '.join(looks)}) ORDER BY ALL"
    ).fetchall():
        found.setdefault(table, []).append(path)
    return found


def _empty_moved(home: env.Home, held: dict[str, int]) -> int:
    """Empty the part of each segment that the lake holds: its owner writes on behind it, nobody reads it again."""
    emptied = 0
    for path in journal.segments(home):
        if until := held.get(path.name, 0):
            _make_hole(path, until)
            emptied += until
    return emptied


def _make_hole(path: Path, length: int) -> None:
    """Take the first bytes of a file off the disk; where the file system cannot, write zeros over them."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # moved wholly and removed meanwhile
        return
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        offset, size = ctypes.c_long(0), ctypes.c_long(length)
        if libc.fallocate(fd, _HOLE, offset, size) != 0:
            for at in range(0, length, 1 << 20):
                os.pwrite(fd, bytes(min(1 << 20, length - at)), at)
        os.fdatasync(fd)
    finally:
        os.close(fd)
