"""What people write down on an account's page: conversations, notes with files, tasks, contacts, fields."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evergreen.customers import actions as customers
from evergreen.customers.models import Contact, Note
from evergreen.work.models import Conversation, Task
from tests.web.reading import page, send

pytestmark = pytest.mark.usefixtures("at_the_casts_time")


def test_a_conversation_is_recorded_in_the_vendors_time(
    told: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/conversations/"
    answer = send(client, base, kind="meeting", at="2026-11-20T09:30", contacts=[told.contact.pk], minutes=30)
    assert answer["HX-Refresh"] == "true"
    talk = Conversation.objects.get(kind="meeting")
    assert talk.at == dt.datetime(2026, 11, 20, 1, 30, tzinfo=dt.UTC)
    assert list(talk.contacts.all()) == [told.contact]
    refused = send(client, base, kind="call", at="2026-11-21T09:30")
    assert "lies in the future" in refused.content.decode()
    stranger = customers.add_contact(told.well, name="X", by=told.owner, now=now)
    refused = send(client, base, kind="call", at="2026-11-20T09:30", contacts=[stranger.pk])
    assert refused.status_code == 200
    assert Conversation.objects.count() == 2


def test_a_note_keeps_its_files_for_those_who_see_the_account(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    files = [SimpleUploadedFile("plan.txt", b"=1+1"), SimpleUploadedFile("b.csv", b"x")]
    client = as_person(told.owner)
    answer = send(client, f"/accounts/{told.slipping.pk}/notes/", body="See @mate", attachments=files)
    assert answer["HX-Refresh"] == "true"
    note = Note.objects.get(body="See @mate")
    assert list(note.mentions.all()) == [told.mate]
    kept = note.attachments.get(name="plan.txt")
    answer = as_person(told.mate).get(f"/files/{kept.pk}/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer.streaming_content) == b"=1+1"
    assert as_person(told.outsider).get(f"/files/{kept.pk}/").status_code == 404
    refused = send(
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
    assert "作者" in send(mate, f"/notes/{told.note.pk}/", body="other").content.decode()
    told.note.refresh_from_db()
    assert "Budget" in told.note.body
    send(mate, f"/notes/{told.note.pk}/removal/")
    assert Note.objects.filter(pk=told.note.pk).exists()
    send(mate, f"/notes/{told.note.pk}/pin/")
    told.note.refresh_from_db()
    assert told.note.is_pinned
    send(owner, f"/notes/{told.note.pk}/", body="Budget in January")
    told.note.refresh_from_db()
    assert told.note.body == "Budget in January"
    send(owner, f"/notes/{told.note.pk}/removal/")
    assert not Note.objects.filter(pk=told.note.pk).exists()


@pytest.mark.postgres
def test_tasks_contacts_and_fields_are_written_from_the_page(told: SimpleNamespace, as_person: Any) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/"
    send(client, base + "tasks/", title="Prepare the report", assignee=told.mate.pk, priority=2)
    assert Task.objects.get(title={"text": "Prepare the report"}).assignee == told.mate
    send(client, base + "contacts/", name="高远", attitude="supports", role="influencer", is_champion="on")
    champion = Contact.objects.get(name="高远")
    assert champion.is_champion
    send(client, f"/contacts/{champion.pk}/", name="高远", attitude="neutral", left_on="2026-11-01")
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
    assert send(client, base + "details/", **form)["HX-Refresh"] == "true"
    told.slipping.refresh_from_db()
    assert (told.slipping.name, told.slipping.stage, told.slipping.external_id) == (
        "澄明财税",
        "renewal",
        "A-slipping",
    )
    wrong = send(client, base + "details/", **{**form, "live_on": "someday"})
    assert "live_on" in wrong.content.decode()
