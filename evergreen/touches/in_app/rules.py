"""Who may ask, which message is shown now, and its text as the script draws it. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

CARD, BANNER, DIALOG = "card", "banner", "dialog"
LOOKS = (CARD, BANNER, DIALOG)
MOST_PAGES = 20
# How many messages are handed to a script at once; it shows one.
MOST_SHOWN = 5
_SITE = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")
_PAGE = re.compile(r"/[^\s?#]{0,199}")
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["image", "table"], True)


def signed_text(user: str, account: str = "") -> str:
    """What a product's server signs for a person: the user's id, with the account's before it where ids repeat between accounts."""
    return f"{account}\n{user}" if account else user


def signature_of(secret: str, user: str, account: str = "") -> str:
    """HMAC-SHA256 of ``signed_text`` under the channel's secret, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed_text(user, account).encode(), hashlib.sha256).hexdigest()


def is_signed(secret: str, user: str, account: str, signature: str) -> bool:
    """Whether the vendor's server signed this person. Control characters are in no id, so no two people sign alike."""
    if not user or any(ord(mark) < 32 for mark in user + account):
        return False
    return hmac.compare_digest(signature_of(secret, user, account).encode(), signature.lower().encode())


def wrong_site(site: str) -> bool:
    """Whether a text is no origin: scheme, host, port, nothing else; ``*.`` before the host stands for its subdomains."""
    return not _SITE.fullmatch(site)


def is_site(origin: str, sites: Sequence[str]) -> bool:
    """Whether an ``Origin`` header is one of the sites."""
    asked = origin.lower().rstrip("/")
    scheme, _colon, host = asked.partition("://")
    for one in sites:
        known, _colon, name = one.partition("://")
        if asked == one or (scheme == known and name.startswith("*.") and host.endswith(name[1:])):
            return not wrong_site(asked) and "*" not in asked
    return False


def wrong_page(pattern: str) -> bool:
    """Whether a text is no pattern of paths: ``/orders/*``."""
    return not _PAGE.fullmatch(pattern)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was sent. ``days`` are those on which it was shown, by the vendor's calendar, ``first_shown`` is the moment it first
    was; ``is_over`` where it was clicked, closed or answered."""

    number: int
    is_urgent: bool
    sent_at: dt.datetime
    days: frozenset[dt.date] = frozenset()
    first_shown: dt.datetime | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How often people are shown something."""

    pause: dt.timedelta
    days_shown: int
    keep: dt.timedelta


def due(waiting: Sequence[Waiting], pace: Pace, now: dt.datetime, today: dt.date) -> list[int]:
    """The messages to show now, by number, best first: urgent ones, then what is on show already, then the oldest.

    A new one waits until the pause after the last new one is over; urgent ones do not wait.
    """
    live = [one for one in waiting if not one.is_over and now - one.sent_at < pace.keep]
    newest = max((one.first_shown for one in waiting if one.first_shown is not None), default=None)
    rests = newest is not None and now - newest < pace.pause
    ready = [
        one
        for one in live
        if (today in one.days or len(one.days) < pace.days_shown) and (one.days or one.is_urgent or not rests)
    ]
    ready.sort(key=lambda one: (not one.is_urgent, not one.days, one.sent_at, one.number))
    return [one.number for one in ready[:MOST_SHOWN]]


def drawn(body: str) -> list[dict[str, Any]]:
    """A Markdown text as the script draws it, without HTML: paragraphs ``{"p": runs}`` and points of lists ``{"li": runs}``, each run
    ``{"t": text}`` with ``b`` where strong, ``i`` where emphasised, ``a`` for the address it leads to (http, https, mailto only), ``br`` for
    a new line.
    """
    found: list[dict[str, Any]] = []
    points = 0
    for token in _MARKDOWN.parse(body):
        points += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        if token.type == "inline":
            found.append({"li" if points else "p": _runs(token.children or ())})
        elif token.type in {"fence", "code_block"}:
            found.append({"p": [{"t": token.content.strip()}]})
    return found


def _runs(children: Sequence[Token]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    strong = emphasised = 0
    address = ""
    for one in children:
        match one.type:
            case "strong_open" | "strong_close":
                strong += one.nesting
            case "em_open" | "em_close":
                emphasised += one.nesting
            case "link_open":
                address = safe_address(str(one.attrGet("href") or ""))
            case "link_close":
                address = ""
            case "softbreak" | "hardbreak":
                runs.append({"br": 1})
            case "text" | "code_inline" if one.content:
                marks = {"b": 1} if strong else {}
                runs.append(
                    {"t": one.content, **marks, **({"i": 1} if emphasised else {}), **({"a": address} if address else {})}
                )  # fmt: skip
    return runs


def safe_address(text: str) -> str:
    """An address that a click may lead to: http, https, mailto, or a path of the product itself; '' for any other."""
    address = text.strip()
    if re.match(r"(?i)https?://|mailto:", address) or re.match(r"/(?![/\\])", address):
        return address
    return ""
