"""Playbooks (SOP): versions, and enrolments pinned to the version they entered."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account


class Playbook(models.Model):
    """A procedure that starts by itself: ``trigger`` is ``{"kind": "alert", "rules": [keys] or "*"}``."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    trigger = models.JSONField(default=dict)
    is_on = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.key


class PlaybookVersion(models.Model):
    """Published steps; people inside finish on the version they entered."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    steps = models.JSONField(default=list)
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["playbook", "number"], name="playbook_version_once")]

    def __str__(self) -> str:
        return f"{self.playbook} v{self.number}"


class Enrolment(models.Model):
    """An account inside a playbook. ``key`` makes the same cause enter once."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        LEFT = "left", _("left")
        STUCK = "stuck", _("needs attention")

    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="enrolments")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="enrolments")
    key = models.CharField(max_length=120, unique=True)
    origin_kind = models.CharField(max_length=30, blank=True)
    origin_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    step = models.PositiveSmallIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "wake_at"], name="enrolment_due")]

    def __str__(self) -> str:
        return f"{self.version} {self.account_id} {self.state}"
