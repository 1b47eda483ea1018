"""Markdown of people's notes as safe HTML: raw HTML becomes text, then everything passes an allow-list."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_TAGS = set(
    "p br hr strong em s code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 a table thead tbody tr th td".split()  # noqa: SIM905
)
# No images: a picture from elsewhere would tell its server who reads the note.
_PARSER = (
    MarkdownIt("commonmark", {"html": False, "breaks": True})
    .enable(["table", "strikethrough"])
    .disable("image")
)


def render(text: str) -> SafeString:
    """HTML of ``text``; links lead only to http, https and mailto addresses and carry no referrer."""
    clean = nh3.clean(
        _PARSER.render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return mark_safe(clean)  # noqa: S308  cleaned by the allow-list above
