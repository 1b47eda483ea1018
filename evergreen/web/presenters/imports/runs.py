"""Loads as they run and what became of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import env
from evergreen.base.models import Job
from evergreen.events.imports.contradictions import sentence
from evergreen.events.imports.records import RECORDS
from evergreen.web import formats
from evergreen.web.models import Upload

IMPORT, NIGHTS = "import", "nights"
# A job that nobody has taken up for so long is probably not going to be: no worker runs.
_PATIENCE = dt.timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Warning:
    count: int
    text: str
    first_row: int | None


class Run:
    """A job of an import or of nights, in words."""

    def __init__(self, job: Job, now: dt.datetime) -> None:
        self.job, self.now = job, now
        self.params: dict[str, Any] = job.params
        self.result: dict[str, Any] = job.result if job.state == Job.State.DONE else {}

    @property
    def is_import(self) -> bool:
        return self.job.kind == IMPORT

    @property
    def is_dry(self) -> bool:
        return bool(self.params.get("dry_run"))

    @property
    def title(self) -> str:
        if not self.is_import:
            span = {"first": self.params.get("from"), "last": self.params.get("to")}
            return _("Nights from %(first)s to %(last)s") % span
        name = self.params.get("name") or self.params.get("file", "")
        return _("Dry run of %(name)s") % {"name": name} if self.is_dry else str(name)

    @property
    def record(self) -> str:
        record = RECORDS.get(self.params.get("record", ""))
        if record is None:
            return ""
        return record.zh if formats.is_zh() else record.en

    @property
    def is_waiting_long(self) -> bool:
        return self.job.state == Job.State.WAITING and self.now - self.job.created_at > _PATIENCE

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """(words, count, tone) of what became of the rows."""
        if not self.result or not self.is_import:
            return []
        rejected = self.result.get("rejected", 0)
        return [
            (_("Rows"), self.result.get("rows", 0), ""),
            (_("New"), self.result.get("created", 0), ""),
            (_("Changed"), self.result.get("updated", 0), ""),
            (_("Unchanged"), self.result.get("unchanged", 0), ""),
            (_("Duplicates"), self.result.get("duplicates", 0), ""),
            (_("Rejected"), rejected, "bad-ink" if rejected else ""),
        ]

    @property
    def warnings(self) -> list[Warning]:
        first = self.result.get("first_rows", {})
        found = self.result.get("warnings", {})
        return [Warning(count, sentence(kind), first.get(kind)) for kind, count in found.items()]

    @property
    def summary(self) -> str:
        """The result in a few words, for lists."""
        if not self.result:
            return self.job.error.splitlines()[0][:200] if self.job.error else ""
        if not self.is_import:
            return _("%(n)s days computed") % {"n": formats.number(self.result.get("days"))}
        words = {
            "created": formats.number(self.result.get("created", 0)),
            "updated": formats.number(self.result.get("updated", 0)),
            "rejected": formats.number(self.result.get("rejected", 0)),
        }
        return _("%(created)s new, %(updated)s changed, %(rejected)s rejected") % words

    @property
    def tone(self) -> str:
        if self.job.state == Job.State.FAILED:
            return "bad"
        if self.job.state == Job.State.DONE:
            return "warn" if self.result.get("rejected") else "good"
        return "info" if self.job.state == Job.State.RUNNING else "none"

    @cached_property
    def rejects(self) -> Path | None:
        """The file of rejected rows, while it is there."""
        name = self.result.get("rejects", "")
        path = env.home().files / Path(name).name if name else None
        return path if path is not None and path.is_file() else None

    @cached_property
    def upload(self) -> Upload | None:
        """The file, while it is kept."""
        return (
            Upload.objects.filter(stored_as=self.params.get("file", "")).first() if self.is_import else None
        )

    @property
    def wants_history(self) -> bool:
        """Whether past days should be computed now: events or contracts came in."""
        return self.is_import and not self.is_dry and bool(self.result) and self.result.get("exit_code") != 1


def newest(limit: int, now: dt.datetime, kinds: Sequence[str] = (IMPORT, NIGHTS)) -> list[Run]:
    """Imports and nights that people started, newest first."""
    jobs = Job.objects.filter(kind__in=kinds).select_related("created_by")
    return [Run(job, now) for job in jobs.order_by("-created_at", "-pk")[:limit]]
