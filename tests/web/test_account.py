"""The account page: its tabs and states, rights, what can be written down, charts, and the timeline."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.alerts.models import Alert, Rule
from evergreen.base.models import User
from evergreen.base.roles import Role
from evergreen.customers import actions as customers
from evergreen.customers.models import Contact, Note, Receivable
from evergreen.desk.actions import close_ticket, open_ticket
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.health.models import Scorecard, Standing
from evergreen.metrics.models import Newest
from evergreen.work import actions as work
from evergreen.work.models import Conversation, Task

TABS = ("overview", "usage", "people", "contracts", "tickets", "timeline")
DAY = dt.date(2026, 11, 19)


@pytest.fixture(autouse=True)
def _at_the_casts_time(now: dt.datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def told(cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """The slipping account with everything that its page shows."""
    install_shipped(now=now)
    account = cast.slipping
    card = Scorecard.objects.get(key="standard")
    version = card.versions.get()
    contributions = [
        {
            "measure": measure["key"], "metric": measure["metric"], "value": 8.0, "score": 40.0, "points": 6.0,
            "lost": 9.0, "weight": 15.0, "missing": None, "as_of": "2026-11-19", "change_30d": -4.5,
        }
        for measure in version.definition["measures"]
    ]  # fmt: skip
    Standing.objects.create(
        account=account, scorecard=card, version=1, is_own=True, day=DAY, score=53.2, band="red", coverage=0.92,
        oldest_input_on=dt.date(2026, 11, 17), change_30d=-14.0, contributions=contributions,
    )  # fmt: skip
    Newest.objects.create(
        account=account, day=DAY, currency="CNY", mrr_cents=2_383_333, arr_base_cents=28_600_000,
        renewal_on=dt.date(2027, 2, 15), active_users_28d=39, overdue_cents=7_200_000, overdue_days=19,
        tickets_open=2, values={"active_users_prev_28d": 52, "nps": 12.0, "tickets_opened_28d": 5},
    )  # fmt: skip
    rule = Rule.objects.create(
        key="health_red", name={"zh": "健康度进入红区", "en": "Health in the red"}, severity=3
    )
    Alert.objects.create(
        rule=rule, account=account, opened_on=DAY, opened_at=now - dt.timedelta(hours=4), seen_on=DAY,
        figures={"score": 53.2, "threshold": 60.0},
    )  # fmt: skip
    cast.contact = customers.add_contact(
        account, name="林淑敏", title="财务负责人", role="decision_maker", influence=5, by=cast.owner, now=now
    )
    work.record_conversation(
        account, kind="call", at=now - dt.timedelta(days=94), contacts=[cast.contact], by=cast.owner, now=now
    )
    customers.add_contract(
        account, external_id="K-1", number="CQ-1", currency="CNY", signed_on=dt.date(2026, 2, 10),
        lines=[{"kind": "subscription", "start_on": dt.date(2026, 2, 15), "end_on": dt.date(2027, 2, 15),
                "mrr_cents": 2_383_333, "seats": 80}], by=cast.owner, now=now,
    )  # fmt: skip
    customers.add_receivable(
        account, external_id="R-1", currency="CNY", amount_cents=7_200_000, due_on=dt.date(2026, 11, 1),
        by=cast.owner, now=now,
    )  # fmt: skip
    ticket = open_ticket(
        account, subject="Export fails", external_id="3182", by=None, now=now - dt.timedelta(days=3)
    )
    close_ticket(ticket, by=cast.mate, now=now - dt.timedelta(days=2))
    cast.note = customers.add_note(
        account, "**Budget** in December <script>alert(1)</script>", by=cast.owner, now=now
    )
    cast.task = work.add_task(
        account=account,
        title="Call 林淑敏",
        assignee=cast.owner,
        by=cast.owner,
        now=now,
        due_on=dt.date(2026, 11, 24),
    )
    return cast


def page(client: Any, account: Any, query: str = "") -> str:
    answer = client.get(f"/accounts/{account.pk}/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("who", ["owner", "mate"])
def test_every_tab_opens_in_both_languages(
    told: SimpleNamespace, as_person: Any, home: Any, tab: str, who: str
) -> None:
    text = page(as_person(getattr(told, who)), told.slipping, f"?tab={tab}")
    assert "澄明财税科技" in text
    assert ("Contracts and payments" in text) == (who == "owner")


@pytest.mark.parametrize(
    "part", ["", "?tab=people", "?tab=contracts", "?tab=tickets", "timeline/", "features/"]
)
def test_every_part_of_an_account_without_anything_says_what_to_do_next(
    cast: SimpleNamespace, as_person: Any, home: Any, part: str
) -> None:
    assert 'class="state empty' in page(as_person(cast.owner), cast.well, part)


def test_an_outsider_finds_no_such_account_whatever_the_address(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    client = as_person(told.outsider)
    base = f"/accounts/{told.slipping.pk}/"
    reads = ["", "timeline/", "features/", "charts/health/", "trends/active_users_28d/", "edit/", "conversations/", "tasks/",
             "notes/", "contacts/"]  # fmt: skip
    for address in [base + part for part in reads]:
        assert client.get(address).status_code == 404, address
    for address in (f"/contacts/{told.contact.pk}/", f"/notes/{told.note.pk}/"):
        assert client.get(address).status_code == 404, address
    for address in ("conversations/", "tasks/", "notes/", "contacts/", "edit/"):
        assert client.post(base + address, {"name": "x", "body": "x", "title": "x"}).status_code == 404
    for address in (f"/notes/{told.note.pk}/pin/", f"/notes/{told.note.pk}/removal/"):
        assert client.post(address).status_code == 404
    assert Note.objects.filter(pk=told.note.pk).exists()


def test_the_health_card_says_the_sentence_first_then_reasons_and_evidence(
    told: SimpleNamespace, as_person: Any
) -> None:
    text = page(as_person(told.owner), told.slipping)
    assert "Down 14 points in 30 days" in text
    assert "Standard v1 · coverage 92% · oldest input 3 days old · as of Nov 19" in text
    assert text.count('<div class="reason">') == 6
    assert ">−4.5</b>" in text
    assert 'aria-label="Health 53, red"' in text


def test_insufficient_data_is_never_dressed_as_a_number(told: SimpleNamespace, as_person: Any) -> None:
    missing = [
        {**entry, "value": None, "score": None, "points": 0, "missing": "no_data"}
        for entry in Standing.objects.get().contributions
    ]
    Standing.objects.update(score=None, band="insufficient_data", coverage=0.3, contributions=missing)
    text = page(as_person(told.owner), told.slipping)
    assert "Insufficient data, no score" in text
    assert "Below the coverage floor no number is shown" in text
    assert ">—</text>" in text


def test_what_to_do_now_names_reason_and_one_action(told: SimpleNamespace, as_person: Any) -> None:
    text = page(as_person(told.owner), told.slipping)
    assert "Health is 53, below 60." in text
    assert "Take it on" in text
    assert "Call 林淑敏" in text


def test_an_alert_with_its_task_is_one_thing(told: SimpleNamespace, as_person: Any, now: dt.datetime) -> None:
    alert = Alert.objects.get()
    work.add_task(
        account=told.slipping, title="Find out why", assignee=told.owner, by=None, now=now,
        origin=("alert", str(alert.pk)),
    )  # fmt: skip
    text = page(as_person(told.owner), told.slipping)
    card = text[text.index('id="attention"') : text.index("Annual recurring revenue")]
    assert "Find out why" not in card
    assert card.count("data-row") == 2


def test_the_decision_chain_says_what_it_lacks(told: SimpleNamespace, as_person: Any) -> None:
    text = page(as_person(told.owner), told.slipping)
    assert "Nobody has spoken with the decision maker for 90 days." in text
    assert "Everything hangs on one person" in text
    assert "coverage 1 / 4, missing: Daily user, Influencer, Purchaser" in text


def test_notes_are_markdown_without_scripts(told: SimpleNamespace, as_person: Any) -> None:
    text = page(as_person(told.owner), told.slipping)
    assert "<strong>Budget</strong>" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize("tab", TABS)
def test_who_sees_no_money_reads_no_amount_on_any_tab(
    told: SimpleNamespace, as_person: Any, home: Any, tab: str
) -> None:
    trainer = User.objects.create_user("t@vendor.example", role=Role.TRAINER, scope="all", language="en")
    text = page(as_person(trainer), told.slipping, f"?tab={tab}")
    for amount in ("286", "72k", "72,000", "23.8k", "¥"):
        assert amount not in text


def test_a_partner_reads_its_own_accounts_and_writes_nothing(
    told: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    partner = User.objects.create_user("p@partner.example", role=Role.PARTNER, language="en")
    told.slipping.owner = partner
    told.slipping.save()
    client = as_person(partner)
    assert "Add a note" not in page(client, told.slipping)
    for address in (f"/accounts/{told.slipping.pk}/notes/", f"/accounts/{told.slipping.pk}/edit/"):
        assert client.post(address, {"body": "x"}).status_code == 403
    assert client.get(f"/accounts/{told.well.pk}/").status_code == 404


def test_the_overview_asks_as_often_for_thirty_of_everything_as_for_one(
    told: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    client = as_person(told.owner)

    def asked() -> int:
        from django.core.cache import cache

        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            page(client, told.slipping)
        return len(queries)

    few = asked()
    for n in range(30):
        at = now - dt.timedelta(days=n + 1)
        contact = customers.add_contact(told.slipping, name=f"P{n}", by=told.owner, now=at)
        work.record_conversation(
            told.slipping, kind="call", at=at, contacts=[contact], by=told.mate, now=now, summary=f"talk {n}"
        )
        customers.add_note(told.slipping, f"note {n} @mate", by=told.mate, now=at)
        open_ticket(told.slipping, subject=f"T{n}", external_id=f"T{n}", by=None, now=at)
        work.add_task(account=told.slipping, title=f"task {n}", assignee=told.mate, by=told.mate, now=at)
    assert asked() <= few


# ---- what people write down ----


def _send(client: Any, address: str, **form: Any) -> Any:
    return client.post(address, form, headers={"HX-Request": "true"})


def test_a_conversation_is_recorded_in_the_vendors_time(
    told: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/conversations/"
    answer = _send(
        client, base, kind="meeting", at="2026-11-20T09:30", contacts=[told.contact.pk], minutes=30
    )
    assert answer["HX-Refresh"] == "true"
    talk = Conversation.objects.get(kind="meeting")
    assert talk.at == dt.datetime(2026, 11, 20, 1, 30, tzinfo=dt.UTC)
    assert list(talk.contacts.all()) == [told.contact]
    refused = _send(client, base, kind="call", at="2026-11-21T09:30")
    assert "lies in the future" in refused.content.decode()
    stranger = customers.add_contact(told.well, name="X", by=told.owner, now=now)
    refused = _send(client, base, kind="call", at="2026-11-20T09:30", contacts=[stranger.pk])
    assert refused.status_code == 200
    assert Conversation.objects.count() == 2


def test_a_note_keeps_its_files_for_those_who_see_the_account(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    files = [SimpleUploadedFile("plan.txt", b"=1+1"), SimpleUploadedFile("b.csv", b"x")]
    client = as_person(told.owner)
    answer = _send(client, f"/accounts/{told.slipping.pk}/notes/", body="See @mate", attachments=files)
    assert answer["HX-Refresh"] == "true"
    note = Note.objects.get(body="See @mate")
    assert list(note.mentions.all()) == [told.mate]
    kept = note.attachments.get(name="plan.txt")
    answer = as_person(told.mate).get(f"/files/{kept.pk}/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer.streaming_content) == b"=1+1"
    assert as_person(told.outsider).get(f"/files/{kept.pk}/").status_code == 404
    refused = _send(
        client,
        f"/accounts/{told.slipping.pk}/notes/",
        body="x",
        attachments=[SimpleUploadedFile("a.exe", b"x")],
    )
    assert "a.exe" in refused.content.decode()


def test_a_note_is_changed_and_deleted_by_its_author_alone_and_pinned_by_all(
    told: SimpleNamespace, as_person: Any
) -> None:
    mate, owner = as_person(told.mate), as_person(told.owner)
    assert "作者" in _send(mate, f"/notes/{told.note.pk}/", body="other").content.decode()
    told.note.refresh_from_db()
    assert "Budget" in told.note.body
    _send(mate, f"/notes/{told.note.pk}/removal/")
    assert Note.objects.filter(pk=told.note.pk).exists()
    _send(mate, f"/notes/{told.note.pk}/pin/")
    told.note.refresh_from_db()
    assert told.note.is_pinned
    _send(owner, f"/notes/{told.note.pk}/", body="Budget in January")
    told.note.refresh_from_db()
    assert told.note.body == "Budget in January"
    _send(owner, f"/notes/{told.note.pk}/removal/")
    assert not Note.objects.filter(pk=told.note.pk).exists()


def test_tasks_contacts_and_fields_are_written_from_the_page(told: SimpleNamespace, as_person: Any) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/"
    _send(client, base + "tasks/", title="Prepare the report", assignee=told.mate.pk, priority=2)
    assert Task.objects.get(title={"text": "Prepare the report"}).assignee == told.mate
    _send(client, base + "contacts/", name="高远", attitude="supports", role="influencer", is_champion="on")
    champion = Contact.objects.get(name="高远")
    assert champion.is_champion
    _send(client, f"/contacts/{champion.pk}/", name="高远", attitude="neutral", left_on="2026-11-01")
    champion.refresh_from_db()
    assert (champion.attitude, champion.left_on) == ("neutral", dt.date(2026, 11, 1))
    assert "No longer there" in page(client, told.slipping, "?tab=people")
    form = {
        "name": "澄明财税",
        "stage": "renewal",
        "tier": "strategic",
        "tags": "KA",
        "live_on": "2025-03-01",
        "owner": told.owner.pk,
    }
    assert _send(client, base + "edit/", **form)["HX-Refresh"] == "true"
    told.slipping.refresh_from_db()
    assert (told.slipping.name, told.slipping.stage, told.slipping.external_id) == (
        "澄明财税",
        "renewal",
        "A-slipping",
    )
    wrong = _send(client, base + "edit/", **{**form, "live_on": "someday"})
    assert "live_on" in wrong.content.decode()


# ---- charts ----


def _scored(account: Any) -> None:
    with store.writing() as con:
        for day, score, version in (
            ("2026-09-20", 67.0, 1),
            ("2026-10-20", 60.0, 1),
            ("2026-11-19", 53.2, 2),
        ):
            con.execute(
                "INSERT INTO lake.scores VALUES (?, ?, '', 'standard', ?, ?, 'red', 0.9, NULL, '[]')",
                [day, account.pk, version, score],
            )


def test_the_chart_of_the_score_marks_where_a_new_version_began(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    _scored(told.slipping)
    text = as_person(told.owner).get(f"/accounts/{told.slipping.pk}/charts/health/?days=90").content.decode()
    assert '["2026-10-20", 60.0]' in text
    assert '"formatter": "v2"' in text
    assert 'aria-label="From 67 to 53"' in text
    assert "style=" not in text


def test_a_chart_without_history_says_so_and_one_without_the_lake_offers_to_try_again(
    told: SimpleNamespace, as_person: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/charts/"
    for name in ("health", "users", "use"):
        assert "No history in this span" in client.get(f"{base}{name}/").content.decode() or name == "users"

    def broken(*_: Any) -> Any:
        raise store.LakeError("gone")

    monkeypatch.setattr(store, "reading", broken)
    for name in ("health", "users", "use"):
        assert "Try again" in client.get(f"{base}{name}/").content.decode()
    assert client.get(f"{base}secret/").status_code == 404
    assert page(client, told.slipping, "?tab=usage")
    assert "cannot be read" in client.get(f"/accounts/{told.slipping.pk}/timeline/").content.decode()
    assert "cannot be read" in client.get(f"/accounts/{told.slipping.pk}/features/").content.decode()


# ---- timeline ----


def _titles(text: str) -> list[str]:
    return re.findall(r"<h3>([^<]*)</h3>", text)


def test_everything_stands_on_one_line_newest_first(told: SimpleNamespace, as_person: Any, home: Any) -> None:
    client = as_person(told.owner)
    titles = _titles(page(client, told.slipping, "?tab=timeline"))
    assert titles == _titles(page(client, told.slipping, "timeline/"))
    order = [
        "Alert opened: Health in the red",
        "Ticket #3182 solved: Export fails",
        "Ticket #3182 opened: Export fails",
        "¥72k fell due",
        "Contract CQ-1 signed",
    ]
    found = [title for title in titles if title in order]
    assert found == order
    assert any(title.startswith("Note by owner") for title in titles)


def test_the_line_is_narrowed_by_kind_and_read_page_by_page_without_gaps(
    told: SimpleNamespace, as_person: Any, home: Any, now: dt.datetime
) -> None:
    for n in range(95):
        customers.add_note(told.slipping, f"n{n:03}", by=told.owner, now=now - dt.timedelta(hours=n + 1))
    client = as_person(told.owner)
    text = page(client, told.slipping, "?tab=timeline&kind=note")
    seen = re.findall(r"n\d{3}", text)
    while further := re.search(r'hx-get="([^"]+timeline/[^"]+)"', text):
        text = client.get(further[1].replace("&amp;", "&")).content.decode()
        seen += re.findall(r"n\d{3}", text)
    assert seen == [f"n{n:03}" for n in range(95)]


def test_use_is_told_by_the_week_and_answers_and_leaving_come_from_the_history(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    pk = told.slipping.pk
    with store.writing() as con:
        for day, users, events in (("2026-11-10", 5, 40), ("2026-11-12", 7, 60)):
            con.execute(
                "INSERT INTO lake.account_days VALUES (?, '', ?, ?, ?, ?, 0)", [pk, day, day, users, events]
            )
        con.execute(
            "INSERT INTO lake.answers VALUES (?, '', 'nps', 'c1', 4, '2026-11-11 08:00', '2026-11-11', '2026-11-11')",
            [pk],
        )
    text = page(as_person(told.owner), told.slipping, "timeline/")
    assert "100 uses in the week, up to 7 users a day" in text
    assert "NPS answer: 4" in text


def test_a_paid_receivable_says_how_late_it_was(
    told: SimpleNamespace, as_person: Any, home: Any, now: dt.datetime
) -> None:
    due = Receivable.objects.get()
    customers.record_payment(due, due.amount_cents, dt.date(2026, 11, 13), by=told.owner, now=now)
    client = as_person(told.owner)
    assert "paid, 12 days late" in page(client, told.slipping, "?tab=contracts")
    assert "¥72k paid" in page(client, told.slipping, "?tab=timeline&kind=money")
