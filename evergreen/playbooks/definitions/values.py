"""Single values of a definition: each read, or said to be wrong with what is allowed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.playbooks.definitions.saying import said


class Values:
    """Reads values and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def wrong(self, where: str, found: Any, allowed: str) -> None:
        self.problems.append(said(where, found, allowed))

    def _names(self, given: Any, where: str, allowed: Collection[str]) -> tuple[str, ...]:
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, Sequence) or not listed:
            self.wrong(where, given, ", ".join(sorted(allowed)))
            return ()
        return tuple(self._one_of(one, where, allowed) for one in listed)

    def _one_of(self, given: Any, where: str, allowed: Collection[str]) -> str:
        if given not in allowed:
            self.wrong(where, given, ", ".join(allowed))
        return str(given)

    def _text(self, given: Any, where: str, most: int) -> str:
        text = str(given or "").strip()
        if not 1 <= len(text) <= most:
            self.wrong(where, text, _("a text of at most %(n)s characters") % {"n": most})
        return text

    def _whole(self, given: Any, where: str, least: int, most: int) -> int:
        try:
            if isinstance(given, bool):
                raise ValueError
            number = int(str(given))
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            self.wrong(where, given, f"{least}–{most}")
            return least
        return number

    def _time(self, given: Any, where: str) -> dt.time | None:
        if given in (None, ""):
            return None
        try:
            at = dt.time.fromisoformat(str(given))
        except ValueError:
            self.wrong(where, given, "09:00")
            return None
        return at.replace(tzinfo=None)

    def _rows(self, given: Any, where: str, most: int) -> list[Mapping[str, Any]]:
        if given in (None, ""):
            return []
        if (
            not isinstance(given, list)
            or not all(isinstance(one, Mapping) for one in given)
            or len(given) > most
        ):
            found = len(given) if isinstance(given, list) and len(given) > most else str(given)[:60]
            self.wrong(where, found, _("a list of at most %(n)s") % {"n": most})
            return []
        return given

    def _only(self, row: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
        for key in row:
            if key not in allowed:
                self.wrong(where or "playbook", key, ", ".join(allowed))
