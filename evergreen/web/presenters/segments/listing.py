"""The list of segments."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evergreen.base.conditions import ConditionError, Fields, checked, explained, from_data
from evergreen.base.models import User
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments import queries
from evergreen.web import formats


@dataclass(frozen=True, slots=True)
class Line:
    """A segment in the list: its condition in words, or why it cannot be read any more; of the accounts that the reader may
    see how many, and their ARR.
    """

    segment: Segment
    name: str
    says: str
    problem: str = ""
    accounts: int = 0
    arr_cents: int = 0


def lines(user: User, text: str) -> list[Line]:
    """The segments in use whose name, key or condition has the words."""
    fields = catalogue.all_fields()
    wanted = text.strip().casefold()
    sums = queries.sums(user)
    found = []
    for segment in queries.segments():
        accounts, arr = sums.get(segment.key, (0, 0))
        found.append(replace(line_of(segment, fields, user), accounts=accounts, arr_cents=arr))
    return [
        line
        for line in found
        if wanted in " ".join([line.segment.key, *line.segment.name.values(), line.says]).casefold()
    ]


def line_of(segment: Segment, fields: Fields, user: User) -> Line:
    name = formats.named(segment.name)
    try:
        condition = checked(from_data(segment.condition), fields)
    except ConditionError as error:
        return Line(segment, name, "", str(error))
    return Line(segment, name, explained(condition, fields, hides_money=not user.sees_money))
