"""Events of a name of ours that metrics read one by one. They come in as any event (tracking API, files, connectors)
and are no use of the product, whatever their kind.

| name | what it says | properties |
|---|---|---|
| user.opened, user.closed | an end user may use the product, or no longer | – (the event's own end user) |
| survey.sent | a survey went to a contact | contact, kind |
| training.completed | somebody finished a course | course, contact (or the event's end user) |
| milestone.planned | a milestone is due on a day; told again it moves | milestone, due_on |
| milestone.met, milestone.dropped | it was met, or is wanted no more | milestone |
| need.stated | a need captured at sale; told again its state changes | need, state (met, planned, unmet), weight |
"""

from __future__ import annotations

NAMES = (
    "user.opened",
    "user.closed",
    "survey.sent",
    "training.completed",
    "milestone.planned",
    "milestone.met",
    "milestone.dropped",
    "need.stated",
)
