"""A list of a connection against the fields of a record: the form of imports, with what is done to a value beside it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.events.connections import sampling
from evergreen.events.imports.formats import as_text
from evergreen.events.imports.mapping import MappingError
from evergreen.events.imports.previews import Preview, preview
from evergreen.events.sources.adapter import Stream
from evergreen.events.sources.files import FileError
from evergreen.web.presenters.imports.mapping_form import (
    CUSTOM,
    PROPERTY,
    Column,
    MappingForm,
    definition_from,
)

_PLACES = re.compile(r"\{([^{}]+)\}")
_GROUPS = ("custom", "external_ids")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A column of the list with what it becomes, and the rule that its values go through on the way."""

    column: Column
    rule: str
    is_read: bool


class FeedMapping(MappingForm):
    """The mapping of one list by its first rows. Without any yet, its columns are those that the mapping names."""

    is_feed = True

    def __init__(self, stream: Stream, sample: Path, definition: Mapping[str, Any]) -> None:
        self.stream, self.sample = stream, sample
        super().__init__(stream.record, _looked(sample, definition), definition)

    @cached_property
    def ruled(self) -> list[Ruled]:
        return [Ruled(one, self._rule(one.target), bool(one.target)) for one in self._listed]

    @cached_property
    def _listed(self) -> list[Column]:
        """The columns; a field that a text makes of one column stands beside that column."""
        made = {column: name for name, column in self._templates.items()}
        return [
            dataclasses.replace(one, target=made[one.name])
            if one.name in made and not _is_plain(one.target)
            else one
            for one in self.columns
        ]

    @cached_property
    def _templates(self) -> dict[str, str]:
        """Fields that are one column with text around it, by field."""
        cells = self.definition.get("columns") or {}
        found: dict[str, str] = {}
        for name, cell in cells.items():
            places = _PLACES.findall(str(cell.get("template", ""))) if isinstance(cell, Mapping) else []
            if len(places) == 1 and places[0] not in found.values():
                found[name] = places[0]
        return found

    def _rule(self, target: str) -> str:
        return rule_of((self.definition.get("columns") or {}).get(target))

    @property
    def composed(self) -> list[str]:
        """Fields put together from several columns: they stay as the text of the mapping has them."""
        cells = self.definition.get("columns") or {}
        return [
            f"{self.record.field(name).label(self.language)} = {cell['template']}"
            for name, cell in cells.items()
            if isinstance(cell, Mapping) and cell.get("template") and name not in self._templates
        ]

    @property
    def unread(self) -> int:
        """How many columns of the source nothing reads."""
        return sum(not one.is_read for one in self.ruled)

    @cached_property
    def arrivals(self) -> tuple[list[str], list[tuple[list[str], str]]]:
        """The fields that are filled, and of each first row their values as they would arrive, or why it would not."""
        try:
            rows = sampling.arriving(self.sample, self.stream.record, self.definition)
        except (MappingError, FileError, OSError) as error:
            return [], [([], str(error))]
        names = [name for name in self.record.names if any(name in row.values for row in rows)]
        labels = [self.record.field(name).label(self.language) for name in names]
        told = [([as_text(row.values.get(name))[:60] for name in names], row.refused) for row in rows]
        return labels, told

    def changed(self, post: QueryDict) -> tuple[dict[str, Any], list[str]]:
        """The mapping that the form says, and what is wrong with it. What it cannot show stays as it was."""
        before = self.definition
        columns = self.preview.columns
        definition, problems = definition_from(post, self.stream.record, columns, before)
        definition.pop("record", None)
        cells, old = definition["columns"], before.get("columns") or {}
        shown = {one.column.target for one in self.ruled}
        for place, name in enumerate(columns):
            target = post.get(f"column-{place}", "")
            if target in cells and target not in {CUSTOM, PROPERTY}:
                try:
                    cells[target] = cell_of(name, post.get(f"rule-{place}", ""), old.get(target))
                except ValueError as error:
                    problems.append(f"{name}: {error}")
        for target, cell in old.items():
            if (
                target not in cells
                and target not in shown
                and not (isinstance(cell, Mapping) and "constant" in cell)
            ):
                cells[target] = cell
        if isinstance(kept := before.get("custom"), Mapping) and "custom" in definition:
            names = {_column(cell): key for key, cell in kept.items()}
            definition["custom"] = {names.get(column, column): column for column in definition["custom"]}
        if before.get("properties") == "*":
            extra = [place for place, _name in enumerate(columns) if not post.get(f"column-{place}")]
            definition["properties"] = "*" if not extra else definition.get("properties", [])
        return definition, problems


def rule_of(cell: Any) -> str:
    """What happens to a value on its way, as one line: a text around it, words and what they mean, or nothing."""
    if not isinstance(cell, Mapping):
        return ""
    if cell.get("template"):
        return str(cell["template"])
    values = cell.get("values") or {}
    words = [f"{word}={meant}" for word, meant in values.items()]
    if cell.get("default"):
        words.append(f"={cell['default']}")
    return "; ".join(words)


def cell_of(column: str, rule: str, before: Any) -> Any:
    """The cell of a field from its column and its rule. Raises ValueError saying what is allowed."""
    rule = rule.strip()
    system = {"system": before["system"]} if isinstance(before, Mapping) and before.get("system") else {}
    if "{" in rule:
        return {"template": rule, **system}
    if not rule:
        return {"column": column, **system} if system else column
    values, default = {}, {}
    for part in filter(None, (part.strip() for part in rule.split(";"))):
        word, sign, meant = (text.strip() for text in part.partition("="))
        if not sign:
            raise ValueError(
                _(
                    "“%(found)s” is no rule. Allowed: a text with the column in braces, or words as a=b; c=d; *=e."
                )
                % {"found": part[:60]}
            )
        if word:
            values[word] = meant
        else:
            default = {"default": meant}
    return {"column": column, **({"values": values} if values else {}), **default, **system}


def _looked(sample: Path, definition: Mapping[str, Any]) -> Preview:
    """The first rows as a preview, with the columns that the mapping names and no row has."""
    try:
        found = preview(sample)
    except (FileError, OSError):
        found = Preview("", "", "", "", [], 0, [], {}, [], [], {}, [])
    named = [column for cell in (definition.get("columns") or {}).values() for column in _columns(cell)]
    named += [
        column
        for group in _GROUPS
        for cell in (definition.get(group) or {}).values()
        for column in _columns(cell)
    ]
    late = [name for name in dict.fromkeys(named) if name not in found.columns]
    return dataclasses.replace(
        found, columns=[*found.columns, *late], encoding="", delimiter="", sheets=[], notices=[]
    )


def _is_plain(target: str) -> bool:
    return bool(target) and target not in {CUSTOM, PROPERTY}


def _column(cell: Any) -> str:
    return next(iter(_columns(cell)), "")


def _columns(cell: Any) -> list[str]:
    if isinstance(cell, str):
        return [cell]
    if not isinstance(cell, Mapping):
        return []
    return [str(cell["column"])] if cell.get("column") else _PLACES.findall(str(cell.get("template", "")))
