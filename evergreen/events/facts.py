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

from typing import Any

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
# What an event is about, by its property; the first that is there.
_SUBJECTS = ("milestone", "need", "course")


def told(events: Any) -> Any:
    """The rows of ``lake.facts`` that events make; those of no account are left out."""
    rows = events.filter(events.account_id.notnull(), events.name.isin(NAMES))
    said = rows.properties.cast("json")
    subject = said[_SUBJECTS[0]].unwrap_as("string")
    for name in _SUBJECTS[1:]:
        subject = subject.coalesce(said[name].unwrap_as("string"))
    return rows.select(
        "account_id",
        "tenant",
        "source",
        "name",
        "end_user",
        contact=said["contact"].unwrap_as("string"),
        subject=subject,
        state=said["state"].unwrap_as("string"),
        weight=said["weight"].cast("string").try_cast("float64"),
        due_on=said["due_on"].unwrap_as("string").try_cast("date"),
        occurred_at="occurred_at",
        day="day",
        known_on="known_on",
    )
