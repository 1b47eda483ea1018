"""The form that makes or changes a segment: its text, what the text says, and what it would hold for."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from django.http import QueryDict

from evergreen.base.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ConditionError,
    Field,
    Test,
    checked,
    editing,
    explained,
    parse,
    written,
)
from evergreen.base.models import User
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments import queries
from evergreen.metrics.segments.queries import Preview
from evergreen.web.presenters.segments import tree
from evergreen.web.presenters.segments.row import TestRow

_MOST_TEXT = 20_000


class Saved(Protocol):
    """What has a name and keeps a condition: a segment, an alert rule."""

    key: str
    name: Any
    note: str
    condition: Any


class Editor:
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(self, user: User, saved: Saved | None, post: QueryDict | None) -> None:
        self.user, self.saved = user, saved
        names = saved.name if saved else {}
        told = post or QueryDict()
        self.name_zh = told.get("name_zh", names.get("zh", ""))[:80]
        self.name_en = told.get("name_en", names.get("en", ""))[:80]
        self.note = told.get("note", saved.note if saved else "")[:300]
        self.text = told.get("condition", self._saved())[:_MOST_TEXT]
        self.problems: list[str] = []
        self.test = TestRow(user, told)
        # Where the row's test goes: beside a part of the condition, or (``editing``) in the place of one.
        self.aim = told.get("aim", "")[:50]
        self.editing = told.get("editing")

    def _saved(self) -> str:
        return queries.text_of(self.saved, self.fields) if self.saved is not None else ""

    @cached_property
    def fields(self) -> dict[str, Field]:
        return catalogue.all_fields()

    @cached_property
    def _read(self) -> tuple[Condition | None, list[str]]:
        try:
            return checked(parse(self.text), self.fields), []
        except ConditionError as error:
            return None, error.problems

    @property
    def condition(self) -> Condition | None:
        return self._read[0]

    @property
    def unread(self) -> list[str]:
        """Why the text cannot be used as it stands."""
        return self._read[1]

    @property
    def says(self) -> str:
        return explained(self.condition, self.fields) if self.condition is not None else ""

    @cached_property
    def preview(self) -> Preview | None:
        return queries.preview(self.condition, self.user) if self.condition is not None else None

    @property
    def share(self) -> float | None:
        found = self.preview
        return found.accounts / found.of if found and found.of else None

    @cached_property
    def blocks(self) -> tree.Block | None:
        """The condition as blocks; None where it has no test or cannot be read."""
        return tree.blocks(self.condition, self.fields) if self.condition is not None else None

    def change(self, act: str, post: QueryDict) -> None:
        """Do what a button of the builder asks; what is wrong with it stands in ``problems``."""
        place = tree.placed(post.get("at", ""))
        try:
            condition = checked(parse(self.text), self.fields)
            match act:
                case "add":
                    condition = self._with_row(condition, post)
                case "edit":
                    self._edit(condition, post.get("at", ""))
                    return
                case "remove":
                    condition = editing.without(condition, place)
                case "switch":
                    condition = editing.switched(condition, place)
                case "negate":
                    condition = editing.negated(condition, place)
                case _:
                    return
            self.text = written(checked(condition, self.fields))
        except ConditionError as error:
            self.problems = error.problems
            return
        self.aim, self.editing = "", None
        for name in ("_read", "blocks", "preview"):
            self.__dict__.pop(name, None)

    def _with_row(self, condition: Condition, post: QueryDict) -> Condition:
        """The row's test beside the part it is aimed at, joined as asked, or instead of the one that is edited."""
        made = self.test.made(self.fields)
        self.test = TestRow(self.user, {"field": self.test.key})
        if self.editing is not None:
            return editing.with_part(condition, tree.placed(self.editing), made)
        kind = AnyOf if post.get("join") == "or" else AllOf
        return editing.joined(condition, tree.placed(self.aim), kind, made)

    def _edit(self, condition: Condition, place: str) -> None:
        """Have a test of the condition in the row."""
        found = editing.part_at(condition, tree.placed(place))
        if isinstance(found, Test):
            self.editing, self.test = place, TestRow.of(self.user, found)
