"""The form that makes or changes a playbook: a list of triggers and of steps, as plain data the whole way.

What stands in the form may be wrong still: it is kept as somebody left it, and told what is wrong with it beside the drawn flow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.alerts.models import Rule
from evergreen.alerts.words import rule_name
from evergreen.base.conditions import ConditionError, Fields, checked, explained, from_data
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.desk.models import Ticket
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks import definitions, rules
from evergreen.playbooks.actions import read
from evergreen.playbooks.book import known_now
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.models import Playbook, PlaybookVersion
from evergreen.playbooks.rules.definition import EVERY, LIFECYCLE_DATES, SPANS
from evergreen.web import formats
from evergreen.web.presenters.playbooks import words
from evergreen.web.presenters.playbooks.asked import answers_of_surveys, form_name
from evergreen.web.presenters.playbooks.choices import Choices, MessageChoices
from evergreen.web.presenters.playbooks.form import STEP_FORMS, data_of, reshaped
from evergreen.web.presenters.playbooks.page import Flow, flow_of
from evergreen.work.models import Task

_TIMED = ("wait_until", "answer")


@dataclass(frozen=True, slots=True)
class Row:
    """A trigger or step of the form: its number in the order, its plain data, and what its conditions say in words."""

    n: int
    data: Mapping[str, Any]

    @property
    def no(self) -> str:
        """The number as a part of its fields' names."""
        return str(self.n)

    @property
    def kind(self) -> str:
        return str(self.data.get("kind", ""))

    @property
    def label(self) -> str:
        return str(words.KINDS.get(self.kind) or words.TRIGGERS.get(self.kind, self.kind))

    @property
    def has_form(self) -> bool:
        """Whether its settings have fields of their own; else they are written as YAML."""
        allowed = STEP_FORMS.get(self.kind)
        return allowed is not None and not self._odd(allowed)

    def _odd(self, allowed: Sequence[str]) -> bool:
        return any(
            key not in ("key", "kind", "next", *allowed) or _is_nested(key, value)
            for key, value in self.data.items()
        )

    @property
    def text(self) -> str:
        """The settings as YAML, for kinds without fields."""
        told = {key: value for key, value in self.data.items() if key not in ("key", "kind", "next")}
        return yaml.safe_dump(told, allow_unicode=True, sort_keys=False) if told else ""

    @property
    def span(self) -> tuple[str, str]:
        """(number, unit) of a wait, or of the time after which a wait for a condition gives up."""
        told = self.data.get("timeout", {}) if self.kind in _TIMED else self.data
        unit = next((one for one in SPANS if one in told), "days") if isinstance(told, Mapping) else "days"
        return (str(told.get(unit, "")) if isinstance(told, Mapping) else "", unit)

    @property
    def at(self) -> str:
        told = self.data.get("timeout", {}) if self.kind in _TIMED else self.data
        return str(told.get("at", "")) if isinstance(told, Mapping) else ""

    @property
    def answers(self) -> str:
        """The answers of a task as they are written, one a line."""
        listed = self.data.get("answers")
        return "\n".join(
            f"{one.get('key', '')} = {one['name'].get('zh', '')} / {one['name'].get('en', '')}"
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, Mapping) and isinstance(one.get("name"), Mapping)
        )

    @property
    def when(self) -> str:
        """Before or after the date that a day of life counts from."""
        return "before" if str(self.data.get("day", "")).startswith("-") else "after"

    @property
    def day(self) -> str:
        return str(self.data.get("day", "")).removeprefix("-")

    @property
    def summary(self) -> str:
        """What it is called among the other steps."""
        title = (
            formats.named(self.title) if any(self.title.values()) else formats.named(self.data.get("subject"))
        )
        return title or (f"{self.label} {self.data['template']}" if self.data.get("template") else self.label)

    @property
    def by(self) -> str:
        """The ways of a message in their order, as one text."""
        told = self.data.get("by", "")
        return ", ".join(map(str, told)) if isinstance(told, list) else str(told)

    @property
    def title(self) -> Mapping[str, str]:
        told = self.data.get("title")
        return told if isinstance(told, Mapping) else {"zh": str(told or "")}


