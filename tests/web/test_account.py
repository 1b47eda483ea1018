"""The account page: its tabs and states, rights, health, what to do, the decision chain."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.alerts.models import Alert
from evergreen.base.models import User
from evergreen.base.roles import Role
from evergreen.customers import actions as customers
from evergreen.customers.models import Note
from evergreen.desk.actions import open_ticket
from evergreen.health.models import Standing
from evergreen.touches.models import Channel, Tie
from evergreen.work import actions as work
from tests.web.reading import TABS, page

pytestmark = pytest.mark.usefixtures("at_the_casts_time")


@pytest.mark.postgres
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
    reads = ["", "timeline/", "features/", "charts/health/", "trends/active_users_28d/", "details/", "conversations/", "tasks/",
             "notes/", "contacts/"]  # fmt: skip
    for address in [base + part for part in reads]:
        assert client.get(address).status_code == 404, address
    for address in (f"/contacts/{told.contact.pk}/", f"/notes/{told.note.pk}/"):
        assert client.get(address).status_code == 404, address
    for address in ("conversations/", "tasks/", "notes/", "contacts/", "details/"):
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


def test_who_removed_one_of_us_in_wecom_is_said_and_forgotten_when_they_are_back(
    told: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    contact = told.slipping.contacts.first()
    channel = Channel.objects.create(kind="wecom_customer", key="w", name="W", created_at=now)
    day = dt.timedelta(days=1)
    tie = {"channel": channel, "key": "wm1", "member": "m1", "contact": contact, "staff": told.owner}
    Tie.objects.create(**tie, added_at=now - 9 * day, ended_at=now - day, ended_by=Tie.End.BY_THEM)
    assert f"removed {told.owner} in WeCom on" in page(as_person(told.owner), told.slipping, "?tab=people")
    Tie.objects.create(**tie, added_at=now)
    text = page(as_person(told.owner), told.slipping, "?tab=people")
    assert f"in WeCom with {told.owner}" in text and "removed" not in text


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
    for address in (f"/accounts/{told.slipping.pk}/notes/", f"/accounts/{told.slipping.pk}/details/"):
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
