"""Errors are pages of ours: they say what happened, that nothing is lost, and where to go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation


@pytest.mark.parametrize(("language", "said"), [("zh-hans", "没有任何改动"), ("en", "Nothing was changed")])
def test_a_page_that_is_not_there_says_so_in_the_readers_language(
    client: Client, cast: SimpleNamespace, language: str, said: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    client.force_login(cast.owner)
    response = client.get("/accounts/999999/")
    assert response.status_code == 404 and said in response.content.decode()


@pytest.mark.parametrize("name", ["403.html", "403_csrf.html", "500.html"])
def test_every_error_page_renders_without_a_request(name: str) -> None:
    with translation.override("zh-hans"):
        page = render_to_string(name)
    assert "回到今日" in page
