"""The newest figures of each account as rows, so that pages list, filter and sort by SQL indexes."""

from __future__ import annotations

from django.db import models

from evergreen.customers.models import Account
from evergreen.metrics.analytics.models import Analysis, KeptAnswer
from evergreen.metrics.declared.models import DeclaredMetric, MetricVersion
from evergreen.metrics.segments.models import Segment, SegmentDay, SegmentMove

__all__ = [
    "Analysis",
    "DeclaredMetric",
    "KeptAnswer",
    "MetricVersion",
    "Newest",
    "Segment",
    "SegmentDay",
    "SegmentMove",
    "Use",
]


class Newest(models.Model):
    """The newest snapshot of an account: typed columns for what lists sort by, ``values`` for every metric."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="newest")
    day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    mrr_cents = models.BigIntegerField(default=0, help_text="In the account's currency.")
    arr_base_cents = models.BigIntegerField(
        null=True, help_text="In the vendor's currency; null: no rate known."
    )
    renewal_on = models.DateField(null=True)
    active_users_28d = models.IntegerField(null=True)
    last_active_on = models.DateField(null=True)
    last_conversation_on = models.DateField(null=True)
    overdue_cents = models.BigIntegerField(default=0)
    overdue_days = models.IntegerField(default=0)
    tickets_open = models.IntegerField(null=True)
    values = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["arr_base_cents"], name="newest_arr"),
            models.Index(fields=["renewal_on"], name="newest_renewal"),
            models.Index(fields=["active_users_28d"], name="newest_active"),
            models.Index(fields=["last_active_on"], name="newest_last_active"),
            models.Index(fields=["last_conversation_on"], name="newest_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class Use(models.Model):
    """Who refers to a metric; a metric in use cannot be deleted."""

    metric = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)
    ref = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "kind", "ref"], name="metric_use_once")]

    def __str__(self) -> str:
        return f"{self.metric} ← {self.kind} {self.ref}"
