"""Files of configuration as plain data, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base.yaml_text import YamlError, load_yaml


class ConfigError(RuntimeError):
    """Files that cannot be used; one line a mistake. Nothing was changed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join([*problems, _("Nothing was changed; correct the files.")]))


def told(path: Path, *, needed: Collection[str], allowed: Collection[str], says: str) -> dict[str, Any]:
    """The mapping that a file holds. Raises ValidationError; ``says`` are the allowed keys in words."""
    try:
        found = load_yaml(path)
    except YamlError as error:
        raise ValidationError(str(error)) from error
    if not isinstance(found, dict) or not set(needed) <= found.keys() <= set(allowed):
        listed = ", ".join(found) if isinstance(found, dict) else repr(found)[:60]
        raise ValidationError(
            _("found %(found)s; allowed: %(allowed)s.") % {"found": listed or "-", "allowed": says}
        )
    return found


def words(given: Any, where: str, longest: int) -> dict[str, str]:
    """A text in Chinese or English or both; a bare text is Chinese. Raises ValidationError."""
    if isinstance(given, str):
        given = {"zh": given}
    if not isinstance(given, dict) or not given or not given.keys() <= {"zh", "en"}:
        raise ValidationError(
            _("%(where)s: found %(found)s; allowed: zh, en.") % {"where": where, "found": repr(given)[:60]}
        )
    return {language: str(text).strip()[:longest] for language, text in given.items() if str(text).strip()}


def flag(given: Any, where: str) -> bool:
    """A yes or no: files tell every value as a text. Raises ValidationError."""
    text = str(given).lower()
    if text not in {"true", "false"}:
        raise ValidationError(
            _("%(where)s: found %(found)s; allowed: true, false.") % {"where": where, "found": text[:60]}
        )
    return text == "true"


def text_of(told: Mapping[str, Any]) -> str:
    """An object as its file has it."""
    text: str = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=120)
    return text


def in_order(words: Mapping[str, str]) -> dict[str, str]:
    """Chinese, then English: PostgreSQL keeps no order of keys."""
    return {language: words[language] for language in ("zh", "en") if language in words}
