"""Scorecards with their versions, and the newest score of each account as rows."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account


class Band(models.TextChoices):
    GREEN = "green", _("green")
    YELLOW = "yellow", _("yellow")
    RED = "red", _("red")
    INSUFFICIENT = "insufficient_data", _("insufficient data")


class Scorecard(models.Model):
    """A named way to score accounts. What it says stands in its versions."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    is_active = models.BooleanField(default=True)
    is_shipped = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key


class ScorecardVersion(models.Model):
    """What a scorecard says from a day on; old scores keep the version they were made with."""

    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    effective_on = models.DateField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scorecard", "number"], name="scorecard_version_once")]
        ordering = ["scorecard", "-number"]

    def __str__(self) -> str:
        return f"{self.scorecard} v{self.number}"


class Assignment(models.Model):
    """An account whose own scorecard is not the default of the settings."""

    account = models.OneToOneField(
        Account, primary_key=True, on_delete=models.CASCADE, related_name="scorecard_choice"
    )
    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="assignments")

    def __str__(self) -> str:
        return f"{self.account_id} {self.scorecard}"


class Standing(models.Model):
    """The newest score of an account on one scorecard; ``is_own`` marks the one that lists show."""

    # Derived every night: what was computed of an account that was merged stays its own.
    stays_at_merge = True

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="standings")
    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="standings")
    version = models.PositiveIntegerField()
    is_own = models.BooleanField()
    day = models.DateField()
    score = models.FloatField(
        null=True, help_text="0 to 100, unrounded; null exactly when data is insufficient."
    )
    band = models.CharField(max_length=18, choices=Band)
    coverage = models.FloatField(help_text="Share of the weight that is present, 0 to 1.")
    oldest_input_on = models.DateField(null=True)
    change_7d = models.FloatField(null=True)
    change_30d = models.FloatField(null=True)
    change_90d = models.FloatField(null=True)
    contributions = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "scorecard"], name="standing_once")]
        indexes = [
            models.Index(fields=["is_own", "score"], name="standing_own_score"),
            models.Index(fields=["is_own", "band"], name="standing_own_band"),
            models.Index(fields=["is_own", "change_30d"], name="standing_own_change"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.scorecard_id} {self.score}"


class Record(models.Model):
    """What the newest backtest of a scorecard found; made anew every night."""

    scorecard = models.OneToOneField(
        Scorecard, primary_key=True, on_delete=models.CASCADE, related_name="record"
    )
    version = models.PositiveIntegerField()
    day = models.DateField()
    computed_at = models.DateTimeField()
    report = models.JSONField(help_text="As health.backtest.running.Report writes it.")

    def __str__(self) -> str:
        return f"{self.scorecard} v{self.version} {self.day}"
