"""What became of a load, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.events.imports.contradictions import sentence

LOADED, NOTHING, PARTLY = 0, 1, 3


@dataclass(slots=True)
class ImportResult:
    """Counts of rows: rows = created + updated + unchanged + duplicates + rejected.

    ``warnings`` counts by kind (``contradictions``), ``first_rows`` names the first row of each kind.
    ``examples`` are the first rejected rows, in words; ``rejected_rows`` the numbers of the first 10,000 of them.
    """

    file: str
    record: str
    dry_run: bool
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    rejects_path: str = ""
    rejected_rows: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0: loaded, with warnings at most; 3: some rows were rejected; 1: there was nothing that could be
        loaded.
        """
        if self.rows == self.rejected:
            return NOTHING
        return PARTLY if self.rejected else LOADED

    def as_dict(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "record": self.record,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "warnings": self.warnings,
            "first_rows": self.first_rows,
            "notices": self.notices,
            "examples": self.examples,
            "rejects_path": self.rejects_path,
            "seconds": round(self.seconds, 3),
        }

    def summary_lines(self) -> list[str]:
        """The result in the reader's language: counts, then notices, warnings and the first rejected rows."""
        counts = ngettext(
            "%(rows)s row: %(created)s new, %(updated)s changed, %(unchanged)s unchanged, %(duplicates)s "
            "duplicates, %(rejected)s rejected.",
            "%(rows)s rows: %(created)s new, %(updated)s changed, %(unchanged)s unchanged, %(duplicates)s "
            "duplicates, %(rejected)s rejected.",
            self.rows,
        ) % {
            "rows": f"{self.rows:,}",
            "created": f"{self.created:,}",
            "updated": f"{self.updated:,}",
            "unchanged": f"{self.unchanged:,}",
            "duplicates": f"{self.duplicates:,}",
            "rejected": f"{self.rejected:,}",
        }
        lines = [f"{self.file} → {self.record}: {counts}"]
        if self.dry_run:
            lines.append(_("This was a dry run: nothing was written."))
        elif self.rows == 0:
            lines.append(_("The file has a header but no rows."))
        lines += self.notices
        for kind, count in self.warnings.items():
            first = self.first_rows.get(kind)
            said = {"n": f"{count:,}", "said": sentence(kind), "row": first}
            if first is None:
                lines.append(
                    ngettext("Warning, %(n)s row: %(said)s", "Warning, %(n)s rows: %(said)s", count) % said
                )
            else:
                lines.append(
                    ngettext(
                        "Warning, %(n)s row: %(said)s (first in row %(row)s)",
                        "Warning, %(n)s rows: %(said)s (first in row %(row)s)",
                        count,
                    )
                    % said
                )
        lines += self.examples
        if self.rejects_path:
            lines.append(
                _("The rejected rows are in %(path)s: correct them and load that file with the same mapping.")
                % {"path": self.rejects_path}
            )
        return lines
