"""Alert rules, alerts (one open per rule and account) and work orders (one open per account)."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.declarations import Declaration
from evergreen.base.models import User
from evergreen.customers.models import Account


class Rule(Declaration):
    """What somebody should look at: a shipped detector with its thresholds (``params``), a condition over accounts, or
    an event that comes so often within minutes (``params`` as ``firing.Watch``)."""

    class Severity(models.IntegerChoices):
        HIGH = 3, _("high")
        MEDIUM = 2, _("medium")
        LOW = 1, _("low")

    class Kind(models.TextChoices):
        DETECTOR = "detector", _("detector")
        CONDITION = "condition", _("condition")
        EVENT = "event", _("event")

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

    @property
    def is_event(self) -> bool:
        return self.kind == self.Kind.EVENT

    @property
    def is_detector(self) -> bool:
        return self.kind == self.Kind.DETECTOR


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
    order = models.ForeignKey(
        "WorkOrder",
        null=True,
        on_delete=models.SET_NULL,
        related_name="alerts",
        help_text="What it was folded into.",
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


class WorkOrders(models.QuerySet["WorkOrder"]):
    """Rows of work orders, narrowed."""

    def unresolved(self) -> WorkOrders:
        return self.exclude(state=WorkOrder.State.RESOLVED)

    def held_by(self, person: int | None) -> WorkOrders:
        """Those that a person (None: nobody) has: given to it, or, given to nobody in particular, of an account that it owns."""
        return self.filter(held_by(person))

    def awake(self, today: dt.date) -> WorkOrders:
        return self.filter(models.Q(snoozed_until__isnull=True) | models.Q(snoozed_until__lte=today))


def held_by(person: int | None, prefix: str = "") -> models.Q:
    """The condition of ``WorkOrders.held_by`` on rows that have the order behind ``prefix`` (such as ``order__``)."""
    given, owned = f"{prefix}is_given", f"{prefix}account__owner"
    if person is None:
        return models.Q(**{given: True, f"{prefix}assignee__isnull": True}) | models.Q(
            **{given: False, f"{owned}__isnull": True}
        )
    return models.Q(**{given: True, f"{prefix}assignee": person}) | models.Q(**{given: False, owned: person})


class WorkOrder(models.Model):
    """The internal case that folds an account's open alerts: what explains them, whose it is, until when, what came of it."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        WORKING = "working", _("in work")
        RESOLVED = "resolved", _("resolved")

    class Broken(models.TextChoices):
        RESPONSE = "response", _("nobody took it up in time")
        RESOLUTION = "resolution", _("not resolved in time")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="work_orders")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    severity = models.PositiveSmallIntegerField(
        choices=Rule.Severity, default=Rule.Severity.LOW, help_text="The highest of its open alerts."
    )
    priority = models.BigIntegerField(default=0, help_text="The highest of its open alerts.")
    opened_at = models.DateTimeField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="work_orders"
    )
    is_given = models.BooleanField(
        default=False, help_text="Somebody said whose it is; else it is whoever owns the account."
    )
    taken_at = models.DateTimeField(null=True, help_text="The first response: when somebody took it up.")
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    cause = models.ForeignKey(
        Alert,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The alert that explains most.",
    )
    cause_words = models.CharField(max_length=200, blank=True, help_text="The cause in a person's own words.")
    cause_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who said the cause; without one it is by the table (causes).",
    )
    clock_from = models.DateTimeField(
        null=True, help_text="Its times count from here on: when it was made, or opened again."
    )
    response_due_at = models.DateTimeField(null=True)
    resolution_due_at = models.DateTimeField(null=True)
    due_is_guess = models.BooleanField(
        default=False, help_text="A due time lies in a year whose working days are not published."
    )
    escalated_at = models.DateTimeField(null=True)
    escalated_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    escalated_for = models.CharField(max_length=10, choices=Broken, blank=True)
    gone_at = models.DateTimeField(
        null=True, help_text="All its alerts closed by themselves while somebody works on it."
    )
    snoozed_until = models.DateField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    outcome = models.CharField(max_length=12, choices=Alert.Outcome, blank=True)
    note = models.CharField(max_length=300, blank=True)

    objects = WorkOrders.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(state__in=["open", "working"]),
                name="one_open_work_order_an_account",
            )
        ]
        indexes = [
            models.Index(fields=["state", "-priority"], name="order_state_priority"),
            models.Index(fields=["account", "state"], name="order_account_state"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.state}"

    @property
    def person(self) -> User | None:
        """Whose it is now."""
        return self.assignee if self.is_given else self.account.owner

    @property
    def is_resolved(self) -> bool:
        return self.state == self.State.RESOLVED

    @property
    def due_at(self) -> dt.datetime | None:
        """What it is to meet next: that somebody takes it up, then that it is resolved."""
        return self.response_due_at if self.state == self.State.OPEN else self.resolution_due_at
