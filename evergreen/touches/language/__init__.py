"""The language of message templates: placeholders and conditions over plain values, nothing else.

    Hello {{ contact.name }},
    {% if account.tier == "strategic" %}your success manager is {{ owner.name }}.{% endif %}

There is no attribute access, no call, no loop, no inclusion, and a value is never read as a template: what a customer writes
into their name stays a name. Whoever needs more has a step of a playbook for it.
"""

from evergreen.touches.language.filters import FILTERS
from evergreen.touches.language.parsing import (
    MOST_CHARACTERS,
    MOST_OUTPUT,
    Template,
    TemplateError,
    parse,
)
from evergreen.touches.language.rendering import MissingError, Value, render

__all__ = [
    "FILTERS", "MOST_CHARACTERS", "MOST_OUTPUT", "MissingError", "Template", "TemplateError", "Value", "parse", "render",
]  # fmt: skip
