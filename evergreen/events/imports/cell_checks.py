"""One field's entry in a mapping, checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.imports.mapping import Cell

_WAYS = ("column", "constant", "template")
_KEYS = (*_WAYS, "values", "default", "system")
_LONGEST = 1_000


def read_cell(key: str, given: Any) -> tuple[Cell, list[str]]:
    """What a field is read from, and every mistake in it; with mistakes the cell is not to be used."""
    if isinstance(given, str) and given.strip():
        return Cell(column=given.strip()), []
    if not isinstance(given, Mapping):
        return Cell(), [
            _("%(key)s: found %(found)s; the name of a column, or %(allowed)s with values, is allowed.")
            % {"key": key, "found": repr(given)[:80], "allowed": ", ".join(_KEYS)}
        ]
    problems = [
        wrong(f"{key}.{name}", _("an unknown key"), _KEYS, close_to=name)
        for name in given
        if name not in _KEYS
    ]
    ways = [way for way in _WAYS if way in given]
    if len(ways) != 1:
        problems.append(
            _("%(key)s: found %(found)s; exactly one of column, constant, template is allowed.")
            % {"key": key, "found": ", ".join(ways) or "-"}
        )
    values = given.get("values", {})
    if not isinstance(values, Mapping) or not all(isinstance(one, str) for one in values.values()):
        problems.append(
            _("%(key)s.values: found %(found)s; words of the file with what they mean are allowed.")
            % {"key": key, "found": repr(values)[:80]}
        )
    texts = {name: given[name] for name in (*_WAYS, "default", "system") if name in given}
    problems += [
        _("%(key)s: found %(found)s; a text of at most %(most)s characters is allowed.")
        % {"key": f"{key}.{name}", "found": repr(text)[:80], "most": _LONGEST}
        for name, text in texts.items()
        if not isinstance(text, str) or len(text) > _LONGEST
    ]
    if problems:
        return Cell(), problems
    cell = Cell(
        column=texts.get("column", "").strip(),
        constant=texts.get("constant"),
        template=texts.get("template", ""),
        values={word.strip().casefold(): meant for word, meant in values.items()},
        default=texts.get("default"),
        system=texts.get("system", "").strip(),
    )
    if cell.constant is None and not cell.columns:
        problems.append(
            _("%(key)s: found no column; name one, or some in braces such as {first} {last} in a template.")
            % {"key": key}
        )
    return cell, problems


def wrong(key: str, found: Any, allowed: Iterable[str], close_to: str = "") -> str:
    """The sentence for a key whose value is not among those allowed, with the likeliest."""
    listed = list(allowed)
    said = _("%(key)s: found %(found)s; allowed: %(allowed)s.") % {
        "key": key,
        "found": found if isinstance(found, str) else repr(found),
        "allowed": ", ".join(listed),
    }
    near = difflib.get_close_matches(close_to, listed, n=1) if close_to else []
    return f"{said} {_('Did you mean %(near)s?') % {'near': near[0]}}" if near else said
