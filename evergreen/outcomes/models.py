"""What winning accounts costs, month by month."""

from __future__ import annotations

from django.conf import settings
from django.db import models


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
