"""The languages of the interface: words kept as data hold each of them, {zh, en}."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import get_language

LANGUAGES = ("zh", "en")


def is_zh(language: str) -> bool:
    return language.startswith("zh")


def spoken(language: str | None = None) -> str:
    """``zh`` or ``en``, as words kept as data name them: of a language code, else of the reader's."""
    return "zh" if is_zh(language or get_language() or "en") else "en"


def in_words(words: Mapping[str, str], language: str | None = None) -> str:
    """The text in a language (else the reader's), in another where it is only told there, '' where there is none."""
    return words.get(spoken(language)) or next(iter(words.values()), "")
