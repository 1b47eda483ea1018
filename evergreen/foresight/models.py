"""Models that foretell losses, with what they were judged by, and the newest risk of each account."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion
from evergreen.foresight.recommendations.models import Candidate, Exposure, Proof, RecommendationLearning
from evergreen.foresight.twin.models import Effect, LeverCost, Outlook, TwinRecord

__all__ = [
    "Candidate",
    "ChurnModel",
    "Effect",
    "ExpansionLearning",
    "Exposure",
    "LeverCost",
    "Outlook",
    "Proof",
    "RecommendationLearning",
    "Risk",
    "Suggestion",
    "TwinRecord",
]


class ChurnModel(models.Model):
    """One attempt to learn who will be lost within a horizon: what came of it, and the model itself where it serves or served."""

    class State(models.TextChoices):
        CHAMPION = "champion", _("in service")
        RETIRED = "retired", _("replaced")
        REFUSED = "refused", _("not better than the one in service")
        WAITING = "waiting", _("too little history")

    horizon_days = models.PositiveSmallIntegerField()
    grace_days = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State)
    made_at = models.DateTimeField()
    known_until = models.DateField(null=True, help_text="The last day whose renewals it learned from.")
    why = models.JSONField(default=dict, help_text="Why it serves or not, in words: {zh, en}.")
    report = models.JSONField(default=dict, help_text="Dates, figures, calibration, columns (risks.keeping).")
    body = models.BinaryField(
        null=True, help_text="The learned model (learning.storing), while it may be asked."
    )
    drift = models.JSONField(
        default=dict, help_text="How far what it reads has moved since it was judged (risks.watching)."
    )
    record = models.JSONField(
        default=dict, help_text="What was foretold in service against what came (risks.watching)."
    )

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["horizon_days"],
                condition=models.Q(state="champion"),
                name="one_champion_a_horizon",
            )
        ]

    def __str__(self) -> str:
        return f"{self.horizon_days} d, {self.made_at:%Y-%m-%d}: {self.state}"


class Risk(models.Model):
    """The probability that an account is lost within a horizon, as of its newest night, and what drew it up or down."""

    # Derived every night: what was computed of an account that was merged stays its own.
    stays_at_merge = True

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="risks")
    model = models.ForeignKey(ChurnModel, on_delete=models.CASCADE, related_name="risks")
    horizon_days = models.PositiveSmallIntegerField()
    day = models.DateField(help_text="What was known at its end.")
    probability = models.FloatField(help_text="0 to 1")
    reasons = models.JSONField(default=list, help_text="[[column, value, pull], …], the strongest first.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "horizon_days"], name="one_risk_a_horizon"),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0) & models.Q(probability__lte=1),
                name="risk_is_probability",
            ),
        ]
        indexes = [models.Index(fields=["horizon_days", "-probability"], name="risk_by_probability")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.horizon_days} d {self.probability:.3f}"
