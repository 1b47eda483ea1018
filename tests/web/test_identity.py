"""Ids of accounts and contacts, and merging doubles, on the account page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from evergreen.base.env import Home
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.customers import actions
from evergreen.customers.models import Account, Contact, ContactId, ExternalId
from evergreen.events.models import UnsettledKey
from evergreen.work.models import Task
from tests.web.reading import send

AsPerson = Callable[..., Client]


def test_an_account_gets_and_loses_ids_and_one_taken_names_who_has_it(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    send(client, f"/accounts/{cast.well.pk}/ids/", system="crm", value=" 0012 ")
    row = ExternalId.objects.get(account=cast.well)
    assert (row.system, row.value) == ("crm", "0012")
    page = send(client, f"/accounts/{cast.gone.pk}/ids/", system="crm", value="0012").content.decode()
    assert cast.well.name in page
    assert not ExternalId.objects.filter(account=cast.gone).exists()
    assert "0012" in client.get(f"/accounts/{cast.well.pk}/ids/").content.decode()
    send(client, f"/accounts/ids/{row.pk}/removal/")
    assert not ExternalId.objects.exists()
    assert UnsettledKey.objects.get().account_key == "0012"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("https://www.HengYue.cn/x", "hengyue.cn"), ("qq.com", None), ("com.cn", None), ("hengyue", None)],
)
def test_a_domain_is_a_company_s_own(
    cast: SimpleNamespace, as_person: AsPerson, given: str, kept: str | None
) -> None:
    send(as_person(cast.owner), f"/accounts/{cast.well.pk}/ids/", system="domain", value=given)
    assert list(ExternalId.objects.values_list("value", flat=True)) == ([kept] if kept else [])


def test_strangers_reach_neither_ids_nor_merging(
    cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    row = actions.add_external_id(cast.well, "crm", "1", by=None, now=now)
    contact = actions.add_contact(cast.well, name="Li", by=None, now=now)
    client = as_person(cast.outsider)
    for address in (f"/accounts/{cast.well.pk}/ids/", f"/contacts/{contact.pk}/ids/"):
        assert client.get(address).status_code == 404
    assert client.post(f"/accounts/ids/{row.pk}/removal/").status_code == 404
    assert client.get(f"/accounts/{cast.well.pk}/merger/?typed=A-gone").status_code == 404
    assert (
        as_person(cast.owner).post(f"/accounts/{cast.well.pk}/merger/", {"typed": "A-gone"}).status_code
        == 403
    )


@pytest.mark.postgres
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "任务"), ("en", "Tasks")])
def test_a_merge_is_shown_before_it_is_made_and_undone_from_the_sheet(
    home: Home, cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime, language: str, word: str
) -> None:
    cast.boss.language = language
    cast.boss.save()
    Task.objects.create(account=cast.gone, title={"text": "x"}, created_at=now)
    client = as_person(cast.boss)
    page = client.get(f"/accounts/{cast.well.pk}/merger/?typed=A-gone").content.decode()
    assert word in page
    assert Account.objects.filter(pk=cast.gone.pk).exists()
    answer = send(client, f"/accounts/{cast.well.pk}/merger/", typed=f"{cast.gone.name} · A-gone")
    assert answer.status_code == 204
    assert not Account.objects.filter(pk=cast.gone.pk).exists()
    assert Task.objects.get().account == cast.well
    assert client.get(f"/accounts/{cast.gone.pk}/")["Location"] == f"/accounts/{cast.well.pk}/"
    assert cast.gone.name in client.get(f"/accounts/{cast.well.pk}/ids/").content.decode()
    entry = AuditEntry.objects.get(kind="merger")
    send(client, f"/mergers/{entry.pk}/undoing/")
    assert Account.objects.filter(pk=cast.gone.pk).exists()
    assert Task.objects.get().account == cast.gone
    assert send(client, f"/mergers/{entry.pk}/undoing/").status_code == 204


def test_the_word_about_a_merge_offers_its_undo(
    home: Home, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    send(client, f"/accounts/{cast.well.pk}/merger/", typed="A-gone")
    entry = AuditEntry.objects.get(kind="merger")
    assert f"/undo/?entries={entry.pk}" in client.get("/accounts/").content.decode()
    send(client, f"/undo/?entries={entry.pk}")
    assert Account.objects.filter(pk=cast.gone.pk).exists()


def test_nothing_is_merged_with_itself_or_a_name_that_is_not_there(
    home: Home, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    cast.mate.role = Role.MANAGER
    cast.mate.save()
    client = as_person(cast.mate)
    for typed in ("A-well", "nobody", ""):
        send(client, f"/accounts/{cast.well.pk}/merger/", typed=typed)
    assert Account.objects.count() == 3


@pytest.mark.postgres
def test_two_contacts_are_merged_and_have_ids(
    cast: SimpleNamespace, as_person: AsPerson, now: dt.datetime
) -> None:
    li = actions.add_contact(cast.well, name="Li", by=None, now=now)
    double = actions.add_contact(cast.well, name="Li Lei", phone="138", by=None, now=now)
    elsewhere = actions.add_contact(cast.gone, name="Other", by=None, now=now)
    client = as_person(cast.owner)
    send(client, f"/contacts/{double.pk}/ids/", system="desk", value="7")
    page = send(client, f"/contacts/{li.pk}/ids/", system="desk", value="7").content.decode()
    assert "Li Lei" in page
    assert client.get(f"/contacts/{li.pk}/merger/?typed={double.pk}").status_code == 200
    send(client, f"/contacts/{li.pk}/merger/", typed=str(elsewhere.pk))
    assert Contact.objects.count() == 3
    send(client, f"/contacts/{li.pk}/merger/", typed=str(double.pk))
    assert ContactId.objects.get().contact == li
    client.get("/accounts/")  # says the word about the merge
    assert "Li Lei" not in client.get(f"/accounts/{cast.well.pk}/?tab=people").content.decode()
    send(client, f"/mergers/{AuditEntry.objects.get(kind='merger').pk}/undoing/")
    assert Contact.objects.get(pk=double.pk).external_ids.count() == 1
