from __future__ import annotations

import datetime as dt

import pytest

from evergreen.work import rules

TODAY = dt.date(2026, 11, 20)
NEXT = dt.timedelta(days=1)


def test_a_task_is_overdue_from_the_day_after_it_was_due() -> None:
    assert rules.is_overdue(TODAY - NEXT, TODAY)
    assert not rules.is_overdue(TODAY, TODAY)
    assert not rules.is_overdue(None, TODAY)


def test_a_snoozed_task_comes_back_on_its_day() -> None:
    assert rules.is_asleep(TODAY + NEXT, TODAY)
    assert not rules.is_asleep(TODAY, TODAY)
    assert not rules.is_asleep(None, TODAY)


def test_what_is_due_stands_before_what_is_not_and_then_priority_counts() -> None:
    tasks = {
        "later, urgent": (TODAY + NEXT, 1),
        "today, low": (TODAY, 4),
        "overdue, high": (TODAY - NEXT, 2),
        "some day, urgent": (None, 1),
        "today, high": (TODAY, 2),
    }
    order = sorted(tasks, key=lambda name: rules.order_key(*tasks[name], TODAY))
    assert order == ["overdue, high", "today, high", "today, low", "later, urgent", "some day, urgent"]


def test_a_title_is_of_the_product_or_of_a_person() -> None:
    assert rules.title_words(" Call ") == {"text": "Call"}
    assert rules.title_words({"zh": "致电 ", "en": "Call"}) == {"zh": "致电", "en": "Call"}
    for wrong in ("", "  ", {}, {"zh": " "}, {"fr": "Appeler"}):
        with pytest.raises(ValueError, match="title"):
            rules.title_words(wrong)
