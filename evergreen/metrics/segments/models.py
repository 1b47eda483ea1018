"""Segments as rows: their condition, and every entry and exit. Who is in one stands with the accounts (SegmentMember)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account


class Segment(Declaration):
    """A saved condition over accounts. Its members are told anew every night and whenever the condition changes."""

    note = models.CharField(max_length=300, blank=True)
    condition = models.JSONField(default=dict, help_text="As base.conditions.to_data writes it.")
    version = models.PositiveIntegerField(default=1, help_text="Counts the changes of the condition.")
    is_archived = models.BooleanField(default=False)
    # Of the newest evaluation.
    computed_on = models.DateField(null=True)
    computed_version = models.PositiveIntegerField(default=0)
    accounts = models.PositiveIntegerField(default=0)
    arr_cents = models.BigIntegerField(default=0, help_text="Of its members, in the vendor's currency.")


class SegmentMove(models.Model):
    """An account entered or left a segment on a day; one that left had been in it since ``since``."""

    stays_at_merge = True

    class Cause(models.TextChoices):
        DATA = "data", _("its figures or fields changed")
        RULE = "rule", _("the segment was made or its condition changed")

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="moves")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="segment_moves")
    day = models.DateField()
    has_entered = models.BooleanField()
    since = models.DateField()
    cause = models.CharField(max_length=4, choices=Cause)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "account", "day"], name="segment_move_once"),
        ]
        indexes = [models.Index(fields=["segment", "-day"], name="segment_move_day")]

    def __str__(self) -> str:
        return f"{self.account_id} {'→' if self.has_entered else '←'} {self.segment_id} {self.day}"


class SegmentDay(models.Model):
    """A segment in figures at the end of a day."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    accounts = models.PositiveIntegerField()
    entered = models.PositiveIntegerField()
    left = models.PositiveIntegerField()
    arr_cents = models.BigIntegerField(help_text="In the vendor's currency.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="segment_day_once")]
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}: {self.accounts}"
