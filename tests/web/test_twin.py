"""Twelve months ahead on an account's page: the answer, whose accounts are named, what a task says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from evergreen.base.roles import Role
from evergreen.customers.lines import number
from evergreen.events import store
from evergreen.foresight.models import Effect, TwinRecord
from evergreen.foresight.twin import asking, outlooks, record
from evergreen.web import formats
from evergreen.work.models import Task
from tests.foresight.twin.test_asking import LAST, NOW, planted

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


def test_costs_levers_and_the_record_stand_on_the_page(
    cast: SimpleNamespace, as_person: AsPerson, home: object
) -> None:
    place = planted()[1]
    # Few are alike among 90 accounts; an experiment speaks for all.
    Effect.objects.create(
        lever="features", figure=Effect.Figure.USAGE, estimate=0.3, low=0.2, high=0.4, accounts=200, known_at=NOW, origin_kind="experiment"
    )  # fmt: skip
    client = as_person(cast.boss)
    address = f"/accounts/{place.pk}/twin/"
    text = client.get(address).content.decode()
    # No amount is assumed: without a cost there is a way to give one, and no return.
    assert "An experiment with 200 accounts changed use by +35%" in text
    assert "ROI" not in text and 'href="/ahead/costs/"' in text and "Not held against the past yet" in text
    outlooks.set_cost("features", 50_000, by=cast.boss, now=NOW)
    made = record.make(now=NOW)
    text = client.get(address).content.decode()
    one = next(
        one for one in asking.ask(asking.newest(), place.pk).answers if one.found.lever.key == "features"
    )
    low, middle, high = (formats.percent(float(each - 50_000) / 50_000) for each in one.kept)
    assert f"ROI {middle} ({low} to {high})" in text and "¥500" in text
    for row in made.report["all"]:
        assert f"{row['coverage']:.0%} of {row['n']:,} outcomes" in text
    shares = [row["coverage"] for row in made.report["months"] if row["what"] == "usage"]
    assert f"(by month {min(shares):.0%} to {max(shares):.0%})" in text
    assert f"of {made.report['renewals']['n']:,}, {made.report['renewals']['lost']:,} were lost" in text
    few = client.get(f"{address}?lever=touches").content.decode().split("<tbody>")[1].split("</tbody>")[0]
    assert "One more meeting" in few and "One more feature" not in few
    tab = client.get(f"/accounts/{place.pk}/?tab=ahead&lever=touches").content.decode()
    assert f"{address}?lever=touches" in tab
    cast.mate.role = Role.TRAINER
    cast.mate.scope = "all"
    cast.mate.save()
    assert "ROI" not in as_person(cast.mate).get(address).content.decode()


def test_the_record_is_made_once_a_week_and_says_nothing_without_history(home: object, db: None) -> None:
    assert record.is_due(NOW)
    made = record.make(now=NOW)
    assert made.report == {} and record.newest() is None
    assert not record.is_due(NOW) and record.is_due(NOW + dt.timedelta(days=8))
    for days in range(8):
        record.make(now=NOW + dt.timedelta(days=days))
    assert TwinRecord.objects.count() == 5


def test_a_history_that_cannot_be_read_says_so(
    cast: SimpleNamespace, as_person: AsPerson, home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_asked: object) -> None:
        raise store.LakeError("the catalog is gone")

    monkeypatch.setattr(asking, "newest", broken)
    text = as_person(cast.owner).get(f"/accounts/{cast.well.pk}/twin/").content.decode()
    assert "The history cannot be read" in text and "evergreen doctor" in text
