from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.base import changes
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account


def many(cast: SimpleNamespace, n: int, now: dt.datetime) -> list[int]:
    Account.objects.bulk_create(
        Account(external_id=f"B-{i}", name=f"B {i}", owner=cast.owner, created_at=now, known_at=now)
        for i in range(n)
    )
    return list(
        Account.objects.filter(external_id__startswith="B-").order_by("pk").values_list("pk", flat=True)
    )


def give(ids: list[int], cast: SimpleNamespace, now: dt.datetime) -> list[AuditEntry]:
    return changes.apply_to_many(
        Account.objects.all(), ids, {"owner": cast.mate}, verb="account.given", by=cast.boss, now=now
    )


def test_a_bulk_change_writes_one_entry_for_each_five_thousand(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    ids = many(cast, 7_001, now)
    entries = give(ids, cast, now)
    assert [entry.objects_count for entry in entries] == [5_000, 2_001]
    assert Account.objects.filter(owner=cast.mate).count() == 7_001
    for entry in entries:
        changes.undo(entry, Account, by=cast.boss, now=now)
    assert Account.objects.filter(owner=cast.owner, external_id__startswith="B-").count() == 7_001


def test_rows_that_are_so_already_are_left_out_of_the_entry(cast: SimpleNamespace, now: dt.datetime) -> None:
    ids = many(cast, 3, now)
    Account.objects.filter(pk=ids[0]).update(owner=cast.mate)
    (entry,) = give([*ids, 999_999], cast, now)
    assert entry.object_ids == ids[1:]
    assert give(ids, cast, now) == []


def test_an_undo_leaves_rows_that_were_changed_since(cast: SimpleNamespace, now: dt.datetime) -> None:
    ids = many(cast, 3, now)
    (entry,) = give(ids, cast, now)
    Account.objects.filter(pk=ids[1]).update(owner=cast.outsider)
    undone = changes.undo(entry, Account, by=cast.boss, now=now)
    assert undone.after["kept"] == [ids[1]] and undone.objects_count == 2
    owners = dict(Account.objects.filter(pk__in=ids).values_list("pk", "owner__name"))
    assert owners == {ids[0]: "owner", ids[1]: "outsider", ids[2]: "owner"}


def test_an_undo_gives_each_row_its_own_former_value(cast: SimpleNamespace, now: dt.datetime) -> None:
    ids = many(cast, 4, now)
    Account.objects.filter(pk=ids[0]).update(owner=None)
    Account.objects.filter(pk=ids[1]).update(owner=cast.outsider)
    (entry,) = give(ids, cast, now)
    changes.undo(entry, Account, by=None, now=now)
    owners = [Account.objects.get(pk=pk).owner for pk in ids]
    assert owners == [None, cast.outsider, cast.owner, cast.owner]


def test_a_change_is_undone_once(cast: SimpleNamespace, now: dt.datetime) -> None:
    (entry,) = give(many(cast, 2, now), cast, now)
    changes.undo(entry, Account, by=cast.boss, now=now)
    with pytest.raises(ValidationError):
        changes.undo(entry, Account, by=cast.boss, now=now)
    assert AuditEntry.objects.filter(verb="account.given.undone").count() == 1


def test_somebody_elses_change_is_not_undone(cast: SimpleNamespace, now: dt.datetime) -> None:
    (entry,) = give(many(cast, 2, now), cast, now)
    with pytest.raises(ValidationError):
        changes.undo(entry, Account, by=cast.mate, now=now)
    assert Account.objects.filter(owner=cast.mate).count() == 2


def test_the_queries_of_a_bulk_change_do_not_grow_with_its_rows(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    ids = many(cast, 33, now)
    counts = []
    for part in (ids[:3], ids[3:]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            (entry,) = give(part, cast, now)
            changes.undo(entry, Account, by=cast.boss, now=now)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_one_row_is_compared_with_what_is_stored_not_with_what_was_seen(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    stale = Account.objects.get(pk=cast.well.pk)
    Account.objects.filter(pk=cast.well.pk).update(industry="金融")
    assert not changes.apply(stale, {"industry": "金融"}, {"industry"})
    applied = changes.apply(stale, {"industry": "医疗"}, {"industry"})
    assert (applied.before, applied.after) == ({"industry": "金融"}, {"industry": "医疗"})


def test_a_row_that_is_gone_is_named(cast: SimpleNamespace) -> None:
    gone = Account.objects.get(pk=cast.gone.pk)
    Account.objects.filter(pk=gone.pk).delete()
    with pytest.raises(ValidationError, match=str(gone.pk)):
        changes.apply(gone, {"industry": "x"}, {"industry"})
