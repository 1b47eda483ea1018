"""A template and a person's values to the text of one message; that text to what a channel takes."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import override

from evergreen.base import markdown
from evergreen.base.languages import in_words
from evergreen.touches.in_app.rules import CARD, safe_address
from evergreen.touches.language import Template as Tree
from evergreen.touches.language import Value, parse, render
from evergreen.touches.models import Template

_MARKS = r"!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~"
_ACTIVE = re.compile(f"([{_MARKS}])")
_ESCAPED = re.compile(rf"\\([{_MARKS}])")
# A link to click, as Markdown writes it: text and address.
_LINK = re.compile(r"(?<!\\)\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Written:
    """A message's text: ``body`` is Markdown in which values stand as text, never as markup."""

    subject: str
    body: str


@lru_cache(maxsize=512)
def _read(text: str) -> Tree:
    """A template that was checked when it was saved."""
    return parse(text)


def paths_of(template: Template) -> frozenset[str]:
    """The values that a template asks for, in any of its languages and channels."""
    texts = [*template.subject.values(), *template.body.values()]
    texts += [text for one in template.sms.values() for text in one.get("values", {}).values()]
    texts += [*template.in_app.get("button", {}).values(), template.in_app.get("link", "")]
    return frozenset().union(*(_read(text).paths for text in texts))


def write(template: Template, values: Mapping[str, Value], language: str) -> Written:
    """Subject and body in a language. Raises MissingError where a value without ``default`` is not there."""
    subject = _read(in_words(template.subject, language))
    body = _read(in_words(template.body, language))
    with override(language):
        return Written(
            " ".join(render(subject, values, language=language).split())[:300],
            render(body, values, language=language, escape=as_text).strip(),
        )


def write_text(text: str, values: Mapping[str, Value], language: str) -> str:
    """One text without markup, such as a value of a registered SMS. Raises MissingError."""
    with override(language):
        return " ".join(render(_read(text), values, language=language).split())


def write_address(text: str, values: Mapping[str, Value], language: str) -> str:
    """An address with values in it, each percent-encoded. Raises MissingError."""
    return render(_read(text), values, language=language, escape=lambda value: quote(value, safe=""))


def in_product(template: Template, values: Mapping[str, Value], language: str) -> dict[str, Any]:
    """How a template stands in the vendor's product: its look, the pages, a button with where it leads. Raises MissingError."""
    told = template.in_app
    return {
        "look": told.get("look") or CARD,
        "pages": told.get("pages", []),
        "button": write_text(in_words(told.get("button", {}), language), values, language),
        "link": safe_address(write_address(told.get("link", ""), values, language)),
    }


def as_text(value: str) -> str:
    """A value inside Markdown: a line of text whatever it holds, also within an address."""
    return _ACTIVE.sub(r"\\\1", " ".join(value.split()))


def plain(body: str) -> str:
    """Markdown as people read it without markup: links with their address behind them, no backslashes."""
    text = _LINK.sub(lambda found: found[1] if found[1] == found[2] else f"{found[1]} ({found[2]})", body)
    text = re.sub(r"(?m)^#{1,6}\s+", "", text)
    text = re.sub(r"(?<!\\)(\*\*|__)(?=\S)(.+?)(?<=\S)(?<!\\)\1", r"\2", text)
    return _ESCAPED.sub(r"\1", text)


def unescaped(body: str) -> str:
    """Markdown for chats, which know no backslashes."""
    return _ESCAPED.sub(r"\1", body)


@dataclass(frozen=True, slots=True)
class Scale:
    """Marks to click in a mail, each a link; ``low`` and ``high`` say what the ends mean."""

    marks: tuple[tuple[int, str], ...]
    low: str
    high: str


def mail(
    body: str, *, language: str, vendor: str, refuse_at: str, scale: Scale | None = None
) -> tuple[str, str]:
    """A mail's text and HTML with what stands below each: marks to click, who writes, and how not to get more."""
    with override(language):
        refuse = _("Do not want these messages?") if refuse_at else ""
        click = _("Unsubscribe")
    text = [plain(body)]
    below = [f"<p>{html.escape(vendor)}</p>"] if vendor else []
    if vendor or refuse_at:
        text.append("-- ")
    if vendor:
        text.append(vendor)
    if refuse_at:
        text.append(f"{refuse} {click}: {refuse_at}")
        below.append(
            f'<p>{html.escape(refuse)} <a href="{html.escape(refuse_at)}">{html.escape(click)}</a></p>'
        )
    tongue = "zh" if language.startswith("zh") else "en"
    written = markdown.render(body) + (_marks(scale) if scale is not None else "")
    page = _PAGE.format(language=tongue, body=written, below="".join(below))
    return "\n\n".join(text), page


def _marks(scale: Scale) -> str:
    cells = "".join(f'<a class="m" href="{html.escape(at)}">{mark}</a>' for mark, at in scale.marks)
    ends = f"{html.escape(scale.low)} – {html.escape(scale.high)}"
    return f'<p>{cells}</p><p style="font-size:13px;color:#5c6b66">{ends}</p>'


# Mail programs read styles in the tags themselves or here, and know no variables.
_PAGE = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">'
    "<style>body{{margin:0;padding:24px;font:16px/1.6 -apple-system,'PingFang SC','Microsoft YaHei',sans-serif;color:#1c2b27}}"
    "main{{max-width:600px;margin:0 auto}}a{{color:#0b6b4f}}"
    ".m{{display:inline-block;min-width:22px;padding:8px 6px;margin:0 4px 6px 0;text-align:center;border:1px solid #0b6b4f;border-radius:6px;text-decoration:none}}"
    "footer{{margin-top:32px;padding-top:12px;border-top:1px solid #d9e0dc;font-size:13px;color:#5c6b66}}</style>"
    "</head><body><main>{body}<footer>{below}</footer></main></body></html>"
)
