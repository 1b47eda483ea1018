"""Words about what was just done, with an undo where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from evergreen.base.models import AuditEntry


def say(request: HttpRequest, text: str, *, undo: Sequence[AuditEntry] = ()) -> None:
    """Tell the person that something was done; ``undo`` are the audit entries that give it back."""
    entries = [str(entry.pk) for entry in undo]
    address = reverse("undo") + "?entries=" + ",".join(entries) if entries else ""
    messages.add_message(request, messages.SUCCESS, text, extra_tags=address)


def complain(request: HttpRequest, text: str) -> None:
    """Tell the person what was refused, why, and what to do next."""
    messages.add_message(request, messages.ERROR, text)
