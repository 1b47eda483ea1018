"""Connections to other systems and what became of each run."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evergreen.base.models import Job


class Connection(models.Model):
    """A source that is read again and again. Secrets stand only in ``credentials``, encrypted."""

    kind = models.CharField(max_length=30)
    name = models.CharField(_("name"), max_length=60, unique=True)
    config = models.JSONField(default=dict)
    credentials = models.TextField(blank=True, help_text="Sealed by base.vault.")
    feeds = models.JSONField(
        default=dict, help_text="By stream: {on, mapping}; a mapping of null is the connector's own."
    )
    state = models.JSONField(default=dict, help_text="By stream: how far it was read (dlt's state).")
    every_minutes = models.PositiveIntegerField(
        _("every (minutes)"), default=60, help_text="0: only when told to."
    )
    is_paused = models.BooleanField(default=False)
    next_run_at = models.DateTimeField(null=True, blank=True)
    fresh_at = models.DateTimeField(
        null=True, blank=True, help_text="Everything that the source had by then is here."
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ConnectionRun(models.Model):
    """One reading of a connection, from its start to its end, over as many jobs as it takes."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Why(models.TextChoices):
        SCHEDULE = "schedule", _("by schedule")
        PERSON = "person", _("started by hand")
        HISTORY = "history", _("back-fill")
        TRIAL = "trial", _("dry run")

    OPEN = (State.WAITING, State.RUNNING, State.PAUSED)

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    why = models.CharField(max_length=10, choices=Why)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    since = models.DateTimeField(null=True, blank=True, help_text="A back-fill's first moment.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    streams = models.JSONField(default=dict, help_text="By stream that is done: what became of its rows.")
    error = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=["waiting", "running", "paused"]),
                name="one_open_run_a_connection",
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.started_at:%Y-%m-%d %H:%M} {self.state}"

    def total(self, what: str) -> int:
        """Rows of all streams by outcome: rows, created, updated, unchanged, duplicates, rejected."""
        return sum(int(stream.get(what, 0)) for stream in self.streams.values())

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_trial(self) -> bool:
        return self.why == self.Why.TRIAL

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None

    def rejects_of(self, stream: str) -> str:
        """The name of the file of a stream's rejected rows in the home's files; '' when there is none."""
        found: Any = self.streams.get(stream, {}).get("rejects", "")
        return str(found)


class SourceRow(models.Model):
    """A row that a connection brought: which record of ours it became, and whether its source still has it.

    A row that is gone at its source stays here with all that hangs on it; only that is said of it.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="rows")
    stream = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    record = models.CharField(max_length=20)
    external_id = models.CharField(max_length=200, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="When it was noticed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "stream", "key"], name="row_of_a_source_once")
        ]
        indexes = [
            models.Index(
                fields=["record", "external_id"], name="gone_rows", condition=Q(gone_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.key}"
