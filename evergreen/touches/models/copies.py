"""Mails between colleagues and contacts, of which a channel's mailbox got a copy."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from evergreen.customers.models import Account, Contact


class MailCopy(models.Model):
    """A mail at one account. It goes after 90 days; what was said in a thread to which both sides wrote stands in conversations by then."""

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="copies")
    key = models.CharField(max_length=200, help_text="Its Message-ID.")
    thread = models.CharField(max_length=200, help_text="The Message-ID of the thread's first mail.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="mail_copies")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="mail_copies")
    others = models.JSONField(default=list, help_text="Further contacts of the account among who got it.")
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="mail_copies"
    )
    is_theirs = models.BooleanField()
    answers = models.BooleanField(default=False, help_text="It quotes what the contact wrote.")
    at = models.DateTimeField()
    subject = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["key", "account"], name="mail_copy_once")]
        indexes = [
            models.Index(fields=["account", "thread"], name="mail_copy_thread"),
            models.Index(fields=["at"], name="mail_copy_age"),
        ]

    def __str__(self) -> str:
        return self.subject or self.key
