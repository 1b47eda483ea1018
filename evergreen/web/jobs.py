"""Long work started from pages: exports and changes of very many accounts. The worker finds this module."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import QueryDict
from django.utils import translation

from evergreen.base import clock, env, queries
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job, User
from evergreen.web.csv_text import csv_lines
from evergreen.web.presenters.accounts import changing, columns, exporting, ordering
from evergreen.web.presenters.accounts.columns import Reader
from evergreen.web.presenters.accounts.table import asked

EXPORT = "accounts.export"
CHANGE = "accounts.change"
_BATCH = 5_000


@job_kind(EXPORT)
def export_accounts(job: Job) -> dict[str, Any]:
    """Write the file of ``params`` {user, query, kind}, with the rights that the person has now."""
    user, reader, keys = _asked(job)
    kind = job.params["kind"]
    name = exporting.file_name(kind, reader.today)
    stored = f"export-{uuid.uuid4().hex}.{kind}"
    target = env.home().files / stored
    target.parent.mkdir(parents=True, exist_ok=True)

    def tell(done: int) -> None:
        beat(job, done=done, total=len(keys), now=clock.utc_now())

    with translation.override(user.language or queries.setting("language")):
        if kind == "xlsx":
            exporting.write_xlsx(target, keys, reader, tell)
        else:
            with target.open("w", encoding="utf-8", newline="") as file:
                for line, text in enumerate(csv_lines(exporting.file_rows(keys, reader))):
                    file.write(text)
                    if line % 1_000 == 0:
                        tell(line)
    return {"file": stored, "name": name, "rows": len(keys)}


@job_kind(CHANGE)
def change_accounts(job: Job) -> dict[str, Any]:
    """Make the change of ``params`` {user, query, field, value} to every account of the list."""
    user, _reader, keys = _asked(job)
    wanted = changing.wanted(user, job.params["field"], job.params["value"])
    entries: list[int] = []
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        entries += [entry.pk for entry in changing.make(wanted, batch, by=user, now=clock.utc_now())]
        beat(job, done=start + len(batch), total=len(keys), now=clock.utc_now())
    return {"entries": entries, "rows": len(keys)}


def _asked(job: Job) -> tuple[User, Reader, list[int]]:
    """Who asked, and the accounts of the list as they are now."""
    user = User.objects.get(pk=job.params["user"])
    currency = queries.setting("currency")
    today = queries.vendor_day(clock.utc_now())
    query = QueryDict(job.params["query"])
    filters, sort = asked(user, query, currency)
    return (
        user,
        Reader(user, today, currency, columns.asked(query)),
        ordering.all_keys(user, filters, sort, today),
    )
