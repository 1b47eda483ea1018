"""KPIs of the customers' own business: what is declared, what was reported, what is aimed at."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.customers.models import Account
from evergreen.events.kpis import periods, rules


class Kpi(models.Model):
    """A KPI that the vendor declares: what a value means, for how long one counts, which way is good."""

    class Unit(models.TextChoices):
        NUMBER = rules.Unit.NUMBER.value, pgettext_lazy("unit", "Number")
        SHARE = rules.Unit.SHARE.value, _("Share (0.87 is 87%)")
        MONEY = rules.Unit.MONEY.value, _("Amount of money")

    class Direction(models.TextChoices):
        UP = rules.Direction.UP.value, _("Higher is better")
        DOWN = rules.Direction.DOWN.value, _("Lower is better")

    class Aggregation(models.TextChoices):
        LAST = rules.Aggregation.LAST.value, pgettext_lazy("aggregation", "Last value")
        SUM = rules.Aggregation.SUM.value, pgettext_lazy("aggregation", "Sum")
        MEAN = rules.Aggregation.MEAN.value, pgettext_lazy("aggregation", "Mean")
        MEDIAN = rules.Aggregation.MEDIAN.value, pgettext_lazy("aggregation", "Median")
        LEAST = rules.Aggregation.LEAST.value, pgettext_lazy("aggregation", "Lowest value")
        MOST = rules.Aggregation.MOST.value, pgettext_lazy("aggregation", "Highest value")

    class Period(models.TextChoices):
        DAY = periods.Period.DAY.value, pgettext_lazy("period", "Day")
        WEEK = periods.Period.WEEK.value, pgettext_lazy("period", "Week")
        MONTH = periods.Period.MONTH.value, pgettext_lazy("period", "Month")
        QUARTER = periods.Period.QUARTER.value, pgettext_lazy("period", "Quarter")

    key = models.SlugField(max_length=60, unique=True, allow_unicode=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    unit = models.CharField(max_length=8, choices=Unit, default=Unit.NUMBER)
    unit_name = models.JSONField(default=dict, blank=True, help_text="{zh, en}: the word after a number.")
    currency = models.CharField(
        max_length=3, blank=True, help_text="Of amounts; blank: the account's, else the vendor's."
    )
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.UP)
    aggregation = models.CharField(max_length=8, choices=Aggregation, default=Aggregation.LAST)
    period = models.CharField(max_length=8, choices=Period, default=Period.MONTH)
    least = models.FloatField(null=True, blank=True, help_text="Values below it are refused.")
    most = models.FloatField(null=True, blank=True, help_text="Values above it are refused.")
    is_retired = models.BooleanField(default=False, help_text="Takes no more values; what it has stays.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key

    @property
    def span(self) -> periods.Period:
        return periods.Period(self.period)


class Report(models.Model):
    """Something said of an account and a KPI from a day on. The newest stands, earlier ones are its history."""

    moves_by = ("kpi", "starts_on")  # at a merge of accounts a value moves with its history, or stays with it

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="%(class)ss")
    kpi = models.ForeignKey(Kpi, on_delete=models.PROTECT, related_name="%(class)ss")
    starts_on = models.DateField()
    value = models.FloatField(null=True, help_text="Null: taken back.")
    known_at = models.DateTimeField()
    source = models.CharField(max_length=60, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    stands = models.BooleanField(default=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kpi_id} {self.starts_on}: {self.value}"


class KpiValue(Report):
    """The value of a KPI in the period that starts on ``starts_on``; amounts in major units."""

    class Meta:
        verbose_name = _("KPI value")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kpi", "starts_on"], condition=Q(stands=True), name="kpi_value_stands_once"
            )
        ]
        indexes = [models.Index(fields=["account", "kpi", "starts_on", "known_at"], name="kpi_value_known")]


class KpiTarget(Report):
    """What a KPI is to reach from ``starts_on`` on, by ``due_on`` where a day was agreed."""

    due_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("KPI target")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kpi", "starts_on"],
                condition=Q(stands=True),
                name="kpi_target_stands_once",
            ),
            models.CheckConstraint(
                condition=Q(due_on__isnull=True) | Q(due_on__gte=F("starts_on")),
                name="kpi_target_due_after_start",
            ),
        ]
        indexes = [models.Index(fields=["account", "kpi", "starts_on", "known_at"], name="kpi_target_known")]
