"""Surveys: who is asked and who is not, answers by the link alone, and what comes back."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from email import message_from_string, policy
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation

from evergreen.base.actions import change_setting
from evergreen.customers.models import Account, Contact
from evergreen.events import journal
from evergreen.events.scales import GROUPS, group_of
from evergreen.playbooks.rules import heard_as
from evergreen.touches.models import Ask, Message, Survey, Template, Wave
from evergreen.touches.surveys import answering, asking, declaring, defaults, waves
from evergreen.touches.values import Person
from tests.conftest import NOW

DAY = dt.timedelta(days=1)
State = Message.State


def given_for(kind: str, **changed: Any) -> dict[str, Any]:
    """A survey as the form says it."""
    return {
        "name": {"en": kind}, "kind": kind, "question": defaults.QUESTIONS[kind], "why": defaults.WHY[kind], "thanks": defaults.THANKS,
        "questions": defaults.FORM if kind == "form" else [], "to": "everybody", "by": "mail", **changed,
    }  # fmt: skip


def make(post: SimpleNamespace, kind: str = "nps", key: str = "", **changed: Any) -> Survey:
    made = declaring.save_survey(
        None, key or f"the-{kind}", given_for(kind, **changed), by=post.cast.boss, now=NOW
    )
    declaring.switch_survey(made, is_on=True, by=post.cast.boss, now=NOW)
    return made


def put(
    post: SimpleNamespace, survey: Survey, *people: Contact, origin: str = "1", now: dt.datetime = NOW
) -> int:
    with transaction.atomic():
        wanted = [
            asking.Wanted(Person(one.account_id, contact=one.pk), post.channel, "", origin) for one in people
        ]
        return asking.ask(survey, wanted, origin_kind="test", now=now)


# Who is asked


def test_a_contact_gets_a_link_and_marks_to_click_and_answers_without_signing_in(
    post: SimpleNamespace,
) -> None:
    survey, wang = make(post), post.contact("wang", name="王 *芳*")
    assert put(post, survey, wang) == 1
    post.send()
    (mail,) = post.log()
    asked = Ask.objects.get()
    address = f"https://cs.example.com/answers/{asked.token}/"
    text, html = (
        part.get_content() for part in message_from_string(mail["raw"], policy=policy.default).iter_parts()
    )
    assert f"Answer here ({address})" in text
    assert f'href="{address}"' in html and f"{address}?score=10" in html and f"{address}?score=11" not in html
    assert "not at all likely – extremely likely" in html
    assert asked.message is not None and asked.message.topic == "survey"
    found = answering.ask_of(asked.token)
    assert found == asked and answering.ask_of("made-up") is None and answering.ask_of("") is None


def test_whoever_was_asked_by_any_survey_is_not_asked_again_within_ninety_days(post: SimpleNamespace) -> None:
    nps, csat, wang = make(post), make(post, "csat"), post.contact("wang")
    assert put(post, nps, wang) == 1
    assert put(post, csat, wang, origin="2", now=NOW + 89 * DAY) == 0
    held = Ask.objects.get(survey=csat)
    assert held.held == Ask.Held.THROTTLED and held.message is None
    assert put(post, csat, wang, origin="3", now=NOW + 90 * DAY) == 1
    # What was left out is not made up for: the same again adds nothing.
    assert put(post, csat, wang, origin="2", now=NOW + 300 * DAY) == 0
    assert Message.objects.count() == 2


def test_an_invitation_that_never_went_out_does_not_count_as_asked(post: SimpleNamespace) -> None:
    nps, csat = make(post), make(post, "csat")
    refused = post.contact("refused")
    put(post, nps, refused)
    post.send()
    assert Message.objects.get().state == State.REFUSED
    assert put(post, csat, refused, origin="2", now=NOW + DAY) == 1


def test_the_throttle_follows_its_setting_and_a_naive_count(post: SimpleNamespace) -> None:
    change_setting("survey_every_days", 30, by=None, now=NOW)
    survey = make(post)
    people = [post.contact(f"p{n}") for n in range(4)]
    last: dict[int, dt.datetime] = {}
    draws, wanted = random.Random(3), 0
    for turn in range(60):
        now = NOW + dt.timedelta(days=draws.randrange(3) + turn * 3)
        one = draws.choice(people)
        may = one.pk not in last or last[one.pk] <= now - 30 * DAY
        if may:
            last[one.pk] = now
            wanted += 1
        assert put(post, survey, one, origin=str(turn), now=now) == int(may), turn
    assert Ask.objects.filter(held="").count() == wanted
    change_setting("survey_every_days", 0, by=None, now=NOW)
    assert put(post, survey, people[0], origin="x", now=now) == 1


def test_a_survey_that_is_off_asks_nobody_and_says_so(post: SimpleNamespace) -> None:
    survey = make(post)
    declaring.switch_survey(survey, is_on=False, by=post.cast.boss, now=NOW)
    assert put(post, survey, post.contact("wang")) == 0
    assert Ask.objects.get().held == Ask.Held.OFF
    with pytest.raises(ValidationError):
        waves.start_wave(survey, segment="", to="first", by=["mail"], user=post.cast.boss, now=NOW)


def test_without_a_public_address_no_survey_is_switched_on(post: SimpleNamespace) -> None:
    survey = declaring.save_survey(None, "nps", given_for("nps"), by=post.cast.boss, now=NOW)
    change_setting("public_url", "", by=None, now=NOW)
    with translation.override("en"), pytest.raises(ValidationError, match="public address"):
        declaring.switch_survey(survey, is_on=True, by=post.cast.boss, now=NOW)


# Waves


def people_of(post: SimpleNamespace, accounts: int, each: int) -> list[Account]:
    made = [
        Account.objects.create(external_id=f"W-{n}", name=f"W {n}", created_at=NOW, known_at=NOW)
        for n in range(accounts)
    ]
    for account in made:
        for n in range(each):
            post.contact(f"{account.external_id.lower()}.{n}", account=account)
    return made


def test_a_wave_asks_everybody_once_and_goes_on_after_a_kill(
    post: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, _made = make(post), people_of(post, 7, 2)
    monkeypatch.setattr(waves, "_TOGETHER", 2)
    waves.start_wave(survey, segment="", to="everybody", by=["mail"], user=post.cast.boss, now=NOW)
    steps = iter((False, False, True))
    waves.ask_due(now=NOW, stops=lambda: next(steps))
    assert Wave.objects.filter(ended_at=None, done__gt=0).exists()

    class Death(BaseException):
        pass

    def die(*_arguments: Any, **_named: Any) -> int:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(waves, "ask", die)
        with pytest.raises(Death):
            waves.ask_due(now=NOW)
    waves.ask_due(now=NOW)
    waves.ask_due(now=NOW)
    ended = Wave.objects.exclude(ended_at=None).get()
    assert ended.done == ended.total == 9
    asked = Counter(Ask.objects.filter(held="").values_list("contact__email", flat=True))
    assert len(asked) == 14 and set(asked.values()) == {1}
    # Accounts without contacts are told as such, the churned one is not gone through.
    assert set(Ask.objects.filter(held="no_contact").values_list("account__external_id", flat=True)) == {
        "A-well",
        "A-slipping",
    }


def test_a_wave_that_is_stopped_withdraws_what_did_not_go_out(post: SimpleNamespace) -> None:
    survey, _made = make(post), people_of(post, 3, 1)
    wave = waves.start_wave(survey, segment="", to="everybody", by=["mail"], user=post.cast.boss, now=NOW)
    waves.ask_due(now=NOW)
    assert waves.stop_wave(wave, by=post.cast.boss, now=NOW) == 3
    post.send()
    assert post.log() == []


def test_each_contact_is_asked_in_one_quarter_of_the_year_and_never_a_whole_account(
    post: SimpleNamespace,
) -> None:
    survey = make(post, is_quarterly=True)
    accounts = people_of(post, 12, 3)
    seen: dict[str, set[int]] = {one.external_id: set() for one in accounts}
    when: Counter[str] = Counter()
    for month in (1, 4, 7, 10):
        now = dt.datetime(2027, month, 15, 3, tzinfo=dt.UTC)  # 11 o'clock in Shanghai
        waves.ask_due(now=now)
        waves.ask_due(now=now + DAY)  # once a quarter
        rows = Ask.objects.filter(held="", asked_at__gte=now).values_list(
            "contact_id", "account__external_id"
        )
        by_account = Counter(account for _contact, account in rows)
        assert all(count < 3 for count in by_account.values())
        for contact, account in rows:
            assert contact not in seen[account]
            seen[account].add(contact)
            when[f"{month}"] += 1
    assert all(len(people) == 3 for people in seen.values())
    assert Wave.objects.filter(survey=survey).count() == 4 and all(when.values())


def test_no_wave_begins_at_night_or_on_a_holiday(post: SimpleNamespace) -> None:
    make(post, is_quarterly=True)
    waves.ask_due(now=dt.datetime(2026, 10, 1, 3, tzinfo=dt.UTC))  # the national day
    waves.ask_due(now=dt.datetime(2026, 10, 8, 0, 30, tzinfo=dt.UTC))  # 8:30
    assert not Wave.objects.exists()
    waves.ask_due(now=dt.datetime(2026, 10, 8, 1, 30, tzinfo=dt.UTC))
    assert Wave.objects.get().key == "2026-Q4"


def test_what_is_foreseen_is_what_a_wave_then_does(post: SimpleNamespace) -> None:
    survey, accounts = make(post), people_of(post, 6, 2)
    for one in Contact.objects.filter(account=accounts[0]):
        one.email = ""
        one.save()
    put(post, survey, Contact.objects.filter(account=accounts[1])[0])
    foreseen = waves.foresee("", "everybody", ["mail"], None, now=NOW + DAY)
    waves.start_wave(survey, segment="", to="everybody", by=["mail"], user=post.cast.boss, now=NOW + DAY)
    waves.ask_due(now=NOW + DAY)
    post.send(NOW + DAY)
    rows = Ask.objects.exclude(wave=None)
    assert (
        foreseen.asked
        == rows.filter(held="", message__state__in=(State.PLANNED, State.ACCEPTED)).count()
        == 9
    )
    assert foreseen.throttled == rows.filter(held="throttled").count() == 1
    assert foreseen.unreached == rows.filter(message__reason="no_address").count() == 2
    assert foreseen.nobody == rows.filter(held="no_contact").count() == 2


# Answers


def answer(asked: Ask, now: dt.datetime = NOW, **given: Any) -> dict[str, str]:
    fields = {
        key.replace("_", "-"): value if isinstance(value, list) else [str(value)]
        for key, value in given.items()
    }
    return answering.save_answer(asked, fields, now=now)


def test_an_answer_comes_back_as_an_event_once_and_again_when_it_is_changed(post: SimpleNamespace) -> None:
    survey, wang = make(post), post.contact("wang", external_id="C-1")
    put(post, survey, wang)
    asked = Ask.objects.get()
    with journal.gathering() as told:
        assert answer(asked, score=3, comment="太慢") == {}
        assert answering.tell_answers() == 1 and answering.tell_answers() == 0
        assert answer(asked, NOW + DAY, score=9) == {}
        answering.tell_answers()
    said = [(one["message_id"], one["properties"]["score"], one["properties"].get("comment")) for one in told]
    assert said == [(f"survey.answered:{asked.pk}:0", 3, "太慢"), (f"survey.answered:{asked.pk}:1", 9, None)]
    assert told[0]["properties"]["contact"] == "C-1" and told[0]["properties"]["kind"] == "nps"
    assert "survey.answered:nps.detractor" in heard_as("survey.answered", told[0]["properties"])


def test_a_form_is_heard_by_each_option_and_its_texts_start_nothing(post: SimpleNamespace) -> None:
    survey, wang = make(post, "form", key="health-check"), post.contact("wang")
    put(post, survey, wang)
    asked = Ask.objects.get()
    assert answer(asked, q_goal="reached") == {"q-solves": "missing"}
    assert answer(asked, q_solves="not-in-use", q_goal="nonsense") == {"q-goal": "missing"}
    with journal.gathering() as told:
        assert answer(asked, q_solves="not-in-use", q_goal="not-yet", q_improve="solves") == {}
        answering.tell_answers()
    properties = told[0]["properties"]
    heard = heard_as("survey.answered", properties)
    assert {
        "survey.answered:health-check.solves.not-in-use",
        "survey.answered:health-check.goal.not-yet",
    } <= set(heard)
    assert not [one for one in heard if "improve" in one] and properties["texts"] == {"improve": "solves"}
    assert properties["contact"] == f"contact-{wang.pk}"


@pytest.mark.parametrize(
    ("given_score", "said"), [("", "missing"), ("11", "off_scale"), ("-1", "off_scale"), ("9.5", "off_scale"), ("٣", "off_scale"), ("abc", "off_scale")]
)  # fmt: skip
def test_a_score_off_its_scale_is_not_taken(post: SimpleNamespace, given_score: str, said: str) -> None:
    put(post, make(post), post.contact("wang"))
    asked = Ask.objects.get()
    assert answer(asked, score=given_score) == {"score": said}
    asked.refresh_from_db()
    assert asked.answered_at is None and asked.is_told


def test_a_link_closes_after_thirty_days_or_when_the_survey_is_switched_off(post: SimpleNamespace) -> None:
    survey = make(post)
    put(post, survey, post.contact("wang"))
    asked = Ask.objects.get()
    assert answer(asked, NOW + 29 * DAY, score=5) == {}
    with pytest.raises(ValidationError):
        answer(asked, NOW + 30 * DAY, score=6)
    declaring.switch_survey(survey, is_on=False, by=post.cast.boss, now=NOW)
    with pytest.raises(ValidationError):
        answer(asked, score=6)


def test_what_went_out_is_told_as_a_survey_that_was_sent(post: SimpleNamespace) -> None:
    put(post, make(post), post.contact("wang", external_id="C-1"), post.contact("refused"))
    with journal.gathering() as told:
        post.send()
    sent = [one for one in told if one["name"] == "survey.sent"]
    assert [(one["properties"]["contact"], one["properties"]["kind"]) for one in sent] == [("C-1", "nps")]


# Declaring


def test_every_mistake_of_a_survey_is_told_at_once(post: SimpleNamespace) -> None:
    wrong = given_for(
        "nps", name={}, question={"en": " "}, to="owner", by="pigeon", segment="nowhere", template="gone"
    )
    wrong["questions"] = [
        {"key": "A", "kind": "dream", "label": {}, "options": []},
        {"key": "b", "kind": "choice", "label": {"en": "x"}, "options": [{"key": "x"}]},
    ]
    with pytest.raises(ValidationError) as error:
        declaring.save_survey(None, "x", wrong, by=None, now=NOW)
    assert len(error.value.messages) == 10
    assert not Survey.objects.exists() and not Template.objects.filter(topic="survey").exists()


def test_an_invitation_must_lead_somewhere_in_each_language(post: SimpleNamespace) -> None:
    from evergreen.touches import actions

    texts = {
        "name": {"en": "i"},
        "topic": "survey",
        "subject": {},
        "body": {"en": "{{ survey.link }}", "zh": "您好"},
    }
    actions.save_template(None, "mine", texts, by=None, now=NOW)
    with pytest.raises(ValidationError, match=r"survey\.link"):
        declaring.save_survey(None, "x", given_for("nps", template="mine"), by=None, now=NOW)


def test_a_survey_with_answers_keeps_its_kind_and_is_not_deleted(post: SimpleNamespace) -> None:
    survey = make(post)
    put(post, survey, post.contact("wang"))
    answer(Ask.objects.get(), score=5)
    with pytest.raises(ValidationError):
        declaring.save_survey(survey, survey.key, given_for("csat"), by=None, now=NOW)
    with pytest.raises(ValidationError):
        declaring.remove_survey(survey, by=post.cast.boss, now=NOW)
    other = make(post, "csat")
    declaring.remove_survey(other, by=post.cast.boss, now=NOW)
    assert list(Survey.objects.all()) == [survey]


def test_each_score_has_the_group_of_its_scale() -> None:
    assert [group_of("nps", n) for n in range(11)] == ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2
    assert all(least <= most for groups in GROUPS.values() for _name, least, most in groups)
    assert group_of("form", 3) == "" and group_of("csat", 3) == ""
