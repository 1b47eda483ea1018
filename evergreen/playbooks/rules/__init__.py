"""Decisions of the playbook engine: what a version is, who may enter, how far a run goes now. Pure."""

from evergreen.playbooks.rules.definition import (
    FLOW_KINDS,
    FORM,
    Act,
    Answer,
    Definition,
    Trigger,
    Until,
    Wait,
    WorkingHours,
    asked,
    conditions,
    events,
    targets,
)
from evergreen.playbooks.rules.entering import FORMS, MAKE_GOOD_DAYS, Past, heard_as, refused, scheduled
from evergreen.playbooks.rules.problems import PlaybookError
from evergreen.playbooks.rules.timing import Calendar
from evergreen.playbooks.rules.walking import Passed, Place, Seen, Setting, Walk, arm_for, wakes_at, walk

__all__ = [
    "FLOW_KINDS",
    "FORM",
    "FORMS",
    "MAKE_GOOD_DAYS",
    "Act",
    "Answer",
    "Calendar",
    "Definition",
    "Passed",
    "Past",
    "Place",
    "PlaybookError",
    "Seen",
    "Setting",
    "Trigger",
    "Until",
    "Wait",
    "Walk",
    "WorkingHours",
    "arm_for",
    "asked",
    "conditions",
    "events",
    "heard_as",
    "refused",
    "scheduled",
    "targets",
    "wakes_at",
    "walk",
]
