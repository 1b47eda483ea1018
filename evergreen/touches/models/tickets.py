"""What a provider lends beside its access token, such as the tickets that sign its pages' scripts."""

from __future__ import annotations

from django.db import models


class ChannelTicket(models.Model):
    """A ticket of a channel's app, sealed; all processes use it until it ends."""

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="tickets")
    kind = models.CharField(max_length=20)
    sealed = models.TextField()
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "kind"], name="ticket_once")]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.kind}"
