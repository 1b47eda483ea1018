"""Decisions about tasks and conversations."""

from __future__ import annotations

import datetime as dt


def is_overdue(due_on: dt.date | None, today: dt.date) -> bool:
    """Whether the due day has passed; a task without one is never overdue."""
    return due_on is not None and due_on < today


def is_asleep(snoozed_until: dt.date | None, today: dt.date) -> bool:
    """Whether a snoozed task stays out of sight: it comes back on the day named."""
    return snoozed_until is not None and snoozed_until > today


def order_key(due_on: dt.date | None, priority: int, today: dt.date) -> tuple[int, int, dt.date]:
    """How tasks stand on a person's list: overdue and today's first, by priority, then by due day."""
    urgent = due_on is not None and due_on <= today
    return (0 if urgent else 1, priority, due_on or dt.date.max)


def title_words(title: str | dict[str, str]) -> dict[str, str]:
    """A title as it is kept: {zh, en} from the product, {text} by a person. ValueError when it is empty."""
    kept = (
        {"text": title.strip()}
        if isinstance(title, str)
        else {key: text.strip() for key, text in title.items()}
    )
    if not any(kept.values()):
        raise ValueError("A task needs a title.")
    unknown = sorted(set(kept) - {"zh", "en", "text"})
    if unknown:
        raise ValueError(f"A title has zh and en, or text; found {', '.join(unknown)}.")
    return kept
