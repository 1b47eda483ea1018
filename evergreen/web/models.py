"""Saved views, tries to sign in, files that were brought in to be loaded; keys of the API."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from evergreen.web.api.models import ApiAnswer, ApiKey

__all__ = ["ApiAnswer", "ApiKey", "SavedView", "SignInTry", "Upload"]


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


class SignInTry(models.Model):
    """One try to sign in, counted under the hash of its e-mail or address (``web.throttle``)."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["key", "-at"], name="sign_in_try_key_at")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.at:%Y-%m-%d %H:%M}"


class Upload(models.Model):
    """A file in the home's files folder, with what was chosen for it so far.

    ``record`` is the kind of record it holds, ``definition`` the mapping as it stands on the page
    (``events.imports.mapping``); empty until somebody changes the guess.
    """

    name = models.CharField(max_length=200)
    stored_as = models.CharField(max_length=80, unique=True)
    size = models.PositiveBigIntegerField()
    record = models.CharField(max_length=20, blank=True)
    definition = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.name
