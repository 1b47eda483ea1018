from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import Team, User
from evergreen.base.roles import Role, Scope
from evergreen.customers import actions, queries
from evergreen.customers.models import Account, Attachment, Edition, Note, Product


@pytest.fixture
def foreign(cast: SimpleNamespace, now: dt.datetime) -> Account:
    """An account that only the outsider owns, of no team."""
    return Account.objects.create(
        external_id="F", name="外部", owner=cast.outsider, created_at=now, known_at=now
    )


def seen(user: User) -> set[str]:
    return set(queries.accounts_for(user).values_list("external_id", flat=True))


TEAMS_OWN = {"A-well", "A-slipping", "A-gone"}


def test_owner_and_mate_see_the_teams_accounts_the_boss_all_the_outsider_own_ones(
    cast: SimpleNamespace, foreign: Account
) -> None:
    assert seen(cast.owner) == seen(cast.mate) == TEAMS_OWN
    assert seen(cast.outsider) == {"F"}
    assert seen(cast.boss) == TEAMS_OWN | {"F"}


def test_an_account_given_to_my_team_is_mine_to_see_whoever_owns_it(
    cast: SimpleNamespace, foreign: Account
) -> None:
    Account.objects.filter(pk=foreign.pk).update(team=cast.north)
    assert "F" in seen(cast.mate)


def test_an_account_owned_by_a_mate_is_mine_to_see_without_a_team(cast: SimpleNamespace) -> None:
    Account.objects.update(team=None)
    assert seen(cast.mate) == TEAMS_OWN


def test_a_person_in_two_teams_sees_each_account_once(cast: SimpleNamespace) -> None:
    both = Team.objects.create(name="Both")
    for user in (cast.owner, cast.mate):
        user.teams.add(both)
    assert queries.accounts_for(cast.mate).count() == 3


def test_a_person_without_a_team_sees_only_own_accounts(cast: SimpleNamespace) -> None:
    cast.mate.teams.clear()
    assert seen(cast.mate) == set()


def test_a_partner_sees_only_its_own_accounts_whatever_its_scope(
    cast: SimpleNamespace, foreign: Account
) -> None:
    cast.outsider.role, cast.outsider.scope = Role.PARTNER, Scope.ALL
    cast.outsider.save()
    assert seen(cast.outsider) == {"F"}


def test_a_person_who_left_sees_nothing(cast: SimpleNamespace) -> None:
    for person in (cast.boss, cast.owner):
        person.is_active = False
        assert seen(person) == set()


def fetchers(cast: SimpleNamespace, now: dt.datetime) -> list[tuple[Callable[[User, int], Any], int]]:
    contact = actions.add_contact(cast.well, name="李雷", by=cast.owner, now=now)
    note = actions.add_note(cast.well, "@mate", by=cast.owner, now=now)
    file = Attachment.objects.create(note=note, name="a.txt", stored_as="made.txt", size=1)
    return [
        (queries.account_for, cast.well.pk),
        (queries.contact_for, contact.pk),
        (queries.note_for, note.pk),
        (queries.attachment_for, file.pk),
    ]


def test_what_is_not_mine_to_see_is_not_found(cast: SimpleNamespace, now: dt.datetime) -> None:
    for fetch, pk in fetchers(cast, now):
        for user in (cast.owner, cast.mate, cast.boss):
            assert fetch(user, pk).pk == pk
        with pytest.raises(Http404):
            fetch(cast.outsider, pk)
        with pytest.raises(Http404):
            fetch(cast.boss, 999_999)


