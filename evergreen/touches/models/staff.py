"""How each of us is told of what needs them."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Notification(models.Model):
    """How one of us is told of what needs them. Without a row: as the vendor set it (``staff_channel``), at once and in the morning."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification"
    )
    is_off = models.BooleanField(default=False)
    channel = models.ForeignKey(
        "touches.Channel",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="None: the vendor's.",
    )
    at_once = models.BooleanField(default=True)
    each_morning = models.BooleanField(default=True)
    looked_at = models.DateTimeField(null=True, help_text="Up to when what was new has been told.")
    morning_on = models.DateField(null=True, help_text="The newest day whose summary was written.")

    def __str__(self) -> str:
        return f"{self.user_id}"
