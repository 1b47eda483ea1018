"""Tickets of customers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account, Contact


class Ticket(models.Model):
    """A customer's request for help. Severity 1 is the worst."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        PENDING = "pending", _("waiting for the customer")
        CLOSED = "closed", _("closed")

    class Priority(models.TextChoices):
        URGENT = "urgent", _("urgent")
        HIGH = "high", _("high")
        MEDIUM = "medium", _("medium")
        LOW = "low", _("low")

    class Sentiment(models.TextChoices):
        POSITIVE = "positive", _("positive")
        NEUTRAL = "neutral", _("neutral")
        NEGATIVE = "negative", _("negative")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tickets")
    requester = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
    )
    external_id = models.CharField(max_length=200, unique=True)
    subject = models.CharField(max_length=300, blank=True)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.MEDIUM)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    first_response_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reopened_count = models.PositiveSmallIntegerField(default=0)
    is_escalated = models.BooleanField(default=False)
    is_complaint = models.BooleanField(default=False)
    satisfaction = models.DecimalField(
        max_digits=4, decimal_places=2, null=True, blank=True, help_text="1 to 5"
    )
    replies = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Answers to the customer; empty: not known."
    )
    sentiment = models.CharField(
        max_length=8, choices=Sentiment, blank=True, help_text="As the help desk tells it; empty: not known."
    )
    known_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-opened_at"], name="ticket_account_opened"),
            models.Index(fields=["state"], name="ticket_state"),
        ]
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return self.subject or self.external_id
