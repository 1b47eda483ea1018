"""Twelve months ahead on an account's page: the answer, whose accounts are named, what a task says."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from evergreen.customers.lines import number
from evergreen.events import store
from evergreen.foresight.twin import asking
from evergreen.work.models import Task
from tests.foresight.twin.test_asking import LAST, planted

AsPerson = Callable[..., Client]


def test_without_history_the_page_says_what_is_missing(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    client = as_person(cast.owner)
    address = f"/accounts/{cast.well.pk}/twin/"
    assert address in client.get(f"/accounts/{cast.well.pk}/?tab=ahead").content.decode()
    assert "evergreen night" in client.get(address).content.decode()
    assert as_person(cast.outsider).get(address).status_code == 404
    assert as_person(cast.outsider).post(f"{address}tasks/").status_code == 404
    client.post(f"{address}tasks/")
    assert not Task.objects.exists()


@pytest.mark.parametrize(("language", "silent"), [("en", "Silent"), ("zh-hans", "暂不作答")])
def test_the_answer_names_levers_and_only_accounts_of_the_reader(
    cast: SimpleNamespace, as_person: AsPerson, home: object, language: str, silent: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    accounts = planted()
    account, mine = accounts[1], accounts[:60]
    for one in mine:
        one.owner = cast.owner
        one.save()
    told = asking.ask(asking.learn(store.reading(), number(LAST)), account.pk)
    client = as_person(cast.owner)
    text = client.get(f"/accounts/{account.pk}/twin/").content.decode()
    assert silent in text and f"{told.stays:.0%}" in text
    places = {int(told.learned.panel.accounts[place]) for one in told.answers for place in one.found.places}
    assert places and any(f'href="/accounts/{pk}/"' in text for pk in places)
    visible = {one.pk for one in mine}
    if as_person(cast.owner).get(f"/accounts/{accounts[80].pk}/").status_code == 404:
        assert not any(f'href="/accounts/{pk}/"' in text for pk in places - visible)
    client.post(f"/accounts/{account.pk}/twin/tasks/")
    client.post(f"/accounts/{account.pk}/twin/tasks/")
    made = list(Task.objects.all())
    assert len(made) == (1 if told.best else 0)
    assert all(set(one.title) == {"zh", "en"} and one.assignee == cast.owner for one in made)
