"""Saved views: a page's filters, columns and order under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    page = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    query = models.TextField(help_text="The page's query string, without the leading question mark.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="views")
    is_shared = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["page", "owner", "name"], name="view_name_once")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
