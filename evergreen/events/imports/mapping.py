"""The mapping of a file: which column becomes which field, and how its values are written.

The same from YAML and from the browser. ``read_mapping`` says every mistake at once: the key, what was
found, what is allowed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.yaml_text import YamlError, load_yaml
from evergreen.events.imports.formats import EMPTY_WORDS, FALSE_WORDS, TRUE_WORDS
from evergreen.events.sources.files import FileOptions, LoadError

CREATABLE = ("products", "editions")
SPANS = ("hour", "day", "week", "month")
_PLACE = re.compile(r"\{([^{}]+)\}")
# In a template: the number of the row in its file.
ROW_NUMBER = "#"


class MappingError(LoadError):
    """A mapping that cannot be used; one line a mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join([*self.problems, _("Nothing was loaded; correct the mapping.")]))


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a field's value comes from: a column, a constant or a template of columns; then a map of values.

    ``system`` says which system's ids a reference uses (``crm``), '' the account's own id first.
    """

    column: str = ""
    constant: str | None = None
    template: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    system: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        if self.column:
            return (self.column,)
        return tuple(name for name in _PLACE.findall(self.template) if name != ROW_NUMBER)

    @property
    def parts(self) -> list[str]:
        """The template as texts and column names in turn."""
        return _PLACE.split(self.template)


@dataclass(frozen=True, slots=True)
class Features:
    """What to do with feature names seen in events: make them, and let every edition of the product hold
    them all.
    """

    create: bool = False
    editions: str = ""


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A mapping that was read without mistakes. ``definition`` is what it was read from."""

    record: str
    definition: Mapping[str, Any]
    source: str = ""
    file: FileOptions = field(default_factory=FileOptions)
    dates: tuple[str, ...] = ()
    decimal: str = "."
    true_words: tuple[str, ...] = TRUE_WORDS
    false_words: tuple[str, ...] = FALSE_WORDS
    empty_words: tuple[str, ...] = EMPTY_WORDS
    keeps_empty: bool = False
    timezone: str = ""
    currency: str = ""
    is_minor: bool = False
    amounts_are_list: bool = False
    end_is_last_day: bool = False
    span: str = "day"
    product: str = ""
    create: frozenset[str] = frozenset()
    features: Features = field(default_factory=Features)
    cells: Mapping[str, Cell] = field(default_factory=dict)
    custom: Mapping[str, Cell] = field(default_factory=dict)
    external_ids: Mapping[str, Cell] = field(default_factory=dict)
    properties: Mapping[str, Cell] = field(default_factory=dict)
    all_properties: bool = False

    @property
    def columns(self) -> list[str]:
        """Every column of the file that it reads."""
        groups = (self.cells, self.custom, self.external_ids, self.properties)
        return list(
            dict.fromkeys(name for group in groups for cell in group.values() for name in cell.columns)
        )

    def digest(self) -> str:
        text = json.dumps(self.definition, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_mapping(given: Path | str | Mapping[str, Any], record: str) -> FileMapping:
    """A mapping from a YAML file or from the same as a dict, for a kind of record. Raises MappingError."""
    from evergreen.events.imports.checking import Checked

    try:
        definition = _normal(given) if isinstance(given, Mapping) else load_yaml(Path(given))
    except YamlError as error:
        raise MappingError([str(error)]) from error
    if not isinstance(definition, dict):
        raise MappingError(
            [_("A mapping is a list of keys with values; found %(found)s.") % {"found": repr(definition)}]
        )
    return Checked(definition, record).mapping()


def _normal(value: Any) -> Any:
    """A dict from the browser as YAML's texts have it."""
    if isinstance(value, Mapping):
        return {str(key): _normal(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_normal(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
