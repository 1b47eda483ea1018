"""Laws that hold for every page, whoever writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from evergreen.web.api import app as api
from tests.house import text_of
from tests.house.test_files import TEMPLATES

# Views that look at the token themselves, because something must happen before the body is read.
CHECKED_INSIDE = {"imports", "experiments"}
# The script inside the vendor's product asks here: under an address that nobody can make up, with a signature.
IN_APP = {"in-app-messages", "in-app-receipts", "in-app-answers"}
# Who is not signed in gets no further than these.
OPEN_TO_ALL = {
    "beside",
    "beside-entry",
    "wecom-proof",
    "sign-in",
    "sign-in-language",
    "refusal",
    "door",
    "answer",
    "in-app-script",
    *IN_APP,
}
# Addresses that are the right themselves: mail programs and providers post to them without a cookie, and nobody can make one up.
SIGNED_LINKS = {"refusal", "door", "answer", *IN_APP}
# Asked by programs with a key of their own: no session opens them, so no other page can make a browser change anything.
KEYED = {str(one.name) for one in api.patterns if one.name not in api.DOCS}
ESCAPING_OFF = re.compile(r"\|\s*safe(?:seq)?\b|{%-?\s*autoescape\s+off")


def views(resolver: URLResolver | None = None) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every page's name (else its route) and view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name or str(pattern.pattern), pattern.callback
        else:
            yield from views(pattern)


def test_no_page_stands_where_events_are_sent_to() -> None:
    from evergreen.launch.asgi import INGEST

    first = {str(pattern.pattern).split("/")[0] for pattern in get_resolver().url_patterns}
    assert not first & INGEST, "the tracking API answers there"


def test_templates_never_switch_escaping_off() -> None:
    wrong = {
        str(path): found.group() for path in TEMPLATES if (found := ESCAPING_OFF.search(text_of(path) or ""))
    }
    assert wrong == {}, "make HTML with format_html in a template tag, text stays text"


def test_every_change_needs_the_token_of_its_own_page(cast: SimpleNamespace) -> None:
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE
    exempt = {name for name, view in views() if getattr(view, "csrf_exempt", False)}
    assert exempt <= CHECKED_INSIDE | KEYED | SIGNED_LINKS
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.boss)
    for name in SIGNED_LINKS:
        assert client.post(reverse(name, args=["made-up:token"])).status_code == 404, name
    for name in exempt - KEYED - SIGNED_LINKS:
        assert client.post(reverse(name)).status_code == 403, name


def test_only_the_sign_in_opens_without_one() -> None:
    found = {name for name, view in views() if not getattr(view, "login_required", True)}
    assert found - KEYED <= OPEN_TO_ALL


def test_the_api_opens_to_keys_alone(cast: SimpleNamespace) -> None:
    client = Client()
    client.force_login(cast.boss)
    assert KEYED
    for pattern in (one for one in api.patterns if one.name in KEYED):
        name = pattern.name
        address = reverse(f"api:{name}", kwargs=dict.fromkeys(pattern.pattern.converters, "any"))
        asked = [client.get(address), client.post(address)]
        # 405: an address that cannot be asked so.
        assert {answer.status_code for answer in asked} <= {401, 405}, name
        assert 401 in {answer.status_code for answer in asked}, name


def test_the_content_policy_runs_no_script_of_a_page() -> None:
    policy: dict[str, list[Any]] = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]  # type: ignore[assignment]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & {str(one) for one in policy["script-src"]}
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