def test_mentions_on_accounts_that_one_may_not_see_stay_hidden(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    actions.add_note(cast.well, "@mate @outsider", by=cast.owner, now=now)
    assert queries.mentions_of(cast.mate).count() == 1
    assert queries.mentions_of(cast.outsider).count() == 0


def fill(account: Account, cast: SimpleNamespace, now: dt.datetime, n: int) -> None:
    product, _made = Product.objects.get_or_create(key="p")
    edition, _made = Edition.objects.get_or_create(product=product, key="pro")
    for i in range(n):
        key = f"{account.pk}-{i}"
        boss = actions.add_contact(account, name=f"B {i}", by=None, now=now)
        actions.add_contact(account, name=f"C {i}", by=None, now=now, reports_to=boss)
        contract = actions.add_contract(
            account,
            external_id=f"K-{key}",
            currency="CNY",
            lines=[{"start_on": dt.date(2026, 1, 1), "mrr_cents": 100, "edition": edition}] * 2,
            by=None,
            now=now,
        )
        actions.add_receivable(
            account,
            external_id=f"R-{key}",
            currency="CNY",
            amount_cents=100,
            due_on=dt.date(2026, 1, 1),
            contract=contract,
            by=None,
            now=now,
        )
        note = actions.add_note(account, "@mate", by=cast.owner, now=now)
        Attachment.objects.create(note=note, name="a.txt", stored_as=f"{key}.txt", size=1)
        actions.update_account(account, {"tier": ("growth", "basic")[i % 2]}, by=cast.owner, now=now)


def read_everything(account: Account) -> None:
    for contact in queries.contacts_of(account):
        assert contact.reports_to is None or contact.reports_to.name
    for contract in queries.contracts_of(account):
        assert [line.edition and line.edition.product.key for line in contract.lines.all()] == ["p", "p"]
        assert contract.renews is None and not hasattr(contract, "renewed_by")
    for receivable in queries.receivables_of(account):
        assert receivable.contract
    for note in queries.notes_of(account):
        assert note.by and note.mentions.all()[0] and note.attachments.all()[0]
    for change in queries.changes_of(account):
        assert change.by


def test_reading_an_account_takes_the_same_queries_for_3_and_30_rows(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    counts = []
    for account, n in ((cast.well, 3), (cast.slipping, 30)):
        fill(account, cast, now, n)
        with CaptureQueriesContext(connection) as taken:
            read_everything(queries.account_for(cast.mate, account.pk))
        counts.append(len(taken))
    assert counts[0] == counts[1] <= 9


def test_contacts_who_left_come_last_and_the_influential_first(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    for name, influence, left in (
        ("gone", 5, now.date()),
        ("low", 2, None),
        ("high", 5, None),
        ("unknown", None, None),
    ):
        actions.add_contact(cast.well, name=name, influence=influence, left_on=left, by=None, now=now)
    assert [contact.name for contact in queries.contacts_of(cast.well)] == ["high", "low", "unknown", "gone"]


def test_pinned_notes_stand_first_then_the_newest(cast: SimpleNamespace, now: dt.datetime) -> None:
    notes = [
        actions.add_note(cast.well, text, by=cast.owner, now=now + dt.timedelta(hours=hour))
        for hour, text in enumerate(("first", "second", "third"))
    ]
    actions.pin_note(notes[0], True, by=cast.mate, now=now)
    assert [note.body for note in queries.notes_of(cast.well)] == ["first", "third", "second"]


def test_the_last_bulk_change_that_can_be_undone_is_ones_own(cast: SimpleNamespace, now: dt.datetime) -> None:
    (entry,) = actions.assign_owner([cast.well.pk], cast.mate, by=cast.boss, now=now)
    actions.update_account(cast.slipping, {"industry": "x"}, by=cast.boss, now=now)
    assert queries.last_undoable(cast.boss) == entry
    assert queries.last_undoable(cast.owner) is None
    actions.undo(entry, by=cast.boss, now=now)
    assert queries.last_undoable(cast.boss) is None


def test_a_note_of_somebody_who_left_keeps_its_words(cast: SimpleNamespace, now: dt.datetime) -> None:
    actions.add_note(cast.well, "kept", by=cast.owner, now=now)
    cast.owner.delete()
    assert Note.objects.get().by is None
