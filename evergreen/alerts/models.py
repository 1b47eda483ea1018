"""Alert rules and alerts: one open alert per rule and account."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account


class Rule(models.Model):
    """A condition that somebody should look at. ``params`` overrides the shipped thresholds."""

    class Severity(models.IntegerChoices):
        HIGH = 3, _("high")
        MEDIUM = 2, _("medium")
        LOW = 1, _("low")

    key = models.SlugField(max_length=40, unique=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MEDIUM)
    params = models.JSONField(default=dict)
    is_on = models.BooleanField(default=True)

    class Meta:
        ordering = ["-severity", "key"]

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """A rule's condition holding for an account: opened once, closed once."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    class Outcome(models.TextChoices):
        CLEARED = "cleared", _("condition gone")
        SAVED = "saved", _("saved")
        LOST = "lost", _("lost")
        FALSE_ALARM = "false_alarm", _("false alarm")
        HANDLED = "handled", _("handled")

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="alerts")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="alerts")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    opened_on = models.DateField()
    opened_at = models.DateTimeField()
    seen_on = models.DateField(help_text="The newest day on which the condition held.")
    figures = models.JSONField(
        default=dict, help_text="The numbers behind it; words are made from them when shown."
    )
    priority = models.BigIntegerField(
        default=0, help_text="Severity × ARR in the vendor's currency, minor units."
    )
    snoozed_until = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "account"],
                condition=models.Q(state="open"),
                name="one_open_alert_a_rule_and_account",
            )
        ]
        indexes = [
            models.Index(fields=["state", "-priority"], name="alert_state_priority"),
            models.Index(fields=["account", "state"], name="alert_account_state"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.account_id} {self.state}"
