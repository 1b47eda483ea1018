"""Which of our people has which customers' people in WeCom, from when to when."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from evergreen.customers.models import Contact


class Tie(models.Model):
    """A member of ours and a customer's person in WeCom. Who comes together again has another row."""

    class End(models.TextChoices):
        BY_THEM = "customer", pgettext_lazy("end of a tie", "the customer removed the member")
        BY_US = "us", pgettext_lazy("end of a tie", "the member removed the customer")
        UNKNOWN = "unknown", pgettext_lazy("end of a tie", "no longer listed")

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="ties")
    key = models.CharField(max_length=64, help_text="WeCom's external_userid.")
    member = models.CharField(max_length=64, help_text="WeCom's userid.")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="ties")
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="ties"
    )
    name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=64, blank=True, help_text="Of the code by which they met.")
    tags = models.JSONField(default=list, help_text="WeCom's ids of the tags that the member gave.")
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=8, choices=End, blank=True)
    is_aside = models.BooleanField(
        default=False, help_text="Somebody said that this person is no contact of any account."
    )
    is_told = models.BooleanField(
        default=True, help_text="That it ended came back as an event of the contact's account."
    )

    class Meta:
        ordering = ["added_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "key", "member"], condition=models.Q(ended_at=None), name="tie_once"
            )
        ]
        indexes = [
            models.Index(fields=["contact", "ended_at"], name="tie_contact"),
            models.Index(fields=["key"], name="tie_key"),
            models.Index(fields=["id"], condition=models.Q(is_told=False), name="tie_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.member} – {self.name or self.key}"
