"""The form that makes or changes a rule of an event."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.alerts.firing import Watch
from evergreen.alerts.models import Rule
from evergreen.base.models import User
from evergreen.events import looking
from evergreen.web.presenters.alert_rules.editor import share, whole
from evergreen.web.presenters.alert_rules.listing import note_of

# How many names of events the form offers.
_NAMES = 200


class EventEditor:
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(self, user: User, rule: Rule | None, post: QueryDict | None) -> None:
        self.user, self.saved, self.problems = user, rule, list[str]()
        kept = rule or Rule()
        watch = Watch.of(rule.params) if rule is not None else Watch("")
        told = post if post is not None else {}

        def typed(name: str, stands: object) -> str:
            return str(told.get(name, "" if post is not None else stands)).strip()

        self.name_zh = typed("name_zh", kept.name.get("zh", "") if kept.name else "")
        self.name_en = typed("name_en", kept.name.get("en", "") if kept.name else "")
        self.note = typed("note", note_of(rule) if rule is not None else "")
        self.event, self.count = typed("event", watch.event), typed("count", watch.count)
        self.minutes = typed("minutes", watch.minutes)
        self.property, self.value = typed("property", watch.property), typed("value", watch.value)
        self.cool_down_hours = typed("cool_down_hours", watch.cool_down_hours)
        self.severity = typed("severity", int(kept.severity))
        self.clear_nights = typed("clear_nights", kept.clear_nights)
        self.most_share = typed("most_share", f"{kept.most_share * 100:g}")
        self.per = "user" if (typed("per", "user" if watch.per_user else "account") == "user") else "account"
        self.is_on = told.get("is_on") == "on" if post is not None else kept.is_on

    @property
    def severities(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Rule.Severity.choices]

    @cached_property
    def names(self) -> list[str]:
        """Names of events that came in, to choose from."""
        rows = looking.of_lake(
            "SELECT event FROM lake.usage WHERE known_on >= current_date - 28 GROUP BY event ORDER BY sum(count) DESC, event LIMIT ?", _NAMES
        )  # fmt: skip
        return [str(name) for (name,) in rows]

    def watch(self) -> Watch:
        """What the form waits for. Raises ValidationError for what is no number."""
        return Watch(
            event=self.event,
            count=whole(self.count, _("So often")),
            minutes=whole(self.minutes, _("Within minutes")),
            property=self.property,
            value=self.value,
            per_user=self.per == "user",
            cool_down_hours=whole(self.cool_down_hours, _("Rest in hours")),
        )

    def asked(self) -> dict[str, Any]:
        """What ``save_event_rule`` takes. Raises ValidationError for what is no number."""
        return {
            "name": {"zh": self.name_zh, "en": self.name_en},
            "note": self.note,
            "watch": self.watch(),
            "severity": whole(self.severity, _("Severity")),
            "clear_nights": whole(self.clear_nights, _("Closes after")),
            "most_share": share(self.most_share),
            "is_on": self.is_on,
        }

    def draft(self) -> Rule | None:
        """The rule of the form, unsaved; None where it names no event or holds what is no number."""
        try:
            watch = self.watch()
        except ValidationError:
            return None
        if not watch.event or not watch.count or not watch.minutes:
            return None
        nights = int(self.clear_nights) if self.clear_nights.isdecimal() and len(self.clear_nights) < 3 else 1
        return Rule(kind=Rule.Kind.EVENT, params=watch.as_params(), clear_nights=max(1, nights))
