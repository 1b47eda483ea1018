"""Pages of surveys: writing one, asking, answering by the link, reading what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base import clock
from evergreen.touches.models import Ask, Message, Survey, Wave
from evergreen.touches.surveys import waves
from tests.conftest import NOW
from tests.touches.conftest import mail_server_port, post
from tests.touches.test_surveys import answer, make, put
from tests.web.forms_read import fields_of_form

__all__ = ["mail_server_port", "post"]
AsPerson = Callable[..., Client]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: NOW)


def read(client: Client, path: str, status: int = 200) -> str:
    answered = client.get(path)
    assert answered.status_code == status, (path, answered.status_code)
    return answered.content.decode()


def test_a_survey_is_written_looked_at_and_switched_on(post: SimpleNamespace, as_person: AsPerson) -> None:
    boss = as_person(post.cast.boss)
    assert "New: NPS" in read(boss, "/surveys/")
    fields: dict[str, Any] = fields_of_form(read(boss, "/surveys/new/?kind=form"), "survey-form")
    assert fields["q0_key"] == ["solves"] and fields["kind"] == ["form"]
    wrong = boss.post("/surveys/new/", {**fields, "name_en": "Health check", "q0_options": "one: 一"})
    assert (
        wrong.status_code == 422
        and "Question 1" in wrong.content.decode()
        and "Health check" in wrong.content.decode()
    )
    assert boss.post("/surveys/new/", {**fields, "name_en": "Health check"}).status_code == 302
    made = Survey.objects.get()
    assert made.key == "health-check" and [one["key"] for one in made.questions] == [
        "solves",
        "goal",
        "improve",
    ]
    assert "is not in use yet" in read(boss, "/surveys/health-check/preview/")
    # A row is taken out by clearing it, another is added below.
    fields = fields_of_form(read(boss, "/surveys/health-check/settings/"), "survey-form")
    cleared = {
        **fields,
        "q2_key": "",
        "q2_zh": "",
        "q2_en": "",
        "q3_key": "why-not",
        "q3_kind": "many",
        "q3_en": "Why not?",
        "q3_options": "time: 没时间 | no time\ncost: 太贵",
    }
    assert boss.post("/surveys/health-check/settings/", cleared).status_code == 302
    made.refresh_from_db()
    assert [one["key"] for one in made.questions] == ["solves", "goal", "why-not"]
    assert made.questions[2]["options"] == [
        {"key": "time", "zh": "没时间", "en": "no time"},
        {"key": "cost", "zh": "太贵"},
    ]
    boss.post("/surveys/health-check/switch/")
    made.refresh_from_db()
    assert made.is_on
    for path in ("new/", "health-check/settings/", "health-check/sending/", "health-check/preview/"):
        read(as_person(post.cast.owner), f"/surveys/{path}", 404)


def test_asking_says_first_whom_it_would_ask_and_can_be_stopped(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss = as_person(post.cast.boss)
    make(post)
    for name in ("a", "b"):
        post.contact(name)
    page = read(boss, "/surveys/the-nps/sending/")
    assert "<b>2</b>" in page
    assert (
        "<b>1</b>"
        in boss.get("/surveys/the-nps/sending/?to=first", headers={"HX-Request": "true"}).content.decode()
    )
    nowhere = boss.get("/surveys/the-nps/sending/?by=pigeon", headers={"HX-Request": "true"}).content.decode()
    assert "problems" in nowhere and "mail" in nowhere
    assert boss.post("/surveys/the-nps/sending/", {"to": "everybody", "by": "mail"}).status_code == 302
    waves.ask_due(now=NOW)
    wave = Wave.objects.get()
    assert Ask.objects.filter(held="").count() == 2
    boss.post(f"/surveys/the-nps/waves/{wave.pk}/stop/")
    assert set(Message.objects.values_list("state", flat=True)) == {Message.State.WITHDRAWN}
    assert "stopped" in read(boss, "/surveys/the-nps/")


def test_a_link_is_answered_in_two_clicks_and_opening_it_changes_nothing(post: SimpleNamespace) -> None:
    put(post, make(post), post.contact("wang"))
    asked = Ask.objects.get()
    client = Client(enforce_csrf_checks=True)
    where = f"/answers/{asked.token}/"
    before = Ask.objects.values().get()
    for _ in range(2):
        assert 'value="9" required checked' in read(client, f"{where}?score=9")
        assert client.head(f"{where}?score=9").status_code == 200
    assert Ask.objects.values().get() == before
    # Asked in the contact's language, with the other one a click away.
    assert "How likely" in read(client, where) and "您有多大可能" in read(client, f"{where}?lang=zh")
    assert client.post(f"{where}?score=9", {"score": "9", "comment": "<b>好</b>"}).status_code == 200
    asked.refresh_from_db()
    assert (asked.score, asked.comment, asked.answered_at) == (9, "<b>好</b>", NOW)
    page = read(client, where)
    assert "&lt;b&gt;好&lt;/b&gt;" in page and 'value="9" required checked' in page
    wrong = client.post(where, {"score": "11", "comment": "kept"})
    assert wrong.status_code == 422 and "kept" in wrong.content.decode()
    client.post(where, {"score": "2", "comment": ""})
    asked.refresh_from_db()
    assert (asked.score, asked.comment, asked.changes) == (2, "", 1)


def test_a_link_that_is_made_up_or_over_says_so(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(post, make(post), post.contact("wang"))
    token = Ask.objects.get().token
    read(Client(), "/answers/made-up/", 404)
    read(Client(), f"/answers/{token[:-1]}/", 404)
    monkeypatch.setattr(clock, "utc_now", lambda: NOW + dt.timedelta(days=31))
    page = read(Client(), f"/answers/{token}/")
    assert "over" in page and "<form" not in page
    Client().post(f"/answers/{token}/", {"score": "9"})
    assert Ask.objects.get().answered_at is None


def test_results_show_ones_own_accounts_filter_and_go_into_a_file(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    survey = make(post)
    people = [post.contact(f"p{n}") for n in range(4)]
    put(post, survey, *people)
    post.send()
    for one, score in zip(Ask.objects.order_by("pk"), (10, 9, 7, 3), strict=True):
        answer(one, score=score, comment=f"because {score}")
    boss = as_person(post.cast.boss)
    page = read(boss, "/surveys/the-nps/")
    assert "+25 (" in page and "because 10" in page and "4 answers" in page
    assert "+25 (" in read(boss, "/surveys/")
    low = read(boss, "/surveys/the-nps/?group=detractor")
    assert "because 3" in low and "because 9" not in low
    assert "No answer fits" in read(boss, "/surveys/the-nps/?q=nowhere")
    rows = boss.post("/surveys/the-nps/export/?group=detractor").content.decode("utf-8-sig").splitlines()
    assert len(rows) == 2 and "because 3" in rows[1]
    other = read(as_person(post.cast.outsider), "/surveys/the-nps/")
    assert "because" not in other and "Nobody was asked yet" in other


def test_the_page_asks_as_often_for_twenty_answers_as_for_two(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    boss, survey = as_person(post.cast.boss), make(post)
    put(post, survey, *[post.contact(f"a{n}") for n in range(2)])
    for one in Ask.objects.all():
        answer(one, score=9)
    read(boss, "/surveys/the-nps/")  # what the frame keeps for a while is read once
    with CaptureQueriesContext(connection) as few:
        read(boss, "/surveys/the-nps/")
    put(post, survey, *[post.contact(f"b{n}") for n in range(18)], origin="2")
    for one in Ask.objects.filter(answered_at=None):
        answer(one, score=9)
    with CaptureQueriesContext(connection) as many:
        read(boss, "/surveys/the-nps/")
    assert len(many) == len(few)


def test_the_editor_of_playbooks_offers_every_answer_that_a_survey_can_have(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    from evergreen.playbooks.actions import install_shipped

    install_shipped(now=NOW)
    boss = as_person(post.cast.boss)
    page = read(boss, "/playbooks/not-in-use/editor/")
    assert (
        '<option value="health-check.solves.not-in-use" selected>90-day health check (it is not in use yet)</option>'
        in page
    )
    assert "90-day health check (it is not in use yet)" in read(boss, "/playbooks/not-in-use/")
    fields = fields_of_form(read(boss, "/playbooks/health-check-form/editor/"), "playbook-form")
    assert ["health-check"] in fields.values()


def test_answers_are_grouped_by_what_they_are_about_and_a_click_shows_them(
    post: SimpleNamespace, as_person: AsPerson
) -> None:
    survey = make(post)
    put(post, survey, *[post.contact(f"p{n}") for n in range(4)])
    said = [(3, "价格太贵了"), (9, "客服很专业"), (2, "太贵，性价比低"), (8, "")]
    for one, (score, comment) in zip(Ask.objects.order_by("pk"), said, strict=True):
        answer(one, score=score, comment=comment)
    boss = as_person(post.cast.boss)
    page = read(boss, "/surveys/the-nps/")
    assert "theme=theme%3Aprice" in page and "Service and support" in page and "sounds discontent" in page
    shown = read(boss, "/surveys/the-nps/?theme=theme:price")
    assert "性价比低" in shown and "客服很专业" not in shown.split('id="answers"')[1]
    assert "No answer fits" in read(boss, "/surveys/the-nps/?theme=made:up")
    rows = boss.post("/surveys/the-nps/export/?theme=theme:price").content.decode("utf-8-sig").splitlines()
    assert len(rows) == 3