def _is_nested(key: str, value: object) -> bool:
    """Whether a setting is richer than its one field can show (a due day by severity)."""
    return key in {"due_working_days", "titles", "subject"} and isinstance(value, Mapping)


class PlaybookEditor(MessageChoices):
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(
        self, user: User, playbook: Playbook | None, now: dt.datetime, post: QueryDict | None = None
    ) -> None:
        self.user, self.saved, self.now, self.post = user, playbook, now, post
        self.problems: list[str] = []
        kept = playbook or Playbook()
        told = post if post is not None else QueryDict()
        self.name_zh = told.get("name_zh", kept.name.get("zh", ""))
        self.name_en = told.get("name_en", kept.name.get("en", ""))
        self.note = told.get("note", kept.note)
        self.mode = told.get("mode", "form")

    @cached_property
    def version(self) -> PlaybookVersion | None:
        """The draft where there is one, else what is published, else the newest."""
        if self.saved is None:
            return None
        found = list(self.saved.versions.order_by("-number"))
        order = {"draft": 0, "published": 1, "retired": 2}
        return min(found, key=lambda one: order[one.state], default=None)

    @cached_property
    def data(self) -> dict[str, Any]:
        """The definition as plain data. A text that is no YAML gives an empty one, and its problem."""
        if self.post is None:
            return dict(self.version.definition) if self.version is not None else _blank()
        if self.mode == "yaml":
            return self._written()
        return reshaped(data_of(self.post), next(filter(None, self.post.getlist("op")), ""))

    def _written(self) -> dict[str, Any]:
        text = self.post.get("text", "") if self.post is not None else ""
        try:
            found = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            self.problems.append(_("This is no YAML: %(error)s") % {"error": " ".join(str(error).split())})
            return {}
        if not isinstance(found, dict):
            self.problems.append(_("A definition is triggers, steps and so on, each on a line of its own."))
            return {}
        inner = found.get("definition")
        return inner if isinstance(inner, dict) else found

    @property
    def text(self) -> str:
        """The definition as YAML, as it was sent or as it stands."""
        if self.post is not None and self.mode == "yaml" and "text" in self.post:
            return str(self.post["text"])
        return yaml.safe_dump(self.data, allow_unicode=True, sort_keys=False)

    @property
    def name(self) -> dict[str, str]:
        return {"zh": self.name_zh, "en": self.name_en}

    # ---- what the flow and the list of mistakes show

    @cached_property
    def fields(self) -> Fields:
        return catalogue.all_fields()

    @cached_property
    def _read(self) -> tuple[rules.Definition | None, list[str]]:
        self.data  # noqa: B018 a text that cannot be read adds its problem
        if self.problems:
            return None, list(self.problems)
        known = known_now()
        of, wrong = definitions.sketch(self.data, known)
        if of is None or wrong:
            return of, wrong
        try:
            return read(self.data, known), []
        except rules.PlaybookError as error:
            return of, error.problems

    @property
    def definition(self) -> rules.Definition | None:
        """As much of it as can be read."""
        return self._read[0]

    @property
    def mistakes(self) -> list[str]:
        """What keeps it from being published."""
        return self._read[1]

    @cached_property
    def flow(self) -> Flow | None:
        """As far as it can be read."""
        of = self._read[0]
        if of is None or not of.steps:
            return None
        return flow_of(of, words.Words(hides_money=not self.user.sees_money, fields=self.fields))

    @property
    def starts(self) -> list[str]:
        of = self._read[0]
        told = words.Words(hides_money=not self.user.sees_money, fields=self.fields)
        return (
            [
                told.trigger(one)
                for one in of.triggers
                if one.names or one.kind not in {"segment", "event", "form"}
            ]
            if of
            else []
        )

    # ---- the form

    def _rows(self, name: str) -> list[Row]:
        listed = self.data.get(name)
        return [
            Row(n, one)
            for n, one in enumerate(listed if isinstance(listed, list) else [])
            if isinstance(one, Mapping)
        ]

    @property
    def triggers(self) -> list[Row]:
        return self._rows("triggers")

    @property
    def steps(self) -> list[Row]:
        return self._rows("steps")

    @property
    def exits(self) -> list[str]:
        listed = self.data.get("exits")
        return [str(one["when"]) for one in listed or [] if isinstance(one, Mapping) and "when" in one]

    @property
    def leaves_with_alert(self) -> bool:
        listed = self.data.get("exits")
        return any(isinstance(one, Mapping) and one.get("alert_closed") for one in listed or [])

    def said(self, text: str) -> str:
        """A condition in words, or why it cannot be read."""
        try:
            return explained(checked(from_data(text), self.fields), self.fields)
        except ConditionError as error:
            return " ".join(error.problems)

    @property
    def keys(self) -> Choices:
        """The steps that one may lead to."""
        return [
            (key, f"{row.n + 1}. {row.summary}")
            for row in self.steps
            if (key := str(row.data.get("key", "")))
        ]

    @property
    def asking(self) -> Choices:
        """The task steps that ask for an answer."""
        asking = {str(row.data.get("key", "")) for row in self.steps if row.data.get("answers")}
        return [(key, name) for key, name in self.keys if key in asking]

    @property
    def answer_keys(self) -> list[str]:
        """Every answer that some task asks for."""
        listed = [
            one for row in self.steps for one in row.data.get("answers") or () if isinstance(one, Mapping)
        ]
        return list(dict.fromkeys(str(one.get("key", "")) for one in listed))

    @property
    def trigger_kinds(self) -> Choices:
        return [(key, str(label)) for key, label in words.TRIGGERS.items()]

    @property
    def step_kinds(self) -> Choices:
        return [(key, str(words.KINDS.get(key, key))) for key in (*kinds(), *rules.FLOW_KINDS)]

    @cached_property
    def alert_rules(self) -> Choices:
        rows = Rule.objects.filter(is_archived=False).order_by("key")
        return [(rule.key, rule_name(rule, formats.language())) for rule in rows]

    @cached_property
    def segments(self) -> Choices:
        rows = Segment.objects.filter(is_archived=False).order_by("key")
        return [(one.key, formats.named(one.name)) for one in rows]

    @property
    def stages(self) -> Choices:
        return [(value, str(label)) for value, label in Account.Stage.choices]

    @property
    def dates(self) -> Choices:
        return [(key, str(words.DATES[key])) for key in LIFECYCLE_DATES]

    @property
    def every(self) -> Choices:
        return [(key, str(words.EVERY[key])) for key in EVERY]

    @property
    def forms(self) -> Choices:
        return [*((key, form_name(key)) for key in rules.FORMS), *answers_of_surveys().items()]

    @property
    def reentries(self) -> Choices:
        return [(key, str(label)) for key, label in words.REENTRY.items()]

    @property
    def units(self) -> Choices:
        names = {
            "minutes": _("minutes"),
            "hours": _("hours"),
            "days": _("days"),
            "working_days": _("working days"),
        }
        return [(key, names[key]) for key in SPANS]

    @property
    def assignees(self) -> Choices:
        return [("owner", _("the owner")), ("owner_or_team", _("the owner, else the team"))]

    @property
    def priorities(self) -> Choices:
        return [(str(value), str(label)) for value, label in Task.Priority.choices]

    @property
    def ticket_priorities(self) -> Choices:
        return [(str(value), str(label)) for value, label in Ticket.Priority.choices]

    @property
    def settable(self) -> Choices:
        custom = [key for key in self.fields if key.startswith(catalogue.CUSTOM)]
        return [
            (key, self.fields[key].label(formats.language()))
            for key in ("stage", "tier", "touch_model", *custom)
            if key in self.fields
        ]

    @property
    def field_groups(self) -> list[tuple[str, Choices]]:
        """Every field that a condition may name, by its group."""
        found: dict[str, Choices] = {}
        for key, of in self.fields.items():
            found.setdefault(of.group, []).append((key, of.label(formats.language())))
        return list(found.items())


def _blank() -> dict[str, Any]:
    """A new playbook: one task, put in by hand."""
    return {
        "triggers": [{"kind": "by_hand"}],
        "reentry": "never",
        "steps": [
            {"key": "task_1", "kind": "task", "title": {"zh": "", "en": ""}},
            {"key": "end", "kind": "end"},
        ],
    }
