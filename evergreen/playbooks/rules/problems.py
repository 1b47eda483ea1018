"""What is wrong with a playbook."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _


class PlaybookError(ValueError):
    """A playbook that cannot run; ``problems`` has a line a mistake: the step, what was found, what is allowed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))

    @classmethod
    def at(cls, where: str, found: str, allowed: str) -> PlaybookError:
        return cls([said(where, found, allowed)])


def said(where: str, found: object, allowed: str) -> str:
    """One mistake in words."""
    shown = "-" if found in (None, "") else str(found)[:80]
    return _("%(where)s: found %(found)s; allowed: %(allowed)s.") % {
        "where": where,
        "found": shown,
        "allowed": allowed,
    }
