from __future__ import annotations

import pytest

from evergreen.base.markdown import render


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**重要**", "<p><strong>重要</strong></p>\n"),
        ("a\nb", "<p>a<br>\nb</p>\n"),
        ("~~x~~", "<p><s>x</s></p>\n"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>\n'),
        (
            "[site](https://example.com)",
            '<p><a href="https://example.com" rel="nofollow noopener noreferrer">site</a></p>\n',
        ),
    ],
)
def test_a_note_is_shown_as_it_was_meant(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://spy.example/pixel.png)",
        "<a href='https://x' onclick='alert(1)'>x</a>",
        '[x](https://example.com "\\" onmouseover=alert(1) x=\\"")',
        "<svg/onload=alert(1)>",
        "| a |\n|---|\n| <iframe src=x> |",
        "```html\n<script>alert(1)</script>\n```",
        "&lt;script&gt;",
        '<https://example.com/"onclick="alert(1)>',
        "[x]: javascript:alert(1)\n[x]",
    ],
)
def test_nothing_in_a_note_runs_or_loads(text: str) -> None:
    from html.parser import HTMLParser

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[tuple[str, dict[str, str | None]]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append((tag, dict(attrs)))

    parser = Tags()
    parser.feed(render(text))
    allowed = {"p", "br", "a", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}
    for tag, attributes in parser.seen:
        assert tag in allowed
        assert set(attributes) <= {"href", "title", "rel"}
        assert (attributes.get("href") or "https:").startswith(("https:", "http:", "mailto:"))
