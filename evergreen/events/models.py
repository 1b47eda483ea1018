"""Where events come from (sources and their write keys), who is seen in them, and remembered import mappings."""

from __future__ import annotations

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
    known_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="end_user_once_a_source")]

    def __str__(self) -> str:
        return self.key


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
