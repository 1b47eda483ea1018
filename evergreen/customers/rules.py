"""Decisions about accounts: worth of contracts, what is overdue, whom a note mentions, what a chain lacks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from evergreen.base.dates import months_later

ALLOWED_FILES = frozenset(
    """pdf doc docx xls xlsx ppt pptx odt ods odp rtf txt md csv tsv json jsonl parquet xmind drawio vsdx
    png jpg jpeg gif webp heic bmp mp3 m4a wav amr mp4 mov webm zip 7z rar gz eml msg ics vcf""".split()  # noqa: SIM905
)
_UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|\u200b-\u200f\u202a-\u202e\u2066-\u2069]+')


@dataclass(frozen=True, slots=True)
class Term:
    """What counts of a contract line: ``counts`` is true for subscriptions that are no trial."""

    start_on: dt.date
    end_on: dt.date | None
    mrr_cents: int
    counts: bool = True


def contact_key(external_id: str | None, number: int) -> str:
    """How answers name a contact: by its external id, else by its number."""
    return external_id or f"contact-{number}"


def name_key(name: str) -> str:
    """What names are sorted by: Latin letters without case, then Chinese as GB 2312 orders it, by pinyin.

    Hexadecimal digits of the GB 18030 bytes, so that every database compares them alike; rare characters
    (its second level) come last, by radical.
    """
    return name.strip().casefold()[:30].encode("gb18030", "replace").hex()[:120]


def in_force(start_on: dt.date, end_on: dt.date | None, day: dt.date) -> bool:
    """Whether a line covers the day; its end is the first day not covered."""
    return start_on <= day and (end_on is None or end_on > day)


def mrr_on(terms: Iterable[Term], day: dt.date) -> int:
    """Monthly recurring revenue on a day, in minor units: the sum of the lines in force that count."""
    return sum(term.mrr_cents for term in terms if term.counts and in_force(term.start_on, term.end_on, day))


def days_to_renewal(terms: Iterable[Term], day: dt.date) -> int | None:
    """Days until the earliest end among the lines in force that count; None when none of them ends."""
    ends = [
        t.end_on for t in terms if t.counts and t.end_on is not None and in_force(t.start_on, t.end_on, day)
    ]
    return (min(ends) - day).days if ends else None


def months_between(start_on: dt.date, end_on: dt.date) -> Decimal:
    """Months from start to the first day not covered: whole months plus the rest by that month's length."""
    whole = (end_on.year - start_on.year) * 12 + end_on.month - start_on.month
    if months_later(start_on, whole) > end_on:
        whole -= 1
    anchor = months_later(start_on, whole)
    return Decimal(whole) + Decimal((end_on - anchor).days) / Decimal(
        (months_later(start_on, whole + 1) - anchor).days
    )


def at_list(net_cents: int, discount: Decimal) -> int:
    """The price before a discount (0.10 is 10% off), half up; of a discount below 1."""
    return int((Decimal(net_cents) / (1 - discount)).quantize(Decimal(1), ROUND_HALF_UP))


def monthly_of(amount_cents: int, start_on: dt.date, end_on: dt.date) -> int:
    """The monthly part of an amount over a term, half up. Raises ValueError for a term of no days."""
    months = months_between(start_on, end_on)
    if months <= 0:
        raise ValueError(
            f"The term from {start_on} to {end_on} has no days: its end is the first day not covered."
        )
    return int((Decimal(amount_cents) / months).quantize(Decimal(1), ROUND_HALF_UP))


def overdue_cents(amount_cents: int, paid_cents: int, due_on: dt.date, day: dt.date) -> int:
    """What is unpaid of an amount whose due day lies before ``day``."""
    return max(0, amount_cents - paid_cents) if due_on < day else 0


def mentioned(body: str, people: Sequence[tuple[int, str, str]]) -> set[int]:
    """Keys of the people whom ``@name`` or ``@e-mail`` in a text means; ``people`` is (key, name, e-mail).

    The longest name that fits wins (“@王芳芳” is not 王芳). Chinese needs no space after the name, Latin
    letters end a word. People of the same name are all meant: better one too many than the wrong one. An
    ``@`` inside a word is none.
    """
    names: dict[str, set[int]] = {}
    for key, name, email in people:
        for word in (name, email):
            if word.strip():
                names.setdefault(word.strip().casefold(), set()).add(key)
    if not names:
        return set()
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile(r"(?<![0-9A-Za-z._%+-])@(" + "|".join(map(_word, ordered)) + ")", re.IGNORECASE)
    return {key for match in pattern.finditer(body) for key in names[match.group(1).casefold()]}


def safe_name(name: str) -> str:
    """A file's name without folders, control characters, quotes, direction marks; at most 200 characters."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE_IN_NAMES.sub("_", last).strip(" .") or "file"
    stem, dot, ending = clean.rpartition(".")
    return clean if len(clean) <= 200 else f"{stem[: 199 - len(ending)]}{dot}{ending}"[:200]


def file_ending(name: str) -> str:
    """The ending of a file's name in small letters, '' without one."""
    return name.rpartition(".")[2].lower() if "." in name else ""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as the decision chain sees it; ``spoke_on`` is the day of the last conversation."""

    key: int
    role: str
    is_champion: bool
    left_on: dt.date | None
    spoke_on: dt.date | None


def chain_gaps(people: Sequence[Person], day: dt.date, *, silence_days: int = 90) -> list[str]:
    """What the decision chain lacks: ``no_contact``, ``no_decision_maker``, ``decision_maker_silent``,
    ``single_threaded``, ``champion_left``; in order of weight.
    """
    live = [person for person in people if person.left_on is None or person.left_on > day]
    if not live:
        return ["no_contact"]
    gaps = []
    deciders = [person for person in live if person.role == "decision_maker"]
    if not deciders:
        gaps.append("no_decision_maker")
    elif all(person.spoke_on is None or (day - person.spoke_on).days > silence_days for person in deciders):
        gaps.append("decision_maker_silent")
    if len(live) == 1:
        gaps.append("single_threaded")
    gone = [person for person in people if person.is_champion and person not in live]
    if gone and not any(person.is_champion for person in live):
        gaps.append("champion_left")
    return gaps


def reports_in_a_circle(key: int, boss: int | None, bosses: Mapping[int, int | None]) -> bool:
    """Whether making ``boss`` the superior of ``key`` would lead back to ``key``."""
    seen = set()
    while boss is not None and boss not in seen:
        if boss == key:
            return True
        seen.add(boss)
        boss = bosses.get(boss)
    return False


def _word(name: str) -> str:
    edge = r"(?![0-9A-Za-z_])" if re.match(r"[0-9A-Za-z_]", name[-1]) else ""
    return re.escape(name) + edge
