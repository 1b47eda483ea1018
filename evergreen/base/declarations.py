"""What a vendor declares (segments, metrics): made in the browser or kept in files under version control."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, Protocol

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from evergreen.base.actions import audit
from evergreen.base.models import User


class Detachable(Protocol):
    """What may be kept in files."""

    pk: Any
    key: str
    name: Any
    origin: str
    changed_at: Any

    @property
    def is_in_files(self) -> bool: ...

    def save(self, *, update_fields: Iterable[str]) -> None: ...


class Declaration(models.Model):
    """The fields that everything declared has."""

    class Origin(models.TextChoices):
        BROWSER = "browser", _("made here")
        FILE = "file", _("kept in files")

    key = models.SlugField(max_length=40, unique=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    origin = models.CharField(
        max_length=7,
        choices=Origin,
        default=Origin.BROWSER,
        help_text="What is kept in files is not changed in the browser until it is detached.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        abstract = True
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key

    @property
    def is_in_files(self) -> bool:
        return self.origin == self.Origin.FILE


def free_key(name: Mapping[str, str], stem: str, rows: models.QuerySet[Any]) -> str:
    """A key that none of ``rows`` has yet, made of an English name where there is one, else of ``stem``."""
    words = re.sub(r"[^a-z0-9]+", "-", str(name.get("en", "")).lower()).strip("-")[:30].strip("-")
    begun = words if re.match("[a-z]", words) else stem
    taken = set(rows.filter(key__startswith=begun).values_list("key", flat=True))
    return (
        begun if begun not in taken else next(key for n in count(2) if (key := f"{begun}-{n}") not in taken)
    )


@transaction.atomic
def detach(declared: Detachable, kind: str, *, by: User | None, now: dt.datetime) -> None:
    """Let what is kept in files be changed in the browser; applying the files again takes it back. ``kind`` is its word
    in the audit.
    """
    if not declared.is_in_files:
        return
    declared.origin, declared.changed_at = Declaration.Origin.BROWSER, now
    declared.save(update_fields=["origin", "changed_at"])
    audit(f"{kind}.detached", kind, [declared.pk], by=by, now=now)
