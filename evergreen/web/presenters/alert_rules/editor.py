"""The form that makes or changes a rule of a condition."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.alerts.models import Rule
from evergreen.base.conditions import to_data
from evergreen.base.models import User
from evergreen.web.presenters.alert_rules.listing import note_of
from evergreen.web.presenters.segments.editor import Editor


class RuleEditor(Editor):
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(self, user: User, rule: Rule | None, post: QueryDict | None) -> None:
        super().__init__(user, rule, post)
        told = post or QueryDict()
        kept = rule or Rule()
        self.note = self.note or (note_of(rule) if rule is not None and post is None else "")
        self.severity = told.get("severity", str(int(kept.severity)))
        self.clear_nights = told.get("clear_nights", str(kept.clear_nights))
        self.most_share = told.get("most_share", f"{kept.most_share * 100:g}")
        self.is_on = told.get("is_on") == "on" if post is not None else kept.is_on

    @property
    def severities(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Rule.Severity.choices]

    def asked(self) -> dict[str, Any]:
        """What ``save_rule`` takes. Raises ValidationError for what is no number."""
        return {
            "name": {"zh": self.name_zh, "en": self.name_en},
            "note": self.note,
            "condition": self.text,
            "severity": whole(self.severity, _("Severity")),
            "clear_nights": whole(self.clear_nights, _("Closes after")),
            "most_share": share(self.most_share),
            "is_on": self.is_on,
        }

    def draft(self) -> Rule | None:
        """The rule of the form, unsaved; None where its condition cannot be read or asks nothing."""
        if self.condition is None or self.blocks is None:
            return None
        nights = int(self.clear_nights) if self.clear_nights.isdecimal() and len(self.clear_nights) < 3 else 1
        return Rule(kind=Rule.Kind.CONDITION, condition=to_data(self.condition), clear_nights=max(1, nights))


def whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise ValidationError(
            _("%(name)s is %(found)s; allowed is a whole number. Nothing was saved.")
            % {"name": name, "found": text[:20] or "-"}
        )
    return int(text)


def share(text: str) -> float:
    try:
        found = float(text.strip().removesuffix("%"))
    except ValueError:
        found = 0.0
    if not 0 < found <= 100:
        raise ValidationError(
            _(
                "At most %(found)s of all accounts in a night; allowed is more than 0 and up to 100%%. Nothing was saved."
            )
            % {"found": text[:20] or "-"}
        )
    return found / 100
