"""Fields of a form drawn from a configuration's dataclass: words, choices, secrets that are never shown again."""

from __future__ import annotations

import dataclasses
from typing import Any

from django import forms

from evergreen.base.languages import LANGUAGES, spoken
from evergreen.base.vault import MASK


def drawn(one: dataclasses.Field[Any], *, is_stored: bool) -> forms.Field:
    """The form's field for a configuration's; ``is_stored``: its secret may be left empty and stays."""
    about, is_secret = one.metadata, bool(one.metadata["secret"])
    place = LANGUAGES.index(spoken())
    has_default = one.default is not dataclasses.MISSING
    named: dict[str, Any] = {
        "label": (about["zh"], about["en"])[place],
        "help_text": about["about"][place],
        "required": not has_default and not (is_secret and is_stored),
        "initial": (one.default or None) if has_default else None,
    }
    if about["choices"]:
        choices = [(choice, words[place]) for choice, words in about["choices"].items()]
        return forms.ChoiceField(choices=choices, **named)
    shown = {"placeholder": MASK if is_secret and is_stored else about["example"], "autocomplete": "off"}
    if about["is_long"]:
        rows = 4 if is_secret else about["rows"]
        widget: forms.Widget = forms.Textarea({**shown, "rows": rows, "spellcheck": "false", "class": "code"})
    elif is_secret:
        widget = forms.PasswordInput({**shown, "autocomplete": "new-password"})
    elif one.type in ("int", int):
        return forms.IntegerField(min_value=0, max_value=65_535, **named)
    else:
        widget = forms.TextInput(shown)
    return forms.CharField(widget=widget, max_length=100_000 if about["is_long"] else 2_000, **named)
