"""What winning accounts costs, month by month; experiments and what was decided on them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AcquisitionCost(models.Model):
    """What the vendor spent in a month on winning accounts (sales and marketing), in its own currency."""

    month = models.DateField(unique=True, help_text="The month's first day.")
    cost_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cost_cents__gte=0), name="acquisition_cost_not_negative"
            )
        ]
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.cost_cents} {self.currency}"


class Experiment(models.Model):
    """Arms compared on outcomes of a table that somebody brought, or as a playbook's split or holdout stood one day (``origin_kind``, no
    file), and the decision that was taken."""

    class State(models.TextChoices):
        DRAFT = "draft", _("to be set up")
        COMPARED = "compared", _("compared")
        DECIDED = "decided", _("decided")

    class Decision(models.TextChoices):
        KEEP = "keep", _("keep as it was")
        CHANGE = "change", _("change to the tested")
        LONGER = "longer", _("not clear: test again")

    name = models.CharField(max_length=120)
    hypothesis = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    origin_kind = models.CharField(max_length=12, blank=True, help_text="split, holdout; blank for a file.")
    origin_id = models.CharField(max_length=120, blank=True, help_text="Playbook, step, days after.")
    file = models.CharField(max_length=80, blank=True, help_text="Its name among the files of the home.")
    file_name = models.CharField(max_length=200, blank=True, help_text="As the person called it.")
    rows = models.PositiveBigIntegerField(default=0)
    columns = models.JSONField(default=list, help_text="[{name, kind, arms}], as tables.look told them.")
    setup = models.JSONField(
        default=dict, help_text="{arm, control, outcomes, covariate}, the first outcome is the primary one."
    )
    result = models.JSONField(default=dict, help_text="As tables.compare told it.")
    decision = models.CharField(max_length=8, choices=Decision, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name


class ReviewDecision(models.Model):
    """What was decided in a quarter's service review on one playbook, step, channel or rule."""

    class Decision(models.TextChoices):
        KEEP = "keep", _("keep")
        CHANGE = "change", _("change")
        RETIRE = "retire", _("retire")

    quarter = models.CharField(max_length=7, help_text="2026-Q4")
    kind = models.CharField(max_length=8)
    key = models.CharField(max_length=90)
    decision = models.CharField(max_length=6, choices=Decision)
    note = models.CharField(max_length=300, blank=True)
    figures = models.JSONField(default=dict, help_text="What stood there when it was decided.")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["quarter", "kind", "key"], name="review_decision_once")
        ]

    def __str__(self) -> str:
        return f"{self.quarter} {self.kind} {self.key}: {self.decision}"
