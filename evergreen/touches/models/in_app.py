"""Where the in-app script was built in."""

from __future__ import annotations

from django.db import models

from evergreen.touches.models.messages import Channel


class Site(models.Model):
    """A place of the vendor's product from which the in-app script called, told apart by its origin; kept so that whoever builds it in
    sees what comes of it."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="sites")
    origin = models.CharField(max_length=200)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    fault = models.CharField(max_length=30, blank=True, help_text="Why its last call was refused.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "origin"], name="site_once")]

    def __str__(self) -> str:
        return self.origin
