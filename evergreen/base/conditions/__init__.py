"""The condition language: a tree over typed fields, as text, as plain data, in words."""

from evergreen.base.conditions.checking import checked
from evergreen.base.conditions.deciding import holds
from evergreen.base.conditions.fields import OPS, Field, Fields, Kind
from evergreen.base.conditions.problems import ConditionError
from evergreen.base.conditions.tree import (
    AllOf,
    AnyOf,
    Condition,
    Not,
    Op,
    Test,
    depth,
    fields_of,
    flat,
    tests,
)
from evergreen.base.conditions.words import explained, test_explained
from evergreen.base.conditions.writing import from_data, parse, to_data, written

__all__ = [
    "OPS",
    "AllOf",
    "AnyOf",
    "Condition",
    "ConditionError",
    "Field",
    "Fields",
    "Kind",
    "Not",
    "Op",
    "Test",
    "checked",
    "depth",
    "explained",
    "fields_of",
    "flat",
    "from_data",
    "holds",
    "parse",
    "test_explained",
    "tests",
    "to_data",
    "written",
]
