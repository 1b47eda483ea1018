"""Pages of playbooks: read by everybody, changed by those who configure; runs steered as far as one sees their accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.customers.models import Account
from evergreen.metrics.segments.actions import save_segment
from evergreen.playbooks import actions
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from tests.conftest import NOW
from tests.playbooks.building import enter, published, run_of, task, wait
from tests.web.forms_read import fields_of_form
from tests.web.reading import send

AsPerson = Callable[..., Client]
EVERYTHING: dict[str, Any] = {
    "triggers": [
        {"kind": "alert", "rules": ["health_red", "no_activity"]},
        {"kind": "lifecycle", "day": -90, "counts_from": "renewal_on"},
        {"kind": "lifecycle", "day": 30, "counts_from": "live_on"},
        {"kind": "stage", "stages": ["adoption", "renewal"]},
        {"kind": "segment", "segment": "watched"},
        {"kind": "event", "event": "export.failed"},
        {"kind": "form", "form": "nps"},
        {"kind": "schedule", "every": "month", "on": 31},
        {"kind": "by_hand"},
    ],
    "entry": "tier in (strategic, growth)",
    "reentry": "after_days",
    "reentry_days": 90,
    "holdout": 20,
    "steps": [
        {"key": "call", "kind": "task", "title": {"zh": "打电话", "en": "Call"}, "assignee": "owner_or_team", "due_working_days": 3, "priority": 2, "answers": [{"key": "yes", "name": {"zh": "是", "en": "Yes"}}, {"key": "no", "name": {"zh": "否"}}]},
        {
            "key": "said", "kind": "answer", "of": "call", "ways": [{"answer": "no", "to": "desk"}],
            "timeout": {"working_days": 4, "at": "10:00"}, "otherwise": "rest", "on_timeout": "desk",
        },
        {"key": "rest", "kind": "wait", "days": 7, "at": "09:00"},
        {"key": "look", "kind": "branch", "ways": [{"when": "health_band = red", "to": "desk"}, {"when": "seats_bought > 5", "to": "toss"}], "otherwise": "hold"},
        {"key": "hold", "kind": "wait_until", "condition": "health_band = green", "event": "export.done", "timeout": {"working_days": 5}, "on_timeout": "desk", "next": "toss"},
        {"key": "toss", "kind": "split", "arms": [{"share": 30, "to": "mark"}, {"share": 70, "to": "over"}], "spared": "desk"},
        {"key": "mark", "kind": "set_field", "field": "tier", "value": "growth", "next": "rest"},
        {"key": "desk", "kind": "ticket", "subject": "Look at it", "priority": "high"},
        {"key": "hours", "kind": "working_hours"},
        {"key": "over", "kind": "end"},
    ],
    "exits": [{"when": "stage = churned"}, {"when": "churn_risk < 0.1"}],
    "goal": "kpi_attainment >= 0.8",
    "quiet_from": "21:00",
    "quiet_to": "08:30",
    "zone": "Asia/Tokyo",
}  # fmt: skip


def _stuck(run: Enrolment, note: str = "The desk did not answer.") -> None:
    Enrolment.objects.filter(pk=run.pk).update(state=Enrolment.State.STUCK, note=note, wake_at=None)


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "谁在哪一步"), ("en", "Who is where")])
@pytest.mark.usefixtures("home")
def test_every_page_opens_in_both_languages(
    cast: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cast.boss.language = language
    cast.boss.save()
    playbook = published(task("call"), wait("rest", days=3))
    enter(playbook, cast.well)
    actions.tick(now=NOW)
    client, run = as_person(cast.boss), run_of(cast.well)
    for address in ("/playbooks/", "/playbooks/care/", "/playbook-runs/", f"/playbook-runs/{run.pk}/"):
        answer = client.get(address)
        assert answer.status_code == 200 and word in answer.content.decode(), address
    for address in (
        "/playbooks/care/editor/",
        "/playbooks/care/editor/?mode=yaml",
        "/playbooks/new/",
        "/playbooks/care/trial/",
        "/playbooks/care/effect/",
    ):
        assert client.get(address).status_code == 200, address


def test_runs_are_seen_by_whoever_sees_their_account(cast: SimpleNamespace, as_person: AsPerson) -> None:
    playbook = published(task("call"), wait("rest", days=3))
    enter(playbook, cast.well)
    run = run_of(cast.well)
    assert cast.well.name in as_person(cast.mate).get("/playbook-runs/").content.decode()
    outsider = as_person(cast.outsider)
    assert cast.well.name not in outsider.get("/playbook-runs/").content.decode()
    assert outsider.get(f"/playbook-runs/{run.pk}/").status_code == 404
    for act in ("retries", "skips", "ends", "moves"):
        assert outsider.post(f"/playbook-runs/{act}/", {"ids": run.pk, "step": "call"}).status_code == 404
    run.refresh_from_db()
    assert run.ended_at is None and run.visit == 1


@pytest.mark.postgres
def test_the_drawn_flow_counts_who_stands_where_and_leads_to_them(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    playbook = published(task("call"), wait("rest", days=3))
    enter(playbook, cast.well, cast.slipping)
    actions.tick(now=NOW)
    _stuck(run_of(cast.slipping))
    client = as_person(cast.owner)
    page = client.get("/playbooks/care/").content.decode()
    assert "/playbook-runs/?playbook=care&amp;version=1&amp;step=rest" in page
    assert cast.well.name in client.get("/playbook-runs/?playbook=care&version=1&step=rest").content.decode()
    attention = client.get("/playbook-runs/?state=stuck").content.decode()
    assert "The desk did not answer." in attention and cast.well.name not in attention
    assert "call" in client.get(f"/playbook-runs/{run_of(cast.well).pk}/").content.decode()


@pytest.mark.postgres
def test_runs_are_tried_again_skipped_moved_and_stopped(cast: SimpleNamespace, as_person: AsPerson) -> None:
    playbook = published(task("call"), wait("rest", days=3), task("thank"))
    enter(playbook, cast.well)
    client, run = as_person(cast.owner), run_of(cast.well)

    def state() -> tuple[str, str, str]:
        run.refresh_from_db()
        return run.state, run.step, run.reason

    _stuck(run)
    client.post("/playbook-runs/retries/", {"ids": run.pk})
    assert state() == ("waiting", "call", "")
    client.post("/playbook-runs/skips/", {"ids": run.pk})
    assert state()[1] == "rest"
    client.post("/playbook-runs/moves/", {"ids": run.pk, "step": "thank"})
    assert state()[1] == "thank"
    client.post("/playbook-runs/moves/", {"ids": run.pk, "step": "nowhere"})
    assert state()[1] == "thank"
    client.post("/playbook-runs/ends/", {"ids": run.pk})
    assert state() == ("left", "thank", "stopped")


@pytest.mark.usefixtures("home")
def test_a_form_sent_as_it_came_says_the_same_playbook(cast: SimpleNamespace, as_person: AsPerson) -> None:
    from evergreen.alerts.actions import install_shipped

    install_shipped(now=NOW)
    save_segment("watched", name={"en": "Watched"}, condition="stage = steady", by=None, now=NOW)
    draft = actions.save_draft(
        "all", name={"zh": "全部", "en": "All"}, definition=EVERYTHING, by=None, now=NOW
    )
    told = actions.publish(draft, by=None, now=NOW).definition
    client = as_person(cast.boss)
    fields = fields_of_form(client.get("/playbooks/all/editor/").content.decode(), "playbook-form")
    assert client.post("/playbooks/all/editor/", {**fields, "do": "publish"}).status_code == 302
    newest = PlaybookVersion.objects.get(playbook__key="all", state="published")
    assert newest.number == 2 and newest.definition == told

    as_yaml = fields_of_form(client.get("/playbooks/all/editor/?mode=yaml").content.decode(), "playbook-form")
    assert yaml.safe_load(as_yaml["text"][0]) == told
    assert client.post("/playbooks/all/editor/", {**as_yaml, "do": "publish"}).status_code == 302
    assert PlaybookVersion.objects.get(playbook__key="all", state="published").definition == told


def test_what_the_form_cannot_show_stays_as_it_was(cast: SimpleNamespace, as_person: AsPerson) -> None:
    """The shipped task that differs by rule and severity is written as YAML."""
    from evergreen.alerts.actions import install_shipped

    install_shipped(now=NOW)
    actions.install_shipped(now=NOW)
    before = PlaybookVersion.objects.get(playbook__key="alert-task").definition
    client = as_person(cast.boss)
    fields = fields_of_form(client.get("/playbooks/alert-task/editor/").content.decode(), "playbook-form")
    assert client.post("/playbooks/alert-task/editor/", {**fields, "do": "publish"}).status_code == 302
    assert PlaybookVersion.objects.get(playbook__key="alert-task", state="published").definition == before


def test_a_wrong_playbook_is_kept_as_a_draft_and_not_published(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    form = {
        "name_en": "Half done",
        "t": "0",
        "t0-kind": "by_hand",
        "reentry": "never",
        "s": ["0"],
        "s0-kind": "task",
        "s0-key": "call",
    }
    answer = client.post("/playbooks/new/", {**form, "do": "publish"})
    assert answer.status_code == 422 and "steps: call: title" in answer.content.decode()
    playbook = Playbook.objects.get(key="half-done")
    assert not playbook.is_on and playbook.versions.get().state == "draft"
    assert client.post("/playbooks/half-done/editor/", {**form, "do": "draft"}).status_code == 302
    assert client.post("/playbooks/half-done/publication/").status_code == 302
    assert playbook.versions.get().state == "draft"
    assert client.post("/playbooks/half-done/draft/").status_code == 302
    assert not Playbook.objects.filter(key="half-done").exists()


def test_buttons_add_move_and_take_out_and_write_nothing(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cast.boss)
    form: dict[str, Any] = fields_of_form(client.get("/playbooks/new/").content.decode(), "playbook-form")

    def press(op: str) -> list[str]:
        nonlocal form
        answer = client.post("/playbooks/shape/", {**form, "op": op}).content.decode()
        form = fields_of_form(f'<form id="f">{answer}</form>', "f")
        return [form[f"s{n}-kind"][0] for n in form["s"]]

    assert press("") == ["task", "end"]
    for kind in (*kinds(), "wait", "wait_until", "working_hours", "branch", "split"):
        assert kind in press(f"step-{kind}-0")
    assert press("step-wait-0")[1] == "wait"
    assert press("down-1")[2] == "wait"
    assert press("up-2")[1] == "wait"
    before = press("")
    assert press("out-1") == [*before[:1], *before[2:]]
    for nonsense in ("out-99", "step-", "up-0", "nothing-1", "trigger", "way-0"):
        assert len(press(nonsense)) >= 2
    assert not Playbook.objects.exists()


@pytest.mark.parametrize(
    "act", ["switch", "publication", "retirement", "draft", "moves", "detachment", "editor"]
)
def test_only_those_who_configure_change_a_playbook(
    cast: SimpleNamespace, as_person: AsPerson, act: str
) -> None:
    published(task("call"))
    assert as_person(cast.owner).post(f"/playbooks/care/{act}/", {"is_on": ""}).status_code == 404
    assert Playbook.objects.get().is_on and PlaybookVersion.objects.get().state == "published"


def test_one_kept_in_files_is_changed_there(cast: SimpleNamespace, as_person: AsPerson) -> None:
    playbook = published(task("call"))
    Playbook.objects.update(origin="file")
    client = as_person(cast.boss)
    assert "playbooks/care.yaml" in client.get("/playbooks/care/").content.decode()
    for act in ("switch", "retirement", "editor"):
        assert client.post(f"/playbooks/care/{act}/", {"is_on": ""})["Location"] == "/playbooks/care/"
    playbook.refresh_from_db()
    assert playbook.is_on and PlaybookVersion.objects.get().state == "published"
    client.post("/playbooks/care/detachment/")
    client.post("/playbooks/care/switch/", {"is_on": ""})
    playbook.refresh_from_db()
    assert not playbook.is_on


@pytest.mark.postgres
def test_older_runs_come_to_the_published_version_by_hand(cast: SimpleNamespace, as_person: AsPerson) -> None:
    playbook = published(task("call"), wait("rest", days=3))
    enter(playbook, cast.well)
    actions.tick(now=NOW)
    published(task("call"), wait("pause", days=1))
    client, run = as_person(cast.boss), run_of(cast.well)
    assert "at-rest" in client.get("/playbooks/care/").content.decode()
    client.post("/playbooks/care/moves/")
    run.refresh_from_db()
    assert run.version.number == 1
    client.post("/playbooks/care/moves/", {"at-rest": "pause"})
    run.refresh_from_db()
    assert (run.version.number, run.step) == (2, "pause")


def test_accounts_are_put_in_by_hand_as_far_as_one_sees_them(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    published(task("call"), wait("rest", days=3), reentry="never")
    card = f"/accounts/{cast.well.pk}/playbooks/"
    owner = as_person(cast.owner)
    assert "care" in owner.get(card).content.decode()
    as_person(cast.outsider).post("/playbooks/entries/", {"playbook": "care", "ids": cast.well.pk})
    assert not Enrolment.objects.exists()
    owner.post("/playbooks/entries/", {"playbook": "care", "ids": [cast.well.pk, cast.slipping.pk]})
    assert Enrolment.objects.count() == 2
    answer = owner.post("/playbooks/entries/", {"playbook": "care", "ids": cast.well.pk}, follow=True)
    assert "inside already" in answer.content.decode() and Enrolment.objects.count() == 2
    assert "<option" not in owner.get(card).content.decode()
    # From a list the page stays where it is and says what came of it.
    sent = send(owner, "/playbooks/entries/", playbook="care", ids=[cast.well.pk])
    assert (
        sent.status_code == 204
        and "inside already" in sent["HX-Trigger"]
        and "rows-changed" not in sent["HX-Trigger"]
    )


def test_the_pages_cost_as_many_queries_for_three_rows_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client, counts = as_person(cast.owner), []
    playbook = published(task("call"), wait("rest", days=3))
    for rows in (3, 30):
        Account.objects.filter(external_id__startswith="M").delete()
        made = Account.objects.bulk_create(
            Account(external_id=f"M{n}", name=f"Many {n}", owner=cast.owner, created_at=NOW, known_at=NOW)
            for n in range(rows)
        )
        enter(playbook, *made, now=NOW + dt.timedelta(days=rows))
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            for address in ("/playbooks/", "/playbooks/care/", "/playbook-runs/?playbook=care"):
                assert client.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_file_of_runs_says_where_each_stands(cast: SimpleNamespace, as_person: AsPerson) -> None:
    playbook = published(task("call"), wait("rest", days=3))
    enter(playbook, cast.well)
    actions.tick(now=NOW)
    text = as_person(cast.owner).post("/playbook-runs/export/").content.decode("utf-8-sig")
    assert cast.well.name in text and "Wait 3 days" in text


@pytest.mark.usefixtures("home")
def test_what_a_playbook_brings_is_told_against_those_held_out(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    published(task("call"))
    assert "Nobody is held out" in client.get("/playbooks/care/effect/").content.decode()
    published(task("call"), holdout=30)
    page = client.get("/playbooks/care/effect/?days=90").content.decode()
    assert "0 accounts are compared" in page and "nobody to compare yet" in page
    assert "30% of the accounts are held out" in client.get("/playbooks/care/").content.decode()


def test_an_accounts_card_tells_what_it_is_in_and_not_every_alert_of_old(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    by_alert = published(task("call"), key="each", per="occasion")
    enter(by_alert, cast.well, now=NOW - dt.timedelta(days=5))
    enter(by_alert, cast.well, now=NOW - dt.timedelta(days=4))
    actions.tick(now=NOW)
    enter(published(task("call"), wait("rest", days=9)), cast.well)
    actions.tick(now=NOW)
    card = as_person(cast.owner).get(f"/accounts/{cast.well.pk}/playbooks/").content.decode()
    assert card.count("/playbook-runs/") == 1 and "Wait 9 days" in card
