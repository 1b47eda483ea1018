"""The names that suggestions are made of follow the accounts without being read anew."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace

import pytest

from evergreen.customers import actions as customers
from evergreen.customers.actions import merging
from evergreen.customers.models import Account
from evergreen.events.unmatched import book

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_book", None)


def names() -> list[tuple[int, str]]:
    return [(one.account_id, one.name) for one in book.opened().accounts]


def test_the_book_follows_whatever_becomes_of_accounts(
    cast: SimpleNamespace, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    book.opened()
    # From here on it may not be read whole: what it holds it has from following.
    monkeypatch.setattr(book, "_read", None)
    for step in range(40):
        at = now + dt.timedelta(minutes=7 * step)
        known = list(Account.objects.order_by("pk"))
        match rng.choice(["make", "make", "rename", "rename", "id", "merge"]):
            case "make":
                customers.create_account(external_id=f"N-{step}", name=f"公司{step:02}", by=None, now=at)
            case "rename":
                one = rng.choice(known)
                customers.update_account(one, {"name": one.name[::-1]}, by=None, now=at)
            case "id":
                customers.add_external_id(rng.choice(known), "crm", f"x{step}", by=None, now=at)
            case _ if len(known) > 3:
                kept, gone = rng.sample(known, 2)
                merging.merge_accounts(gone, kept, by=None, now=at)
        assert names() == list(Account.objects.order_by("pk").values_list("pk", "name"))
        assert book.opened().keys == [one.company.key for one in book.opened().accounts]


def test_what_was_compared_is_kept_until_a_name_changes(cast: SimpleNamespace, now: dt.datetime) -> None:
    like = book.opened().like({book.company_name(cast.well.name).key})
    assert next(one.account_id for ones in like.values() for one in ones) == cast.well.pk
    customers.add_external_id(cast.well, "crm", "77", by=None, now=now)
    assert book.opened().roughly
    customers.update_account(cast.well, {"name": "别的名字"}, by=None, now=now)
    assert not book.opened().roughly


def test_names_that_no_entry_tells_of_are_read_anew(cast: SimpleNamespace, now: dt.datetime) -> None:
    book.opened()
    Account.objects.filter(pk=cast.well.pk).update(name="改过的更长的名字，没有记录")
    assert (cast.well.pk, "改过的更长的名字，没有记录") in names()
