"""What a connector or a channel is set up with: a dataclass of which its form is drawn and its secrets are sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from django.utils.translation import gettext as _


def option(
    zh: str,
    en: str,
    *,
    secret: bool = False,
    default: Any = dataclasses.MISSING,
    choices: Mapping[str, tuple[str, str]] | Iterable[str] = (),
    about: tuple[str, str] = ("", ""),
    example: str = "",
    is_long: bool = False,
    rows: int = 18,
) -> Any:
    """A field of a configuration, with what its form says (in Chinese, in English). Without a default it must be filled in.

    ``rows`` is the height of a field that ``is_long``. ``choices`` are what is allowed, with words for each unless it speaks for itself.
    """
    words = choices if isinstance(choices, Mapping) else {choice: (choice, choice) for choice in choices}
    metadata = {
        "zh": zh, "en": en, "secret": secret, "choices": words,
        "about": about, "example": example, "is_long": is_long, "rows": rows,
    }  # fmt: skip
    return field(default=default, metadata=metadata)


def secrets_of(config: type[Any]) -> frozenset[str]:
    """Names of the fields whose values are encrypted at rest."""
    return frozenset(one.name for one in dataclasses.fields(config) if one.metadata["secret"])


def configured(
    config: type[Any],
    given: Mapping[str, Any],
    say: Callable[[str], str] = str,
    errors: tuple[type[Exception], ...] = (ValueError,),
) -> tuple[Any, list[str]]:
    """A configuration from texts (a form, a stored row), and every mistake in it. None with mistakes.

    ``errors`` are what its own check may raise, with a mistake a line.
    """
    values, problems = {}, []
    for one in dataclasses.fields(config):
        value = given.get(one.name, "")
        value = value.strip() if isinstance(value, str) else value
        if value in ("", None):
            if one.default is dataclasses.MISSING:
                problems.append(_("%(field)s is missing.") % {"field": say(one.name)})
            continue
        if one.type in ("int", int):
            try:
                value = int(value)
            except (TypeError, ValueError):
                problems.append(
                    _("%(field)s: found “%(found)s”, a whole number is needed.")
                    % {"field": say(one.name), "found": value}
                )
                continue
        if one.metadata["choices"] and value not in one.metadata["choices"]:
            problems.append(
                _("%(field)s: found “%(found)s”. Allowed: %(allowed)s.")
                % {"field": say(one.name), "found": value, "allowed": ", ".join(one.metadata["choices"])}
            )
            continue
        values[one.name] = value
    if problems:
        return None, problems
    try:
        return config(**values), []
    except errors as error:
        return None, str(error).splitlines()
