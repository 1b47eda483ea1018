"""Saved analyses and the answers that took long, as rows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Analysis(models.Model):
    """A question with a name: its owner's alone, or shared with everybody who signs in. Each reader sees its figures over the
    accounts that the reader may see.
    """

    class Kind(models.TextChoices):
        TREND = "trend", _("Trend")
        STICKINESS = "stickiness", _("Stickiness")
        PENETRATION = "penetration", _("Feature penetration")
        FUNNEL = "funnel", _("Funnel")
        RETENTION = "retention", _("Retention")
        PATHS = "paths", _("Paths")

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    query = models.TextField(help_text="As it stands in the address (analytics.questions).")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="analyses")
    is_shared = models.BooleanField(default=False)
    is_on_board = models.BooleanField(default=False, help_text="Drawn on the board of those who see it.")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name_plural = "analyses"

    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """An answer that took a job: of one question over one set of accounts, as of its newest day."""

    key = models.CharField(max_length=64, unique=True, help_text="Hash of question and population.")
    kind = models.CharField(max_length=12)
    query = models.TextField()
    newest = models.DateField(help_text="The last day that had figures.")
    made_at = models.DateTimeField()
    seconds = models.FloatField()
    answer = models.JSONField()

    def __str__(self) -> str:
        return f"{self.kind} {self.made_at:%Y-%m-%d}"
