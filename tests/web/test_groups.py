"""Pages of groups of customers: who sees and does what, and what a click comes to."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from evergreen.customers.models import Contact
from evergreen.touches.groups import registering
from evergreen.touches.models import Broadcast, CustomerGroup, Message
from evergreen.work.models import Task
from tests.conftest import NOW

AsPerson = Callable[..., Client]


def read(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def group(cast: SimpleNamespace) -> CustomerGroup:
    given = {
        "name": "恒岳服务群",
        "purpose": "service",
        "accounts": [cast.well.pk],
        "owner": cast.owner,
        "made_at": NOW,
    }
    return registering.save_group(None, given, by=cast.boss, now=NOW)


@pytest.fixture
def anna(cast: SimpleNamespace) -> Contact:
    return Contact.objects.create(
        account=cast.well, name="Anna", is_champion=True, known_at=NOW, language="en"
    )


def test_a_group_is_registered_with_what_is_wrong_said_and_nothing_lost(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    form = {"name": "新群", "purpose": "project", "owner": str(cast.owner.pk), "accounts": "A-well\n没有这家", "note": "周三例会"}  # fmt: skip
    answer = client.post("/customer-groups/new/", form)
    page = answer.content.decode()
    assert answer.status_code == 422 and "“没有这家”" in page and "周三例会" in page
    answer = client.post(
        "/customer-groups/new/", {**form, "accounts": "A-well\n澄明财税科技", "made_on": "2026-10-01"}
    )
    group = CustomerGroup.objects.get()
    assert answer["Location"] == f"/customer-groups/{group.pk}/"
    assert list(group.accounts.order_by("external_id")) == [cast.slipping, cast.well]
    assert group.made_at.isoformat() == "2026-09-30T16:00:00+00:00"
    assert "A-well" in read(client, "/customer-groups/new/?account=A-well")


def test_the_list_filters_and_says_what_to_do_first(
    cast: SimpleNamespace, group: CustomerGroup, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    page = read(client, "/customer-groups/")
    assert "恒岳服务群" in page and "Invite whoever decides" not in page and "Invite the daily users" in page
    for query, shown in (("band=poor", True), ("band=good", False), ("kind=wecom", False), ("q=恒岳", True), ("mine=yes", True), ("state=over", False), ("purpose=training", False)):  # fmt: skip
        assert ("恒岳服务群" in read(client, f"/customer-groups/?{query}")) is shown, query
    told = client.post("/customer-groups/export/?q=恒岳").content.decode()
    assert "恒岳服务群" in told and "恒岳机械" in told
    # Who sees no account of it sees no group.
    stranger = as_person(cast.outsider)
    assert "恒岳服务群" not in read(stranger, "/customer-groups/")
    for path in ("", "settings/"):
        read(stranger, f"/customer-groups/{group.pk}/{path}", 404)


def test_people_are_added_known_and_go(
    cast: SimpleNamespace, group: CustomerGroup, anna: Contact, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    base = f"/customer-groups/{group.pk}/"
    client.post(
        f"{base}people/", {"contacts": [anna.pk, 999], "staff": [cast.owner.pk], "names": "李工、张工"}
    )
    page = read(client, base)
    assert all(name in page for name in ("Anna", "李工", "张工")) and "85" not in page
    li = group.members.get(name="李工")
    bob = Contact.objects.create(account=cast.well, name="Bob", known_at=NOW)
    client.post(f"{base}people/{li.pk}/contact/", {"contact": bob.pk})
    client.post(f"{base}people/{group.members.get(name='张工').pk}/departure/")
    li.refresh_from_db()
    assert li.contact == bob and group.members.filter(left_at=None).count() == 3
    assert "恒岳服务群" in read(client, f"/accounts/{cast.well.pk}/?tab=people")
    client.post(f"{base}ending/")
    assert "恒岳服务群" in read(client, "/customer-groups/?state=over")


def test_a_text_is_looked_at_first_and_then_a_task_with_the_words(
    cast: SimpleNamespace, group: CustomerGroup, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    assert client.get("/customer-groups/writing/")["Location"] == "/customer-groups/"
    form = {"ids": [group.pk], "subject": "October", "topic": "guidance", "body": "Hello {{ account.name }}, {{ contact.name }}"}  # fmt: skip
    page = client.post("/customer-groups/writing/", {**form, "look": "yes"}).content.decode()
    assert "No value for" in page and not Broadcast.objects.exists()
    form["body"] = "Hello {{ account.name }} in {{ group.name }}"
    assert "Hello 恒岳机械 in 恒岳服务群" in client.post("/customer-groups/writing/", form).content.decode()
    assert client.post("/customer-groups/writing/", {**form, "send": "yes", "subject": ""}).status_code == 422
    answer = client.post("/customer-groups/writing/", {**form, "send": "yes"})
    assert answer["Location"] == "/customer-groups/"
    task = Task.objects.get()
    assert task.assignee == cast.owner and task.reason["en"] == "Hello 恒岳机械 in 恒岳服务群"
    assert not Message.objects.exists() and Broadcast.objects.get().groups == 1
    # Done: the group was written to.
    task.state, task.ended_at = Task.State.DONE, NOW
    task.save()
    assert "written to" in read(client, "/customer-groups/")


def test_what_wecom_tells_is_not_changed_here(
    cast: SimpleNamespace, group: CustomerGroup, as_person: AsPerson
) -> None:
    CustomerGroup.objects.update(kind="wecom", external_id="wr1")
    client = as_person(cast.owner)
    base = f"/customer-groups/{group.pk}/"
    client.post(f"{base}people/", {"names": "x"})
    client.post(f"{base}ending/")
    group.refresh_from_db()
    assert group.ended_at is None and not group.members.exists()
    answer = client.post(f"{base}settings/", {"purpose": "training", "accounts": "A-slipping", "note": ""})
    assert answer.status_code == 302
    group.refresh_from_db()
    assert (group.name, group.purpose, list(group.accounts.all())) == (
        "恒岳服务群",
        "training",
        [cast.slipping],
    )
