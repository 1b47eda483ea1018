"""A mapping checked key by key against what its record can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.events.imports.cell_checks import read_cell, wrong
from evergreen.events.imports.formats import EMPTY_WORDS, FALSE_WORDS, TRUE_WORDS
from evergreen.events.imports.mapping import (
    CREATABLE,
    SPANS,
    Cell,
    Features,
    FileMapping,
    MappingError,
)
from evergreen.events.imports.records import RECORDS, Record
from evergreen.events.journal import SOURCE as OWN_SOURCE
from evergreen.events.sources.files import FileOptions

_TOP = (
    "record",
    "source",
    "format",
    "columns",
    "custom",
    "external_ids",
    "properties",
    "product",
    "create",
    "features",
)
_FORMAT = (
    "encoding",
    "delimiter",
    "sheet",
    "header_row",
    "dates",
    "decimal",
    "true_words",
    "false_words",
    "empty_words",
    "empty_cells",
    "timezone",
    "currency",
    "money",
    "amounts",
    "end_is_last_day",
    "span",
)


class Checked:
    """Collects every mistake of a definition before it raises."""

    def __init__(self, definition: Mapping[str, Any], record: str) -> None:
        self._given = definition
        self._problems: list[str] = []
        if record not in RECORDS:
            raise MappingError([wrong("record", record, RECORDS)])
        self._record: Record = RECORDS[record]

    def mapping(self) -> FileMapping:
        self._known_keys("", self._given, _TOP)
        stated = self._given.get("record", self._record.name)
        if stated != self._record.name:
            self._problems.append(wrong("record", stated, [self._record.name]))
        form = self._block("format")
        self._known_keys("format.", form, _FORMAT)
        mapping = FileMapping(
            record=self._record.name,
            definition=self._given,
            source=self._source(),
            file=FileOptions(
                encoding=self._text(form, "encoding", "format."),
                delimiter=self._raw(form, "delimiter", "format."),
                sheet=self._text(form, "sheet", "format."),
                header_row=self._header_row(form),
            ),
            dates=self._dates(form),
            decimal=self._one_of(form, "decimal", (".", ","), "."),
            true_words=self._words(form, "true_words", TRUE_WORDS),
            false_words=self._words(form, "false_words", FALSE_WORDS),
            empty_words=("", *self._words(form, "empty_words", EMPTY_WORDS, fold=False)),
            keeps_empty=self._one_of(form, "empty_cells", ("clear", "keep"), "clear") == "keep",
            timezone=self._zone(form),
            currency=self._currency(form),
            is_minor=self._one_of(form, "money", ("major", "minor"), "major") == "minor",
            amounts_are_list=self._one_of(form, "amounts", ("net", "list"), "net") == "list",
            end_is_last_day=self._flag(form, "end_is_last_day", "format."),
            span=self._one_of(form, "span", SPANS, "day"),
            product=self._text(self._given, "product", "", most=60),
            create=self._create(),
            features=self._features(),
            cells=self._cells("columns", set(self._record.names)),
            custom=self._cells("custom"),
            external_ids=self._cells("external_ids"),
            properties=self._properties(),
            all_properties=self._given.get("properties") == "*",
        )
        self._check_fields(mapping)
        if self._problems:
            raise MappingError(self._problems)
        return mapping

    def _check_fields(self, mapping: FileMapping) -> None:
        for key in ("custom", "external_ids", "properties", "features"):
            if self._given.get(key) and key not in self._record.takes:
                self._problems.append(
                    _("%(key)s: %(record)s have none. Leave it out.")
                    % {"key": key, "record": self._record.name}
                )
        for choice in self._record.needs:
            if not any(name in mapping.cells for name in choice):
                self._problems.append(
                    _("columns: %(fields)s is missing. State its column or a constant.")
                    % {"fields": " / ".join(choice)}
                )

    def _known_keys(self, prefix: str, given: Mapping[str, Any], allowed: Iterable[str]) -> None:
        self._problems += [
            wrong(f"{prefix}{key}", _("an unknown key"), allowed, close_to=key)
            for key in given
            if key not in set(allowed)
        ]

    def _block(self, key: str) -> Mapping[str, Any]:
        value = self._given.get(key) or {}
        if isinstance(value, Mapping):
            return value
        self._problems.append(
            _("%(key)s: found %(found)s; a list of keys with values is allowed.")
            % {"key": key, "found": repr(value)}
        )
        return {}

    def _text(self, given: Mapping[str, Any], key: str, prefix: str, most: int = 200) -> str:
        return self._raw(given, key, prefix, most).strip()

    def _raw(self, given: Mapping[str, Any], key: str, prefix: str, most: int = 200) -> str:
        value = given.get(key, "")
        if isinstance(value, str) and len(value) <= most:
            return value
        self._problems.append(
            _("%(key)s: found %(found)s; a text of at most %(most)s characters is allowed.")
            % {"key": f"{prefix}{key}", "found": repr(value)[:80], "most": most}
        )
        return ""

    def _source(self) -> str:
        name = self._text(self._given, "source", "", most=60)
        if name == OWN_SOURCE or not name.isprintable():
            self._problems.append(
                _("source: found %(found)s; printable characters are allowed, and not the name %(own)s.")
                % {"found": repr(name), "own": OWN_SOURCE}
            )
        return name

    def _one_of(self, form: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
        value = form.get(key, default)
        if value in allowed:
            return str(value)
        self._problems.append(wrong(f"format.{key}", value, allowed))
        return default

    def _flag(self, given: Mapping[str, Any], key: str, prefix: str) -> bool:
        value = str(given.get(key, "false")).lower()
        if value in {"true", "false", "yes", "no"}:
            return value in {"true", "yes"}
        self._problems.append(wrong(f"{prefix}{key}", value, ("true", "false")))
        return False

    def _list(self, given: Mapping[str, Any], key: str, prefix: str) -> list[str]:
        value = given.get(key) or []
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return listed
        self._problems.append(
            _("%(key)s: found %(found)s; a list of texts is allowed.")
            % {"key": f"{prefix}{key}", "found": repr(value)[:80]}
        )
        return []

    def _words(
        self, form: Mapping[str, Any], key: str, default: tuple[str, ...], *, fold: bool = True
    ) -> tuple[str, ...]:
        words = self._list(form, key, "format.")
        return tuple(word.strip().casefold() if fold else word.strip() for word in words) or default

    def _dates(self, form: Mapping[str, Any]) -> tuple[str, ...]:
        formats = self._list(form, "dates", "format.")
        for one in formats:
            if "%" not in one or not any(mark in one for mark in ("%d", "%j", "%x", "%D", "%s")):
                self._problems.append(
                    _("format.dates: found %(found)s; formats such as %(example)s are allowed.")
                    % {"found": repr(one), "example": "%d-%m-%Y, %m/%d/%Y %H:%M"}
                )
        return tuple(formats)

    def _header_row(self, form: Mapping[str, Any]) -> int | None:
        value = self._text(form, "header_row", "format.")
        if not value:
            return None
        if value.isdigit() and int(value) <= 1_000:
            return int(value)
        self._problems.append(wrong("format.header_row", value, (_("0 (no header) to 1000"),)))
        return None

    def _zone(self, form: Mapping[str, Any]) -> str:
        name = self._text(form, "timezone", "format.")
        try:
            if name:
                clock.zone(name)
        except ValueError as error:
            self._problems.append(f"format.timezone: {error}")
        return name

    def _currency(self, form: Mapping[str, Any]) -> str:
        code = self._text(form, "currency", "format.")
        if code and not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
            self._problems.append(wrong("format.currency", code, ("CNY", "USD", "EUR", "…")))
        return code

    def _create(self) -> frozenset[str]:
        listed = self._list(self._given, "create", "")
        self._problems += [wrong("create", one, CREATABLE) for one in listed if one not in CREATABLE]
        return frozenset(listed)

    def _features(self) -> Features:
        block = self._block("features")
        self._known_keys("features.", block, ("create", "editions"))
        editions = block.get("editions", "")
        if editions not in {"", "all"}:
            self._problems.append(wrong("features.editions", editions, ("all",)))
        return Features(create=self._flag(block, "create", "features."), editions=str(editions))

    def _properties(self) -> dict[str, Cell]:
        value = self._given.get("properties") or {}
        if value == "*":
            return {}
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return {name: Cell(column=name) for name in value}
        return self._cells("properties")

    def _cells(self, key: str, allowed: set[str] | None = None) -> dict[str, Cell]:
        block = self._block(key)
        found = {}
        for name, given in block.items():
            if allowed is not None and name not in allowed:
                self._problems.append(
                    wrong(f"{key}.{name}", _("an unknown field"), sorted(allowed), close_to=name)
                )
                continue
            found[name], problems = read_cell(f"{key}.{name}", given)
            self._problems += problems
        return found
