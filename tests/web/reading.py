"""What tests read from pages."""

from __future__ import annotations

import re
from typing import Any

TABS = ("overview", "usage", "kpis", "people", "contracts", "tickets", "timeline")


def names(answer: Any) -> list[str]:
    """Names of the rows of the accounts page, in order."""
    return re.findall(r'<a class="name" href="[^"]+">([^<]+)</a>', answer.content.decode())


def page(client: Any, account: Any, query: str = "") -> str:
    """The page of an account, or a part of it."""
    answer = client.get(f"/accounts/{account.pk}/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def send(client: Any, address: str, **form: Any) -> Any:
    """Send a form as HTMX does."""
    return client.post(address, form, headers={"HX-Request": "true"})


def titles(text: str) -> list[str]:
    """Headings of the entries of a timeline."""
    return re.findall(r"<h3>([^<]*)</h3>", text)
