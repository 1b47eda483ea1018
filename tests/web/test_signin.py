"""Signing in: who gets in, what a wrong try learns, how often it may be tried; one's own password."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.base.actions import change_setting
from evergreen.base.models import AuditEntry
from evergreen.web.models import SignInTry

PASSWORD = "evergreen-pw"


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in/", {"email": email, "password": password, **more})


def test_a_new_installation_says_which_command_makes_the_first_sign_in(db: None) -> None:
    page = Client().get("/sign-in/")
    assert page.status_code == 200
    assert "evergreen staff add" in page.content.decode()


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "登录"), ("en", "Sign in")])
def test_the_sign_in_opens_in_both_languages(cast: SimpleNamespace, language: str, word: str) -> None:
    client = Client()
    client.post("/sign-in/language/", {"language": language, "next": "/sign-in/"})
    assert word in client.get("/sign-in/").content.decode()


def test_the_right_password_opens_the_page_that_was_asked_for(cast: SimpleNamespace) -> None:
    answer = sign_in(Client(), "Owner@vendor.example", next="/tasks/?who=team")
    assert (answer.status_code, answer["Location"]) == (302, "/tasks/?who=team")


@pytest.mark.parametrize(
    "next_page",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%09/evil",
        "tasks/",
    ],
)
def test_a_sign_in_never_leads_to_another_place(cast: SimpleNamespace, next_page: str) -> None:
    where = sign_in(Client(), "owner@vendor.example", next=next_page)["Location"]
    assert where == "/" or (where.startswith("/%09") and "//" not in where)


def test_an_unknown_person_a_wrong_password_and_one_who_left_get_the_same_answer(
    cast: SimpleNamespace,
) -> None:
    cast.mate.is_active = False
    cast.mate.save()
    answers = {
        sign_in(Client(), email, password).content.decode().split("banner bad")[1].split("</p>")[0]
        for email, password in [
            ("nobody@vendor.example", PASSWORD),
            ("owner@vendor.example", "wrong"),
            ("mate@vendor.example", PASSWORD),
        ]
    }
    assert len(answers) == 1


def test_what_was_typed_stays_after_a_wrong_try_but_the_password_does_not(cast: SimpleNamespace) -> None:
    page = sign_in(Client(), "owner@vendor.example", "my wrong password")
    assert page.status_code == 422
    assert "owner@vendor.example" in page.content.decode()
    assert "my wrong password" not in page.content.decode()


@pytest.mark.postgres
def test_too_many_wrong_tries_of_an_e_mail_have_to_wait_even_with_the_right_password(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("sign_in_tries", 3, by=cast.boss, now=now)
    for _n in range(3):
        sign_in(Client(), "owner@vendor.example", "wrong")
    answer = sign_in(Client(), "owner@vendor.example")
    assert answer.status_code == 422
    assert "15" in answer.content.decode()
    assert sign_in(Client(), "mate@vendor.example").status_code == 302


def test_tries_are_counted_by_address_too_and_a_new_process_remembers_them(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("sign_in_tries_address", 10, by=cast.boss, now=now)
    for n in range(10):
        sign_in(Client(REMOTE_ADDR="203.0.113.9"), f"p{n}@vendor.example", "wrong")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.9"), "owner@vendor.example").status_code == 422
    assert sign_in(Client(REMOTE_ADDR="203.0.113.8"), "owner@vendor.example").status_code == 302
    assert SignInTry.objects.filter(key__contains="@").count() == 0


def test_old_tries_are_forgotten(cast: SimpleNamespace, now: dt.datetime) -> None:
    change_setting("sign_in_tries", 3, by=cast.boss, now=now)
    for _n in range(4):
        sign_in(Client(), "owner@vendor.example", "wrong")
    SignInTry.objects.update(at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=16))
    assert sign_in(Client(), "owner@vendor.example").status_code == 302


def test_the_right_password_clears_the_wrong_tries_before_it(cast: SimpleNamespace) -> None:
    sign_in(Client(), "owner@vendor.example", "wrong")
    sign_in(Client(), "owner@vendor.example")
    assert SignInTry.objects.count() == 1  # the wrong one of the address


def test_signing_out_is_a_post_and_ends_the_session(
    cast: SimpleNamespace, as_person: Callable[..., Client]
) -> None:
    client = as_person(cast.owner)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/profile/")["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "我的资料"), ("en", "My profile")])
def test_the_profile_opens_in_both_languages(
    cast: SimpleNamespace, as_person: Callable[..., Client], language: str, word: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    assert word in as_person(cast.owner).get("/profile/").content.decode()


def test_a_person_changes_the_own_password_and_stays_signed_in(
    cast: SimpleNamespace, as_person: Callable[..., Client]
) -> None:
    client, other = as_person(cast.owner), as_person(cast.owner)
    answer = client.post("/profile/password/", {"current": PASSWORD, "new": "a long new phrase"})
    assert answer.status_code == 302
    assert client.get("/profile/").status_code == 200
    assert other.get("/profile/").status_code == 302
    cast.owner.refresh_from_db()
    assert cast.owner.check_password("a long new phrase")
    assert AuditEntry.objects.filter(verb="staff.password_set", by=cast.owner).exists()


@pytest.mark.parametrize(
    ("current", "new"), [("wrong", "a long new phrase"), (PASSWORD, "short"), (PASSWORD, "password1")]
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    cast: SimpleNamespace, as_person: Callable[..., Client], current: str, new: str
) -> None:
    answer = as_person(cast.owner).post("/profile/password/", {"current": current, "new": new})
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    cast.owner.refresh_from_db()
    assert cast.owner.check_password(PASSWORD)


def test_somebody_with_a_one_time_password_first_chooses_an_own_one(
    cast: SimpleNamespace, as_person: Callable[..., Client]
) -> None:
    cast.owner.has_one_time_password = True
    cast.owner.save()
    client = as_person(cast.owner)
    assert client.get("/search/")["Location"] == "/profile/"
    client.post("/profile/password/", {"current": PASSWORD, "new": "a long new phrase"})
    assert client.get("/search/").status_code == 200
