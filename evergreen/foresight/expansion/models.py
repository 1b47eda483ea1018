"""Suggestions of what an account may buy more of, and what the newest learning found."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account, Edition, Product


class ExpansionLearning(models.Model):
    """What past purchases taught on a day, and how well they would have been foretold. The newest few are kept."""

    class State(models.TextChoices):
        JUDGED = "judged", _("learned and judged")
        UNJUDGED = "unjudged", _("learned, too little history to judge")
        WAITING = "waiting", _("too little history")

    state = models.CharField(max_length=8, choices=State)
    day = models.DateField(null=True, help_text="The newest snapshot that it read.")
    made_at = models.DateTimeField()
    reason = models.TextField(blank=True, help_text="Why it was not judged, in words.")
    report = models.JSONField(default=dict, help_text="Dates, figures, tables (expansion.learning).")

    class Meta:
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.day}: {self.state}"


class Suggestion(models.Model):
    """That an account may buy more: seats, a higher edition, another product; how likely, worth what, and why."""

    # Derived every week: what was computed of an account that was merged stays its own.
    stays_at_merge = True

    class Kind(models.TextChoices):
        SEATS = "seats", _("More seats")
        EDITION = "edition", _("Higher edition")
        PRODUCT = "product", _("Another product")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        WON = "won", _("won")
        DISMISSED = "dismissed", _("dismissed")
        FADED = "faded", _("no longer so")

    class Reason(models.TextChoices):
        NO_NEED = "no_need", _("no need")
        NO_BUDGET = "no_budget", _("no budget")
        TOO_SOON = "too_soon", _("too soon")
        AT_RISK = "at_risk", _("other things first")
        WRONG = "wrong", _("the figures are wrong")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suggestions")
    kind = models.CharField(max_length=8, choices=Kind)
    edition = models.ForeignKey(Edition, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=20, default="", blank=True, help_text="Key of what is suggested.")
    day = models.DateField(help_text="What was known at its end.")
    since = models.DateField(help_text="The day from which it has been suggested without a break.")
    chance = models.FloatField(help_text="Of a purchase within 90 days, 0 to 1.")
    seats = models.PositiveIntegerField(null=True, blank=True, help_text="How many more are suggested.")
    value_cents = models.BigIntegerField(
        null=True, help_text="A year, vendor's currency; null: no price known."
    )
    expected_cents = models.BigIntegerField(default=0, help_text="chance × value")
    evidence = models.JSONField(
        default=dict, help_text="Signs and the figures behind them (expansion.evidence)."
    )
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    reason = models.CharField(max_length=9, choices=Reason, blank=True)
    note = models.CharField(max_length=300, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    won_cents = models.BigIntegerField(
        null=True, blank=True, help_text="What a year costs more, once bought."
    )

    class Meta:
        ordering = ["-expected_cents", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "target"], name="one_suggestion_a_target"),
            models.CheckConstraint(
                condition=models.Q(chance__gte=0) & models.Q(chance__lte=1), name="chance_is_probability"
            ),
        ]
        indexes = [models.Index(fields=["state", "-expected_cents"], name="suggestion_by_value")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.target}: {self.state}"
