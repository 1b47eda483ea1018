"""Every setting as a field, drawn from ``base.options``: what may be written, and what is wrong with what was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evergreen.base.option import Option
from evergreen.base.options import OPTIONS, check_together
from evergreen.flow.notifying.ways import channels
from evergreen.health.models import Scorecard
from evergreen.web import formats

GROUPS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (gettext_lazy("Your company"), ("vendor_name", "timezone", "currency", "language")),
    (
        gettext_lazy("Working day"),
        (
            "calendar",
            "workday_starts",
            "workday_ends",
            "night_hour",
            "playbook_rate",
            "alerts_a_day",
            "staff_channel",
            "task_minutes",
        ),
    ),
    (
        gettext_lazy("Messages"),
        (
            "public_url",
            "touches_a_day",
            "touches_a_week",
            "touches_a_playbook_week",
            "quiet_from",
            "quiet_to",
            "touches_on_working_days",
            "marketing_needs_consent",
            "message_late_hours",
            "copy_days",
            "survey_every_days",
            "reserved_percent",
        ),
    ),
    (gettext_lazy("Health"), ("scorecard",)),
    (
        gettext_lazy("Data in"),
        ("account_property", "account_by_email", "import_mb", "import_keep_days", "event_keep_days"),
    ),
    (gettext_lazy("API"), ("api_rows", "api_requests_minute", "api_repeat_days")),
    (gettext_lazy("Lists and exports"), ("page_rows", "direct_export_rows", "direct_change_rows")),
    (gettext_lazy("Notes"), ("attachment_mb", "attachments_a_note")),
    (gettext_lazy("Sign-in"), ("sign_in_tries", "sign_in_tries_address", "sign_in_minutes")),
    (gettext_lazy("Jobs"), ("job_stale_seconds", "job_attempts")),
)
# Once events carry the day they belong to, these can no longer change.
_FIXED_BY_EVENTS = {"timezone"}


@dataclass(frozen=True, slots=True)
class Box:
    """One setting as it is drawn: its value as text, the choices with words, what was refused."""

    option: Option
    value: str
    is_on: bool
    choices: list[tuple[str, str]]
    is_fixed: bool
    error: str = ""

    @property
    def kind(self) -> str:
        if isinstance(self.option.default, bool):
            return "flag"
        if self.choices:
            return "choice"
        return "number" if isinstance(self.option.default, int) else "text"

    @property
    def measure(self) -> str:
        """The unit and what is allowed: 30 to 3,600 seconds."""
        least, most, unit = self.option.least, self.option.most, str(self.option.unit)
        if least is None or most is None:
            return unit
        span = _("%(least)s to %(most)s") % {"least": formats.number(least), "most": formats.number(most)}
        return f"{span} {unit}".strip()


@dataclass(frozen=True, slots=True)
class Section:
    label: str | Promise
    boxes: list[Box]


class OptionsForm:
    """The settings in force, or what somebody typed over them."""

    def __init__(self, vendor: Mapping[str, Any], post: QueryDict | None = None, *, has_events: bool) -> None:
        self.vendor, self.has_events = vendor, has_events
        self.typed = (
            {key: self._typed(option, post) for key, option in OPTIONS.items()} if post is not None else {}
        )
        self.errors: dict[str, str] = {}
        self.problem = ""
        self.changes: dict[str, Any] = {}
        if post is not None:
            self._check()

    def _typed(self, option: Option, post: QueryDict) -> Any:
        if self._is_fixed(option):
            return self.vendor[option.key]
        if isinstance(option.default, bool):
            return option.key in post
        return post.get(option.key, str(self.vendor[option.key])).strip()

    def _is_fixed(self, option: Option) -> bool:
        return option.key in _FIXED_BY_EVENTS and self.has_events

    def _check(self) -> None:
        clean = {}
        for key, option in OPTIONS.items():
            try:
                clean[key] = option.clean(self.typed[key])
            except ValueError:
                self.errors[key] = _refusal(option, self.typed[key])
        if not self.errors:
            try:
                check_together(clean)
            except ValueError:
                self.problem = _("The working day has to begin before it ends. Nothing was changed.")
        if not self.errors and not self.problem:
            self.changes = {key: value for key, value in clean.items() if value != self.vendor[key]}

    @property
    def is_valid(self) -> bool:
        return not self.errors and not self.problem

    @property
    def sections(self) -> list[Section]:
        known = {key for _label, keys in GROUPS for key in keys}
        groups = [*GROUPS, (_("Further"), tuple(key for key in OPTIONS if key not in known))]
        return [
            Section(label, [self._box(OPTIONS[key]) for key in keys if key in OPTIONS])
            for label, keys in groups
            if any(key in OPTIONS for key in keys)
        ]

    def _box(self, option: Option) -> Box:
        value = self.typed.get(option.key, self.vendor[option.key])
        return Box(
            option=option,
            value=str(value),
            is_on=bool(value),
            choices=_choices(option),
            is_fixed=self._is_fixed(option),
            error=self.errors.get(option.key, ""),
        )


def _choices(option: Option) -> list[tuple[str, str]]:
    words = {
        "zh-hans": "中文",
        "en": "English",
        "CN": _("China: statutory holidays and make-up workdays"),
        "weekends": _("Saturdays and Sundays off, nothing else"),
    }
    if option.key == "scorecard":
        cards = Scorecard.objects.filter(is_active=True).values_list("key", "name")
        return [(key, formats.named(name) or key) for key, name in cards]
    if option.key == "staff_channel":
        return [("", _("nobody is told")), *((one.key, one.name) for one in channels())]
    return [(choice, words.get(choice, choice)) for choice in option.choices]


def _refusal(option: Option, found: Any) -> str:
    """What is wrong with a value, and what is allowed."""
    if isinstance(option.default, int) and option.least is not None and option.most is not None:
        said = _("“%(found)s” is not allowed: write a whole number from %(least)s to %(most)s.")
        return said % {"found": found, "least": option.least, "most": option.most}
    if option.key == "timezone":
        said = _("“%(found)s” is no time zone: write a name such as Asia/Shanghai, Europe/Berlin or UTC.")
    elif option.key == "currency":
        said = _("“%(found)s” is no currency: write its three-letter ISO code, such as CNY.")
    elif option.key in {"workday_starts", "workday_ends"}:
        said = _("“%(found)s” is no time of day: write one such as 09:00.")
    else:
        said = _("“%(found)s” is not allowed: choose one of the list.")
    return said % {"found": found}
