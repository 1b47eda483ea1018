"""A mapping as a form, column by column, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.previews import Preview
from evergreen.events.imports.records import RECORDS, Record
from evergreen.events.sources.files import FileOptions
from evergreen.web import formats

CUSTOM, PROPERTY = "+custom", "+property"
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%Y年%m月%d日")
ENCODINGS = ("utf-8", "gb18030", "utf-16", "big5", "shift_jis", "windows-1252")
DELIMITERS = ((",", ","), (";", ";"), ("\t", "Tab"), ("|", "|"))
# Keys of the mapping's format block that the page sets; the others of a mapping from YAML are kept.
_TEXTS = ("encoding", "delimiter", "sheet", "header_row", "decimal", "timezone", "currency", "span")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Target:
    """What a column may become."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file with its first values and what it becomes."""

    place: int
    name: str
    type: str
    samples: list[str]
    target: str
    is_kept_as: str  # words for a value map or a template that stays as it is


@dataclass(frozen=True, slots=True)
class Constant:
    """A field that may have one value for every row."""

    field: Field
    label: str
    value: str


class MappingForm:
    """A file's columns against a record's fields. ``definition`` is the mapping as it stands."""

    def __init__(self, record: str, preview: Preview, definition: Mapping[str, Any]) -> None:
        self.record: Record = RECORDS[record]
        self.preview = preview
        self.definition = definition
        self.language = formats.language()
        self.format: Mapping[str, Any] = definition.get("format") or {}

    @property
    def targets(self) -> list[Target]:
        listed = [Target("", _("not loaded"))]
        listed += [
            Target(field.name, field.label(self.language) + (" *" if self._is_needed(field.name) else ""))
            for field in self.record.fields
        ]
        if "custom" in self.record.takes:
            listed.append(Target(CUSTOM, _("a custom field of its own")))
        if "properties" in self.record.takes:
            listed.append(Target(PROPERTY, _("a property of the event")))
        return listed

    def _is_needed(self, name: str) -> bool:
        return any(name in choice for choice in self.record.needs)

    @property
    def columns(self) -> list[Column]:
        by_column = self._targets_of()
        return [
            Column(
                place=place,
                name=name,
                type=self.preview.types.get(name, ""),
                samples=self._samples(place),
                target=by_column.get(name, ("", ""))[0],
                is_kept_as=by_column.get(name, ("", ""))[1],
            )
            for place, name in enumerate(self.preview.columns)
        ]

    def _targets_of(self) -> dict[str, tuple[str, str]]:
        """column → (what it becomes, words on what else happens to it)."""
        found: dict[str, tuple[str, str]] = {}
        for name, cell in (self.definition.get("columns") or {}).items():
            column, said = _read_cell(cell)
            if column:
                found[column] = (name, said)
        for key, target in (("custom", CUSTOM), ("properties", PROPERTY)):
            for column in _plain_columns(self.definition.get(key), self.preview.columns):
                found.setdefault(column, (target, ""))
        return found

    def _samples(self, place: int) -> list[str]:
        seen = dict.fromkeys(row[place] for row in self.preview.rows if place < len(row) and row[place])
        return [value[:_LONGEST] for value in list(seen)[:3]]

    @property
    def first_rows(self) -> list[tuple[int, list[str]]]:
        return list(zip(self.preview.row_numbers, self.preview.rows, strict=True))[:10]

    @property
    def constants(self) -> list[Constant]:
        """Fields that no column serves and that may be the same in every row."""
        columns = self.definition.get("columns") or {}
        served = {name for name, cell in columns.items() if _read_cell(cell)[0]}
        return [
            Constant(field, field.label(self.language), _constant(columns.get(field.name)))
            for field in self.record.fields
            if field.name not in served and (field.kind != Kind.KEY or _constant(columns.get(field.name)))
        ]

    @property
    def composed(self) -> list[str]:
        """Fields put together from several columns, by a mapping that came from a file."""
        columns = self.definition.get("columns") or {}
        return [
            f"{self.record.field(name).label(self.language)} = {cell['template']}"
            for name, cell in columns.items()
            if isinstance(cell, Mapping) and cell.get("template")
        ]

    @property
    def missing(self) -> list[str]:
        """Needed fields that nothing serves yet, in words; one of several where one is enough."""
        columns = self.definition.get("columns") or {}
        return [
            _(" or ").join(self.record.field(name).label(self.language) for name in choice)
            for choice in self.record.needs
            if not any(name in columns for name in choice)
        ]

    @property
    def has_dates(self) -> bool:
        return any(field.kind in {Kind.DATE, Kind.MOMENT} for field in self.record.fields)

    @property
    def has_money(self) -> bool:
        return any(field.kind == Kind.MONEY for field in self.record.fields)

    @property
    def has_end(self) -> bool:
        return "end" in self.record.names

    @property
    def has_hours(self) -> bool:
        """Whether a row may stand for an hour; counted use is counted by days."""
        return "time" in self.record.names

    @property
    def has_editions(self) -> bool:
        return "edition" in self.record.names

    @property
    def has_features(self) -> bool:
        return "features" in self.record.takes

    @property
    def dates(self) -> str:
        given = self.format.get("dates") or ""
        return given if isinstance(given, str) else ", ".join(given)

    @property
    def date_formats(self) -> list[tuple[str, str]]:
        shown = {"%Y": "2026", "%m": "11", "%d": "21"}
        said = []
        for form in DATE_FORMATS:
            example = form
            for mark, text in shown.items():
                example = example.replace(mark, text)
            said.append((form, example))
        return said

    @property
    def creates(self) -> bool:
        return bool(self.definition.get("create"))

    @property
    def creates_features(self) -> bool:
        return str((self.definition.get("features") or {}).get("create", "")).lower() == "true"

    @property
    def all_editions(self) -> bool:
        return (self.definition.get("features") or {}).get("editions") == "all"


