"""Declared metrics as rows, and their versions: which definition counts from which day on."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from evergreen.base.declarations import Declaration


class DeclaredMetric(Declaration):
    """A metric that the vendor declared. Its words stand here, its definition in its versions."""

    explanation = models.JSONField(default=dict, help_text="{zh, en}")
    unit = models.JSONField(default=dict, help_text="{zh, en}; empty where the kind says it.")
    group = models.CharField(max_length=20)
    better = models.CharField(max_length=4, blank=True, help_text="up, down or empty")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="metrics_owned"
    )
    is_retired = models.BooleanField(default=False)
    stamp = models.UUIDField(default=uuid.uuid4, help_text="New with every change: registries compare it.")


class MetricVersion(models.Model):
    """A definition of a declared metric. It counts from a day on, until the next version does."""

    metric = models.ForeignKey(DeclaredMetric, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text="As metrics.declared.definition writes it.")
    counts_from = models.DateField(help_text="The first day it counts; filling moves it back.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["metric", "number"], name="metric_version_once"),
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.metric_id} v{self.number}"
