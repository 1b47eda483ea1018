"""Where events come from (sources and their write keys), who is seen in them, and remembered import mappings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from evergreen.customers.models import Account, Contact
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue

__all__ = ["EndUser", "Kpi", "KpiTarget", "KpiValue", "Mapping", "Source", "WriteKey"]


class Source(models.Model):
    """Something that sends events: a product, a file, this installation itself. Message ids are unique within it."""

    name = models.CharField(max_length=60, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class WriteKey(models.Model):
    """A key that may send events for a source. Only its hash is kept."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="keys")
    hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="First characters, so that people can tell keys apart.")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.hint}…"


class EndUser(models.Model):
    """A person (or id) named by identify and group calls: which account it belongs to, which contact it is."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="end_users")
    key = models.CharField(max_length=200)
    account_key = models.CharField(max_length=200, blank=True)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="end_users"
    )
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="end_users"
    )
    traits = models.JSONField(default=dict)
    traits_told = models.JSONField(default=dict, help_text="Of each trait: [event time, message id].")
    known_at = models.DateTimeField()
    # The first link told of this id: who it is. Times are microseconds since 1970 UTC, as events have them.
    same_as = models.CharField(max_length=200, blank=True)
    linked_us = models.BigIntegerField(null=True)
    linked_by = models.CharField(max_length=200, blank=True, help_text="The id of the message.")
    root = models.CharField(max_length=200, default="", help_text="The id that stands for the person.")
    has_moved = models.BooleanField(default=False, help_text="It was of more than one account in its time.")
    unsettled_us = models.BigIntegerField(
        null=True, help_text="Stored events from this time on may be another account's by now."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="end_user_once_a_source")]
        indexes = [
            models.Index(fields=["source", "root"], name="end_user_root"),
            models.Index(
                fields=["source"], condition=models.Q(unsettled_us__isnull=False), name="end_user_unsettled"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.root = self.root or self.key
        super().save(*args, **kwargs)


class Membership(models.Model):
    """What one message said: from its time on an end user belongs to the account that a key names."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="memberships")
    end_user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="memberships")
    account_key = models.CharField(max_length=200)
    told_us = models.BigIntegerField(help_text="Event time in microseconds since 1970 UTC.")
    message_id = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "message_id"], name="membership_once_a_message")
        ]

    def __str__(self) -> str:
        return f"{self.end_user_id} in {self.account_key}"


class UnsettledKey(models.Model):
    """An account key that names another account than before: events that carry it are looked at again."""

    account_key = models.CharField(max_length=200)
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.account_key


class Unmerged(models.Model):
    """A merge that was undone: the lake has yet to give the merged account its events back."""

    merged_id = models.BigIntegerField()
    into_id = models.BigIntegerField()
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.into_id} → {self.merged_id}"


class Ignored(models.Model):
    """An account key or end user without account that nobody needs to look at, until it is asked for again."""

    class Kind(models.TextChoices):
        ACCOUNT_KEY = "account_key"
        END_USER = "end_user"

    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=12, choices=Kind)
    value = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "kind", "value"], name="ignored_once")]

    def __str__(self) -> str:
        return self.value


class Mapping(models.Model):
    """How the columns of a kind of file were mapped last time, offered again when the same columns come."""

    record = models.CharField(max_length=20)
    columns_hash = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    definition = models.JSONField()
    used_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["record", "columns_hash"], name="mapping_once_a_shape")
        ]

    def __str__(self) -> str:
        return self.name


from evergreen.events.connections.models import Connection, ConnectionRun  # noqa: E402, F401
