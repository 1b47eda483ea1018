"""Chats that customers' people began with a service account: who wrote when, which decides whether they may be answered."""

from __future__ import annotations

from django.db import models

from evergreen.customers.models import Contact


class Chat(models.Model):
    """Somebody who wrote to a channel. ``wrote_at`` is their newest line: from then on its window runs."""

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="chats")
    key = models.CharField(max_length=64, help_text="The provider's id of the person.")
    name = models.CharField(max_length=100, blank=True, help_text="As the provider calls them.")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="chats")
    wrote_at = models.DateTimeField(null=True)
    is_aside = models.BooleanField(
        default=False, help_text="Somebody said that this person is no contact of any account."
    )

    class Meta:
        ordering = ["-wrote_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="chat_once")]
        indexes = [
            models.Index(fields=["contact"], name="chat_contact"),
            models.Index(fields=["-wrote_at"], name="chat_wrote"),
        ]

    def __str__(self) -> str:
        return self.name or self.key


class ChatLine(models.Model):
    """A line of a chat. It goes after 30 days; what was said with a known contact stands in a conversation by then."""

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="lines")
    key = models.CharField(max_length=100, help_text="The provider's id of the line.")
    at = models.DateTimeField()
    is_theirs = models.BooleanField()
    member = models.CharField(
        max_length=64, blank=True, help_text="Who of us wrote it, by the provider's id."
    )
    form = models.CharField(max_length=30, help_text="The provider's word: text, image …")
    text = models.TextField(blank=True)
    is_kept = models.BooleanField(default=False, help_text="It stands in a conversation, or never will.")

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["chat", "key"], name="chat_line_once")]
        indexes = [
            models.Index(fields=["chat", "at"], name="chat_line_at"),
            models.Index(fields=["at"], name="chat_line_age"),
            models.Index(fields=["id"], condition=models.Q(is_kept=False), name="chat_line_unkept"),
        ]

    def __str__(self) -> str:
        return f"{self.chat_id} {self.at:%Y-%m-%d %H:%M}"
