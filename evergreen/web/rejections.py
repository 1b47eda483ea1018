"""Why an event was rejected, in the reader's language.

Reasons are kept in English, in which senders are answered too; what varies in them (a field, a length) stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

# The more telling first: of those that fit, the first one counts.
_REASONS = (
    gettext_noop("%(field)s is empty; %(call)s needs the name of what happened."),
    gettext_noop("%(field)s has %(length)s characters; at most %(most)s are allowed."),
    gettext_noop("%(field)s holds a NUL character, which no name may."),
    gettext_noop("%(field)s holds a NUL character, which no id may."),
    gettext_noop("The event: expected %(wanted)s, got %(found)s."),
    gettext_noop("%(field)s: expected %(wanted)s, got %(found)s."),
    gettext_noop("%(field)s: number out of range."),
    gettext_noop("%(field)s: integer value out of range."),
    gettext_noop("type is %(found)s; allowed are %(allowed)s."),
    gettext_noop("groupId is missing; a group call needs it."),
    gettext_noop("userId and anonymousId are both missing; one of them, or an account, is needed."),
    gettext_noop("context.groupId must be text or a number."),
    gettext_noop("distinct_id is missing; an event needs it."),
    gettext_noop("$group_type or $group_key is missing; a group needs both."),
    gettext_noop("$distinct_ids must be an array of two ids."),
    gettext_noop("$set must be an object of properties."),
    gettext_noop("$distinct_id is missing; a profile's update needs it."),
    gettext_noop("$group_key or $group_id is missing; a group's update needs both."),
    gettext_noop("The event has %(length)s bytes; at most %(most)s are allowed."),
    gettext_noop("The event is nested too deeply; about 900 levels are allowed."),
    gettext_noop("The event is not JSON: %(error)s."),
    gettext_noop("The body is not JSON: %(error)s."),
    gettext_noop("The body must be one JSON object: %(error)s."),
    gettext_noop('The body must be a JSON object with an array "batch": %(error)s.'),
    gettext_noop('The body must be an event or an object with an array "batch": %(error)s.'),
    gettext_noop('The body has no "batch"; it must be an object with an array of events.'),
    gettext_noop("The body must be a JSON object or an array of them."),
    gettext_noop("The body has more than %(length)s bytes unpacked; at most %(most)s are allowed."),
    gettext_noop("The body cannot be unpacked: %(error)s."),
    gettext_noop("The packed body is cut off or more than one frame."),
    gettext_noop("The packed body is cut off."),
    gettext_noop("Content-Encoding is %(found)s; allowed are gzip, deflate, zstd and identity."),
    gettext_noop("The request holds %(count)s events; at most %(most)s are allowed: split it."),
    gettext_noop("The request holds %(count)s events; at most %(most)s are allowed."),
    gettext_noop("The form or query has more than %(most)s fields."),
    gettext_noop("The form or query cannot be read: %(error)s."),
    gettext_noop("data is neither JSON nor base64: %(error)s."),
    gettext_noop("The time at which the request was sent has more than 100 characters."),
    gettext_noop("The stored request could not be read: %(error)s."),
)
_GAP = re.compile(r"%\((\w+)\)s")


def reason(kept: str) -> str:
    """A kept reason in words of the active language; one that is not known here as it is."""
    for template, pattern in _patterns():
        if found := pattern.fullmatch(kept):
            return gettext(template) % found.groupdict()
    return kept


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(template, re.compile(_pattern(template), re.DOTALL)) for template in _REASONS]


def _pattern(template: str) -> str:
    """Texts between the gaps stand for themselves."""
    texts = _GAP.split(template)
    return "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(texts))
