"""Keys of the REST API, and answers kept so that a repeated request is answered alike."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ApiKey(models.Model):
    """A key of the vendor, or of a member of staff, who then bounds what it may reach. Only its hash is kept."""

    name = models.CharField(max_length=60, help_text="Who sends: the source of what it writes.")
    hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="First characters, so that people can tell keys apart.")
    rights = models.JSONField(default=list, help_text="Of web.api.keys.RIGHTS.")
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text="Null: the vendor's own key, for all accounts.",
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    minute = models.DateTimeField(null=True, help_text="The minute of its last request.")
    calls = models.PositiveIntegerField(default=0, help_text="Requests in that minute.")

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class ApiAnswer(models.Model):
    """The answer to a request with an Idempotency-Key; written in the transaction of what the request did."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="answers")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="Of path and body.")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "name"], name="api_answer_once_a_key")]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.name}"
