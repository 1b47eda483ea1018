"""Alert rules and alerts: one open alert per rule and account."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account


class Rule(Declaration):
    """What somebody should look at: a shipped detector with its thresholds (``params``), or a condition over accounts."""

    class Severity(models.IntegerChoices):
        HIGH = 3, _("high")
        MEDIUM = 2, _("medium")
        LOW = 1, _("low")

    class Kind(models.TextChoices):
        DETECTOR = "detector", _("detector")
        CONDITION = "condition", _("condition")

    kind = models.CharField(max_length=9, choices=Kind, default=Kind.DETECTOR)
    note = models.CharField(max_length=300, blank=True, help_text="What it is for and what to do.")
    condition = models.JSONField(default=dict, help_text="As base.conditions.to_data writes it.")
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MEDIUM)
    params = models.JSONField(default=dict)
    is_on = models.BooleanField(default=True)
    is_archived = models.BooleanField(default=False)
    clear_nights = models.PositiveSmallIntegerField(
        default=1, help_text="An alert closes by itself when the condition was gone for so many days."
    )
    most_share = models.FloatField(
        default=0.2, help_text="Of all accounts, in one night; more are held until somebody approves."
    )
    version = models.PositiveIntegerField(default=1, help_text="Counts what changes which alerts it raises.")
    evaluated_version = models.PositiveIntegerField(
        default=0, help_text="Of its newest night; the first one of a version holds nothing."
    )
    held = models.JSONField(default=dict, help_text="What the storm guard held: {day, accounts, of}.")
    approved_on = models.DateField(null=True, help_text="The night whose alerts were approved.")

    class Meta(Declaration.Meta):
        ordering = ["-severity", "key"]

    @property
    def is_condition(self) -> bool:
        return self.kind == self.Kind.CONDITION


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
    gone_on = models.DateField(
        null=True, help_text="Since when the condition holds no more, while it waits for more nights of it."
    )
    in_digest = models.BooleanField(
        default=False,
        help_text="Beyond what its owner gets a day: it starts nothing until somebody takes it up.",
    )
    freed_on = models.DateField(null=True, help_text="When it came out of the digest, as there was room.")
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
