"""Pages of notices: written, looked at, told, stopped."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from django.test import Client

from evergreen.touches.models import Message, Notice
from evergreen.touches.notices import telling
from tests.conftest import NOW
from tests.touches.conftest import mail_server_port, post
from tests.touches.test_notices import told
from tests.web.forms_read import fields_of_form

__all__ = ["mail_server_port", "post", "told"]
AsPerson = Callable[..., Client]


def test_a_notice_is_written_shows_whom_it_reaches_is_told_and_stopped(
    told: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(told.cast.boss)
    assert "No notice yet" in boss.get("/notices/").content.decode()
    fields: dict[str, Any] = fields_of_form(
        boss.get("/notices/new/?kind=incident").content.decode(), "notice-form"
    )
    assert fields["kind"] == ["incident"]
    wrong = boss.post("/notices/new/", {**fields, "title_en": "", "title_zh": "", "by": "mail"})
    assert wrong.status_code == 422 and "A title is missing" in wrong.content.decode()
    made = boss.post(
        "/notices/new/", {**fields, "by": "mail", "features": ["reports"], "title_en": "Reports are down"}
    )
    assert made.status_code == 302
    where = made.headers["Location"]
    page = boss.get(where).content.decode()
    assert "People who get a message</dt><dd>1<" in page and "Accounts told by their owner</dt><dd>1<" in page
    assert as_person(told.cast.owner).get("/notices/new/").status_code == 404
    boss.post(f"{where}start/")
    telling.tell_notices(now=NOW)
    telling.tell_notices(now=NOW)
    assert Notice.objects.get().state == Notice.State.DONE
    page = boss.get(where).content.decode()
    assert "Tasks for owners</dt><dd>1 · 1 open" in page
    outsider = as_person(told.cast.outsider).get(where).content.decode()
    assert "Tasks for owners</dt><dd>0 · 0 open" in outsider
    boss.post(f"{where}stop/")
    assert Message.objects.get().state == Message.State.WITHDRAWN
    assert "Reports are down" in boss.get("/notices/").content.decode()
