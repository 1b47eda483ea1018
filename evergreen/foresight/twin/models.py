"""Effects measured by experiments, what levers cost the vendor, and answers kept for segments."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.models import User


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


class LeverCost(models.Model):
    """What pulling a lever once at one account costs the vendor, in its own currency. Without a row there is no return to tell."""

    lever = models.CharField(max_length=32, unique=True, help_text="A key of twin.levers.LEVERS.")
    cost_cents = models.PositiveBigIntegerField(help_text="Minor units of ``currency``.")
    currency = models.CharField(max_length=3)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["lever"]
        constraints = [
            models.CheckConstraint(condition=models.Q(cost_cents__gt=0), name="lever_costs_something")
        ]

    def __str__(self) -> str:
        return f"{self.lever}: {self.cost_cents} {self.currency}"


class Outlook(models.Model):
    """A segment (or the book) twelve months ahead, as the worker computed it. The newest of each segment and reader is kept.

    ``asker`` is who may see only some accounts and asked: the answer is of those. Null: of every account.
    """

    segment = models.CharField(max_length=60, blank=True, help_text="Key; blank: every account.")
    asker = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    day = models.DateField(help_text="The snapshot that it starts from.")
    made_at = models.DateTimeField()
    report = models.JSONField(help_text="twin.groups.ask")

    class Meta:
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["segment", "asker"], name="outlook_by_segment")]

    def __str__(self) -> str:
        return f"{self.segment or '*'} {self.day}"


class TwinRecord(models.Model):
    """The twin held against what happened, as the worker did it by itself. The newest few are kept."""

    day = models.DateField(null=True, help_text="The newest snapshot then.")
    made_at = models.DateTimeField()
    report = models.JSONField(
        default=dict, help_text="twin.backtest.Backtest; empty where there was too little history."
    )

    class Meta:
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.day}"
