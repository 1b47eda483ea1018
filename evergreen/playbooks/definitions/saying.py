"""One mistake of a definition in the reader's words."""

from __future__ import annotations

from django.utils.translation import gettext as _


def said(where: str, found: object, allowed: str) -> str:
    """Where, what was found, what is allowed."""
    shown = "-" if found in (None, "") else str(found)[:80]
    return _("%(where)s: found %(found)s; allowed: %(allowed)s.") % {
        "where": where,
        "found": shown,
        "allowed": allowed,
    }
