"""Decisions of the playbook engine: what a version is, who may enter, how far a run goes now. Pure."""

from evergreen.playbooks.rules.definition import (
    FLOW_KINDS,
    FORM,
    Act,
    Definition,
    Trigger,
    Until,
    Wait,
    WorkingHours,
    conditions,
    events,
    targets,
)
from evergreen.playbooks.rules.entering import MAKE_GOOD_DAYS, Past, refused, scheduled
from evergreen.playbooks.rules.problems import PlaybookError
from evergreen.playbooks.rules.timing import Calendar
from evergreen.playbooks.rules.walking import Passed, Place, Seen, Setting, Walk, arm_for, wakes_at, walk

__all__ = [
    "FLOW_KINDS",
    "FORM",
    "MAKE_GOOD_DAYS",
    "Act",
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
    "conditions",
    "events",
    "refused",
    "scheduled",
    "targets",
    "wakes_at",
    "walk",
]
