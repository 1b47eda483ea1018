"""What was said on one day, as the summary of a conversation: a line each, with the hour at the vendor and which side it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from evergreen.base.languages import in_words

# So much of a day stands in its conversation.
MOST_LETTERS = 8_000
_THEM, _US = {"zh": "客户", "en": "Customer"}, {"zh": "我方", "en": "We"}


def transcript(said: Iterable[tuple[dt.datetime, bool, str]], zone: ZoneInfo, language: str) -> str:
    """Lines of (when, whether the customer's, text), in the order given, of any length."""
    return "\n".join(
        f"{at.astimezone(zone):%H:%M} {in_words(_THEM if is_theirs else _US, language)}: {text}"
        for at, is_theirs, text in said
    )
