"""Errors of the API, all of one shape: what was asked, found, allowed, is saved, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from ninja import Schema


class Marks(Schema):
    """The five marks of an error."""

    asked: str
    found: str
    allowed: str
    saved: str
    next: str


class Problem(Marks):
    """What was wrong with the request as a whole."""

    code: str


class Failure(Schema):
    """The body of every answer of 400 and above."""

    error: Problem


class ApiError(Exception):
    """Raised anywhere below a view; becomes an answer with ``status`` and the five marks."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        asked: str,
        found: str,
        allowed: str,
        next: str,
        saved: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {
            "error": {
                "code": code,
                "asked": asked,
                "found": found,
                "allowed": allowed,
                "saved": saved or _("Nothing was saved."),
                "next": next,
            }
        }
