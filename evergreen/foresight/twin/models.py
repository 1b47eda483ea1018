"""Effects that were measured by an experiment: the twin takes them in the place of correlation."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Effect(models.Model):
    """What an experiment found that a lever does. Written by those who run experiments; the newest of a lever and figure counts.

    ``low`` and ``high`` hold 95 of 100. Use is a change of the logarithm (0.1: about a tenth more), health is points.
    """

    class Figure(models.TextChoices):
        USAGE = "usage", _("use")
        HEALTH = "health", _("health")

    lever = models.CharField(max_length=32, help_text="A key of twin.levers.LEVERS.")
    figure = models.CharField(max_length=8, choices=Figure)
    estimate = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    accounts = models.PositiveIntegerField(help_text="In both arms.")
    known_at = models.DateTimeField()
    origin_kind = models.CharField(max_length=32, help_text="What it was measured by.")
    origin_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-known_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(low__lte=models.F("estimate"), high__gte=models.F("estimate")),
                name="effect_lies_in_its_interval",
            ),
            models.UniqueConstraint(
                fields=["lever", "figure", "origin_kind", "origin_id"], name="one_effect_an_origin"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lever} {self.figure} {self.estimate:+.3f}"