def definition_from(
    post: QueryDict, record: str, columns: Sequence[str], before: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The mapping that a form says, and what is wrong with it beyond what the mapping itself checks.

    What ``before`` said of a field that the form leaves as it is (words and their meaning, templates) stays.
    """
    problems: list[str] = []
    chosen: dict[str, str] = {}
    extra: list[str] = []
    for place, name in enumerate(columns):
        target = post.get(f"column-{place}", "")
        if target in {CUSTOM, PROPERTY}:
            extra.append(name)
        elif target and target in chosen:
            label = RECORDS[record].field(target).label(formats.language())
            said = _("%(field)s is chosen for “%(first)s” and for “%(second)s”: choose one column for it.")
            problems.append(said % {"field": label, "first": chosen[target], "second": name})
        elif target in RECORDS[record].names:
            chosen[target] = name
    definition: dict[str, Any] = {"record": record, **_kept(before)}
    definition["columns"] = _cells(post, record, chosen, before)
    if extra and "custom" in RECORDS[record].takes:
        definition["custom"] = {name: name for name in extra}
    elif extra:
        definition["properties"] = extra
    if source := post.get("source", "").strip():
        definition["source"] = source
    if form := _format(post, before):
        definition["format"] = form
    if post.get("create"):
        definition["create"] = ["products", "editions"]
    if post.get("features"):
        definition["features"] = {
            "create": "true",
            **({"editions": "all"} if post.get("all_editions") else {}),
        }
    return definition, problems


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """What the page does not show: ids in other systems, the product."""
    return {key: before[key] for key in ("external_ids", "product") if before.get(key)}


def _cells(
    post: QueryDict, record: str, chosen: Mapping[str, str], before: Mapping[str, Any]
) -> dict[str, Any]:
    old = before.get("columns") or {}
    cells: dict[str, Any] = {}
    for name in RECORDS[record].names:
        was = old.get(name)
        constant = post.get(f"constant-{name}", "").strip()
        if name in chosen:
            column, _said = _read_cell(was)
            cells[name] = was if was is not None and column == chosen[name] else chosen[name]
        elif constant:
            cells[name] = {"constant": constant}
        elif isinstance(was, Mapping) and was.get("template"):
            cells[name] = was
    return cells


def _format(post: QueryDict, before: Mapping[str, Any]) -> dict[str, Any]:
    old = before.get("format") or {}
    form = {key: value for key, value in old.items() if key not in {*_TEXTS, "dates", "money", "amounts"}}
    form.pop("end_is_last_day", None)
    form.pop("empty_cells", None)
    for key in _TEXTS:
        value = post.get(key, "")
        if value and not (key == "decimal" and value == "."):
            form[key] = value
    if dates := [part.strip() for part in post.get("dates", "").split(",") if part.strip()]:
        form["dates"] = dates
    for key, value in (
        ("money", "minor"),
        ("amounts", "list"),
        ("end_is_last_day", "true"),
        ("empty_cells", "keep"),
    ):
        if post.get(key):
            form[key] = value
    return form


def file_options(definition: Mapping[str, Any]) -> FileOptions:
    """How the file is to be read, as the mapping says."""
    form = definition.get("format") or {}
    row = str(form.get("header_row", ""))
    return FileOptions(
        encoding=str(form.get("encoding", "")),
        delimiter=str(form.get("delimiter", "")),
        sheet=str(form.get("sheet", "")),
        header_row=int(row) if row.isdecimal() and len(row) < 5 else None,
    )


def likeliest(columns: Sequence[str]) -> str:
    """The kind of record that a file with these columns most likely holds."""
    from evergreen.events.imports.guessing import guess

    def fit(record: Record) -> tuple[int, float]:
        found = guess(columns, record.name)["columns"]
        served = sum(any(name in found for name in choice) for choice in record.needs)
        return served - len(record.needs), len(found) / (len(columns) or 1)

    return max(RECORDS.values(), key=fit).name


def _read_cell(cell: Any) -> tuple[str, str]:
    """(the one column of a field's cell, words on what else the mapping does with it)."""
    if isinstance(cell, str):
        return cell, ""
    if not isinstance(cell, Mapping) or not cell.get("column"):
        return "", ""
    values = cell.get("values") or {}
    said = ", ".join(f"{word} → {meant}" for word, meant in list(values.items())[:3])
    return str(cell["column"]), said


def _constant(cell: Any) -> str:
    return str(cell.get("constant", "")) if isinstance(cell, Mapping) else ""


def _plain_columns(given: Any, columns: Sequence[str]) -> list[str]:
    if given == "*":
        return list(columns)
    if isinstance(given, list):
        return [str(name) for name in given]
    if isinstance(given, Mapping):
        return [column for cell in given.values() if (column := _read_cell(cell)[0])]
    return []
