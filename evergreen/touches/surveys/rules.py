"""What counts as an answer, and whose turn it is to be asked. Pure."""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evergreen.events.scales import SCALES

MOST_TEXT = 5_000
# The kinds of further questions.
CHOICE, MANY, TEXT = "choice", "many", "text"
KINDS = (CHOICE, MANY, TEXT)
MOST_QUESTIONS, MOST_OPTIONS = 20, 20
# A link is good for so long, for the first answer and for changing it.
OPEN_DAYS = 30
_KEY = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given: ``answers`` by question (an option's key, a list of them, a text)."""

    score: int | None = None
    comment: str = ""
    answers: Mapping[str, str | list[str]] = field(default_factory=dict)


def read_answer(
    kind: str, questions: Sequence[Mapping[str, Any]], given: Mapping[str, Sequence[str]]
) -> tuple[Answer, dict[str, str]]:
    """The answer in a form's fields (``score``, ``comment``, ``q-<key>``), and what is wrong by field: ``missing`` or ``off_scale``.

    Options that there are not are left out, as are texts beyond 5,000 characters.
    """
    wrong: dict[str, str] = {}
    score: int | None = None
    if kind in SCALES:
        least, most = SCALES[kind]
        told = _first(given, "score")
        if not told:
            wrong["score"] = "missing"
        elif not (told.isascii() and told.isdecimal() and least <= int(told) <= most):
            wrong["score"] = "off_scale"
        else:
            score = int(told)
    answers: dict[str, str | list[str]] = {}
    for one in questions:
        name = f"q-{one['key']}"
        value = _answered(one, given.get(name, ()))
        if value:
            answers[one["key"]] = value
        elif one.get("required"):
            wrong[name] = "missing"
    return Answer(score, _first(given, "comment")[:MOST_TEXT], answers), wrong


def _answered(question: Mapping[str, Any], told: Sequence[str]) -> str | list[str]:
    if question["kind"] == TEXT:
        return told[0].strip()[:MOST_TEXT] if told else ""
    known = [option["key"] for option in question["options"]]
    chosen = [key for key in known if key in told]
    return chosen if question["kind"] == MANY else (chosen[0] if chosen else "")


def _first(given: Mapping[str, Sequence[str]], name: str) -> str:
    told = given.get(name, ())
    return told[0].strip() if told else ""


def quarter_of(position: int, account: str) -> int:
    """The quarter, 1 to 4, in which a contact is asked: ``position`` is its place among all contacts that the account ever had.

    Neighbours have different quarters, so a whole account of two and more is never asked at once; accounts begin at different ones
    (CRC-32 of their id), so the quarters are of one size.
    """
    return (position + zlib.crc32(account.encode())) % 4 + 1


def period_of(day: dt.date) -> tuple[str, int]:
    """A day's quarter as a key (2026-Q4) and a number."""
    quarter = (day.month - 1) // 3 + 1
    return f"{day.year}-Q{quarter}", quarter


def is_open(asked_at: dt.datetime, now: dt.datetime) -> bool:
    """Whether a link may still be answered."""
    return now < asked_at + dt.timedelta(days=OPEN_DAYS)


def wrong_questions(questions: Any) -> list[tuple[str, str]]:
    """Mistakes in further questions as (which, what): ``keys``, ``kind``, ``label``, ``options``, ``many``."""
    if not isinstance(questions, list) or len(questions) > MOST_QUESTIONS:
        return [("", "many")]
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for number, one in enumerate(questions, 1):
        where = str(number)
        key = str(one.get("key", ""))
        if not _KEY.fullmatch(key) or key in seen:
            found.append((where, "keys"))
        seen.add(key)
        if one.get("kind") not in KINDS:
            found.append((where, "kind"))
        if not any(str(text).strip() for text in one.get("label", {}).values()):
            found.append((where, "label"))
        options = one.get("options", [])
        keys = [str(option.get("key", "")) for option in options]
        if one.get("kind") in {CHOICE, MANY} and not 2 <= len(options) <= MOST_OPTIONS:
            found.append((where, "options"))
        elif any(not _KEY.fullmatch(key) for key in keys) or len(set(keys)) < len(keys):
            found.append((where, "keys"))
    return found
