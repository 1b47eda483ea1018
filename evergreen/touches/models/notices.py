"""Notices: a release or an incident told to those who use what it touches."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy


class Notice(models.Model):
    """One notice. Accounts that a person looks after get a task with what to say, the others' users a message."""

    class Kind(models.TextChoices):
        RELEASE = "release", pgettext_lazy("notice", "release")
        INCIDENT = "incident", pgettext_lazy("notice", "incident")

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("notice", "draft")
        RUNNING = "running", pgettext_lazy("notice", "going out")
        DONE = "done", pgettext_lazy("notice", "told")
        STOPPED = "stopped", pgettext_lazy("notice", "stopped")

    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=7, choices=State, default=State.DRAFT)
    title = models.JSONField(default=dict, help_text="{zh, en}")
    text = models.JSONField(default=dict, help_text="{zh, en}; Markdown with placeholders, for customers.")
    points = models.JSONField(default=dict, help_text="{zh, en}; what the account's owner says.")
    features = models.JSONField(default=list, help_text="Keys of features; empty: everybody.")
    happens_on = models.DateField()
    by = models.JSONField(default=list, help_text="Media and channels, in the order in which they are tried.")
    after_account = models.BigIntegerField(
        default=0, help_text="The number of the last account gone through."
    )
    total = models.PositiveIntegerField(default=0, help_text="Accounts, as counted when it began.")
    done = models.PositiveIntegerField(default=0)
    used_from = models.DateField(null=True, help_text="Use of the features counts from this day on.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"
